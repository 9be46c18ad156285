// RUN: qopt-opt %s --qopt-raise-kv-cache --verify-each --split-input-file --verify-diagnostics | FileCheck %s
// RUN: qopt-opt %s --qopt-raise-kv-cache=keep-signature --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=KEEP

// What the inputs and outputs were, in the file's order.
// KEEP-LABEL: func.func @decoder
// KEEP-SAME: qopt.onnx = {inputs = [
// KEEP-SAME: {name = "input_ids", role = "ids", type = tensor<?x?xi64>},
// KEEP-SAME: {name = "attention_mask", role = "mask", type = tensor<?x?xi64>},
// KEEP-SAME: {heads_first = true, name = "past_key_values.0.key", role = "past", state = "layers.0.attn.cache.key", type = tensor<?x1x?x4xf32>},
// KEEP-SAME: {heads_first = true, name = "past_key_values.0.value", role = "past", state = "layers.0.attn.cache.value", type = tensor<?x1x?x4xf32>}],
// KEEP-SAME: outputs = [{name = "logits", role = "logits", type = tensor<?x?x2x4xf32>},
// KEEP-SAME: {heads_first = true, name = "present.0.key", role = "present", state = "layers.0.attn.cache.key", type = tensor<?x1x?x4xf32>},

#bs = affine_map<()[s0, s1, s2] -> (s0, s1)>
#bt = affine_map<()[s0, s1, s2] -> (s0, s1 + s2)>
#cache = affine_map<()[s0, s1, s2] -> (s0, 1, s2, 4)>

