// RUN: qopt-opt %s --qopt-assign-precision --qopt-quantize-blocks --verify-each | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-precision="weights=i4 head=i4 embedding=f16" --qopt-quantize-blocks --verify-each | FileCheck %s --check-prefix=FORMAT
// RUN: qopt-opt %s --qopt-assign-precision="weights=i4 requantize reason=asked" --qopt-quantize-blocks --verify-each | FileCheck %s --check-prefix=AGAIN

// What a file holds as codes keeps them, whether a format is asked for or not; a tied table stays tied.
// CHECK: qopt.weight @table : tensor<64x32x!qopt.packed<i8, group = 0, scale = f32>>
// CHECK-SAME: scheme "file"
// CHECK-SAME: precision <!qopt.packed<i8, group = 0, scale = f32>, "file", "as in the file">
// CHECK: qopt.weight @blocks : tensor<32x32x!qopt.packed<i4, group = 16, scale = f32, asymmetric>>
// CHECK-SAME: steps [#qopt.transpose<[1, 0]>] scheme "file"
// CHECK: qopt.weight @inputs : tensor<32x32xf32>
// CHECK-SAME: precision <f32, "dequantize", "dequantized: no stored type holds the file's codes">
// CHECK: qopt.weight @floats : tensor<32x32xf32>
// CHECK-NOT: precision

// FORMAT: qopt.weight @table : tensor<64x32x!qopt.packed<i8, group = 0, scale = f32>>
// FORMAT-SAME: "file", "kept as in the file; --requantize changes it"
// FORMAT-NOT: qopt.weight @head
// FORMAT: qopt.weight @blocks : tensor<32x32x!qopt.packed<i4, group = 16, scale = f32, asymmetric>>
// FORMAT: qopt.weight @inputs : tensor<32x32xf32>
// FORMAT: qopt.weight @floats : tensor<32x32x!qopt.packed<i4, group = 32, scale = f16>>

// AGAIN: qopt.weight @table : tensor<64x32x!qopt.packed<i8, group = 0, scale = f16>>
// AGAIN-SAME: scheme "rtn"
// AGAIN: qopt.weight @blocks : tensor<32x32x!qopt.packed<i4, group = 32, scale = f16>>
// AGAIN: qopt.weight @inputs : tensor<32x32x!qopt.packed<i4, group = 32, scale = f16>>

qopt.weight @table : tensor<64x32xf32> from [#qopt.stored_source<tensor<64x32xf32>, block = [64, 32], codes = <"w", offset = 0, length = 2048, type = tensor<64x32xi8>, hash = 0>,
  scales = dense<0.5> : tensor<1x1xf32>>]
qopt.weight @blocks : tensor<32x32xf32> from [#qopt.stored_source<tensor<32x32xf32>, block = [16, 1], codes = <"w", offset = 0, length = 512, type = tensor<32x32xui4>, hash = 0>,
  scales = #qopt.source<"w", offset = 512, length = 256, type = tensor<2x32xf32>, hash = 0>>] steps [#qopt.transpose<[1, 0]>]
qopt.weight @inputs : tensor<32x32xf32> from [#qopt.stored_source<tensor<32x32xf32>, block = [32, 1], codes = <"w", offset = 0, length = 1024, type = tensor<32x32xi8>, hash = 0>,
  scales = #qopt.source<"w", offset = 512, length = 128, type = tensor<1x32xf32>, hash = 0>>]
qopt.weight @floats : tensor<32x32xf32> from [#qopt.source<"w", offset = 0, length = 4096, type = tensor<32x32xf32>, hash = 0>]
func.func @main(%ids: tensor<1x4xi64>) -> tensor<1x4x64xf32> attributes {qopt.kind = "decoder"} {
  %t = qopt.use_weight @table : tensor<64x32xf32>
  %x = qopt.gather %t[%ids] : tensor<64x32xf32>, tensor<1x4xi64>
  %b = qopt.use_weight @blocks : tensor<32x32xf32>
  %y = qopt.linear %x, %b : tensor<1x4x32xf32>, tensor<32x32xf32>
  %i = qopt.use_weight @inputs : tensor<32x32xf32>
  %z = qopt.linear %y, %i : tensor<1x4x32xf32>, tensor<32x32xf32>
  %f = qopt.use_weight @floats : tensor<32x32xf32>
  %u = qopt.linear %z, %f : tensor<1x4x32xf32>, tensor<32x32xf32>
  %logits = qopt.linear %u, %t : tensor<1x4x32xf32>, tensor<64x32xf32>
  return %logits : tensor<1x4x64xf32>
}
