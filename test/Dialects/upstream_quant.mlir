// What docs/RationaleQOpt.md says of upstream operations on stored types: they verify.
// RUN: mlir-opt %s --load-dialect-plugin=%build/lib/libQOptDialects.so | FileCheck %s

// Channels 2 and 3 are taken, but the type still says the scales of channels 0 to 3, four for an axis of two.
// CHECK-LABEL: func.func @slice_upstream
// CHECK: tensor.extract_slice %{{.*}}[0, 2] [2, 2] [1, 1]
func.func @slice_upstream(%x: tensor<2x4x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>) -> tensor<2x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>> {
  %0 = tensor.extract_slice %x[0, 2] [2, 2] [1, 1] : tensor<2x4x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>> to tensor<2x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>
  return %0 : tensor<2x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>
}

// The channels are now axis 0, but the type still says axis 1.
// CHECK-LABEL: func.func @transpose_upstream
// CHECK: linalg.transpose
func.func @transpose_upstream(%x: tensor<2x4x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>, %to: tensor<4x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>)
    -> tensor<4x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>> {
  %0 = linalg.transpose ins(%x : tensor<2x4x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>)
    outs(%to : tensor<4x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>) permutation = [1, 0]
  return %0 : tensor<4x2x!quant.uniform<i8:f32:1, {1.0, 2.0, 3.0, 4.0}>>
}

// Elements 1 to 3 of groups of two: the slice starts inside a group. Our own types do not help here, which is why --qopt-verify-quantized refuses
// every operation of another dialect on a stored value.
// CHECK-LABEL: func.func @slice_ours
// CHECK: tensor.extract_slice %{{.*}}[0, 1] [2, 3] [1, 1]
func.func @slice_ours(%x: tensor<2x4x!qopt.packed<i4, group = 2, scale = f16>>) -> tensor<2x3x!qopt.packed<i4, group = 2, scale = f16>> {
  %0 = tensor.extract_slice %x[0, 1] [2, 3] [1, 1] : tensor<2x4x!qopt.packed<i4, group = 2, scale = f16>> to tensor<2x3x!qopt.packed<i4, group = 2, scale = f16>>
  return %0 : tensor<2x3x!qopt.packed<i4, group = 2, scale = f16>>
}
