// RUN: qopt-opt %s --qopt-canonicalize-decoder --verify-each --split-input-file | FileCheck %s

#bs = affine_map<()[s0, s1, s2] -> (s1, s0)>
#b = affine_map<()[s0, s1, s2] -> (s1)>
#s = affine_map<()[s0, s1, s2] -> (s0)>
#x = affine_map<()[s0, s1, s2] -> (s1, s0, 8)>
#h = affine_map<()[s0, s1, s2] -> (s1, s0, 2, 4)>
!cache = !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>

// CHECK: affine_map<()[s0, s1, s2] -> (s0, s2, 16)>
// Names by role, in the order of their use; what nobody reads goes.
// CHECK: qopt.weight @embedding : tensor<16x8xf32> {{.*}} offset = 0,
// CHECK-NEXT: qopt.weight @layers.0.norm.attn : {{.*}} offset = 1,
// CHECK-NEXT: qopt.weight @layers.0.attn.q : {{.*}} offset = 2,
// CHECK-NEXT: qopt.weight @layers.0.attn.q.bias : {{.*}} offset = 3,
// CHECK-NEXT: qopt.weight @layers.0.attn.k : {{.*}} offset = 4,
// CHECK-NEXT: qopt.weight @layers.0.attn.v : {{.*}} offset = 5,
// CHECK-NEXT: qopt.weight @layers.0.attn.o : {{.*}} offset = 6,
// CHECK-NEXT: qopt.weight @layers.0.norm.mlp : {{.*}} offset = 7,
// CHECK-NEXT: qopt.weight @layers.0.mlp.gate : {{.*}} offset = 9,
// CHECK-NEXT: qopt.weight @layers.0.mlp.up : {{.*}} offset = 8,
// CHECK-NEXT: qopt.weight @layers.0.mlp.down : {{.*}} offset = 10,
// CHECK-NEXT: qopt.weight @norm.final : {{.*}} offset = 11,
// CHECK-NEXT: func.func
qopt.weight @norm_final : tensor<8xf32> from [#qopt.source<"m", offset = 11, length = 32, type = tensor<8xf32>, hash = 0>]
qopt.weight @embed_tokens : tensor<16x8xf32> from [#qopt.source<"m", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>]
qopt.weight @n0 : tensor<8xf32> from [#qopt.source<"m", offset = 1, length = 32, type = tensor<8xf32>, hash = 0>]
qopt.weight @wq : tensor<8x8xf32> from [#qopt.source<"m", offset = 2, length = 256, type = tensor<8x8xf32>, hash = 0>]
qopt.weight @bq : tensor<8xf32> from [#qopt.source<"m", offset = 3, length = 32, type = tensor<8xf32>, hash = 0>]
qopt.weight @wk : tensor<8x8xf32> from [#qopt.source<"m", offset = 4, length = 256, type = tensor<8x8xf32>, hash = 0>]
qopt.weight @wv : tensor<8x8xf32> from [#qopt.source<"m", offset = 5, length = 256, type = tensor<8x8xf32>, hash = 0>]
qopt.weight @wo : tensor<8x8xf32> from [#qopt.source<"m", offset = 6, length = 256, type = tensor<8x8xf32>, hash = 0>]
qopt.weight @n1 : tensor<8xf32> from [#qopt.source<"m", offset = 7, length = 32, type = tensor<8xf32>, hash = 0>]
qopt.weight @w1 : tensor<12x8xf32> from [#qopt.source<"m", offset = 8, length = 384, type = tensor<12x8xf32>, hash = 0>]
qopt.weight @w2 : tensor<12x8xf32> from [#qopt.source<"m", offset = 9, length = 384, type = tensor<12x8xf32>, hash = 0>]
qopt.weight @w3 : tensor<8x12xf32> from [#qopt.source<"m", offset = 10, length = 384, type = tensor<8x12xf32>, hash = 0>]
qopt.weight @unused : tensor<8xf32> from [#qopt.source<"m", offset = 12, length = 32, type = tensor<8xf32>, hash = 0>]

// CHECK-SAME: @main(%[[ids:[a-z0-9]*]]: tensor<?x?xi64> {qopt.dims = affine_map<()[s0, s1, s2] -> (s0, s1)>, qopt.name = "ids"}
// CHECK-SAME: %[[past:[a-z0-9]*]]: tensor<?xi64> {qopt.dims = affine_map<()[s0, s1, s2] -> (s0)>, qopt.name = "past"}
// CHECK-SAME: %[[count:[a-z0-9]*]]: tensor<?xi64> {qopt.dims = affine_map<()[s0, s1, s2] -> (s0)>, qopt.name = "count"}
// CHECK-SAME: %[[c0:[a-z0-9]*]]: !qopt.kv_cache
// CHECK-SAME: (tensor<?x?x16xf32> {qopt.dims = #[[map:.*]], qopt.name = "logits"}, !qopt.kv_cache
// CHECK-SAME: qopt.context = 64 : i64, qopt.kind = "decoder"
// CHECK-SAME: qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"logits", 1 to -1>]
func.func @main(%ids: tensor<?x?xi64> {qopt.dims = #bs, qopt.name = "input_ids"}, %past: tensor<?xi64> {qopt.dims = #b, qopt.name = "past"}, %c0: !cache {qopt.name = "layers.0.attn.cache"})
    -> (tensor<?x?x16xf32> {qopt.name = "logits"}, !cache {qopt.name = "layers.0.attn.cache"})
    attributes {qopt.symbols = [#qopt.symbol<"sequence_length", 0 to -1>, #qopt.symbol<"batch_size", 0 to -1>, #qopt.symbol<"past_length", 0 to -1>]} {
  %we = qopt.use_weight @embed_tokens : tensor<16x8xf32>
  %x = qopt.gather %we[%ids] : tensor<16x8xf32>, tensor<?x?xi64>
  %g0 = qopt.use_weight @n0 : tensor<8xf32>
  %wq = qopt.use_weight @wq : tensor<8x8xf32>
  %bq = qopt.use_weight @bq : tensor<8xf32>
  %wk = qopt.use_weight @wk : tensor<8x8xf32>
  %wv = qopt.use_weight @wv : tensor<8x8xf32>
  %wo = qopt.use_weight @wo : tensor<8x8xf32>
  %g1 = qopt.use_weight @n1 : tensor<8xf32>
  %w1 = qopt.use_weight @w1 : tensor<12x8xf32>
  %w2 = qopt.use_weight @w2 : tensor<12x8xf32>
  %w3 = qopt.use_weight @w3 : tensor<8x12xf32>
  %gf = qopt.use_weight @norm_final : tensor<8xf32>
  %pos = qopt.positions %past tokens #s : tensor<?xi64> -> tensor<?x?xi64>
  %n = qopt.rms_norm %x, %g0 epsilon 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32>
  %v = qopt.linear %n, %wv : tensor<?x?x8xf32>, tensor<8x8xf32>
  %k = qopt.linear %n, %wk : tensor<?x?x8xf32>, tensor<8x8xf32>
  %q = qopt.linear %n, %wq : tensor<?x?x8xf32>, tensor<8x8xf32>
  // CHECK: qopt.binary add %{{.*}}, %{{.*}} : tensor<?x?x8xf32>, tensor<8xf32>
  %qb = qopt.binary add %bq, %q : tensor<8xf32>, tensor<?x?x8xf32>
  %qh = qopt.reshape %qb dims #h : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %kh = qopt.reshape %k dims #h : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %vh = qopt.reshape %v dims #h : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %qr = qopt.rotary %qh at %pos frequencies [1.0, 0.5] table 64 : tensor<?x?x2x4xf32>, tensor<?x?xi64>
  %kr = qopt.rotary %kh at %pos frequencies [1.0, 0.5] table 64 : tensor<?x?x2x4xf32>, tensor<?x?xi64>
  %c1 = qopt.kv_append %c0, %kr, %vh at %past : !cache, tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, tensor<?xi64>
  %a = qopt.cached_attention %qr, %c1 at %past scale 0.5 : tensor<?x?x2x4xf32>, !cache, tensor<?xi64>
  %ar = qopt.reshape %a dims #x : tensor<?x?x2x4xf32> -> tensor<?x?x8xf32>
  %o = qopt.linear %ar, %wo : tensor<?x?x8xf32>, tensor<8x8xf32>
  %x1 = qopt.binary add %o, %x : tensor<?x?x8xf32>, tensor<?x?x8xf32>
  // CHECK: %[[n1:.*]] = qopt.rms_norm %[[x1:.*]], %{{.*}} epsilon
  %n1 = qopt.rms_norm %x1, %g1 epsilon 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32>
  %up = qopt.linear %n1, %w1 : tensor<?x?x8xf32>, tensor<12x8xf32>
  %gate = qopt.linear %n1, %w2 : tensor<?x?x8xf32>, tensor<12x8xf32>
  // CHECK: %[[silu:.*]] = qopt.unary silu
  // CHECK: %[[up:.*]] = qopt.linear %[[n1]]
  // CHECK: qopt.binary mul %[[silu]], %[[up]]
  %act = qopt.unary silu %gate : tensor<?x?x12xf32>
  %m = qopt.binary mul %up, %act : tensor<?x?x12xf32>, tensor<?x?x12xf32>
  %down = qopt.linear %m, %w3 : tensor<?x?x12xf32>, tensor<8x12xf32>
  // CHECK: %[[x2:.*]] = qopt.binary add %[[x1]], %
  %x2 = qopt.binary add %down, %x1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
  // CHECK: %[[last:.*]] = qopt.take_last %[[x2]], %[[count]] size #{{.*}} : tensor<?x?x8xf32>, tensor<?xi64> -> tensor<?x?x8xf32>
  // CHECK: %[[nf:.*]] = qopt.rms_norm %[[last]]
  %nf = qopt.rms_norm %x2, %gf epsilon 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32>
  // CHECK: qopt.linear %[[nf]]
  %logits = qopt.linear %nf, %we : tensor<?x?x8xf32>, tensor<16x8xf32>
  return %logits, %c1 : tensor<?x?x16xf32>, !cache
}

// -----

// What has no cache keeps its form and its names.
// CHECK: qopt.weight @my.weight
// CHECK: func.func @main({{.*}}qopt.name = "pixels"{{.*}}qopt.kind = "graph"
qopt.weight @my.weight : tensor<8x8xf32> from [#qopt.source<"m", offset = 0, length = 256, type = tensor<8x8xf32>, hash = 0>]
func.func @main(%x: tensor<2x8xf32> {qopt.name = "pixels"}) -> tensor<2x8xf32> {
  %w = qopt.use_weight @my.weight : tensor<8x8xf32>
  %y = qopt.linear %x, %w : tensor<2x8xf32>, tensor<8x8xf32>
  return %y : tensor<2x8xf32>
}
