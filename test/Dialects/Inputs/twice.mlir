// CHECK-LABEL: func.func @twice
func.func @twice(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK-COUNT-1: qopt.unary exp
  // CHECK-NOT: qopt.unary exp
  %0 = qopt.unary exp %x : tensor<2xf32>
  %1 = qopt.unary exp %x : tensor<2xf32>
  %2 = qopt.binary add %0, %1 : tensor<2xf32>, tensor<2xf32>
  return %2 : tensor<2xf32>
}
