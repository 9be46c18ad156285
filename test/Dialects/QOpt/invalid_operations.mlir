// RUN: qopt-opt %s --split-input-file --verify-diagnostics

func.func @binary(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @+1 {{shapes do not broadcast: 'tensor<2x3xf32>' and 'tensor<2x4xf32>'}}
  %0 = qopt.binary add %x, %y : tensor<2x3xf32>, tensor<2x4xf32>
  return
}

// -----

func.func @binary(%x: tensor<2x3xf32>, %y: tensor<2x3xf16>) {
  // expected-error @+1 {{operands have element types 'f32' and 'f16'; insert a qopt.cast}}
  %0 = qopt.binary add %x, %y : tensor<2x3xf32>, tensor<2x3xf16>
  return
}

// -----

func.func @exp(%x: tensor<2xi32>) {
  // expected-error @+1 {{exp takes floats, found 'tensor<2xi32>'; insert a qopt.cast}}
  %0 = qopt.unary exp %x : tensor<2xi32>
  return
}

// -----

func.func @not(%x: tensor<2xf32>) {
  // expected-error @+1 {{not takes booleans (i1), found 'tensor<2xf32>'}}
  %0 = qopt.unary not %x : tensor<2xf32>
  return
}

// -----

func.func @and(%x: tensor<2xi32>) {
  // expected-error @+1 {{and takes booleans (i1), found 'tensor<2xi32>'}}
  %0 = qopt.binary and %x, %x : tensor<2xi32>, tensor<2xi32>
  return
}

// -----

func.func @linear(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>) {
  // expected-error @+1 {{takes products in a float type, found 'i8'}}
  %0 = qopt.linear %x, %w compute i8 : tensor<2x3xf32>, tensor<4x3xf32>
  return
}

// -----

func.func @select(%c: tensor<2xi8>, %x: tensor<2xf32>) {
  // expected-error @+1 {{condition must be a tensor of i1, found 'tensor<2xi8>'}}
  %0 = qopt.select %c, %x, %x : tensor<2xi8>, tensor<2xf32>, tensor<2xf32>
  return
}

// -----

func.func @cast(%x: tensor<2xf32>) {
  // expected-error @+1 {{changes the shape from 'tensor<2xf32>' to 'tensor<3xf16>'}}
  %0 = qopt.cast %x : tensor<2xf32> to tensor<3xf16>
  return
}

// -----

// A stored value is not cast; only its readers (linear, gather) dequantize it. So for every other operation.
func.func @cast(%x: tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of floating-point or integer values, but got 'tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>>'}}
  %0 = qopt.cast %x : tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>> to tensor<2x4xf32>
  return
}

// -----

func.func @reshape(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{changes the element type from 'tensor<2x3xf32>' to 'tensor<6xf16>'}}
  %0 = qopt.reshape %x dims affine_map<() -> (6)> : tensor<2x3xf32> -> tensor<6xf16>
  return
}

// -----

func.func @reshape(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{has 6 elements in and 7 out}}
  %0 = qopt.reshape %x dims affine_map<() -> (7)> : tensor<2x3xf32> -> tensor<7xf32>
  return
}

// -----

func.func @reshape(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{dimensions must be a map over symbols only, found affine_map<(d0) -> (d0)>}}
  %0 = qopt.reshape %x dims affine_map<(d0) -> (d0)> : tensor<?x3xf32> -> tensor<?xf32>
  return
}

// -----

func.func @reshape(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{has 2 dimensions for a result of rank 1}}
  %0 = qopt.reshape %x dims affine_map<()[s0] -> (s0, 3)> : tensor<?x3xf32> -> tensor<?xf32>
  return
}

// -----

func.func @reshape(%x: tensor<?x3xf32>) {
  // expected-error @+1 {{dimensions affine_map<()[s0] -> (s0)> do not give the result type 'tensor<9xf32>'}}
  %0 = qopt.reshape %x dims affine_map<()[s0] -> (s0)> : tensor<?x3xf32> -> tensor<9xf32>
  return
}

// -----

func.func @broadcast(%x: tensor<1x3xf32>) {
  // expected-error @+1 {{changes the element type from 'tensor<1x3xf32>' to 'tensor<2x3xf16>'}}
  %0 = qopt.broadcast %x dims affine_map<() -> (2, 3)> : tensor<1x3xf32> -> tensor<2x3xf16>
  return
}

// -----

func.func @broadcast(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'tensor<2x3xf32>' does not broadcast to 'tensor<4x3xf32>'}}
  %0 = qopt.broadcast %x dims affine_map<() -> (4, 3)> : tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

