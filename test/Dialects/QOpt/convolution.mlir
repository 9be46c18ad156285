// Windows: text, bytecode and the generic form come back as they were; inferred types and symbolic dimensions are the declared ones.
// RUN: qopt-opt %s --qopt-verify-quantized | FileCheck %s
// RUN: qopt-opt %s --emit-bytecode | qopt-opt | FileCheck %s
// RUN: qopt-opt %s --mlir-print-op-generic | qopt-opt | FileCheck %s

qopt.weight @w : tensor<8x36xf32> from [#qopt.source<"m.data", offset = 0, length = 1152, type = tensor<8x4x3x3xf32>, hash = 0>] steps [#qopt.reshape<[8, 36]>]
qopt.weight @line : tensor<6x5x!qopt.packed<i8, group = 0, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 120, type = tensor<6x1x5xf32>, hash = 0>]
  steps [#qopt.reshape<[6, 5]>] scheme "rtn"

// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<?x4x9x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4, 9, s1)>}, %y: tensor<?x3x?xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 3, s1 * 2)>})
    -> (tensor<?x8x9x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 8, 9, s1)>}, tensor<?x8x5x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 8, 5, (s1 - 4) floordiv 2 + 1)>},
        tensor<?x6x?xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 6, s1 * 2 - 4)>}, tensor<?x4x4x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4, 4, s1 - 1)>},
        tensor<?x3x?xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 3, s1)>}, tensor<?x4x12x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4, 12, s1 + 2)>})
    attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"width", 8 to -1>]} {
  %w = qopt.use_weight @w : tensor<8x36xf32>
  %line = qopt.use_weight @line : tensor<6x5x!qopt.packed<i8, group = 0, scale = f16>>
  // CHECK: qopt.conv %{{.*}}, %{{.*}} kernel [3, 3] strides [1, 1] dilations [1, 1] pads [1, 1, 1, 1] : tensor<?x4x9x?xf32>, tensor<8x36xf32>
  %0 = qopt.conv %x, %w kernel [3, 3] strides [1, 1] dilations [1, 1] pads [1, 1, 1, 1] : tensor<?x4x9x?xf32>, tensor<8x36xf32>
  // CHECK: qopt.conv %{{.*}}, %{{.*}} kernel [3, 3] strides [2, 2] dilations [1, 2] pads [1, 0, 1, 1] : tensor<?x4x9x?xf32>, tensor<8x36xf32>
  %1 = qopt.conv %x, %w kernel [3, 3] strides [2, 2] dilations [1, 2] pads [1, 0, 1, 1] : tensor<?x4x9x?xf32>, tensor<8x36xf32>
  // CHECK: qopt.conv %{{.*}}, %{{.*}} kernel [5] strides [1] dilations [1] pads [0, 0] groups 3 : tensor<?x3x?xf16>, tensor<6x5x!qopt.packed<i8, group = 0, scale = f16>>
  %2 = qopt.conv %y, %line kernel [5] strides [1] dilations [1] pads [0, 0] groups 3 : tensor<?x3x?xf16>, tensor<6x5x!qopt.packed<i8, group = 0, scale = f16>>
  // CHECK: qopt.pool max %{{.*}} kernel [2, 2] strides [2, 1] dilations [1, 1] pads [0, 0, 0, 0] : tensor<?x4x9x?xf32>
  %3 = qopt.pool max %x kernel [2, 2] strides [2, 1] dilations [1, 1] pads [0, 0, 0, 0] : tensor<?x4x9x?xf32>
  // CHECK: qopt.pool average %{{.*}} kernel [3] strides [2] dilations [1] pads [1, 1] : tensor<?x3x?xf16>
  %4 = qopt.pool average %y kernel [3] strides [2] dilations [1] pads [1, 1] : tensor<?x3x?xf16>
  // CHECK: qopt.pad %{{.*}} low [0, 0, 1, 0] high [0, 0, 2, 2] value 1.500000e+00 : f32 : tensor<?x4x9x?xf32>
  %5 = qopt.pad %x low [0, 0, 1, 0] high [0, 0, 2, 2] value 1.5 : f32 : tensor<?x4x9x?xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?x8x9x?xf32>, tensor<?x8x5x?xf32>, tensor<?x6x?xf16>, tensor<?x4x4x?xf32>, tensor<?x3x?xf16>, tensor<?x4x12x?xf32>
}
