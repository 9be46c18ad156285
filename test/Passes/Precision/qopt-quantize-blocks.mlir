// RUN: qopt-opt %s --qopt-quantize-blocks --verify-each | FileCheck %s

// CHECK: qopt.weight @embedding : tensor<64x32xf16>
// CHECK-SAME: steps [#qopt.cast<f16>]
// CHECK: qopt.weight @layers.0.attn.q : tensor<32x32x!qopt.packed<i4, group = 32, scale = f16>>
// CHECK-SAME: scheme "rtn"
// CHECK: func.func @main
// CHECK-SAME: !qopt.kv_cache<2x16, capacity = ?, key = f16, value = f16>
// Rows of a narrower table are cast back to what their readers expect.
// CHECK: %[[ROWS:.*]] = qopt.gather %{{.*}} : tensor<64x32xf16>, tensor<1x4xi64>
// CHECK: qopt.cast %[[ROWS]] : tensor<1x4x32xf16> to tensor<1x4x32xf32>
// CHECK: qopt.linear %{{.*}} : tensor<1x4x32xf32>, tensor<32x32x!qopt.packed<i4, group = 32, scale = f16>>

qopt.weight @embedding : tensor<64x32xf32> from [#qopt.source<"w", offset = 0, length = 8192, type = tensor<64x32xf32>, hash = 0>] precision <f16, "cast", "w4a16">
qopt.weight @layers.0.attn.q : tensor<32x32xf32> from [#qopt.source<"w", offset = 8192, length = 4096, type = tensor<32x32xf32>, hash = 0>]
  precision <!qopt.packed<i4, group = 32, scale = f16>, "rtn", "w4a16">
func.func @main(%ids: tensor<1x4xi64>, %past: tensor<1xi64>, %cache: !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32> {qopt.precision = #qopt.precision<f16, "cast", "w4a16">})
    -> !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32> {
  %e = qopt.use_weight @embedding : tensor<64x32xf32>
  %x = qopt.gather %e[%ids] : tensor<64x32xf32>, tensor<1x4xi64>
  %w = qopt.use_weight @layers.0.attn.q : tensor<32x32xf32>
  %y = qopt.linear %x, %w : tensor<1x4x32xf32>, tensor<32x32xf32>
  %h = qopt.reshape %y dims affine_map<() -> (1, 4, 2, 16)> : tensor<1x4x32xf32> -> tensor<1x4x2x16xf32>
  %c = qopt.kv_append %cache, %h, %h at %past : !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>, tensor<1x4x2x16xf32>, tensor<1x4x2x16xf32>, tensor<1xi64>
  return %c : !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>
}
