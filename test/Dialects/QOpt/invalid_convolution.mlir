// RUN: qopt-opt %s --split-input-file --verify-diagnostics

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x36xf32>) {
  // expected-error @+1 {{a kernel of 2 axes does not slide over an input [batch, channels, one or two spatial axes] of type 'tensor<2x4x9xf32>'}}
  %0 = qopt.conv %x, %w kernel [3, 3] strides [1, 1] dilations [1, 1] pads [1, 1, 1, 1] : tensor<2x4x9xf32>, tensor<8x36xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{a kernel of 1 axes has 1 strides, 1 dilations and 1 pads}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [1] : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{kernel, strides and dilations must lie in 1 to 2147483647, found 0}}
  %0 = qopt.conv %x, %w kernel [3] strides [0] dilations [1] pads [1, 1] : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{pads must lie in 0 to 2147483647, found -1}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, -1] : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{a window of 13 elements does not fit into the 9 elements of axis 2 and 3 of padding}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [6] pads [1, 2] : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x4x3xf32>) {
  // expected-error @+1 {{weight must be [out, in / groups * window], found 'tensor<8x4x3xf32>'}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] : tensor<2x4x9xf32>, tensor<8x4x3xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xi32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{takes floats, found 'tensor<2x4x9xi32>' and 'tensor<8x12xf32>'}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] : tensor<2x4x9xi32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x?x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{needs a known number of channels, found 'tensor<2x?x9xf32>' and 'tensor<8x12xf32>'}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] : tensor<2x?x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{cannot cut 4 input and 8 output channels into 3 groups}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] groups 3 : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @conv(%x: tensor<2x4x9xf32>, %w: tensor<8x12xf32>) {
  // expected-error @+1 {{sees 2 channels in windows of [3], but the weight is 'tensor<8x12xf32>'}}
  %0 = qopt.conv %x, %w kernel [3] strides [1] dilations [1] pads [0, 0] groups 2 : tensor<2x4x9xf32>, tensor<8x12xf32>
  return
}

// -----

func.func @pool(%x: tensor<2x4x9xf32>) {
  // expected-error @+1 {{a window of 10 elements does not fit into the 9 elements of axis 2 and 0 of padding}}
  %0 = qopt.pool max %x kernel [10] strides [1] dilations [1] pads [0, 0] : tensor<2x4x9xf32>
  return
}

// -----

func.func @pool(%x: tensor<2x4x9xi8>) {
  // expected-error @+1 {{pools floats, found 'tensor<2x4x9xi8>'}}
  %0 = qopt.pool max %x kernel [2] strides [1] dilations [1] pads [0, 0] : tensor<2x4x9xi8>
  return
}

// -----

func.func @pad(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{has borders of 2 and 1 axes for an input of type 'tensor<2x4xf32>'}}
  %0 = qopt.pad %x low [0, 0] high [1] value 0.0 : f32 : tensor<2x4xf32>
  return
}

// -----

func.func @pad(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{a border must lie in 0 to 2147483647, found -2}}
  %0 = qopt.pad %x low [0, -2] high [1, 1] value 0.0 : f32 : tensor<2x4xf32>
  return
}

// -----

func.func @pad(%x: tensor<9223372036854775806xf32>) {
  // expected-error @+1 {{the sizes of 'tensor<9223372036854775806xf32>' with borders are too large}}
  %0 = qopt.pad %x low [1] high [1] value 0.0 : f32 : tensor<9223372036854775806xf32>
  return
}

// -----

func.func @pad(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{fills 'tensor<2x4xf32>' with 0.000000e+00 : f16}}
  %0 = qopt.pad %x low [0, 0] high [1, 1] value 0.0 : f16 : tensor<2x4xf32>
  return
}
