// Numbers that lie between two of a short type.
// family: generic
// sizes: 2 5
// budget: cast, any
//
// fault: wrong rounding
// find any: cvt.rn.f16.f32 $a, $b;
// make: cvt.rz.f16.f32 $a, $b;
//
// fault: f16 instead of bf16
// find any: cvt.rn.bf16.f32 $a, $b;
// make: cvt.rn.f16.f32 $a, $b;
//
// fault: wrong rounding of bf16
// find any: cvt.rn.bf16.f32 $a, $b;
// make: cvt.rz.bf16.f32 $a, $b;
#x = affine_map<()[s0, s1] -> (s0, s1, 20)>
qkernel.kernel @k(%x: tensor<?x?x20xf32> {qopt.dims = #x}) -> (tensor<?x?x20xf16>, tensor<?x?x20xbf16>)
    attributes {kind = "generic", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %h = qopt.cast %x : tensor<?x?x20xf32> to tensor<?x?x20xf16>
  %b = qopt.cast %x : tensor<?x?x20xf32> to tensor<?x?x20xbf16>
  qkernel.yield %h, %b : tensor<?x?x20xf16>, tensor<?x?x20xbf16>
}
