// Rows of a table of 4-bit codes with zero points; identifiers may count from the end.
// family: generic
// sizes: 1 5
// weights: 0
// integers 1: 0 69 33 -1 -70
// budget: gather, f16
//
// fault: lost negative identifiers
// find first: selp.b64 $a, $b, $c, $p;
// make: mov.b64 $a, $c;
//
// fault: wrong shift in the unpacking
// find first: shl.b32 $a, $b, 2; and.b32 $c, $a, 28;
// make: shl.b32 $a, $b, 3; and.b32 $c, $a, 28;
//
// fault: wrong mask in the unpacking
// find last: shr.u32 $a, $b, 28;
// make: shr.u32 $a, $b, 29;
//
// fault: lost zero point
// find any: sub.s32 $a, $b, $z;
// make: mov.b32 $a, $b;
//
// fault: another row's zero point
// find any: ld.global.b8 $a, [$b+#n];
// make: ld.global.b8 $a, [$b+#n+1];
//
// fault: wrong group
// find any: mad.lo.s64 $a, $b, 608, $c;
// make: mad.lo.s64 $a, $b, 576, $c;
//
// fault: wrong panel
// find any: mad.lo.s64 $a, $b, 1088, $c;
// make: mad.lo.s64 $a, $b, 1056, $c;
//
// fault: wrong scale index
// find any: min.u64 $a, $b, 32;
// make: min.u64 $a, $b, 64;
//
// fault: wrong predicate
// find first: setp.ge.s64 $p, $a, $b;
// make: setp.gt.s64 $p, $a, $b;
// caught by: out of bounds
#i = affine_map<()[s0, s1] -> (s0, s1)>
!table = tensor<70x50x!qopt.packed<i4, group = 32, scale = f16, asymmetric>>
qkernel.kernel @k(%t: !table, %i: tensor<?x?xi64> {qopt.dims = #i}) -> tensor<?x?x50xf16>
    attributes {kind = "gather", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %g = qopt.gather %t[%i] : !table, tensor<?x?xi64>
  %r = qopt.cast %g : tensor<?x?x50xf32> to tensor<?x?x50xf16>
  qkernel.yield %r : tensor<?x?x50xf16>
}
