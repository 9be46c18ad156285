// RUN: qopt-opt %s --pass-pipeline="builtin.module(func.func(qopt-quantize-activations))" --verify-each | FileCheck %s

// Contractions that read one value read the same codes; what was not decided keeps its input.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<4x32xf32>)
// CHECK-DAG: %[[ZERO:.*]] = qopt.constant dense<0> : tensor<i8>
// CHECK-DAG: %[[SCALE:.*]] = qopt.dynamic_scale %[[X]] as i8 : tensor<4x32xf32>
// CHECK: %[[CODES:.*]] = qopt.quantize %[[X]], %[[SCALE]], %[[ZERO]] : tensor<4x32xf32>, tensor<4x1xf32>, tensor<i8>
// CHECK: %[[READ:.*]] = qopt.dequantize %[[CODES]], %[[SCALE]], %[[ZERO]] : tensor<4x32xi8>, tensor<4x1xf32>, tensor<i8>
// CHECK-NOT: qopt.dynamic_scale
// CHECK: qopt.linear %[[READ]], %{{.*}} : tensor<4x32xf32>
// CHECK: qopt.linear %[[READ]], %{{.*}} : tensor<4x32xf32>
// CHECK: qopt.linear %[[X]], %{{.*}} : tensor<4x32xf32>
// CHECK-NOT: qopt.input_precision
qopt.weight @w : tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>> from [#qopt.source<"w", offset = 0, length = 2048, type = tensor<16x32xf32>, hash = 0>] scheme "rtn"
func.func @main(%x: tensor<4x32xf32>) -> (tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>) {
  %w = qopt.use_weight @w : tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
  %a = qopt.linear %x, %w {qopt.input_precision = #qopt.precision<i8, "dynamic", "--w8a8">} : tensor<4x32xf32>, tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
  %b = qopt.linear %x, %w {qopt.input_precision = #qopt.precision<i8, "dynamic", "--w8a8">} : tensor<4x32xf32>, tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
  %c = qopt.linear %x, %w : tensor<4x32xf32>, tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
  return %a, %b, %c : tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// Codes read as f32.
// CHECK-LABEL: func.func @half
// CHECK: qopt.dequantize {{.*}} : tensor<4x32xi8>, tensor<4x1xf32>, tensor<i8>
// CHECK: %[[Y:.*]] = qopt.linear %{{.*}} : tensor<4x32xf32>
// CHECK: qopt.cast %[[Y]] : tensor<4x16xf32> to tensor<4x16xf16>
func.func @half(%x: tensor<4x32xf16>) -> tensor<4x16xf16> {
  %w = qopt.use_weight @w : tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
  %a = qopt.linear %x, %w {qopt.input_precision = #qopt.precision<i8, "dynamic", "--w8a8">} : tensor<4x32xf16>, tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
  return %a : tensor<4x16xf16>
}

// CHECK-LABEL: func.func @float8
// CHECK: qopt.constant dense<0.000000e+00> : tensor<f8E4M3FN>
// CHECK: qopt.dynamic_scale %{{.*}} as f8E4M3FN : tensor<4x32xf32>
// CHECK: qopt.dequantize {{.*}} : tensor<4x32xf8E4M3FN>, tensor<4x1xf32>, tensor<f8E4M3FN>
func.func @float8(%x: tensor<4x32xf32>, %w: tensor<16x32x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>) -> tensor<4x16xf32> {
  %a = qopt.linear %x, %w {qopt.input_precision = #qopt.precision<f8E4M3FN, "dynamic", "--fp8">} : tensor<4x32xf32>, tensor<16x32x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>
  return %a : tensor<4x16xf32>
}
