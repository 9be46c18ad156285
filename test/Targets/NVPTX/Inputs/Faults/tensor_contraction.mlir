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
// make: lop3.b32 $a, $b, 983055, $c, 0xc0;
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
// find any: prmt.b32 $a, $b, $c, 16448;
// make: prmt.b32 $a, $b, $c, 17472;
//
// fault: another output's zero point
// find any: prmt.b32 $a, $b, $c, 16448;
// make: prmt.b32 $a, $b, $c, 16705;
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
// find any: add.f32 $a, $b, $c; fma.rn.f32 $t, $a, $s, $u;
// make: mov.b32 $a, $b; fma.rn.f32 $t, $a, $s, $u;
//
// fault: wrong scale index
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+2048];
// make: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+2064];
//
// fault: bf16 scale instead of f16
// find any: cvt.f32.f16 $a, $b;
// make: cvt.f32.bf16 $a, $b;
//
// fault: lost barrier
// find any: bar.sync 0;
// make:
//
// fault: wrong column of the rest
// find any: st.shared.b16 [$a+#n], %rs$v;
// make: st.shared.b16 [$a+#n-2], %rs$v;
//
// fault: unwritten padding
// find any: st.shared.b16 [$a+#n], 0x0000;
// make:
// caught by: uninitialised
//
// fault: wrong stride of columns
// find any: mad.lo.s64 $a, $b, 4160, $c;
// make: mad.lo.s64 $a, $b, 4096, $c;
//
// fault: wrong vector width
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+#n];
// make: ld.shared.v2.b32 {$a, $b}, [$p+#n];
//
// fault: wrong stride of panels
// find any: mul.lo.s64 $a, $b, 17920;
// make: mul.lo.s64 $a, $b, 17904;
//
// fault: lost copy
// find any: cp.async.cg.shared.global [$a+512], [$b+512], 16;
// make:
// caught by: uninitialised
//
// fault: lost wait
// find any: cp.async.wait_group 0;
// make:
// caught by: race
//
// fault: end of the outputs
// find any: setp.gt.s64 $p, $o, 71;
// make: setp.gt.s64 $p, $o, 72;
//
// fault: lost part of the sum
// find any: ld.shared.b32 $a, [$p+#n]; add.f32 $b, $c, $a;
// make: mov.b32 $b, $c;
#x = affine_map<()[s0, s1] -> (s0, s1, 1100)>
!weight = tensor<72x1100x!qopt.packed<i4, group = 64, scale = f16, asymmetric>>
qkernel.kernel @k(%x: tensor<?x?x1100xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x72xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %y = qopt.linear %x, %w : tensor<?x?x1100xf32>, !weight
  qkernel.yield %y : tensor<?x?x72xf32>
}
