// RUN: qopt-opt %s --split-input-file --verify-diagnostics

func.func @positions(%p: tensor<2x2xi64>) {
  // expected-error @+1 {{past must be one integer per row of the batch, found 'tensor<2x2xi64>'}}
  %0 = qopt.positions %p tokens affine_map<()[s0] -> (s0)> : tensor<2x2xi64> -> tensor<2x?xi64>
  return
}

// -----

func.func @positions(%p: tensor<2xi64>) {
  // expected-error @+1 {{tokens must be one expression over symbols, found affine_map<()[s0] -> (s0, 3)>}}
  %0 = qopt.positions %p tokens affine_map<()[s0] -> (s0, 3)> : tensor<2xi64> -> tensor<2x?xi64>
  return
}

// -----

func.func @positions(%p: tensor<2xi64>) {
  // expected-error @+1 {{of 'tensor<2xi64>' for affine_map<()[s0] -> (s0)> does not give 'tensor<2x3xi64>'}}
  %0 = qopt.positions %p tokens affine_map<()[s0] -> (s0)> : tensor<2xi64> -> tensor<2x3xi64>
  return
}

// -----

func.func @take_last(%x: tensor<2x?x8xf32>, %n: tensor<2xf32>) {
  // expected-error @+1 {{count must be one integer per row of the batch, found 'tensor<2xf32>'}}
  %0 = qopt.take_last %x, %n size affine_map<() -> (1)> : tensor<2x?x8xf32>, tensor<2xf32> -> tensor<2x1x8xf32>
  return
}

// -----

func.func @take_last(%x: tensor<2x?x8xf32>, %n: tensor<2xi64>) {
  // expected-error @+1 {{size must be one expression over symbols, found affine_map<(d0) -> (d0)>}}
  %0 = qopt.take_last %x, %n size affine_map<(d0) -> (d0)> : tensor<2x?x8xf32>, tensor<2xi64> -> tensor<2x?x8xf32>
  return
}

// -----

func.func @take_last(%x: tensor<2xf32>, %n: tensor<2xi64>) {
  // expected-error @+1 {{input must be [batch, tokens, ...], found 'tensor<2xf32>'}}
  %0 = qopt.take_last %x, %n size affine_map<() -> (1)> : tensor<2xf32>, tensor<2xi64> -> tensor<2x1xf32>
  return
}

// -----

func.func @take_last(%x: tensor<2x?x8xf32>, %n: tensor<2xi64>) {
  // expected-error @+1 {{of 'tensor<2x?x8xf32>' with size affine_map<() -> (1)> does not give 'tensor<2x2x8xf32>'}}
  %0 = qopt.take_last %x, %n size affine_map<() -> (1)> : tensor<2x?x8xf32>, tensor<2xi64> -> tensor<2x2x8xf32>
  return
}

// -----

func.func @rotary(%x: tensor<2x?x24xf32>, %p: tensor<2x?xi64>) {
  // expected-error @+1 {{input must be [batch, tokens, heads, size] of floats, found 'tensor<2x?x24xf32>'}}
  %0 = qopt.rotary %x at %p frequencies [1.0] : tensor<2x?x24xf32>, tensor<2x?xi64>
  return
}

// -----

func.func @rotary(%x: tensor<2x?x4x6xf32>, %p: tensor<2x?xi64>) {
  // expected-error @+1 {{turns 8 channels of a head of 6}}
  %0 = qopt.rotary %x at %p frequencies [1.0, 1.0, 1.0, 1.0] : tensor<2x?x4x6xf32>, tensor<2x?xi64>
  return
}

// -----

func.func @rotary(%x: tensor<2x?x4x6xf32>, %p: tensor<2xi64>) {
  // expected-error @+1 {{positions must be [batch, tokens] of integers, found 'tensor<2xi64>'}}
  %0 = qopt.rotary %x at %p frequencies [1.0] : tensor<2x?x4x6xf32>, tensor<2xi64>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x2x6xf32>, %v: tensor<2x?x12xf32>) {
  // expected-error @+1 {{query and value must be [batch, tokens, heads, size], found 'tensor<2x?x4x6xf32>' and 'tensor<2x?x12xf32>'}}
  %0 = qopt.attention %q, %k, %v scale 0.5 : tensor<2x?x4x6xf32>, tensor<2x?x2x6xf32>, tensor<2x?x12xf32>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x2x8xf32>, %v: tensor<2x?x2x8xf32>) {
  // expected-error @+1 {{query and key have head sizes 6 and 8}}
  %0 = qopt.attention %q, %k, %v scale 0.5 : tensor<2x?x4x6xf32>, tensor<2x?x2x8xf32>, tensor<2x?x2x8xf32>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x2x6xf32>, %v: tensor<2x?x1x6xf32>) {
  // expected-error @+1 {{key and value differ: 'tensor<2x?x2x6xf32>' and 'tensor<2x?x1x6xf32>'}}
  %0 = qopt.attention %q, %k, %v scale 0.5 : tensor<2x?x4x6xf32>, tensor<2x?x2x6xf32>, tensor<2x?x1x6xf32>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x3x6xf32>) {
  // expected-error @+1 {{has 4 query heads, not a multiple of its 3 key heads}}
  %0 = qopt.attention %q, %k, %k scale 0.5 : tensor<2x?x4x6xf32>, tensor<2x?x3x6xf32>, tensor<2x?x3x6xf32>
  return
}

