// RUN: qopt-opt %s --qopt-split-linears --verify-each | FileCheck %s

// CHECK: qopt.weight @qkv
// CHECK-DAG: qopt.weight @[[q:qkv.*]] : tensor<4x8xf32> {{.*}} steps [#qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 0, size = 4>]
// CHECK-DAG: qopt.weight @[[k:qkv.*]] : tensor<2x8xf32> {{.*}} steps [#qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 4, size = 2>]
qopt.weight @qkv : tensor<8x8xf32> from [#qopt.source<"m.data", offset = 0, length = 256, type = tensor<8x8xf32>, hash = 0>] steps [#qopt.transpose<[1, 0]>]
qopt.weight @bias : tensor<8xf32> from [#qopt.source<"m.data", offset = 256, length = 32, type = tensor<8xf32>, hash = 0>]

#b = affine_map<()[s0] -> (s0, 8)>

// CHECK-LABEL: func.func @packed
// CHECK-DAG: %[[wq:.*]] = qopt.use_weight @[[q]]
// CHECK-DAG: %[[y:.*]] = qopt.linear %arg0, %[[wq]]
// CHECK-DAG: qopt.use_weight @bias{{.+}} : tensor<4xf32>
// CHECK-NOT: qopt.slice
func.func @packed(%x: tensor<?x8xf32> {qopt.dims = #b}) -> (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) attributes {qopt.symbols = [#qopt.symbol<"n", 1 to -1>]} {
  %w = qopt.use_weight @qkv : tensor<8x8xf32>
  %bias = qopt.use_weight @bias : tensor<8xf32>
  %p = qopt.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %y = qopt.binary add %p, %bias : tensor<?x8xf32>, tensor<8xf32>
  %q = qopt.slice %y axis 1 bounds affine_map<()[s0] -> (0, 4)> : tensor<?x8xf32> -> tensor<?x4xf32>
  %k = qopt.slice %y axis 1 bounds affine_map<()[s0] -> (4, 2)> : tensor<?x8xf32> -> tensor<?x2xf32>
  %v = qopt.slice %y axis 1 bounds affine_map<()[s0] -> (6, 2)> : tensor<?x8xf32> -> tensor<?x2xf32>
  return %q, %k, %v : tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// Heads are made first, then cut.
// CHECK-LABEL: func.func @heads
// CHECK: %[[wk:.*]] = qopt.use_weight @{{.*}} : tensor<2x8xf32>
// CHECK: %[[l:.*]] = qopt.linear %arg0, %[[wk]]
// CHECK: qopt.reshape %[[l]] {{.*}} -> tensor<?x1x2xf32>
// CHECK-NOT: qopt.slice
func.func @heads(%x: tensor<?x8xf32> {qopt.dims = #b}) -> tensor<?x1x2xf32> attributes {qopt.symbols = [#qopt.symbol<"n", 1 to -1>]} {
  %w = qopt.use_weight @qkv : tensor<8x8xf32>
  %p = qopt.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %h = qopt.reshape %p dims affine_map<()[s0] -> (s0, 4, 2)> : tensor<?x8xf32> -> tensor<?x4x2xf32>
  %k = qopt.slice %h axis 1 bounds affine_map<()[s0] -> (2, 1)> : tensor<?x4x2xf32> -> tensor<?x1x2xf32>
  return %k : tensor<?x1x2xf32>
}

// The whole product is read as well: nothing is gained by cutting the weight.
// CHECK-LABEL: func.func @whole
// CHECK: qopt.slice
func.func @whole(%x: tensor<?x8xf32> {qopt.dims = #b}) -> (tensor<?x8xf32>, tensor<?x4xf32>) attributes {qopt.symbols = [#qopt.symbol<"n", 1 to -1>]} {
  %w = qopt.use_weight @qkv : tensor<8x8xf32>
  %p = qopt.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32>
  %q = qopt.slice %p axis 1 bounds affine_map<()[s0] -> (0, 4)> : tensor<?x8xf32> -> tensor<?x4xf32>
  return %p, %q : tensor<?x8xf32>, tensor<?x4xf32>
}
