// Codes of i8, whose sums are exact.
// family: codes-contraction
// sizes: 1 2; 1 11; 1 20
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
