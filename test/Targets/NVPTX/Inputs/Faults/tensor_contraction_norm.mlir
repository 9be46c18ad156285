// Signed 4-bit codes on the tensor cores, two matrices behind a norm.
// family: tensor-contraction
// sizes: 1 1; 1 3; 1 5
// weights: 2 3
// budget: linear, after a norm
//
// fault: wrong bias of signed codes
// find any: lop3.b32 $a, $b, 983055, $c, 0x6a;
// make: lop3.b32 $a, $b, 983055, $c, 0xc0;
//
// fault: wrong scale index
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+2048];
// make: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+2064];
//
// fault: swapped operand of the epilogue
// find last: mul.f32 $a, $b, $c; add.s64
// make: mul.f32 $a, $b, $b; add.s64
//
// fault: wrong shuffle lane
// find any: shfl.sync.bfly.b32 $a, $b, 8, 31, -1;
// make: shfl.sync.bfly.b32 $a, $b, 4, 31, -1;
#x = affine_map<()[s0, s1] -> (s0, s1, 128)>
!weight = tensor<64x128x!qopt.packed<i4, group = 32, scale = f16>>
qkernel.kernel @k(%x: tensor<?x?x128xf32> {qopt.dims = #x}, %g: tensor<128xf32>, %a: !weight, %b: !weight) -> tensor<?x?x64xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x128xf32>, tensor<128xf32>
  %0 = qopt.linear %n, %a : tensor<?x?x128xf32>, !weight
  %1 = qopt.linear %n, %b : tensor<?x?x128xf32>, !weight
  %2 = qopt.binary mul %0, %1 : tensor<?x?x64xf32>, tensor<?x?x64xf32>
  qkernel.yield %2 : tensor<?x?x64xf32>
}
