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

// Codes with one scale are made where the numbers are; what is moved is read as well, or differs between elements, stays.
// CHECK-LABEL: func.func @codes
// CHECK: %[[Q:.*]] = qopt.quantize %arg0, %{{.*}} : tensor<?x?x8xf32>, tensor<f32>, tensor<ui8>
// CHECK: %[[D:.*]] = qopt.dequantize %[[Q]], %{{.*}} : tensor<?x?x8xui8>, tensor<f32>, tensor<ui8>
// CHECK: %[[R:.*]] = qopt.reshape %[[D]] {{.*}} -> tensor<?x?x2x4xf32>
// CHECK: %[[T:.*]] = qopt.transpose %[[R]] [0, 2, 1, 3]
// CHECK: %[[M:.*]] = qopt.transpose %arg0 [0, 2, 1]
// CHECK: %[[C:.*]] = qopt.quantize %[[M]], %arg1
// CHECK: return %[[T]], %[[C]]
func.func @codes(%x: tensor<?x?x8xf32> {qopt.dims = #b}, %each: tensor<8x1xf32>) -> (tensor<?x2x?x4xf32>, tensor<?x8x?xui8>) attributes {qopt.symbols = #s} {
  %s = qopt.constant dense<0.5> : tensor<f32>
  %z = qopt.constant dense<128> : tensor<ui8>
  %a = qopt.reshape %x dims affine_map<()[s0, s1] -> (s0, s1, 2, 4)> : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %b = qopt.transpose %a [0, 2, 1, 3] : tensor<?x?x2x4xf32>
  %c = qopt.quantize %b, %s, %z : tensor<?x2x?x4xf32>, tensor<f32>, tensor<ui8>
  %d = qopt.dequantize %c, %s, %z : tensor<?x2x?x4xui8>, tensor<f32>, tensor<ui8>
  %e = qopt.transpose %x [0, 2, 1] : tensor<?x?x8xf32>
  %f = qopt.quantize %e, %each, %z : tensor<?x8x?xf32>, tensor<8x1xf32>, tensor<ui8>
  return %d, %f : tensor<?x2x?x4xf32>, tensor<?x8x?xui8>
}

// Numbers that were read from codes are these codes again, unless the parameters differ.
// CHECK-LABEL: func.func @codes_again
// CHECK: %[[Q:.*]] = qopt.quantize %arg0
// CHECK: %[[D:.*]] = qopt.dequantize %[[Q]]
// CHECK-NEXT: %[[Q2:.*]] = qopt.quantize %[[D]]
// CHECK: return %[[D]], %[[Q2]]
func.func @codes_again(%x: tensor<?x?x8xf32> {qopt.dims = #b}) -> (tensor<?x?x8xf32>, tensor<?x?x8xui8>) attributes {qopt.symbols = #s} {
  %s = qopt.constant dense<0.5> : tensor<f32>
  %z = qopt.constant dense<128> : tensor<ui8>
  %t = qopt.constant dense<0.25> : tensor<f32>
  %a = qopt.quantize %x, %s, %z : tensor<?x?x8xf32>, tensor<f32>, tensor<ui8>
  %b = qopt.dequantize %a, %s, %z : tensor<?x?x8xui8>, tensor<f32>, tensor<ui8>
  %c = qopt.quantize %b, %s, %z : tensor<?x?x8xf32>, tensor<f32>, tensor<ui8>
  %d = qopt.dequantize %c, %s, %z : tensor<?x?x8xui8>, tensor<f32>, tensor<ui8>
  %e = qopt.quantize %d, %t, %z : tensor<?x?x8xf32>, tensor<f32>, tensor<ui8>
  return %d, %e : tensor<?x?x8xf32>, tensor<?x?x8xui8>
}
