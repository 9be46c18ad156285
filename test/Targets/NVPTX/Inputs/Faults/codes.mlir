// Numbers become codes and numbers again, at ties and beyond the limits.
// family: generic
// sizes: 3 20
// budget: codes, any
//
// fault: wrong rounding
// find first: add.f32 $a, $b, 0f4B400000; add.f32 $c, $a, 0fCB400000;
// make: mov.b32 $c, $b;
//
// fault: wrong zero point
// find any: add.f32 $a, $b, 0f40E00000;
// make: add.f32 $a, $b, 0f40C00000;
//
// fault: lost saturation
// find any: min.f32 $a, $b, $c;
// make: mov.b32 $a, $b;
//
// fault: wrong scale
// find any: div.rn.f32 $a, $b, 0f3BCCCCCD;
// make: div.rn.f32 $a, $b, 0f3C4CCCCD;
//
// fault: wrong operand
// find first: add.f32 $a, $x, $y;
// make: add.f32 $a, $x, $x;
//
// fault: wrong row stride
// find any: mad.lo.s64 $a, $b, 80, $c;
// make: mad.lo.s64 $a, $b, 76, $c;
#x = affine_map<()[s0, s1] -> (s0, s1, 20)>
qkernel.kernel @k(%x: tensor<?x?x20xf32> {qopt.dims = #x}, %y: tensor<20xf32>) -> tensor<?x?x20xi8>
    attributes {kind = "generic", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %s = qopt.constant dense<0.00625> : tensor<f32>
  %z = qopt.constant dense<7> : tensor<i8>
  %0 = qopt.binary add %x, %y : tensor<?x?x20xf32>, tensor<20xf32>
  %q = qopt.quantize %0, %s, %z : tensor<?x?x20xf32>, tensor<f32>, tensor<i8>
  qkernel.yield %q : tensor<?x?x20xi8>
}
