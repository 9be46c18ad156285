// Codes of i8 for few rows and for many, by mma.sync: more tiles than the ring has stages.
// family: codes-contraction
// sizes: 1 2; 1 11; 1 128
// weights: 1
// budget: linear, bytes
//
// fault: lost swizzle of the weights
// after: bar.sync 0;
// find first: xor.b64 $a, $b, $c;
// make: mov.b64 $a, $b;
//
// fault: swapped registers of the left operand
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h},
// make: mma.sync.$t {$a, $b, $c, $d}, {$f, $e, $g, $h},
//
// fault: swapped registers of the right operand
// find any: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j},
// make: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$j, $i},
//
// fault: unsigned codes
// find any: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
// make: mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32
//
// fault: another sum of few rows
// find first: ld.shared.b32 $a, [$p+#n]; add.s32
// make: ld.shared.b32 $a, [$p+#n+4]; add.s32
//
// fault: lost barrier
// find any: bar.sync 0;
// make:
//
// fault: lost wait for copies
// find first: cp.async.wait_group 1;
// make:
// caught by: race
//
// fault: wait for too few copies
// find first: cp.async.wait_group 1;
// make: cp.async.wait_group 2;
// caught by: race
//
// fault: lost group of copies
// after: cp.async.commit_group;
// find first: cp.async.commit_group;
// make:
//
// fault: lost copy
// find any: cp.async.cg.shared.global [$a], [$b], 16;
// make:
//
// fault: copy of another row
// find any: cp.async.cg.shared.global [$a], [$b], 16;
// make: cp.async.cg.shared.global [$a], [$b+128], 16;
//
// fault: the tile of another stage
// find any: mul.wide.u32 $a, $b, 32768;
// make: mul.wide.u32 $a, $b, 16384;
//
// fault: wrong step of the inputs
// find any: xor.b32 $a, $b, 32;
// make: xor.b32 $a, $b, 16;
//
// fault: lost step of the inputs
// find any: xor.b32 $a, $b, 64;
// make: mov.b32 $a, $b;
//
// fault: matrices of other rows
// find any: ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$a, $b, $c, $d}, [$e+2048];
// make: ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$a, $b, $c, $d}, [$e+1024];
//
// fault: transposed matrices
// find any: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// make: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
//
// fault: lost tile
// find first: setp.ne.b64 $p, $a, 131072;
// make: setp.ne.b64 $p, $a, 114688;
//
// fault: wrong stride of the sums
// find first: mad.lo.s64 $a, $b, 544, $c;
// make: mad.lo.s64 $a, $b, 528, $c;
//
// fault: another row's scale
// after: ldmatrix.*
// find first: ld.global.b32 $a, [$b+131072];
// make: ld.global.b32 $a, [$b+131076];
//
// fault: end of the outputs
// find any: setp.gt.s64 $p, $o, 99;
// make: setp.gt.s64 $p, $o, 100;
#x = affine_map<()[s0, s1] -> (s0, s1, 900)>
!weight = tensor<100x900x!qopt.packed<i8, group = 0, scale = f16>>
qkernel.kernel @k(%x: tensor<?x?x900xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x100xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 128>]} {
  %zero = qopt.constant dense<0> : tensor<i8>
  %s = qopt.dynamic_scale %x as i8 : tensor<?x?x900xf32>
  %q = qopt.quantize %x, %s, %zero : tensor<?x?x900xf32>, tensor<?x?x1xf32>, tensor<i8>
  %r = qopt.dequantize %q, %s, %zero : tensor<?x?x900xi8>, tensor<?x?x1xf32>, tensor<i8>
  %y = qopt.linear %r, %w : tensor<?x?x900xf32>, !weight
  qkernel.yield %y : tensor<?x?x100xf32>
}
