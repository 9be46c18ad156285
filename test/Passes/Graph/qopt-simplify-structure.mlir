// RUN: qopt-opt %s --qopt-simplify-structure --verify-each | FileCheck %s

// CHECK: qopt.weight @w
// CHECK: qopt.weight @[[t:w.*]] : tensor<4x8xf32> {{.*}} steps [#qopt.transpose<[1, 0]>]
qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>]

#b = affine_map<()[s0, s1] -> (s0, s1, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: return %arg0
func.func @nothing(%x: tensor<?x?x8xf32> {qopt.dims = #b}) -> tensor<?x?x8xf32> attributes {qopt.symbols = #s} {
  %a = qopt.transpose %x [0, 2, 1] : tensor<?x?x8xf32>
  %b = qopt.transpose %a [0, 2, 1] : tensor<?x8x?xf32>
  %c = qopt.cast %b : tensor<?x?x8xf32> to tensor<?x?x8xf64>
  %d = qopt.cast %c : tensor<?x?x8xf64> to tensor<?x?x8xf32>
  %e = qopt.reshape %d dims affine_map<()[s0, s1] -> (s0, s1, 2, 4)> : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %f = qopt.reshape %e dims #b : tensor<?x?x2x4xf32> -> tensor<?x?x8xf32>
  %g = qopt.slice %f axis 1 bounds affine_map<()[s0, s1] -> (0, s1)> : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %h = qopt.broadcast %g dims #b : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %i = qopt.concat %h axis 2 : tensor<?x?x8xf32>
  %one = qopt.constant dense<1.0> : tensor<f32>
  %j = qopt.binary mul %one, %i : tensor<f32>, tensor<?x?x8xf32>
  return %j : tensor<?x?x8xf32>
}

// Dimensions that a type does not show differ: the reshape does something.
// CHECK-LABEL: func.func @swapped
// CHECK-NEXT: qopt.reshape
func.func @swapped(%x: tensor<?x?x8xf32> {qopt.dims = #b}) -> tensor<?x?x8xf32> attributes {qopt.symbols = #s} {
  %a = qopt.reshape %x dims affine_map<()[s0, s1] -> (s1, s0, 8)> : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  return %a : tensor<?x?x8xf32>
}

// A cast through a narrower type rounds.
// CHECK-LABEL: func.func @rounded
// CHECK: qopt.cast
// CHECK: qopt.cast
func.func @rounded(%x: tensor<?x?x8xf32> {qopt.dims = #b}) -> tensor<?x?x8xf32> attributes {qopt.symbols = #s} {
  %a = qopt.cast %x : tensor<?x?x8xf32> to tensor<?x?x8xf16>
  %b = qopt.cast %a : tensor<?x?x8xf16> to tensor<?x?x8xf32>
  return %b : tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @weights
// CHECK: %[[w:.*]] = qopt.use_weight @[[t]] : tensor<4x8xf32>
// CHECK: qopt.linear %arg0, %[[w]]
func.func @weights(%x: tensor<?x?x8xf32> {qopt.dims = #b}) -> (tensor<?x?x4xf32>, tensor<4x8xf32>) attributes {qopt.symbols = #s} {
  %w = qopt.use_weight @w : tensor<8x4xf32>
  %y = qopt.matmul %x, %w : tensor<?x?x8xf32>, tensor<8x4xf32>
  %t = qopt.transpose %w [1, 0] : tensor<8x4xf32>
  return %y, %t : tensor<?x?x4xf32>, tensor<4x8xf32>
}

// CHECK-LABEL: func.func @constants
// CHECK-NEXT: qopt.constant dense<[2.000000e+00, 4.000000e+00]>
// CHECK-NEXT: return
func.func @constants() -> tensor<2xf32> {
  %a = qopt.iota affine_map<() -> (4, 0, 1)> : tensor<4xf32>
  %i = qopt.constant dense<[1, 2]> : tensor<2xi64>
  %b = qopt.gather %a[%i] : tensor<4xf32>, tensor<2xi64>
  %two = qopt.constant dense<2.0> : tensor<f32>
  %c = qopt.binary mul %b, %two : tensor<2xf32>, tensor<f32>
  return %c : tensor<2xf32>
}

// An addition repeats its operands by itself.
// CHECK-LABEL: func.func @repeats
// CHECK-NOT: qopt.broadcast
// CHECK: qopt.binary add %arg0, %{{.*}} : tensor<?x?x8xf32>, tensor<f32>
func.func @repeats(%x: tensor<?x?x8xf32> {qopt.dims = #b}) -> tensor<?x?x8xf32> attributes {qopt.symbols = #s} {
  %c = qopt.constant dense<3.0> : tensor<f32>
  %f = qopt.broadcast %c dims #b : tensor<f32> -> tensor<?x?x8xf32>
  %y = qopt.binary add %x, %f : tensor<?x?x8xf32>, tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}
