// RUN: qopt-opt %s --qopt-assign-precision="weights=i4 kv=f16 reason=w4a16" --verify-each | FileCheck %s
// RUN: qopt-opt %s --qopt-assign-precision="weights=i4 head=i4 embedding=f16 group=64 asymmetric" | FileCheck %s --check-prefix=UNTIED
// RUN: qopt-opt %s --qopt-assign-precision="weights=i8 activations=i8 reason=w8a8" | FileCheck %s --check-prefix=BYTES
// RUN: qopt-opt %s --qopt-assign-precision="weights=i4 activations=i8" | FileCheck %s --check-prefix=NUMBERS
// RUN: qopt-opt %s --qopt-assign-precision="weights=f8E4M3FN activations=f8E4M3FN reason=fp8" | FileCheck %s --check-prefix=FLOAT8
// RUN: not qopt-opt %s --qopt-assign-precision="activations=i4" 2>&1 | FileCheck %s --check-prefix=ACTIVATIONS
// RUN: qopt-opt %s --qopt-assign-precision="kv=int8" | FileCheck %s --check-prefix=INT8
// RUN: qopt-opt %s --qopt-assign-precision="kv=fp8" | FileCheck %s --check-prefix=FP8
// RUN: not qopt-opt %s --qopt-assign-precision="kv=i4" 2>&1 | FileCheck %s --check-prefix=CACHE
// RUN: not qopt-opt %s --qopt-assign-precision="weights=i3" 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not qopt-opt %s --qopt-assign-precision="scheme=nearest" 2>&1 | FileCheck %s --check-prefix=SCHEME

// A tied table keeps one weight as long as head and embedding are decided alike.
// CHECK: qopt.weight @embedding : tensor<64x32xf32>
// CHECK-SAME: precision <!qopt.packed<i8, group = 0, scale = f16>, "rtn", "w4a16">
// CHECK-NOT: qopt.weight @head
// CHECK: qopt.weight @proj : tensor<32x32xf32>
// CHECK-SAME: precision <!qopt.packed<i4, group = 32, scale = f16>, "rtn", "w4a16">
// CHECK: qopt.weight @scale : tensor<32xf32>
// CHECK-NOT: precision
// CHECK: func.func @main
// CHECK-SAME: qopt.precision = #qopt.precision<f16, "cast", "w4a16">

// UNTIED: qopt.weight @embedding
// UNTIED-SAME: precision <f16, "cast", "option">
// UNTIED: qopt.weight @head
// UNTIED-SAME: precision <!qopt.packed<i4, group = 64, scale = f16, asymmetric>, "rtn", "option">
// UNTIED-DAG: %[[TABLE:.*]] = qopt.use_weight @embedding
// UNTIED-DAG: qopt.gather %[[TABLE]]
// UNTIED-DAG: %[[HEAD:.*]] = qopt.use_weight @head
// UNTIED: qopt.linear %{{.*}}, %[[HEAD]]

// The head reads numbers, and so does a projection whose weights have several scales for an output.
// BYTES: qopt.linear {{.*}} {qopt.input_precision = #qopt.precision<i8, "dynamic", "w8a8">} {{.*}} tensor<32x32xf32>
// BYTES-NOT: qopt.input_precision
// NUMBERS-NOT: qopt.input_precision

// Head and embedding stay integers.
// FLOAT8: qopt.weight @embedding {{.*}} precision <!qopt.packed<i8, group = 0, scale = f16>, "rtn", "fp8">
// FLOAT8: qopt.weight @proj {{.*}} precision <!qopt.scaled<f8E4M3FN, group = 0, scale = f32>, "rtn", "fp8">
// FLOAT8: qopt.linear {{.*}} {qopt.input_precision = #qopt.precision<f8E4M3FN, "dynamic", "fp8">} {{.*}} tensor<32x32xf32>
// FLOAT8-NOT: qopt.input_precision

// ACTIVATIONS: unknown format 'i4' of activations; known: i8, f8E4M3FN
// FORMAT: unknown format 'i3'; known: f32, f16, bf16, f8E4M3FN, i8, i4
// INT8: qopt.precision = #qopt.precision<!qopt.packed<i8, group = 0, scale = f16>, "scale per token and head", "option">
// FP8: qopt.precision = #qopt.precision<!qopt.scaled<f8E4M3FN, group = 0, scale = f16>, "scale per token and head", "option">
// CACHE: a KV cache is f32, f16, bf16, int8 or fp8, not 'i4'
// SCHEME: unknown scheme 'nearest'; known: rtn

qopt.weight @embedding : tensor<64x32xf32> from [#qopt.source<"w", offset = 0, length = 8192, type = tensor<64x32xf32>, hash = 0>]
qopt.weight @proj : tensor<32x32xf32> from [#qopt.source<"w", offset = 8192, length = 4096, type = tensor<32x32xf32>, hash = 0>]
qopt.weight @scale : tensor<32xf32> from [#qopt.source<"w", offset = 0, length = 128, type = tensor<32xf32>, hash = 0>]
func.func @main(%ids: tensor<1x4xi64>, %cache: !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>)
    -> (tensor<1x4x64xf32>, !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>) attributes {qopt.kind = "decoder"} {
  %e = qopt.use_weight @embedding : tensor<64x32xf32>
  %x = qopt.gather %e[%ids] : tensor<64x32xf32>, tensor<1x4xi64>
  %g = qopt.use_weight @scale : tensor<32xf32>
  %n = qopt.rms_norm %x, %g epsilon 1.0e-5 : tensor<1x4x32xf32>, tensor<32xf32>
  %w = qopt.use_weight @proj : tensor<32x32xf32>
  %y = qopt.linear %n, %w : tensor<1x4x32xf32>, tensor<32x32xf32>
  %logits = qopt.linear %y, %e : tensor<1x4x32xf32>, tensor<64x32xf32>
  return %logits, %cache : tensor<1x4x64xf32>, !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>
}

// The matrix of a convolution is a projection.
// CHECK: qopt.weight @filter : tensor<8x12xf32>
// CHECK-SAME: precision <!qopt.packed<i4, group = 32, scale = f16>, "rtn", "w4a16">
qopt.weight @filter : tensor<8x12xf32> from [#qopt.source<"w", offset = 0, length = 384, type = tensor<8x4x3xf32>, hash = 0>] steps [#qopt.reshape<[8, 12]>]
func.func @windows(%x: tensor<2x4x9xf32>) -> tensor<2x8x7xf32> {
  %w = qopt.use_weight @filter : tensor<8x12xf32>
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] : tensor<2x4x9xf32>, tensor<8x12xf32>
  return %0 : tensor<2x8x7xf32>
}
