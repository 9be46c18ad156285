// RUN: qopt-opt %s --qopt-raise-kv-cache --verify-each | FileCheck %s
// RUN: qopt-opt %s --qopt-raise-kv-cache=keep-signature 2>&1 | FileCheck %s --check-prefix=KEEP

// What is appended is not what the file returns: with the file's signature the past stays a tensor.
// KEEP: attention sees its keys or values through codes, and the file returns them as they were before
// KEEP: qopt.concat

#bs = affine_map<()[s0, s1, s2] -> (s0, s1)>
#cache = affine_map<()[s0, s1, s2] -> (s0, 1, s2, 4)>

// Keys and values that attention sees through codes are appended as it sees them.
// CHECK-LABEL: func.func @codes
// CHECK-DAG: %[[kc:.*]] = qopt.quantize %[[x:.*]], %{{.*}}, %{{.*}} : tensor<?x?x1x4xf32>, tensor<f32>, tensor<ui8>
// CHECK-DAG: %[[k:.*]] = qopt.dequantize %[[kc]]
// CHECK: %[[c1:.*]] = qopt.kv_append %{{.*}}, %[[k]], %[[x]] at
// CHECK: qopt.cached_attention %{{.*}}, %[[c1]] at
func.func @codes(%input_ids: tensor<?x?xi64> {qopt.dims = #bs, qopt.name = "input_ids"},
    %pk: tensor<?x1x?x4xf32> {qopt.dims = #cache, qopt.name = "past_key_values.0.key"}, %pv: tensor<?x1x?x4xf32> {qopt.dims = #cache, qopt.name = "past_key_values.0.value"})
    -> (tensor<?x?x1x4xf32> {qopt.name = "logits"}, tensor<?x1x?x4xf32> {qopt.name = "present.0.key"}, tensor<?x1x?x4xf32> {qopt.name = "present.0.value"})
    attributes {qopt.symbols = [#qopt.symbol<"batch", 0 to -1>, #qopt.symbol<"seq", 0 to -1>, #qopt.symbol<"past", 0 to -1>]} {
  %s = qopt.constant dense<0.25> : tensor<f32>
  %z = qopt.constant dense<128> : tensor<ui8>
  %table = qopt.constant dense<0.5> : tensor<16x4xf32>
  %e = qopt.gather %table[%input_ids] : tensor<16x4xf32>, tensor<?x?xi64>
  %x = qopt.reshape %e dims affine_map<()[s0, s1, s2] -> (s0, s1, 1, 4)> : tensor<?x?x4xf32> -> tensor<?x?x1x4xf32>
  %xt = qopt.transpose %x [0, 2, 1, 3] : tensor<?x?x1x4xf32>
  %keys = qopt.concat %pk, %xt axis 2 : tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
  %values = qopt.concat %pv, %xt axis 2 : tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
  %c = qopt.quantize %keys, %s, %z : tensor<?x1x?x4xf32>, tensor<f32>, tensor<ui8>
  %d = qopt.dequantize %c, %s, %z : tensor<?x1x?x4xui8>, tensor<f32>, tensor<ui8>
  %kr = qopt.transpose %d [0, 2, 1, 3] : tensor<?x1x?x4xf32>
  %vr = qopt.transpose %values [0, 2, 1, 3] : tensor<?x1x?x4xf32>
  %a = qopt.attention %x, %kr, %vr scale 0.5 causal : tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>
  return %a, %keys, %values : tensor<?x?x1x4xf32>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
}
