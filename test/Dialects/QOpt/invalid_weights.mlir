// RUN: qopt-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{must have a static shape, found 'tensor<?xf32>'}}
qopt.weight @w : tensor<?xf32> from [#qopt.source<"m.data", offset = 0, length = 16, type = tensor<4xf32>, hash = 0>]

// -----

// expected-error @+1 {{needs at least one source}}
qopt.weight @w : tensor<4xf32> from []

// -----

// Sources are joined along axis 0: the others must agree.
// expected-error @+1 {{sources and steps do not fit together: source 1 does not continue the ones before it along axis 0}}
qopt.weight @w : tensor<4x3xf32> from [#qopt.source<"m.data", offset = 0, length = 24, type = tensor<2x3xf32>, hash = 0>, #qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>]

// -----

// expected-error @+1 {{sources and steps do not fit together: step 0, #qopt.transpose<[1, 2]> does not apply to tensor<2x4xf32>}}
qopt.weight @w : tensor<4x2xf32> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>] steps [#qopt.transpose<[1, 2]>]

// -----

// An axis named twice is no permutation.
// expected-error @+1 {{sources and steps do not fit together: step 0, #qopt.transpose<[0, 0]> does not apply to tensor<2x4xf32>}}
qopt.weight @w : tensor<2x2xf32> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>] steps [#qopt.transpose<[0, 0]>]

// -----

// expected-error @+1 {{sources and steps do not fit together: step 0, #qopt.slice<axis = 1, offset = 3, size = 2> does not apply to tensor<2x4xf32>}}
qopt.weight @w : tensor<2x2xf32> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>] steps [#qopt.slice<axis = 1, offset = 3, size = 2>]

// -----

// expected-error @+1 {{sources and steps do not fit together: step 0, #qopt.reshape<[3, 3]> does not apply to tensor<2x4xf32>}}
qopt.weight @w : tensor<3x3xf32> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>] steps [#qopt.reshape<[3, 3]>]

// -----

// expected-error @+1 {{sources and steps give 'tensor<2x4xf32>', but the type is 'tensor<4x2xf32>'}}
qopt.weight @w : tensor<4x2xf32> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>]

// -----

// expected-error @+1 {{sources and steps give 'tensor<2x4xf32>', but the type is 'tensor<2x4xf16>'}}
qopt.weight @w : tensor<2x4xf16> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>]

// -----

// expected-error @+1 {{of stored type 'tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>>' names no scheme that computes its codes}}
qopt.weight @w : tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>]

// -----

// expected-error @+1 {{cannot be quantized from 'tensor<2x4xi32>'}}
qopt.weight @w : tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xi32>, hash = 0>] scheme "rtn"

// -----

func.func @f() {
  // expected-error @+1 {{'none' does not name a qopt.weight}}
  %0 = qopt.use_weight @none : tensor<4xf32>
  return
}

// -----

qopt.weight @w : tensor<4xf32> from [#qopt.source<"m.data", offset = 0, length = 16, type = tensor<4xf32>, hash = 0>]
func.func @f() {
  // expected-error @+1 {{has type 'tensor<5xf32>', but the weight has type 'tensor<4xf32>'}}
  %0 = qopt.use_weight @w : tensor<5xf32>
  return
}

// -----

// expected-error @+1 {{step 1, #qopt.reshape<[-2, -4]> does not apply to tensor<4x2xf32>}}
qopt.weight @w : tensor<2x4xf32> from [#qopt.source<"m.data", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>] steps [#qopt.transpose<[1, 0]>, #qopt.reshape<[-2, -4]>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{a stored source reads as a static tensor of f32, f16 or bf16, found 'tensor<4x8xf64>'}}
  from [#qopt.stored_source<tensor<4x8xf64>, block = [1, 8], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xui8>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32>>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{codes must be integers of 2 to 32 bits, found 'tensor<4x8xf32>'}}
  from [#qopt.stored_source<tensor<4x8xf32>, block = [1, 8], codes = <"m.data", offset = 0, length = 128, type = tensor<4x8xf32>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32>>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{codes of type 'tensor<4x7xui8>' do not fit 'tensor<4x8xf32>'}}
  from [#qopt.stored_source<tensor<4x8xf32>, block = [1, 8], codes = <"m.data", offset = 0, length = 28, type = tensor<4x7xui8>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32>>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{a stored source has 1 block sizes for 'tensor<4x8xf32>', expected a positive number for each axis}}
  from [#qopt.stored_source<tensor<4x8xf32>, block = [8], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xui8>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32>>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{scales must be floats, one for each block, found dense<1.000000e+00> : tensor<4x2xf32>}}
  from [#qopt.stored_source<tensor<4x8xf32>, block = [1, 8], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xui8>, hash = 0>, scales = dense<1.0> : tensor<4x2xf32>>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{zero points must be floats or codes, one for each block, found dense<1> : tensor<4x1xi8>}}
  from [#qopt.stored_source<tensor<4x8xf32>, block = [1, 8], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xui8>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32> zero_points = dense<1> : tensor<4x1xi8>>]

// -----

qopt.weight @w : tensor<4x8xf32>
  // expected-error @+1 {{groups must be i32, one for each element of the last axis, found dense<0> : tensor<4xi32>}}
  from [#qopt.stored_source<tensor<4x8xf32>, block = [1, 8], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xui8>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32> groups = dense<0> : tensor<4xi32>>]

// -----

// Scales of inputs are no scales of outputs.
// expected-error @+1 {{keeps the codes of the file, but its sources and steps give none that a packed type holds}}
qopt.weight @w : tensor<4x8x!qopt.packed<i8, group = 0, scale = f32>> from [#qopt.stored_source<tensor<4x8xf32>, block = [4, 1], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xi8>, hash = 0>, scales = dense<1.0> : tensor<1x8xf32>>] scheme "file"

// -----

// expected-error @+1 {{keeps the codes of the file, which are '!qopt.packed<i8, group = 0, scale = f32>', but the type is 'tensor<4x8x!qopt.packed<i8, group = 0, scale = f32, asymmetric>>'}}
qopt.weight @w : tensor<4x8x!qopt.packed<i8, group = 0, scale = f32, asymmetric>> from [#qopt.stored_source<tensor<4x8xf32>, block = [1, 8], codes = <"m.data", offset = 0, length = 32, type = tensor<4x8xi8>, hash = 0>, scales = dense<1.0> : tensor<4x1xf32>>] scheme "file"
