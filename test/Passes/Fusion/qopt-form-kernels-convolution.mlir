// RUN: qopt-opt %s --qopt-form-kernels --verify-each | FileCheck %s

// A convolution takes what follows it elementwise: bias along the channels, activation, residual; and a last reshape.
// CHECK-LABEL: qkernel.kernel @convolution_0
// CHECK: qopt.conv
// CHECK-NEXT: qopt.binary{{ +}}add
// CHECK-NEXT: qopt.unary{{ +}}relu
// CHECK-NEXT: qkernel.yield
// CHECK-LABEL: qkernel.kernel @pool_0
// CHECK: qopt.pool
// CHECK-NEXT: qkernel.yield
// CHECK-LABEL: qkernel.kernel @convolution_1
// CHECK: qopt.conv
// CHECK-NEXT: qopt.binary{{ +}}add
// CHECK-NEXT: qopt.binary{{ +}}add
// CHECK-NEXT: qopt.reshape
// CHECK-NEXT: qkernel.yield
// CHECK-LABEL: func.func @main
// CHECK: qkernel.launch @convolution_0 "first"
// CHECK-NEXT: qkernel.launch @pool_0 "pool"
// CHECK-NEXT: qkernel.launch @convolution_1 "second"
// A vector along the rows is no operand of an epilogue.
// CHECK-NEXT: qkernel.launch @elementwise_0
// CHECK-NEXT: return
qopt.weight @first : tensor<8x12xf32> from [#qopt.source<"w", offset = 0, length = 384, type = tensor<8x4x3xf32>, hash = 0>] steps [#qopt.reshape<[8, 12]>]
qopt.weight @second : tensor<8x24xf32> from [#qopt.source<"w", offset = 384, length = 768, type = tensor<8x8x3xf32>, hash = 0>] steps [#qopt.reshape<[8, 24]>]
qopt.weight @bias : tensor<8x1xf32> from [#qopt.source<"w", offset = 0, length = 32, type = tensor<8xf32>, hash = 0>] steps [#qopt.reshape<[8, 1]>]
func.func @main(%x: tensor<2x4x10xf32>, %line: tensor<32xf32>) -> tensor<2x32xf32> {
  %w = qopt.use_weight @first : tensor<8x12xf32>
  %b = qopt.use_weight @bias : tensor<8x1xf32>
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] : tensor<2x4x10xf32>, tensor<8x12xf32>
  %1 = qopt.binary add %0, %b : tensor<2x8x8xf32>, tensor<8x1xf32>
  %2 = qopt.unary relu %1 : tensor<2x8x8xf32>
  %3 = qopt.pool max %2 kernel [2] strides [2] dilations [1] pads [0, 0] : tensor<2x8x8xf32>
  %v = qopt.use_weight @second : tensor<8x24xf32>
  %4 = qopt.conv %3, %v kernel [3] strides [1] dilations [1] pads [1, 1] : tensor<2x8x4xf32>, tensor<8x24xf32>
  %5 = qopt.binary add %4, %b : tensor<2x8x4xf32>, tensor<8x1xf32>
  %6 = qopt.binary add %5, %3 : tensor<2x8x4xf32>, tensor<2x8x4xf32>
  %7 = qopt.reshape %6 dims affine_map<() -> (2, 32)> : tensor<2x8x4xf32> -> tensor<2x32xf32>
  %8 = qopt.binary mul %7, %line : tensor<2x32xf32>, tensor<32xf32>
  return %8 : tensor<2x32xf32>
}
