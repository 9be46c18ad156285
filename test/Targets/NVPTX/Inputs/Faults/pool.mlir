// The largest of a window that looks over the edge.
// family: generic
// sizes: 2 1
//
// fault: wrong padding value
// find first: mov.b32 $a, 0fFF800000;
// make: mov.b32 $a, 0f3F800000;
//
// fault: lost mask of the edge
// find last: setp.gt.u64 $p, $a, 8;
// make: setp.gt.u64 $p, $a, 9;
//
// fault: smallest instead of largest
// find any: max.NaN.f32 $a, $b, $c;
// make: min.NaN.f32 $a, $b, $c;
//
// fault: wrong offset
// find any: ld.global.b32 $a, [$b+#n];
// make: ld.global.b32 $a, [$b+#n+4];
//
// fault: wrong row stride
// find any: mad.lo.s64 $a, $b, 132, $c;
// make: mad.lo.s64 $a, $b, 128, $c;
//
// fault: wrong stride of windows
// find any: shl.b64 $a, $b, 3;
// make: shl.b64 $a, $b, 2;
#x = affine_map<()[s0, s1] -> (s0, 3, 9, 33)>
qkernel.kernel @k(%x: tensor<?x3x9x33xf32> {qopt.dims = #x}) -> tensor<?x3x5x17xf32>
    attributes {kind = "pool", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %y = qopt.pool max %x kernel [3, 3] strides [2, 2] dilations [1, 1] pads [1, 1, 1, 1] : tensor<?x3x9x33xf32>
  qkernel.yield %y : tensor<?x3x5x17xf32>
}
