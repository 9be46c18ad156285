// RUN: qopt-opt %s --split-input-file --verify-diagnostics --qopt-verify-quantized

// What holds.
qopt.weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] scheme "rtn" precision <!qopt.packed<i4, group = 4, scale = f16>, "rtn", "option">
func.func @main(%x: tensor<2x4xf32>, %c: !qopt.kv_cache<2x4, capacity = ?, key = f16, value = f16> {qopt.precision = #qopt.precision<f16, "cast", "option">}) -> tensor<2x8xf32> {
  %w = qopt.use_weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>
  %y = qopt.linear %x, %w : tensor<2x4xf32>, tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>
  return %y : tensor<2x8xf32>
}

// -----

qopt.weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] scheme "rtn"
func.func private @elsewhere(tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>)
func.func @main() {
  %w = qopt.use_weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>
  // expected-error @+1 {{touches a stored value of type 'tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>'; only qopt operations know its groups and scales}}
  func.call @elsewhere(%w) : (tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>) -> ()
  return
}

// -----

qopt.weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] scheme "rtn"
func.func @main(%i: i64) {
  %w = qopt.use_weight @w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>>
  // expected-error @+1 {{touches a stored value of type}}
  %0 = builtin.unrealized_conversion_cast %w : tensor<8x4x!qopt.packed<i4, group = 4, scale = f16>> to tensor<8x4xf16>
  return
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{does not belong to the 'quantized' level, whose functions hold operations of qopt and func}}
  %0 = arith.addf %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// expected-error @+1 {{was decided to be stored as '!qopt.packed<i4, group = 4, scale = f16>', but has type 'tensor<8x4xf32>'; run --qopt-quantize-blocks}}
qopt.weight @w : tensor<8x4xf32> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] precision <!qopt.packed<i4, group = 4, scale = f16>, "rtn", "option">

// -----

// expected-error @+1 {{argument 0 of 'main' was decided to be stored as 'f16', but has type '!qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32>'; run --qopt-quantize-blocks}}
func.func @main(%c: !qopt.kv_cache<2x4, capacity = ?, key = f32, value = f32> {qopt.precision = #qopt.precision<f16, "cast", "option">}) {
  return
}

// -----

func.func @main(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @+1 {{multiplies with a matrix that is no weight; a product of two values is qopt.matmul}}
  %0 = qopt.linear %x, %w : tensor<2x4xf32>, tensor<8x4xf32>
  return
}

// -----

func.func @main(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{slides a matrix that is no weight}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

qopt.weight @w : tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>> from [#qopt.source<"w", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] scheme "rtn"
func.func @undone(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = qopt.use_weight @w : tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>>
  // expected-error @+1 {{was decided to read its input as 'i8', but reads 'tensor<4x8xf32>'; run --qopt-quantize-activations}}
  %y = qopt.linear %x, %w {qopt.input_precision = #qopt.precision<i8, "dynamic", "--w8a8">} : tensor<4x8xf32>, tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>>
  return %y : tensor<4x16xf32>
}
