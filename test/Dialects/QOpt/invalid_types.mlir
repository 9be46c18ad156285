// RUN: qopt-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{codes must be signless integers of 2 to 8 bits, found 'i16'}}
func.func private @f(tensor<4x8x!qopt.packed<i16, group = 4, scale = f16>>)

// -----

// expected-error @+1 {{codes must be signless integers of 2 to 8 bits, found 'ui4'}}
func.func private @f(tensor<4x8x!qopt.packed<ui4, group = 4, scale = f16>>)

// -----

// expected-error @+1 {{a group has at least 1 element (0: the whole axis), found -4}}
func.func private @f(tensor<4x8x!qopt.packed<i4, group = -4, scale = f16>>)

// -----

// expected-error @+1 {{scales must be f16, bf16 or f32, found 'f64'}}
func.func private @f(tensor<4x8x!qopt.packed<i4, group = 4, scale = f64>>)

// -----

// expected-error @+1 {{codes must be f8E4M3FN, found 'f8E5M2'}}
func.func private @f(tensor<4x8x!qopt.scaled<f8E5M2, group = 4, scale = f32>>)

// -----

// expected-error @+1 {{scales must be f16, bf16 or f32, found 'f64'}}
func.func private @f(tensor<4x8x!qopt.scaled<f8E4M3FN, group = 4, scale = f64>>)

// -----

// expected-error @+1 {{expected heads x head size}}
func.func private @f(!qopt.kv_cache<2x3x4, capacity = 8, key = f32, value = f32>)

// -----

// expected-error @+1 {{heads and head size must be positive, found 0x32}}
func.func private @f(!qopt.kv_cache<0x32, capacity = 8, key = f32, value = f32>)

// -----

// expected-error @+1 {{capacity must be positive, found 0}}
func.func private @f(!qopt.kv_cache<2x32, capacity = 0, key = f32, value = f32>)

// -----

// expected-error @+1 {{a cache stores f32, f16, bf16, or codes of 8 bits with one group and no zero point, found 'f64'}}
func.func private @f(!qopt.kv_cache<2x32, capacity = 8, key = f32, value = f64>)

// -----

// expected-error @+1 {{one group and no zero point, found '!qopt.packed<i8, group = 32, scale = f16>'}}
func.func private @f(!qopt.kv_cache<2x32, capacity = 8, key = !qopt.packed<i8, group = 32, scale = f16>, value = f32>)

// -----

// expected-error @+1 {{codes must be f8E4M3FN, found 'f8E5M2'}}
func.func private @f(tensor<4x8x!qopt.scaled<f8E5M2, group = 0, scale = f16>>)

// -----

// expected-error @+1 {{a symbol needs a name}}
module attributes {qopt.symbols = [#qopt.symbol<"", 1 to 2>]} {}

// -----

// expected-error @+1 {{symbol 'tokens' has an empty range 3..2}}
module attributes {qopt.symbols = [#qopt.symbol<"tokens", 3 to 2>]} {}

// -----

// expected-error @+1 {{symbol 'tokens' has divisor 0, expected 1 or more}}
module attributes {qopt.symbols = [#qopt.symbol<"tokens", 1 to 2, divisor = 0>]} {}

// -----

// expected-error @+1 {{'qopt.symbols' must be an array of #qopt.symbol}}
module attributes {qopt.symbols = "tokens"} {}

// -----

// expected-error @+1 {{'qopt.symbols' must be an array of #qopt.symbol, found 7}}
module attributes {qopt.symbols = [7]} {}

// -----

// expected-error @+1 {{symbol 'tokens' is declared twice}}
module attributes {qopt.symbols = [#qopt.symbol<"tokens", 1 to 2>, #qopt.symbol<"tokens", 1 to 3>]} {}

// -----

qopt.weight @w : tensor<4xf32>
  // expected-error @+1 {{source 'm.data' has offset -4 and length 16, expected non-negative numbers}}
  from [#qopt.source<"m.data", offset = -4, length = 16, type = tensor<4xf32>, hash = 0>]

// -----

qopt.weight @w : tensor<4xf32>
  // expected-error @+1 {{source 'm.data' has type 'tensor<?xf32>', expected a static tensor of numbers}}
  from [#qopt.source<"m.data", offset = 0, length = 16, type = tensor<?xf32>, hash = 0>]

// -----

qopt.weight @w : tensor<4xf32>
  // expected-error @+1 {{source 'm.data' holds 12 bytes, but 'tensor<4xf32>' needs 16}}
  from [#qopt.source<"m.data", offset = 0, length = 12, type = tensor<4xf32>, hash = 0>]

// -----

module attributes {
  // expected-error @+1 {{source 'm.data' has type 'tensor<4611686018427387904x4xf32>', whose size overflows}}
  test.source = #qopt.source<"m.data", offset = 0, length = 16, type = tensor<4611686018427387904x4xf32>, hash = 0>
} {}

// -----

module attributes {
  // expected-error @+1 {{source 'm.data' ends beyond the largest offset of a file}}
  test.source = #qopt.source<"m.data", offset = 9223372036854775800, length = 16, type = tensor<4xf32>, hash = 0>
} {}

// -----

// expected-error @+1 {{argument 0: 'qopt.dims' must be a map over symbols, found "tokens"}}
func.func private @f(tensor<?x4xf32> {qopt.dims = "tokens"})

// -----

// expected-error @+1 {{argument 0 of type 'tensor<?x4xf32>' cannot have dimensions affine_map<()[s0] -> (s0)>}}
func.func private @f(tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0)>})

// -----

// expected-error @+1 {{result 0 of type 'tensor<4x4xf32>' cannot have dimensions affine_map<()[s0] -> (s0, 4)>}}
func.func private @f() -> (tensor<4x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})

// -----

// expected-error @+1 {{argument 0 has dimensions affine_map<()[s0, s1] -> (s1)>, but only 1 symbols are declared}}
func.func private @f(tensor<?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1)>}) attributes {qopt.symbols = [#qopt.symbol<"tokens", 1 to 2>]}

// -----

// expected-error @+1 {{zero points that are no codes must be f16, bf16 or f32, found 'f64'}}
module attributes {test.type = tensor<4x8x!qopt.packed<i4, group = 4, scale = f16, asymmetric = f64>>} {}

// -----

module attributes {
  // expected-error @+1 {{codes must be integers of 8 or 16 bits, found 'i4'}}
  test.quantization = #qopt.quantization<i4, scale = 0.5 : f32, zero_point = 0>
} {}

// -----

module attributes {
  // expected-error @+1 {{the scale must be f32, found 'f16'}}
  test.quantization = #qopt.quantization<i8, scale = 0.5 : f16, zero_point = 0>
} {}

// -----

module attributes {
  // expected-error @+1 {{zero point 128 is no code of 'i8'}}
  test.quantization = #qopt.quantization<i8, scale = 0.5 : f32, zero_point = 128>
} {}
