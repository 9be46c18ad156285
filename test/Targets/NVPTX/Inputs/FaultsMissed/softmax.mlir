// What the tool must complain of: a change that changes nothing, a place that is not there, and text that is no PTX.
// family: softmax
// sizes: 1 5
//
// fault: harmless
// find first: max.NaN.f32 $a, $b, $c;
// make: max.NaN.f32 $a, $c, $b;
//
// fault: nowhere
// find first: wgmma.fence.sync.aligned;
// make:
//
// fault: broken
// find first: max.NaN.f32 $a, $b, $c;
// make: maximum.f32 $a, $b, $c;
#x = affine_map<()[s0, s1] -> (s0, s1, 3)>
qkernel.kernel @k(%x: tensor<?x?x3xf32> {qopt.dims = #x}) -> tensor<?x?x3xf32>
    attributes {kind = "generic", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %r = qopt.softmax %x axis 1 : tensor<?x?x3xf32>
  qkernel.yield %r : tensor<?x?x3xf32>
}
