// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-model

// What holds.
qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] precision <!qopt.packed<i4, group = 4, scale = f16>, "rtn", "option">
func.func private @elsewhere(tensor<f32>)
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}, %p: tensor<1xi64>, %k: tensor<1x1x2x4xf32>, %c: !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>)
    -> (tensor<?x8xf32> {qopt.dims = affine_map<()[s0] -> (s0 + 0, 8)>}, !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1x1x2x4xf32>)
    attributes {qopt.symbols = [#qopt.symbol<"rows", 1 to -1>]} {
  %w = qopt.use_weight @w : tensor<8x4xf32>
  %y = qopt.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32>
  // A cache may be read before it is appended to.
  %b = qopt.cached_attention %k, %c at %p scale 0.5 : tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1xi64>
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  %a = qopt.cached_attention %b, %d at %p scale 0.5 : tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1xi64>
  return %y, %d, %a : tensor<?x8xf32>, !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1x1x2x4xf32>
}

// -----

// expected-error @+1 {{does not belong to the 'model' level, whose modules hold qopt.weight and func.func}}
qkernel.kernel @k() attributes {kind = "elementwise"} {
  qkernel.yield
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{does not belong to the 'model' level, whose functions hold operations of qopt and func}}
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error @+1 {{'main' has several blocks; control flow must be folded or unrolled by now}}
func.func @main() {
  llvm.br ^end
^end:
  return
}

// -----

// expected-error @+1 {{is stored as 'tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>' at the 'model' level, where precision is only a decision}}
qopt.weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] scheme "rtn"

// -----

// expected-error @+1 {{argument 0 of 'main' has type 'tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>', expected a tensor of plain numbers or a cache; only weights are stored}}
func.func @main(%x: tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>) {
  return
}

// -----

func.func private @size() -> index
func.func @main() {
  // expected-error @+1 {{gives a 'index', expected a tensor of plain numbers or a cache}}
  %0 = func.call @size() : () -> index
  return
}

// -----

// expected-error @+1 {{argument 0 of type 'tensor<?xf32>' has no 'qopt.dims'}}
func.func @main(%x: tensor<?xf32>) {
  return
}

// -----

// expected-error @+1 {{result 0 of 'main' declares dimensions affine_map<()[s0] -> (s0 + 1)>, but its value has affine_map<()[s0] -> (s0)>}}
func.func @main(%x: tensor<?xf32> {qopt.dims = affine_map<()[s0] -> (s0)>}) -> (tensor<?xf32> {qopt.dims = affine_map<()[s0] -> (s0 + 1)>})
    attributes {qopt.symbols = [#qopt.symbol<"rows", 1 to -1>]} {
  return %x : tensor<?xf32>
}

// -----

func.func @main(%c: !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32> {
  // expected-note @+1 {{the append happens in place}}
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  // expected-error @+1 {{uses a cache after it was appended to; use what the append gives}}
  %0 = qopt.cached_attention %k, %c at %p scale 0.5 : tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1xi64>
  return %d : !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>
}

// -----

func.func @main(%c: !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32> {
  // expected-note @+1 {{the append happens in place}}
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  // expected-error @+1 {{uses a cache after it was appended to; use what the append gives}}
  return %c : !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>
}

// -----

func.func @main(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{multiplies with a matrix that is no weight; a product of two values is qopt.matmul}}
  %0 = qopt.linear %x, %w : tensor<2x4xf32>, tensor<8x4xf32>
  return
}