// -----

func.func @append(%c: !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, %k: tensor<1x?x4x6xf32>, %p: tensor<1xi64>) {
  // expected-error @+1 {{key 'tensor<1x?x4x6xf32>' does not fit the cache's 2 heads of 6}}
  %0 = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, tensor<1x?x4x6xf32>, tensor<1x?x4x6xf32>, tensor<1xi64>
  return
}

// -----

func.func @append(%c: !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, %k: tensor<1x?x2x6xf32>, %p: tensor<1xi64>) {
  // expected-error @+1 {{appends to a cache that another operation appends to as well}}
  %0 = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, tensor<1x?x2x6xf32>, tensor<1x?x2x6xf32>, tensor<1xi64>
  %1 = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, tensor<1x?x2x6xf32>, tensor<1x?x2x6xf32>, tensor<1xi64>
  return
}

// -----

func.func @cached_attention(%q: tensor<1x?x4x8xf32>, %c: !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, %p: tensor<1xi64>) {
  // expected-error @+1 {{query has head size 8, the cache 6}}
  %0 = qopt.cached_attention %q, %c at %p scale 0.5 : tensor<1x?x4x8xf32>, !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, tensor<1xi64>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x2x6xf32>, %m: tensor<2x4x1x1xi8>) {
  // expected-error @+1 {{mask must be floats (added) or i1 (true = seen), found 'tensor<2x4x1x1xi8>'}}
  %0 = qopt.attention %q, %k, %k mask %m scale 0.5 : tensor<2x?x4x6xf32>, tensor<2x?x2x6xf32>, tensor<2x?x2x6xf32> mask tensor<2x4x1x1xi8>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x2x6xf32>, %m: tensor<4x2x1x1xf32>) {
  // expected-error @+1 {{mask 'tensor<4x2x1x1xf32>' does not broadcast to [batch, heads, tokens, context] of 'tensor<2x?x4x6xf32>' and 'tensor<2x?x2x6xf32>'}}
  %0 = qopt.attention %q, %k, %k mask %m scale 0.5 : tensor<2x?x4x6xf32>, tensor<2x?x2x6xf32>, tensor<2x?x2x6xf32> mask tensor<4x2x1x1xf32>
  return
}

// -----

// A mask does not make the scores wider.
func.func @attention(%q: tensor<1x?x4x6xf32>, %k: tensor<1x?x2x6xf32>, %m: tensor<3x1x1x1xf32>) {
  // expected-error @+1 {{mask 'tensor<3x1x1x1xf32>' does not broadcast to [batch, heads, tokens, context]}}
  %0 = qopt.attention %q, %k, %k mask %m scale 0.5 : tensor<1x?x4x6xf32>, tensor<1x?x2x6xf32>, tensor<1x?x2x6xf32> mask tensor<3x1x1x1xf32>
  return
}

// -----

func.func @attention(%q: tensor<2x?x4x6xf32>, %k: tensor<2x?x2x6xf32>) {
  // expected-error @+1 {{has a window but is not causal; the window ends at the last key that a causal query sees}}
  %0 = qopt.attention %q, %k, %k scale 0.5 window 4 : tensor<2x?x4x6xf32>, tensor<2x?x2x6xf32>, tensor<2x?x2x6xf32>
  return
}

// -----

func.func @cached_attention(%q: tensor<1x?x4x6xf32>, %c: !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, %p: tensor<1xi64>) {
  // expected-error @+1 {{has a window of -1 keys, expected 0 (no window) or more}}
  %0 = qopt.cached_attention %q, %c at %p scale 0.5 window -1 : tensor<1x?x4x6xf32>, !qopt.kv_cache<2x6, capacity = ?, key = f32, value = f32>, tensor<1xi64>
  return
}
