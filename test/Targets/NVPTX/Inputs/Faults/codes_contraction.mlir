// Codes of e4m3 that are multiplied as f16: inputs for more than one turn of the warps, ragged in every direction.
// family: codes-contraction
// sizes: 1 2; 1 11; 1 20
// weights: 1
// budget: linear, codes
//
// fault: another unit's inputs
// find first: add.s64 $a, $a, 512; add.s64 $b, $b, 65536;
// make: add.s64 $a, $a, 448; add.s64 $b, $b, 65536;
//
// fault: wrong stride of tiles
// find any: add.s64 $b, $b, 65536;
// make: add.s64 $b, $b, 32768;
//
// fault: lost swizzle of the weights
// after: bar.sync 0;
// find first: xor.b64 $a, $b, $c;
// make: mov.b64 $a, $b;
//
// fault: another output's codes
// find any: ld.global.v4.b32 {$a, $b, $c, $d}, [$p+1024];
// make: ld.global.v4.b32 {$a, $b, $c, $d}, [$p+1152];
//
// fault: swapped registers of the left operand
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h},
// make: mma.sync.$t {$a, $b, $c, $d}, {$f, $e, $g, $h},
//
// fault: swapped registers of the right operand
// find any: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j},
// make: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$j, $i},
//
// fault: product forgets the sum
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j}, {$k, $l, $m, $n};
// make: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j}, {0f00000000, 0f00000000, 0f00000000, 0f00000000};
//
// fault: lost barrier
// find any: bar.sync 0;
// make:
//
// fault: lost part of the sum
// find any: ld.shared.b32 $a, [$p+#n]; add.f32 $b, $c, $a;
// make: mov.b32 $b, $c;
//
// fault: lost units
// find first: sub.s64 $a, 22, $b;
// make: sub.s64 $a, 14, $b;
//
// fault: end of the outputs
// find any: setp.gt.s64 $p, $o, 39;
// make: setp.gt.s64 $p, $o, 40;
//
// fault: lost part of the maximum
// find any: max.NaN.f32 $a, $a, $b;
// make: min.NaN.f32 $a, $a, $b;
//
// fault: wrong place of the row's scale
// find first: st.shared.b32 [$a+33792], $b;
// make: st.shared.b32 [$a+33796], $b;
//
// fault: swapped codes of a word
// find any: cvt.rn.satfinite.e4m3x2.f32 $a, $b, $c;
// make: cvt.rn.satfinite.e4m3x2.f32 $a, $c, $b;
#x = affine_map<()[s0, s1] -> (s0, s1, 900)>
!weight = tensor<40x900x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>
qkernel.kernel @k(%x: tensor<?x?x900xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x40xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %zero = qopt.constant dense<0.0> : tensor<f8E4M3FN>
  %s = qopt.dynamic_scale %x as f8E4M3FN : tensor<?x?x900xf32>
  %q = qopt.quantize %x, %s, %zero : tensor<?x?x900xf32>, tensor<?x?x1xf32>, tensor<f8E4M3FN>
  %r = qopt.dequantize %q, %s, %zero : tensor<?x?x900xf8E4M3FN>, tensor<?x?x1xf32>, tensor<f8E4M3FN>
  %y = qopt.linear %r, %w : tensor<?x?x900xf32>, !weight
  qkernel.yield %y : tensor<?x?x40xf32>
}
