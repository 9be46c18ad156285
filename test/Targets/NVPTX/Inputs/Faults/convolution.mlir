// A convolution with uneven padding and strides, a bias and what cuts off below 0.
// family: generic
// sizes: 2 1
// weights: 1
// budget: conv, f32
//
// fault: wrong padding
// find first: add.s64 $a, $b, -2;
// make: add.s64 $a, $b, -1;
//
// fault: wrong operand
// find any: fma.rn.f32 $a, $x, $w, $c;
// make: fma.rn.f32 $a, $x, $x, $c;
//
// fault: wrong filter
// find any: mad.lo.s64 $a, $b, 108, $c;
// make: mad.lo.s64 $a, $b, 104, $c;
//
// fault: lost bias
// find last: add.f32 $a, $b, $c; max.NaN.f32
// make: mov.b32 $a, $b; max.NaN.f32
//
// fault: lost epilogue
// find last: max.NaN.f32 $a, $b, 0f00000000;
// make: mov.b32 $a, $b;
//
// fault: lost mask of the edge
// find last: setp.gt.u64 $p, $a, 8;
// make: setp.gt.u64 $p, $a, 9;
//
// fault: mask of one axis
// find any: and.pred $p, $a, $b;
// make: mov.pred $p, $a;
//
// fault: wrong channel stride
// find any: mad.lo.s64 $a, $b, 27, $c;
// make: mad.lo.s64 $a, $b, 26, $c;
//
// fault: wrong predicate
// find first: setp.ge.s64 $p, $a, $b;
// make: setp.gt.s64 $p, $a, $b;
// caught by: out of bounds
#x = affine_map<()[s0, s1] -> (s0, 3, 9, 11)>
qkernel.kernel @k(%x: tensor<?x3x9x11xf32> {qopt.dims = #x}, %w: tensor<5x27xf32>, %b: tensor<5x1x1xf32>) -> tensor<?x5x5x11xf32>
    attributes {kind = "convolution", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %0 = qopt.conv %x, %w kernel [3, 3] strides [2, 1] dilations [1, 1] pads [1, 2, 1, 0] : tensor<?x3x9x11xf32>, tensor<5x27xf32>
  %1 = qopt.binary add %0, %b : tensor<?x5x5x11xf32>, tensor<5x1x1xf32>
  %2 = qopt.unary relu %1 : tensor<?x5x5x11xf32>
  qkernel.yield %2 : tensor<?x5x5x11xf32>
}
