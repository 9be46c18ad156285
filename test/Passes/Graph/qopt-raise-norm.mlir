// RUN: qopt-opt %s --qopt-raise-norm --verify-each | FileCheck %s

// CHECK-LABEL: func.func @rms
// CHECK-NEXT: %[[y:.*]] = qopt.rms_norm %arg0, %arg1 epsilon 9.99999974E-6
// CHECK-NEXT: return %[[y]]
func.func @rms(%x: tensor<?x?x8xf32>, %g: tensor<8xf32>) -> tensor<?x?x8xf32> {
  %two = qopt.constant dense<2.0> : tensor<f32>
  %eps = qopt.constant dense<1.0e-5> : tensor<f32>
  %one = qopt.constant dense<1.0> : tensor<f32>
  %s = qopt.binary pow %x, %two : tensor<?x?x8xf32>, tensor<f32>
  %m = qopt.reduce mean %s axes [2] : tensor<?x?x8xf32>
  %e = qopt.binary add %m, %eps : tensor<?x?x1xf32>, tensor<f32>
  %q = qopt.unary sqrt %e : tensor<?x?x1xf32>
  %r = qopt.binary div %one, %q : tensor<f32>, tensor<?x?x1xf32>
  %n = qopt.binary mul %x, %r : tensor<?x?x8xf32>, tensor<?x?x1xf32>
  %y = qopt.binary mul %g, %n : tensor<8xf32>, tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// A 16-bit model computes its norm in f32 and rounds before the scale.
// CHECK-LABEL: func.func @half
// CHECK-NEXT: %[[y:.*]] = qopt.rms_norm %arg0, %arg1 epsilon
// CHECK-SAME: tensor<?x?x8xf16>, tensor<8xf16>
// CHECK-NEXT: return %[[y]]
func.func @half(%x: tensor<?x?x8xf16>, %g: tensor<8xf16>) -> tensor<?x?x8xf16> {
  %eps = qopt.constant dense<1.0e-6> : tensor<f32>
  %eight = qopt.constant dense<8.0> : tensor<f32>
  %w = qopt.cast %x : tensor<?x?x8xf16> to tensor<?x?x8xf32>
  %s = qopt.binary mul %w, %w : tensor<?x?x8xf32>, tensor<?x?x8xf32>
  %t = qopt.reduce sum %s axes [2] : tensor<?x?x8xf32>
  %m = qopt.binary div %t, %eight : tensor<?x?x1xf32>, tensor<f32>
  %e = qopt.binary add %m, %eps : tensor<?x?x1xf32>, tensor<f32>
  %q = qopt.unary sqrt %e : tensor<?x?x1xf32>
  %n = qopt.binary div %w, %q : tensor<?x?x8xf32>, tensor<?x?x1xf32>
  %c = qopt.cast %n : tensor<?x?x8xf32> to tensor<?x?x8xf16>
  %y = qopt.binary mul %g, %c : tensor<8xf16>, tensor<?x?x8xf16>
  return %y : tensor<?x?x8xf16>
}

// CHECK-LABEL: func.func @layer
// CHECK-NEXT: %[[y:.*]] = qopt.layer_norm %arg0, %arg1, %arg2 epsilon
// CHECK-NEXT: return %[[y]]
func.func @layer(%x: tensor<?x8xf32>, %g: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<?x8xf32> {
  %two = qopt.constant dense<2.0> : tensor<f32>
  %eps = qopt.constant dense<1.0e-5> : tensor<f32>
  %mean = qopt.reduce mean %x axes [1] : tensor<?x8xf32>
  %d = qopt.binary sub %x, %mean : tensor<?x8xf32>, tensor<?x1xf32>
  %s = qopt.binary pow %d, %two : tensor<?x8xf32>, tensor<f32>
  %m = qopt.reduce mean %s axes [1] : tensor<?x8xf32>
  %e = qopt.binary add %m, %eps : tensor<?x1xf32>, tensor<f32>
  %q = qopt.unary sqrt %e : tensor<?x1xf32>
  %n = qopt.binary div %d, %q : tensor<?x8xf32>, tensor<?x1xf32>
  %h = qopt.binary mul %n, %g : tensor<?x8xf32>, tensor<8xf32>
  %y = qopt.binary add %h, %b : tensor<?x8xf32>, tensor<8xf32>
  return %y : tensor<?x8xf32>
}

// Without a scale the scale is ones.
// CHECK-LABEL: func.func @plain
// CHECK: %[[g:.*]] = qopt.constant dense<1.000000e+00> : tensor<8xf32>
// CHECK: qopt.rms_norm %arg0, %[[g]]
func.func @plain(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %eps = qopt.constant dense<1.0e-5> : tensor<f32>
  %s = qopt.binary mul %x, %x : tensor<?x8xf32>, tensor<?x8xf32>
  %m = qopt.reduce mean %s axes [1] : tensor<?x8xf32>
  %e = qopt.binary add %m, %eps : tensor<?x1xf32>, tensor<f32>
  %r = qopt.unary rsqrt %e : tensor<?x1xf32>
  %n = qopt.binary mul %r, %x : tensor<?x1xf32>, tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// The mean of another axis is no norm.
// CHECK-LABEL: func.func @other_axis
// CHECK-NOT: qopt.rms_norm
func.func @other_axis(%x: tensor<8x8xf32>, %g: tensor<8xf32>) -> tensor<8x8xf32> {
  %eps = qopt.constant dense<1.0e-5> : tensor<f32>
  %s = qopt.binary mul %x, %x : tensor<8x8xf32>, tensor<8x8xf32>
  %m = qopt.reduce mean %s axes [0] : tensor<8x8xf32>
  %e = qopt.binary add %m, %eps : tensor<1x8xf32>, tensor<f32>
  %r = qopt.unary rsqrt %e : tensor<1x8xf32>
  %n = qopt.binary mul %x, %r : tensor<8x8xf32>, tensor<1x8xf32>
  %y = qopt.binary mul %n, %g : tensor<8x8xf32>, tensor<8xf32>
  return %y : tensor<8x8xf32>
}
