// RUN: qopt-opt %s --qopt-form-kernels --verify-each | FileCheck %s
// RUN: qopt-opt %s --qopt-form-kernels=fuse=false --verify-each | FileCheck %s --check-prefix=SINGLE

// One decoder layer takes six launches; embedding and head are two more.
// CHECK-LABEL: qkernel.kernel @contraction_0
// CHECK: qopt.rms_norm
// CHECK-COUNT-3: qopt.linear
// CHECK: qkernel.yield
// CHECK-LABEL: qkernel.kernel @append_0
// CHECK: qopt.positions
// CHECK-COUNT-2: qopt.rotary
// CHECK: qopt.kv_append
// CHECK-LABEL: qkernel.kernel @contraction_2
// CHECK: qopt.rms_norm
// CHECK: qopt.linear
// CHECK: qopt.unary{{ +}}silu
// CHECK: qopt.linear
// CHECK: qopt.binary{{ +}}mul
// CHECK-LABEL: func.func @main
// CHECK: qkernel.launch @gather_0 "embedding"
// CHECK-NEXT: qkernel.launch @contraction_0 "layers.0.attn.{q,k,v}"
// CHECK-NEXT: qkernel.launch @append_0 "layers.0.attn.append"
// CHECK-NEXT: qkernel.launch @attention_0 "layers.0.attn.attention"
// CHECK-NEXT: qkernel.launch @contraction_1 "layers.0.attn.o"
// CHECK-NEXT: qkernel.launch @contraction_2 "layers.0.mlp.{gate,up}"
// CHECK-NEXT: qkernel.launch @contraction_3 "layers.0.mlp.down"
// CHECK-NEXT: qkernel.launch @contraction_4 "head"
// CHECK-NEXT: return

