// Lines that do not lie side by side.
// family: softmax
// sizes: 2 18; 1 45
//
// fault: wrong stride
// find last: mad.lo.s64 $a, $b, 12, $c;
// make: mad.lo.s64 $a, $b, 8, $c;
//
// fault: wrong step
// find last: add.s64 $p, $p, 384;
// make: add.s64 $p, $p, 372;
//
// fault: wrong shuffle lane
// find last: shfl.sync.bfly.b32 $a, $b, 1, 31, -1;
// make: shfl.sync.bfly.b32 $a, $b, 2, 31, -1;
//
// fault: wrong accumulator
// find first: fma.rn.f32 $s, $a, $b, $s;
// make: fma.rn.f32 $s, $a, $b, $a;
//
// fault: lost division
// find any: rcp.rn.f32 $a, $b;
// make: mov.b32 $a, $b;
//
// fault: off-by-one bound
// find last: setp.lt.s64 $p, $i, $n;
// make: setp.le.s64 $p, $i, $n;
//
// fault: misplaced exponent
// find any: shl.b32 $a, $b, 23;
// make: shl.b32 $a, $b, 22;
//
// fault: lost maximum
// find last: sub.f32 $a, $x, $m;
// make: mov.b32 $a, $x;
#x = affine_map<()[s0, s1] -> (s0, s1, 3)>
qkernel.kernel @k(%x: tensor<?x?x3xf32> {qopt.dims = #x}) -> tensor<?x?x3xf32>
    attributes {kind = "generic", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %r = qopt.softmax %x axis 1 : tensor<?x?x3xf32>
  qkernel.yield %r : tensor<?x?x3xf32>
}