func.func @transpose(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the permutation does not name each axis of 'tensor<2x3xf32>' once}}
  %0 = qopt.transpose %x [0, 0] : tensor<2x3xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is out of range for rank 2}}
  %0 = qopt.slice %x axis 2 bounds affine_map<() -> (0, 1)> : tensor<2x3xf32> -> tensor<2x1xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{bounds must be a map (start, size) over symbols, found affine_map<() -> (0)>}}
  %0 = qopt.slice %x axis 1 bounds affine_map<() -> (0)> : tensor<2x3xf32> -> tensor<2x1xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{step must not be 0}}
  %0 = qopt.slice %x axis 1 bounds affine_map<() -> (0, 1)> step 0 : tensor<2x3xf32> -> tensor<2x1xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{of 'tensor<2x3xf32>' with bounds affine_map<() -> (0, 1)> does not give 'tensor<2x2xf32>'}}
  %0 = qopt.slice %x axis 1 bounds affine_map<() -> (0, 1)> : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{takes elements 1 to 3 of an axis of 3}}
  %0 = qopt.slice %x axis 1 bounds affine_map<() -> (1, 2)> step 2 : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}

// -----

func.func @concat() {
  // expected-error @+1 {{needs at least one input}}
  %0 = "qopt.concat"() <{axis = 0 : i64}> : () -> tensor<2xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is out of range for rank 2}}
  %0 = qopt.concat %x, %x axis 2 : tensor<2x3xf32>, tensor<2x3xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<6xf32>) {
  // expected-error @+1 {{inputs 'tensor<2x3xf32>' and 'tensor<6xf32>' cannot be joined}}
  %0 = qopt.concat %x, %y axis 0 : tensor<2x3xf32>, tensor<6xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @+1 {{inputs 'tensor<2x3xf32>' and 'tensor<2x4xf32>' differ on axis 1}}
  %0 = qopt.concat %x, %y axis 0 : tensor<2x3xf32>, tensor<2x4xf32>
  return
}

// -----

func.func @gather(%x: tensor<2x3xf32>, %i: tensor<4xi64>) {
  // expected-error @+1 {{axis 2 is out of range for rank 2}}
  %0 = qopt.gather %x[%i] axis 2 : tensor<2x3xf32>, tensor<4xi64>
  return
}

// -----

func.func @gather(%x: tensor<2x3xf32>, %i: tensor<4xf32>) {
  // expected-error @+1 {{indices must be i32 or i64, found 'f32'}}
  %0 = qopt.gather %x[%i] : tensor<2x3xf32>, tensor<4xf32>
  return
}

// -----

func.func @gather(%x: tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>>, %i: tensor<4xi64>) {
  // expected-error @+1 {{gathers whole rows of a stored table: the axis must be 0}}
  %0 = qopt.gather %x[%i] axis 1 : tensor<2x4x!qopt.packed<i4, group = 4, scale = f16>>, tensor<4xi64>
  return
}

// -----

func.func @iota() {
  // expected-error @+1 {{range must be a map (size, start, step) over symbols, found affine_map<() -> (4)>}}
  %0 = qopt.iota affine_map<() -> (4)> : tensor<4xi64>
  return
}

// -----

func.func @iota() {
  // expected-error @+1 {{range affine_map<() -> (4, 0, 1)> does not give 'tensor<5xi64>'}}
  %0 = qopt.iota affine_map<() -> (4, 0, 1)> : tensor<5xi64>
  return
}

// -----

func.func @sizes() {
  // expected-error @+1 {{values must be a map over symbols, found affine_map<(d0) -> (d0)>}}
  %0 = qopt.sizes affine_map<(d0) -> (d0)> : tensor<1xi64>
  return
}

// -----

func.func @sizes() {
  // expected-error @+1 {{2 values do not give 'tensor<3xi64>'}}
  %0 = qopt.sizes affine_map<()[s0] -> (s0, 4)> : tensor<3xi64>
  return
}

// -----

func.func @linear(%x: tensor<2x3xi32>, %w: tensor<4x3xf32>) {
  // expected-error @+1 {{input must be a float tensor, found 'tensor<2x3xi32>'}}
  %0 = qopt.linear %x, %w : tensor<2x3xi32>, tensor<4x3xf32>
  return
}

// -----

func.func @linear(%x: tensor<2x3xf32>, %w: tensor<3xf32>) {
  // expected-error @+1 {{weight must be [out, in], found 'tensor<3xf32>'}}
  %0 = qopt.linear %x, %w : tensor<2x3xf32>, tensor<3xf32>
  return
}

