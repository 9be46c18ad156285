// 4-bit codes with zero points in groups that the tensor cores do not take, ragged in every direction.
// family: contraction
// sizes: 1 1; 1 19
// weights: 1
// budget: linear, long groups
//
// fault: lost barrier
// find first: bar.sync 0;
// make:
//
// fault: lost barrier before the sums meet
// find any: st.shared.b32 [$a+#n], %r$v; bar.sync 0;
// make: st.shared.b32 [$a+#n], %r$v;
//
// fault: wrong shared offset
// find last: st.shared.b32 [$a+#n], %r$v;
// make: st.shared.b32 [$a+#n+4], %r$v;
//
// fault: wrong shift in the unpacking
// find any: bfe.u32 $a, $b, #n, 4;
// make: bfe.u32 $a, $b, #n+1, 4;
//
// fault: wrong mask in the unpacking
// find any: bfe.u32 $a, $b, #n, 4;
// make: bfe.u32 $a, $b, #n, 3;
//
// fault: lost zero point
// find any: sub.s32 $a, $b, $z; cvt.rn.f32.s32
// make: mov.b32 $a, $b; cvt.rn.f32.s32
//
// fault: wrong scale index
// after: bar.sync 0;
// find first: shl.b64 $a, $b, 1;
// make: shl.b64 $a, $b, 2;
//
// fault: wrong group stride
// find any: mad.lo.s64 $a, $b, 352, $c;
// make: mad.lo.s64 $a, $b, 320, $c;
//
// fault: wrong first input of a group
// find any: mul.lo.s64 $a, $b, 12;
// make: mul.lo.s64 $a, $b, 11;
//
// fault: wrong accumulator
// find any: cvt.f32.f16 $f, $h; ... fma.rn.f32 $t, $s, $f, $t;
// make: cvt.f32.f16 $f, $h; ... fma.rn.f32 $t, $s, $f, $f;
//
// fault: off-by-one rows
// find first: min.s64 $a, $b, 8;
// make: min.s64 $a, $b, 9;
//
// fault: lost end of the outputs
// find every: setp.gt.* $p, $o, 39;
// make: setp.gt.u64 $p, 0, 39;
//
// fault: lost part of the sum
// find any: ld.shared.b32 $a, [$p+#n]; add.f32 $b, $c, $a;
// make: mov.b32 $b, $c;
//
// fault: wrong vector width
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p];
// make: ld.shared.v2.b32 {$a, $b}, [$p];
//
// fault: wrong row of the output
// find every: mad.lo.s64 $a, $b, 1280, $c;
// make: mad.lo.s64 $a, $b, 1120, $c;
#x = affine_map<()[s0, s1] -> (s0, s1, 50)>
!weight = tensor<40x50x!qopt.packed<i4, group = 12, scale = f16, asymmetric>>
qkernel.kernel @k(%x: tensor<?x?x50xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x40xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %y = qopt.linear %x, %w : tensor<?x?x50xf32>, !weight
  qkernel.yield %y : tensor<?x?x40xf32>
}
