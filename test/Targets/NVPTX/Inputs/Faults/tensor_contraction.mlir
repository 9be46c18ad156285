// 4-bit codes with zero points on the tensor cores: ragged groups and panels, more rows than one product has columns for.
// family: tensor-contraction
// sizes: 1 1; 1 7; 1 19
// weights: 1
// budget: linear, long groups
//
// fault: wrong mask in the unpacking
// find any: lop3.b32 $a, $b, 983055, $c, 0x6a;
// make: lop3.b32 $a, $b, 458759, $c, 0x6a;
//
// fault: wrong table of lop3
// find any: lop3.b32 $a, $b, 983055, $c, 0x6a;
// make: lop3.b32 $a, $b, 983055, $c, 0xea;
//
// fault: wrong shift in the unpacking
// find any: shr.u32 $a, $b, 8; lop3.b32
// make: shr.u32 $a, $b, 4; lop3.b32
//
// fault: lost zero point
// find any: fma.rn.bf16x2 $a, $b, $c, $z;
// make: mov.b32 $a, $b;
//
// fault: zero point in one half
// find any: mul.lo.s32 $a, $b, 65537;
// make: mov.b32 $a, $b;
//
// fault: another output's zero point
// find any: ld.global.b8 $a, [$b+#n];
// make: ld.global.b8 $a, [$b+#n+1];
//
// fault: f16 instead of bf16
// find any: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// make: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
//
// fault: swapped registers of the left operand
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h},
// make: mma.sync.$t {$a, $b, $c, $d}, {$e, $g, $f, $h},
//
// fault: swapped registers of the right operand
// find any: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j},
// make: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$j, $i},
//
// fault: second product forgets the first
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j}, {$k, $l, $m, $n}; add.f32
// make: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j}, {0f00000000, 0f00000000, 0f00000000, 0f00000000}; add.f32
//
// fault: lost second term
// find any: add.f32 $a, $b, $c; fma.rn.f32 $t, $a, $s, $t;
// make: mov.b32 $a, $b; fma.rn.f32 $t, $a, $s, $t;
//
// fault: wrong scale index
// find any: ld.global.b16 $a, [$b+#n];
// make: ld.global.b16 $a, [$b+#n+2];
//
// fault: bf16 scale instead of f16
// find any: cvt.f32.f16 $a, $b;
// make: cvt.f32.bf16 $a, $b;
//
// fault: lost barrier
// find any: bar.sync 0;
// make:
// caught by: race
//
// fault: wrong column of the rest
// find any: st.shared.b16 [$a+#n], %rs$v;
// make: st.shared.b16 [$a+#n-2], %rs$v;
//
// fault: unwritten padding
// find any: st.shared.b16 [$a], 0x0000;
// make:
// caught by: uninitialised
//
// fault: wrong stride of columns
// find any: mul.lo.s64 $a, $b, 1280;
// make: mul.lo.s64 $a, $b, 1216;
//
// fault: wrong vector width
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+#n];
// make: ld.shared.v2.b32 {$a, $b}, [$p+#n];
//
// fault: off-by-one group
// find first: sub.s64 $a, 600, $b;
// make: sub.s64 $a, 664, $b;
//
// fault: lost units
// find first: sub.s64 $a, 26, $b;
// make: sub.s64 $a, 25, $b;
//
// fault: end of the outputs
// find any: setp.gt.s64 $p, $o, 71;
// make: setp.gt.s64 $p, $o, 72;
//
// fault: lost part of the sum
// find any: ld.shared.b32 $a, [$p+#n]; add.f32 $b, $c, $a;
// make: mov.b32 $b, $c;
#x = affine_map<()[s0, s1] -> (s0, s1, 600)>
!weight = tensor<72x600x!qopt.packed<i4, group = 64, scale = f16, asymmetric>>
qkernel.kernel @k(%x: tensor<?x?x600xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x72xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %y = qopt.linear %x, %w : tensor<?x?x600xf32>, !weight
  qkernel.yield %y : tensor<?x?x72xf32>
}