// CHECK-NOT: qopt.onnx
// CHECK-LABEL: func.func @decoder
// CHECK-SAME: %[[ids:.*]]: tensor<?x?xi64> {{{.*}}"input_ids"}
// CHECK-SAME: %[[past:.*]]: tensor<?xi64> {{{.*}}qopt.name = "past"}
// CHECK-SAME: %[[c0:.*]]: !qopt.kv_cache<1x4, capacity = ?, key = f32, value = f32> {qopt.name = "layers.0.attn.cache"}
// CHECK-SAME: -> (tensor<?x?x2x4xf32> {qopt.name = "logits"}, !qopt.kv_cache<1x4, capacity = ?, key = f32, value = f32> {qopt.name = "layers.0.attn.cache"})
func.func @decoder(%input_ids: tensor<?x?xi64> {qopt.dims = #bs, qopt.name = "input_ids"}, %mask: tensor<?x?xi64> {qopt.dims = #bt, qopt.name = "attention_mask"},
    %pk: tensor<?x1x?x4xf32> {qopt.dims = #cache, qopt.name = "past_key_values.0.key"}, %pv: tensor<?x1x?x4xf32> {qopt.dims = #cache, qopt.name = "past_key_values.0.value"})
    -> (tensor<?x?x2x4xf32> {qopt.name = "logits"}, tensor<?x1x?x4xf32> {qopt.name = "present.0.key"}, tensor<?x1x?x4xf32> {qopt.name = "present.0.value"})
    attributes {qopt.symbols = [#qopt.symbol<"batch", 0 to -1>, #qopt.symbol<"seq", 0 to -1>, #qopt.symbol<"past", 0 to -1>]} {
  // CHECK: %[[pos:.*]] = qopt.positions %[[past]] tokens
  %one = qopt.constant dense<1> : tensor<i64>
  %table = qopt.constant dense<0.5> : tensor<16x8xf32>
  %sum = qopt.reduce sum %mask axes [1] keep_dims false : tensor<?x?xi64>
  %last = qopt.binary sub %sum, %one : tensor<?xi64>, tensor<i64>
  %last32 = qopt.cast %last : tensor<?xi64> to tensor<?xi32>
  %one32 = qopt.constant dense<1> : tensor<i32>
  %valid = qopt.binary add %last32, %one32 : tensor<?xi32>, tensor<i32>
  %tokens = qopt.sizes affine_map<()[s0, s1, s2] -> (s1)> : tensor<i32>
  %before = qopt.binary sub %valid, %tokens : tensor<?xi32>, tensor<i32>
  %pos = qopt.positions %before tokens affine_map<()[s0, s1, s2] -> (s1)> : tensor<?xi32> -> tensor<?x?xi32>
  %x = qopt.gather %table[%input_ids] : tensor<16x8xf32>, tensor<?x?xi64>
  %heads = qopt.reshape %x dims affine_map<()[s0, s1, s2] -> (s0, s1, 2, 4)> : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %half = qopt.slice %x axis 2 bounds affine_map<()[s0, s1, s2] -> (0, 4)> : tensor<?x?x8xf32> -> tensor<?x?x4xf32>
  %kv = qopt.reshape %half dims affine_map<()[s0, s1, s2] -> (s0, s1, 1, 4)> : tensor<?x?x4xf32> -> tensor<?x?x1x4xf32>
  // CHECK: %[[q:.*]] = qopt.rotary %{{.*}} at %[[pos]]
  %q = qopt.rotary %heads at %pos frequencies [1.0, 0.5] : tensor<?x?x2x4xf32>, tensor<?x?xi32>
  // CHECK: %[[k:.*]] = qopt.rotary %[[v:.*]] at %[[pos]]
  %k = qopt.rotary %kv at %pos frequencies [1.0, 0.5] : tensor<?x?x1x4xf32>, tensor<?x?xi32>
  %kt = qopt.transpose %k [0, 2, 1, 3] : tensor<?x?x1x4xf32>
  %vt = qopt.transpose %kv [0, 2, 1, 3] : tensor<?x?x1x4xf32>
  %keys = qopt.concat %pk, %kt axis 2 : tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
  %values = qopt.concat %pv, %vt axis 2 : tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
  %kr = qopt.transpose %keys [0, 2, 1, 3] : tensor<?x1x?x4xf32>
  %vr = qopt.transpose %values [0, 2, 1, 3] : tensor<?x1x?x4xf32>
  // CHECK: %[[c1:.*]] = qopt.kv_append %[[c0]], %[[k]], %[[v]] at %[[past]]
  // CHECK: %[[a:.*]] = qopt.cached_attention %[[q]], %[[c1]] at %[[past]] scale 5.000000e-01
  // CHECK: return %[[a]], %[[c1]]
  %a = qopt.attention %q, %kr, %vr scale 0.5 causal : tensor<?x?x2x4xf32>, tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>
  return %a, %keys, %values : tensor<?x?x2x4xf32>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
}

// -----

#bs = affine_map<()[s0, s1, s2] -> (s0, s1)>
#cache = affine_map<()[s0, s1, s2] -> (s0, 1, s2, 4)>

// Attention that sees everything is no decoder's: the function stays as it is.
// CHECK-LABEL: func.func @not_causal
// CHECK: qopt.concat
// CHECK: qopt.attention
func.func @not_causal(%input_ids: tensor<?x?xi64> {qopt.dims = #bs, qopt.name = "input_ids"}, %pk: tensor<?x1x?x4xf32> {qopt.dims = #cache, qopt.name = "past_key_values.0.key"})
    -> (tensor<?x?x1x4xf32> {qopt.name = "logits"}, tensor<?x1x?x4xf32> {qopt.name = "present.0.key"})
    attributes {qopt.symbols = [#qopt.symbol<"batch", 0 to -1>, #qopt.symbol<"seq", 0 to -1>, #qopt.symbol<"past", 0 to -1>]} {
  %table = qopt.constant dense<0.5> : tensor<16x4xf32>
  %x = qopt.gather %table[%input_ids] : tensor<16x4xf32>, tensor<?x?xi64>
  %q = qopt.reshape %x dims affine_map<()[s0, s1, s2] -> (s0, s1, 1, 4)> : tensor<?x?x4xf32> -> tensor<?x?x1x4xf32>
  %t = qopt.transpose %q [0, 2, 1, 3] : tensor<?x?x1x4xf32>
  %keys = qopt.concat %pk, %t axis 2 : tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>
  %kr = qopt.transpose %keys [0, 2, 1, 3] : tensor<?x1x?x4xf32>
  // expected-warning @below {{the past stays a tensor that every step copies, and its precision cannot be chosen: its mask is not proven causal}}
  %a = qopt.attention %q, %kr, %kr scale 0.5 : tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>
  return %a, %keys : tensor<?x?x1x4xf32>, tensor<?x1x?x4xf32>
}
