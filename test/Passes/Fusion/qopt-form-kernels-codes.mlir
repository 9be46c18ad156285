// RUN: qopt-opt %s --qopt-form-kernels --verify-each | FileCheck %s

// Codes begin and end the kernels beside them: no launch is theirs alone.
// CHECK-LABEL: qkernel.kernel @norm_0
// CHECK: qopt.layer_norm
// CHECK: qopt.quantize
// CHECK: %[[D:.*]] = qopt.dequantize
// CHECK: qkernel.yield %[[D]]
// CHECK-LABEL: qkernel.kernel @contraction_0
// CHECK: qopt.rms_norm
// CHECK: qopt.quantize
// CHECK: qopt.dequantize
// CHECK-COUNT-2: qopt.linear
// CHECK: qkernel.yield
// CHECK-LABEL: qkernel.kernel @append_0
// CHECK-COUNT-3: qopt.quantize
// CHECK: qopt.kv_append
// CHECK-LABEL: qkernel.kernel @attention_0
// CHECK: qopt.cached_attention
// CHECK: qopt.quantize
// CHECK: qopt.dequantize
// CHECK: qopt.reshape
// CHECK-LABEL: qkernel.kernel @contraction_1
// CHECK: qopt.linear
// CHECK: qopt.quantize
// CHECK: qopt.dequantize
// CHECK: qopt.binary{{ +}}add
// CHECK-LABEL: func.func @main
// CHECK-COUNT-5: qkernel.launch
// CHECK-NOT: qkernel.launch
// CHECK: return
#x = affine_map<()[s0, s1] -> (s0, s1, 16)>
qopt.weight @q : tensor<16x16xf32> from [#qopt.source<"w", offset = 0, length = 1024, type = tensor<16x16xf32>, hash = 0>]
qopt.weight @k : tensor<16x16xf32> from [#qopt.source<"w", offset = 1024, length = 1024, type = tensor<16x16xf32>, hash = 0>]
qopt.weight @o : tensor<16x16xf32> from [#qopt.source<"w", offset = 2048, length = 1024, type = tensor<16x16xf32>, hash = 0>]
qopt.weight @g : tensor<16xf32> from [#qopt.source<"w", offset = 0, length = 64, type = tensor<16xf32>, hash = 0>]
func.func @main(%in: tensor<?x?x16xf32> {qopt.name = "in", qopt.dims = #x}, %past: tensor<?xi64> {qopt.name = "past", qopt.dims = affine_map<()[s0, s1] -> (s0)>},
    %c0: !qopt.kv_cache<2x8, capacity = 32, key = f32, value = f32> {qopt.name = "layers.0.attn.cache"})
    -> (tensor<?x?x16xf32> {qopt.name = "out", qopt.dims = #x}, !qopt.kv_cache<2x8, capacity = 32, key = f32, value = f32> {qopt.name = "layers.0.attn.cache"})
    attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]} {
  %s = qopt.constant dense<0.25> : tensor<f32>
  %z = qopt.constant dense<128> : tensor<ui8>
  %g = qopt.use_weight @g : tensor<16xf32>
  %l = qopt.layer_norm %in, %g epsilon 1.0e-5 : tensor<?x?x16xf32>, tensor<16xf32>
  %lq = qopt.quantize %l, %s, %z : tensor<?x?x16xf32>, tensor<f32>, tensor<ui8>
  %x = qopt.dequantize %lq, %s, %z : tensor<?x?x16xui8>, tensor<f32>, tensor<ui8>
  %n = qopt.rms_norm %x, %g epsilon 1.0e-5 : tensor<?x?x16xf32>, tensor<16xf32>
  %nq = qopt.quantize %n, %s, %z : tensor<?x?x16xf32>, tensor<f32>, tensor<ui8>
  %nd = qopt.dequantize %nq, %s, %z : tensor<?x?x16xui8>, tensor<f32>, tensor<ui8>
  %wq = qopt.use_weight @q : tensor<16x16xf32>
  %wk = qopt.use_weight @k : tensor<16x16xf32>
  %wo = qopt.use_weight @o : tensor<16x16xf32>
  %q = qopt.linear %nd, %wq : tensor<?x?x16xf32>, tensor<16x16xf32>
  %k = qopt.linear %nd, %wk : tensor<?x?x16xf32>, tensor<16x16xf32>
  %qh = qopt.reshape %q dims affine_map<()[s0, s1] -> (s0, s1, 2, 8)> : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
  %kh = qopt.reshape %k dims affine_map<()[s0, s1] -> (s0, s1, 2, 8)> : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
  %pos = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
  %qr = qopt.rotary %qh at %pos frequencies [1.0, 0.5, 0.25, 0.125] : tensor<?x?x2x8xf32>, tensor<?x?xi64>
  %kr = qopt.rotary %kh at %pos frequencies [1.0, 0.5, 0.25, 0.125] : tensor<?x?x2x8xf32>, tensor<?x?xi64>
  %qq = qopt.quantize %qr, %s, %z : tensor<?x?x2x8xf32>, tensor<f32>, tensor<ui8>
  %qd = qopt.dequantize %qq, %s, %z : tensor<?x?x2x8xui8>, tensor<f32>, tensor<ui8>
  %kq = qopt.quantize %kr, %s, %z : tensor<?x?x2x8xf32>, tensor<f32>, tensor<ui8>
  %kd = qopt.dequantize %kq, %s, %z : tensor<?x?x2x8xui8>, tensor<f32>, tensor<ui8>
  %vq = qopt.quantize %kh, %s, %z : tensor<?x?x2x8xf32>, tensor<f32>, tensor<ui8>
  %vd = qopt.dequantize %vq, %s, %z : tensor<?x?x2x8xui8>, tensor<f32>, tensor<ui8>
  %c1 = qopt.kv_append %c0, %kd, %vd at %past : !qopt.kv_cache<2x8, capacity = 32, key = f32, value = f32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?xi64>
  %a = qopt.cached_attention %qd, %c1 at %past scale 0.5 : tensor<?x?x2x8xf32>, !qopt.kv_cache<2x8, capacity = 32, key = f32, value = f32>, tensor<?xi64>
  %aq = qopt.quantize %a, %s, %z : tensor<?x?x2x8xf32>, tensor<f32>, tensor<ui8>
  %ad = qopt.dequantize %aq, %s, %z : tensor<?x?x2x8xui8>, tensor<f32>, tensor<ui8>
  %ar = qopt.reshape %ad dims #x : tensor<?x?x2x8xf32> -> tensor<?x?x16xf32>
  %o = qopt.linear %ar, %wo : tensor<?x?x16xf32>, tensor<16x16xf32>
  %oq = qopt.quantize %o, %s, %z : tensor<?x?x16xf32>, tensor<f32>, tensor<ui8>
  %od = qopt.dequantize %oq, %s, %z : tensor<?x?x16xui8>, tensor<f32>, tensor<ui8>
  %y = qopt.binary add %od, %x : tensor<?x?x16xf32>, tensor<?x?x16xf32>
  return %y, %c1 : tensor<?x?x16xf32>, !qopt.kv_cache<2x8, capacity = 32, key = f32, value = f32>
}
