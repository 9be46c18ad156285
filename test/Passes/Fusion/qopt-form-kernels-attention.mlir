// RUN: qopt-opt %s --qopt-form-kernels --verify-each | FileCheck %s

// The reshape of what an attention gives joins it: the bytes are the same.
// CHECK: qkernel.kernel @attention_0(
// CHECK-SAME: kind = "attention"
// CHECK-NEXT: qopt.attention
// CHECK-NEXT: qopt.reshape
// CHECK-NEXT: qkernel.yield
// CHECK-LABEL: func.func @main
// CHECK-NEXT: qkernel.launch @attention_0 "attention"
// CHECK-NEXT: return

func.func @main(%q: tensor<2x5x4x20xf32>, %k: tensor<2x5x4x20xf32>, %v: tensor<2x5x4x20xf32>) -> tensor<2x5x80xf32> {
  %a = qopt.attention %q, %k, %v scale 0.3 : tensor<2x5x4x20xf32>, tensor<2x5x4x20xf32>, tensor<2x5x4x20xf32>
  %r = qopt.reshape %a dims affine_map<() -> (2, 5, 80)> : tensor<2x5x4x20xf32> -> tensor<2x5x80xf32>
  return %r : tensor<2x5x80xf32>
}
