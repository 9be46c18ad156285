// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-kernels

// What holds: @a and @c share their bytes, since @a is not read any more.
qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] layout #qkernel.panels<16>
qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
qkernel.kernel @linear(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}, %w: tensor<8x4xf32> {qkernel.layout = #qkernel.panels<16>}) -> (tensor<?x8xf32> {qopt.dims = affine_map<()[s0] -> (s0, 8)>})
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32>
  qkernel.yield %y : tensor<?x8xf32>
}
qkernel.kernel @append(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> attributes {kind = "append"} {
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  qkernel.yield %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}
func.func private @elsewhere()
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}, %c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>)
    -> (tensor<?x8xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>) attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %w = qopt.use_weight @w : tensor<8x4xf32>
  %a = qkernel.launch @neg "a"(%x) arena [0] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = qkernel.launch @neg "b"(%a) arena [256] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %e = qkernel.launch @neg "e"(%b) arena [0] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = qkernel.launch @linear "y"(%e, %w) arena [-1] : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  %d = qkernel.launch @append "d"(%c, %k, %p) arena [-1] : (!qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
  return %y, %d : tensor<?x8xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}
func.func @unplanned(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qopt.symbols = [#qopt.symbol<"rows", 1 to -1>]} {
  %a = qkernel.launch @neg "a"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

// -----

// expected-error @+1 {{does not belong to the 'kernels' level, whose modules hold qopt.weight, qkernel.kernel and func.func}}
module {}
func.func private @elsewhere()

// -----

qkernel.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {kind = "elementwise"} {
  // expected-error @+1 {{is no qopt operation; kernels hold nothing else}}
  %y = arith.addf %x, %x : tensor<4xf32>
  qkernel.yield %y : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{stands outside of every kernel; run --qopt-form-kernels}}
  %y = qopt.unary neg %x : tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qopt.symbols = [#qopt.symbol<"rows", 1 to 16>, #qopt.symbol<"columns", 1 to 16>]} {
  // expected-error @+1 {{of 'neg' over the symbols (rows) from a function over (rows, columns); they must be the same, in the same order}}
  %a = qkernel.launch @neg "a"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

// -----

// expected-error @+1 {{has no layout, but 'head' reads it; run --qopt-choose-layouts}}
qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>]
qkernel.kernel @linear(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) -> tensor<2x8xf32> attributes {kind = "contraction"} {
  %y = qopt.linear %x, %w : tensor<2x4xf32>, tensor<8x4xf32>
  qkernel.yield %y : tensor<2x8xf32>
}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x8xf32> {
  %w = qopt.use_weight @w : tensor<8x4xf32>
  %y = qkernel.launch @linear "head"(%x, %w) : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] layout #qkernel.panels<16>
qkernel.kernel @linear(%x: tensor<2x4xf32>, %w: tensor<8x4xf32> {qkernel.layout = #qkernel.plain}) -> tensor<2x8xf32> attributes {kind = "contraction"} {
  %y = qopt.linear %x, %w : tensor<2x4xf32>, tensor<8x4xf32>
  qkernel.yield %y : tensor<2x8xf32>
}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x8xf32> {
  %w = qopt.use_weight @w : tensor<8x4xf32>
  // expected-error @+1 {{passes weight 'w' in layout #qkernel.panels<16> to argument 1 of 'linear', which reads it in #qkernel.plain}}
  %y = qkernel.launch @linear "head"(%x, %w) : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] layout #qkernel.panels<16>
qkernel.kernel @linear(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) -> tensor<2x8xf32> attributes {kind = "contraction"} {
  %y = qopt.linear %x, %w : tensor<2x4xf32>, tensor<8x4xf32>
  qkernel.yield %y : tensor<2x8xf32>
}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x8xf32> {
  %w = qopt.use_weight @w : tensor<8x4xf32>
  // expected-error @+1 {{passes weight 'w' in layout #qkernel.panels<16> to argument 1 of 'linear', which names none}}
  %y = qkernel.launch @linear "head"(%x, %w) : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %a = qkernel.launch @neg "a"(%x) arena [0] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // expected-error @+1 {{has no place for its results, but memory was planned; run --qopt-plan-memory}}
  %b = qkernel.launch @neg "b"(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  // expected-error @+1 {{result 0 is no output, but has no place in the arena}}
  %a = qkernel.launch @neg "a"(%x) arena [-1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = qkernel.launch @neg "b"(%a) arena [-1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %a = qkernel.launch @neg "a"(%x) arena [0] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // expected-error @+1 {{result 0 is an output or a cache, but lies in the arena}}
  %b = qkernel.launch @neg "b"(%a) arena [256] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  // expected-error @+1 {{result 0 takes 256 bytes at 320 of an arena of 512, aligned to 64}}
  %a = qkernel.launch @neg "a"(%x) arena [320] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = qkernel.launch @neg "b"(%a) arena [-1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  // expected-error @+1 {{result 0 takes 256 bytes at 32 of an arena of 512, aligned to 64}}
  %a = qkernel.launch @neg "a"(%x) arena [32] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = qkernel.launch @neg "b"(%a) arena [-1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to 16>]} {
  // expected-note @+1 {{that value lies at bytes 0 to 256}}
  %a = qkernel.launch @neg "a"(%x) arena [0] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // expected-error @+1 {{writes bytes 192 to 448 of the arena, where a value is still to be read}}
  %b = qkernel.launch @neg "b"(%a) arena [192] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %d = qkernel.launch @neg "d"(%b) arena [-1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}

// -----

qkernel.kernel @neg(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to -1>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qkernel.arena_bytes = 512, qopt.symbols = [#qopt.symbol<"rows", 1 to -1>]} {
  // expected-error @+1 {{lies in an arena, but its size has no maximum; run --qopt-bind-sizes}}
  %a = qkernel.launch @neg "a"(%x) arena [0] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = qkernel.launch @neg "b"(%a) arena [-1] : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// -----

// Reading before the append is fine.
qkernel.kernel @append(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> attributes {kind = "append"} {
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  qkernel.yield %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}
qkernel.kernel @attend(%q: tensor<1x1x2x4xf32>, %c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %p: tensor<1xi64>) -> tensor<1x1x2x4xf32> attributes {kind = "attention"} {
  %y = qopt.cached_attention %q, %c at %p scale 0.5 : tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1xi64>
  qkernel.yield %y : tensor<1x1x2x4xf32>
}
func.func @main(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> {
  %y = qkernel.launch @attend "y"(%k, %c, %p) : (tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1xi64>) -> tensor<1x1x2x4xf32>
  %d = qkernel.launch @append "d"(%c, %k, %p) : (!qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
  return %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}

// -----

qkernel.kernel @append(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> attributes {kind = "append"} {
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  qkernel.yield %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}
qkernel.kernel @attend(%q: tensor<1x1x2x4xf32>, %c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %p: tensor<1xi64>) -> tensor<1x1x2x4xf32> attributes {kind = "attention"} {
  %y = qopt.cached_attention %q, %c at %p scale 0.5 : tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1xi64>
  qkernel.yield %y : tensor<1x1x2x4xf32>
}
func.func @main(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> {
  // expected-note @+1 {{the append happens in place}}
  %d = qkernel.launch @append "d"(%c, %k, %p) : (!qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
  // expected-error @+1 {{uses a cache after it was appended to; use what the append gives}}
  %y = qkernel.launch @attend "y"(%k, %c, %p) : (tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1xi64>) -> tensor<1x1x2x4xf32>
  return %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}

// -----

qkernel.kernel @append(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> attributes {kind = "append"} {
  %d = qopt.kv_append %c, %k, %k at %p : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>, tensor<1xi64>
  qkernel.yield %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}
qkernel.kernel @attend(%q: tensor<1x1x2x4xf32>, %c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %p: tensor<1xi64>) -> tensor<1x1x2x4xf32> attributes {kind = "attention"} {
  %y = qopt.cached_attention %q, %c at %p scale 0.5 : tensor<1x1x2x4xf32>, !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1xi64>
  qkernel.yield %y : tensor<1x1x2x4xf32>
}
func.func @main(%c: !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, %k: tensor<1x1x2x4xf32>, %p: tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16> {
  // expected-error @+1 {{appends to a cache that another operation appends to as well}}
  %d = qkernel.launch @append "d"(%c, %k, %p) : (!qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
  %e = qkernel.launch @append "e"(%c, %k, %p) : (!qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>, tensor<1x1x2x4xf32>, tensor<1xi64>) -> !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
  return %d : !qopt.kv_cache<2x4, capacity = 8, key = f16, value = f16>
}
