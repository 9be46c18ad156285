// 4-bit codes on the tensor cores, with more tiles for each warp than its ring holds.
// family: tensor-contraction
// sizes: 1 1; 1 3; 1 5
// weights: 1
// budget: linear, long rows
//
// fault: wait for too few copies
// find any: cp.async.wait_group 2;
// make: cp.async.wait_group 3;
// caught by: race
//
// fault: lost wait
// find any: cp.async.wait_group 2;
// make:
// caught by: race
//
// fault: copy to the slot that is read
// find any: selp.b32 $a, 6336, $b, $p;
// make: selp.b32 $a, 0, $b, $p;
//
// fault: slot that does not wrap
// find any: selp.b32 $a, 0, $b, $p;
// make: mov.b32 $a, $b;
//
// fault: lost copy
// find any: cp.async.cg.shared.global [$a+1536], [$b+1536], 16;
// make:
// caught by: uninitialised
//
// fault: copy behind the last tile
// find any: setp.ge.u32 $p, $a, $b;
// make: setp.gt.u32 $p, $a, $b;
// caught by: out of bounds
#x = affine_map<()[s0, s1] -> (s0, s1, 13400)>
!weight = tensor<32x13400x!qopt.packed<i4, group = 128, scale = f16>>
qkernel.kernel @k(%x: tensor<?x?x13400xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x32xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %y = qopt.linear %x, %w : tensor<?x?x13400xf32>, !weight
  qkernel.yield %y : tensor<?x?x32xf32>
}
