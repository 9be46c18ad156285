// RUN: qopt-opt %s --qopt-raise-activation --verify-each | FileCheck %s

// CHECK-LABEL: func.func @silu
// CHECK-NEXT: %[[y:.*]] = qopt.unary silu %arg0
// CHECK-NEXT: return %[[y]]
func.func @silu(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %s = qopt.unary sigmoid %x : tensor<?x8xf32>
  %y = qopt.binary mul %s, %x : tensor<?x8xf32>, tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// SwiGLU stays a product of two values.
// CHECK-LABEL: func.func @swiglu
// CHECK-NEXT: %[[s:.*]] = qopt.unary silu %arg0
// CHECK-NEXT: qopt.binary mul %[[s]], %arg1
func.func @swiglu(%x: tensor<?x8xf16>, %y: tensor<?x8xf16>) -> tensor<?x8xf16> {
  %n = qopt.unary neg %x : tensor<?x8xf16>
  %e = qopt.unary exp %n : tensor<?x8xf16>
  %one = qopt.constant dense<1.0> : tensor<f16>
  %d = qopt.binary add %e, %one : tensor<?x8xf16>, tensor<f16>
  %s = qopt.binary div %x, %d : tensor<?x8xf16>, tensor<?x8xf16>
  %z = qopt.binary mul %s, %y : tensor<?x8xf16>, tensor<?x8xf16>
  return %z : tensor<?x8xf16>
}

// The input of an activation may be elementwise itself.
// CHECK-LABEL: func.func @gelu_erf
// CHECK: %[[x:.*]] = qopt.binary add
// CHECK: %[[y:.*]] = qopt.unary gelu_erf %[[x]]
// CHECK-NEXT: return %[[y]]
func.func @gelu_erf(%v: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %bias = qopt.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]> : tensor<8xf32>
  %x = qopt.binary add %v, %bias : tensor<?x8xf32>, tensor<8xf32>
  %r = qopt.constant dense<1.41421354> : tensor<f32>
  %one = qopt.constant dense<1.0> : tensor<f32>
  %half = qopt.constant dense<0.5> : tensor<f32>
  %a = qopt.binary div %x, %r : tensor<?x8xf32>, tensor<f32>
  %b = qopt.unary erf %a : tensor<?x8xf32>
  %c = qopt.binary add %b, %one : tensor<?x8xf32>, tensor<f32>
  %d = qopt.binary mul %x, %c : tensor<?x8xf32>, tensor<?x8xf32>
  %y = qopt.binary mul %d, %half : tensor<?x8xf32>, tensor<f32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @gelu_tanh
// CHECK-NEXT: %[[y:.*]] = qopt.unary gelu_tanh %arg0
// CHECK-NEXT: return %[[y]]
func.func @gelu_tanh(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %half = qopt.constant dense<0.5> : tensor<f32>
  %three = qopt.constant dense<3.0> : tensor<f32>
  %k = qopt.constant dense<0.044715> : tensor<f32>
  %s = qopt.constant dense<0.797884583> : tensor<f32>
  %one = qopt.constant dense<1.0> : tensor<f32>
  %h = qopt.binary mul %x, %half : tensor<?x?x8xf32>, tensor<f32>
  %p = qopt.binary pow %x, %three : tensor<?x?x8xf32>, tensor<f32>
  %kp = qopt.binary mul %p, %k : tensor<?x?x8xf32>, tensor<f32>
  %a = qopt.binary add %x, %kp : tensor<?x?x8xf32>, tensor<?x?x8xf32>
  %b = qopt.binary mul %a, %s : tensor<?x?x8xf32>, tensor<f32>
  %t = qopt.unary tanh %b : tensor<?x?x8xf32>
  %c = qopt.binary add %t, %one : tensor<?x?x8xf32>, tensor<f32>
  %y = qopt.binary mul %h, %c : tensor<?x?x8xf32>, tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @quick_gelu
// CHECK-NEXT: qopt.unary quick_gelu %arg0
func.func @quick_gelu(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %k = qopt.constant dense<1.702> : tensor<1xf32>
  %a = qopt.binary mul %x, %k : tensor<?x8xf32>, tensor<1xf32>
  %s = qopt.unary sigmoid %a : tensor<?x8xf32>
  %y = qopt.binary mul %x, %s : tensor<?x8xf32>, tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// What is no activation stays.
// CHECK-LABEL: func.func @square
// CHECK: qopt.binary mul %arg0, %arg0
func.func @square(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = qopt.binary mul %x, %x : tensor<?x8xf32>, tensor<?x8xf32>
  %two = qopt.constant dense<2.0> : tensor<f32>
  %z = qopt.binary mul %y, %two : tensor<?x8xf32>, tensor<f32>
  return %z : tensor<?x8xf32>
}