// -----

func.func @linear(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>) {
  // expected-error @+1 {{weight takes 4 inputs, but the input has 3}}
  %0 = qopt.linear %x, %w : tensor<2x3xf32>, tensor<3x4xf32>
  return
}

// -----

func.func @matmul(%x: tensor<2x3xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{needs matrices, found 'tensor<2x3xf32>' and 'tensor<3xf32>'}}
  %0 = qopt.matmul %x, %y : tensor<2x3xf32>, tensor<3xf32>
  return
}

// -----

func.func @matmul(%x: tensor<2x3xf32>, %y: tensor<4x5xf32>) {
  // expected-error @+1 {{contracts 3 columns with 4 rows}}
  %0 = qopt.matmul %x, %y : tensor<2x3xf32>, tensor<4x5xf32>
  return
}

// -----

func.func @matmul(%x: tensor<2x2x3xf32>, %y: tensor<3x3x5xf32>) {
  // expected-error @+1 {{batch axes of 'tensor<2x2x3xf32>' and 'tensor<3x3x5xf32>' do not broadcast}}
  %0 = qopt.matmul %x, %y : tensor<2x2x3xf32>, tensor<3x3x5xf32>
  return
}

// -----

func.func @matmul(%x: tensor<2x3xf32>, %y: tensor<3x5xf16>) {
  // expected-error @+1 {{operands have types 'tensor<2x3xf32>' and 'tensor<3x5xf16>'; insert a qopt.cast}}
  %0 = qopt.matmul %x, %y : tensor<2x3xf32>, tensor<3x5xf16>
  return
}

// -----

func.func @reduce(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is out of range for rank 2}}
  %0 = qopt.reduce sum %x axes [2] : tensor<2x3xf32>
  return
}

// -----

func.func @reduce(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 1 is named twice}}
  %0 = qopt.reduce sum %x axes [1, 1] : tensor<2x3xf32>
  return
}

// -----

func.func @softmax(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 5 is out of range for rank 2}}
  %0 = qopt.softmax %x axis 5 : tensor<2x3xf32>
  return
}

// -----

func.func @rms_norm(%x: tensor<2x3xf32>, %g: tensor<4xf32>) {
  // expected-error @+1 {{normalizes 'tensor<2x3xf32>' but has a scale or bias of type 'tensor<4xf32>'}}
  %0 = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<2x3xf32>, tensor<4xf32>
  return
}

// -----

func.func @layer_norm(%x: tensor<2x3xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{epsilon must not be negative, found -1.0}}
  %0 = qopt.layer_norm %x, %g epsilon -1.0 : tensor<2x3xf32>, tensor<3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{has accuracy_level 5, expected 1 to 4}}
  %0 = qopt.linear %x, %w accuracy_level 5 : tensor<2x8xf32>, tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi32>, %s: tensor<f32>, %z: tensor<i8>) {
  // expected-error @+1 {{quantizes floats, found 'tensor<2x8xi32>'}}
  %0 = qopt.quantize %x, %s, %z : tensor<2x8xi32>, tensor<f32>, tensor<i8>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %s: tensor<f32>, %z: tensor<i32>) {
  // expected-error @+1 {{codes must be integers of 8 or 16 bits or f8E4M3FN, found 'i32'}}
  %0 = qopt.quantize %x, %s, %z : tensor<2x8xf32>, tensor<f32>, tensor<i32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<i32>, %z: tensor<i8>) {
  // expected-error @+1 {{scale must be a float tensor, found 'tensor<i32>'}}
  %0 = qopt.dequantize %x, %s, %z : tensor<2x8xi8>, tensor<i32>, tensor<i8>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<4xf32>, %z: tensor<i8>) {
  // expected-error @+1 {{a scale or zero point of type 'tensor<4xf32>' does not broadcast to 'tensor<2x8xi8>'}}
  %0 = qopt.dequantize %x, %s, %z : tensor<2x8xi8>, tensor<4xf32>, tensor<i8>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error @+1 {{scales rows, found 'tensor<f32>'}}
  %0 = qopt.dynamic_scale %x as i8 : tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<4x8xi32>) {
  // expected-error @+1 {{scales rows of floats, found 'tensor<4x8xi32>'}}
  %0 = qopt.dynamic_scale %x as i8 : tensor<4x8xi32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{codes are i8 or f8E4M3FN, found 'i4'}}
  %0 = qopt.dynamic_scale %x as i4 : tensor<4x8xf32>
  return
}