// SINGLE-LABEL: func.func @main
// SINGLE-COUNT-25: qkernel.launch
// SINGLE-NOT: qkernel.launch
module {
  qopt.weight @embedding : tensor<2048x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 1048576, type = tensor<2048x128xf32>, hash = 0>]
  qopt.weight @layers.0.norm.attn : tensor<128xf32> from [#qopt.source<"w.bin", offset = 0, length = 512, type = tensor<128xf32>, hash = 0>]
  qopt.weight @layers.0.attn.q : tensor<128x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 65536, type = tensor<128x128xf32>, hash = 0>]
  qopt.weight @layers.0.attn.k : tensor<64x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 32768, type = tensor<64x128xf32>, hash = 0>]
  qopt.weight @layers.0.attn.v : tensor<64x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 32768, type = tensor<64x128xf32>, hash = 0>]
  qopt.weight @layers.0.attn.o : tensor<128x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 65536, type = tensor<128x128xf32>, hash = 0>]
  qopt.weight @layers.0.norm.mlp : tensor<128xf32> from [#qopt.source<"w.bin", offset = 0, length = 512, type = tensor<128xf32>, hash = 0>]
  qopt.weight @layers.0.mlp.gate : tensor<384x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 196608, type = tensor<384x128xf32>, hash = 0>]
  qopt.weight @layers.0.mlp.up : tensor<384x128xf32> from [#qopt.source<"w.bin", offset = 0, length = 196608, type = tensor<384x128xf32>, hash = 0>]
  qopt.weight @layers.0.mlp.down : tensor<128x384xf32> from [#qopt.source<"w.bin", offset = 0, length = 196608, type = tensor<128x384xf32>, hash = 0>]
  qopt.weight @norm.final : tensor<128xf32> from [#qopt.source<"w.bin", offset = 0, length = 512, type = tensor<128xf32>, hash = 0>]
  func.func @main(%ids: tensor<?x?xi64> {qopt.name = "ids", qopt.dims = affine_map<()[s0, s1, s2] -> (s0, s1)>}, %past: tensor<?xi64> {qopt.name = "past", qopt.dims = affine_map<()[s0, s1, s2] -> (s0)>}, %count: tensor<?xi64> {qopt.name = "count", qopt.dims = affine_map<()[s0, s1, s2] -> (s0)>}, %c0: !qopt.kv_cache<2x32, capacity = ?, key = f32, value = f32> {qopt.name = "layers.0.attn.cache"}) -> (tensor<?x?x2048xf32> {qopt.name = "logits", qopt.dims = affine_map<()[s0, s1, s2] -> (s0, s2, 2048)>}, !qopt.kv_cache<2x32, capacity = ?, key = f32, value = f32> {qopt.name = "layers.0.attn.cache"}) attributes {qopt.kind = "decoder", qopt.context = 512 : i64, qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"logits", 1 to -1>]} {
    %e = qopt.use_weight @embedding : tensor<2048x128xf32>
    %x = qopt.gather %e[%ids] : tensor<2048x128xf32>, tensor<?x?xi64>
    %pos = qopt.positions %past tokens affine_map<()[s0, s1, s2] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
    %g0 = qopt.use_weight @layers.0.norm.attn : tensor<128xf32>
    %n = qopt.rms_norm %x, %g0 epsilon 1.0e-05 : tensor<?x?x128xf32>, tensor<128xf32>
    %wq = qopt.use_weight @layers.0.attn.q : tensor<128x128xf32>
    %q = qopt.linear %n, %wq : tensor<?x?x128xf32>, tensor<128x128xf32>
    %qh = qopt.reshape %q dims affine_map<()[s0, s1, s2] -> (s0, s1, 4, 32)> : tensor<?x?x128xf32> -> tensor<?x?x4x32xf32>
    %qr = qopt.rotary %qh at %pos frequencies [1.000000e+00, 5.623413e-01, 3.162278e-01, 1.778279e-01, 1.000000e-01, 5.623413e-02, 3.162278e-02, 1.778279e-02, 1.000000e-02, 5.623413e-03, 3.162278e-03, 1.778279e-03, 1.000000e-03, 5.623413e-04, 3.162278e-04, 1.778279e-04] : tensor<?x?x4x32xf32>, tensor<?x?xi64>
    %wk = qopt.use_weight @layers.0.attn.k : tensor<64x128xf32>
    %k = qopt.linear %n, %wk : tensor<?x?x128xf32>, tensor<64x128xf32>
    %kh = qopt.reshape %k dims affine_map<()[s0, s1, s2] -> (s0, s1, 2, 32)> : tensor<?x?x64xf32> -> tensor<?x?x2x32xf32>
    %kr = qopt.rotary %kh at %pos frequencies [1.000000e+00, 5.623413e-01, 3.162278e-01, 1.778279e-01, 1.000000e-01, 5.623413e-02, 3.162278e-02, 1.778279e-02, 1.000000e-02, 5.623413e-03, 3.162278e-03, 1.778279e-03, 1.000000e-03, 5.623413e-04, 3.162278e-04, 1.778279e-04] : tensor<?x?x2x32xf32>, tensor<?x?xi64>
    %wv = qopt.use_weight @layers.0.attn.v : tensor<64x128xf32>
    %v = qopt.linear %n, %wv : tensor<?x?x128xf32>, tensor<64x128xf32>
    %vh = qopt.reshape %v dims affine_map<()[s0, s1, s2] -> (s0, s1, 2, 32)> : tensor<?x?x64xf32> -> tensor<?x?x2x32xf32>
    %c1 = qopt.kv_append %c0, %kr, %vh at %past : !qopt.kv_cache<2x32, capacity = ?, key = f32, value = f32>, tensor<?x?x2x32xf32>, tensor<?x?x2x32xf32>, tensor<?xi64>
    %a = qopt.cached_attention %qr, %c1 at %past scale 0.176776695 : tensor<?x?x4x32xf32>, !qopt.kv_cache<2x32, capacity = ?, key = f32, value = f32>, tensor<?xi64>
    %ar = qopt.reshape %a dims affine_map<()[s0, s1, s2] -> (s0, s1, 128)> : tensor<?x?x4x32xf32> -> tensor<?x?x128xf32>
    %wo = qopt.use_weight @layers.0.attn.o : tensor<128x128xf32>
    %o = qopt.linear %ar, %wo : tensor<?x?x128xf32>, tensor<128x128xf32>
    %x1 = qopt.binary add %x, %o : tensor<?x?x128xf32>, tensor<?x?x128xf32>
    %g1 = qopt.use_weight @layers.0.norm.mlp : tensor<128xf32>
    %n1 = qopt.rms_norm %x1, %g1 epsilon 1.0e-05 : tensor<?x?x128xf32>, tensor<128xf32>
    %wg = qopt.use_weight @layers.0.mlp.gate : tensor<384x128xf32>
    %gate = qopt.linear %n1, %wg : tensor<?x?x128xf32>, tensor<384x128xf32>
    %act = qopt.unary silu %gate : tensor<?x?x384xf32>
    %wu = qopt.use_weight @layers.0.mlp.up : tensor<384x128xf32>
    %up = qopt.linear %n1, %wu : tensor<?x?x128xf32>, tensor<384x128xf32>
    %m = qopt.binary mul %act, %up : tensor<?x?x384xf32>, tensor<?x?x384xf32>
    %wd = qopt.use_weight @layers.0.mlp.down : tensor<128x384xf32>
    %d = qopt.linear %m, %wd : tensor<?x?x384xf32>, tensor<128x384xf32>
    %x2 = qopt.binary add %x1, %d : tensor<?x?x128xf32>, tensor<?x?x128xf32>
    %l = qopt.take_last %x2, %count size affine_map<()[s0, s1, s2] -> (s2)> : tensor<?x?x128xf32>, tensor<?xi64> -> tensor<?x?x128xf32>
    %gf = qopt.use_weight @norm.final : tensor<128xf32>
    %nf = qopt.rms_norm %l, %gf epsilon 1.0e-05 : tensor<?x?x128xf32>, tensor<128xf32>
    %lg = qopt.linear %nf, %e : tensor<?x?x128xf32>, tensor<2048x128xf32>
    return %lg, %c1 : tensor<?x?x2048xf32>, !qopt.kv_cache<2x32, capacity = ?, key = f32, value = f32>
  }
}
