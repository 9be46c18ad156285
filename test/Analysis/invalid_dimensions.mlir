// What cannot be shown to agree is an error, not a guess. Forming kernels asks for every dimension.
// RUN: qopt-opt %s --split-input-file --qopt-form-kernels --verify-diagnostics

// expected-error @+1 {{argument 0 of type 'tensor<?x4xf32>' has no 'qopt.dims'}}
func.func @unknown(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  return %x : tensor<?x4xf32>
}

// -----

func.func @foreign(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> {
  // expected-error @+1 {{does not say its result's symbolic dimensions}}
  %0 = math.exp %x : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @binary(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4)>}, %y: tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 4)>}) -> tensor<?x4xf32> {
  // expected-error @+1 {{operands have symbolic dimensions that do not broadcast: (s0, 4) and (s1, 4)}}
  %0 = qopt.binary add %x, %y : tensor<?x4xf32>, tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @batch(%x: tensor<?x2x3xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 2, 3)>}, %y: tensor<?x3x2xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 3, 2)>}) -> tensor<?x2x2xf32> {
  // expected-error @+1 {{operands have symbolic batch dimensions that do not broadcast: (s0) and (s1)}}
  %0 = qopt.matmul %x, %y : tensor<?x2x3xf32>, tensor<?x3x2xf32>
  return %0 : tensor<?x2x2xf32>
}

// -----

func.func @contracted(%x: tensor<2x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (2, s0)>}, %y: tensor<?x2xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 2)>}) -> tensor<2x2xf32> {
  // expected-error @+1 {{contracts symbolic dimensions that are not the same: (2, s0) and (s1, 2)}}
  %0 = qopt.matmul %x, %y : tensor<2x?xf32>, tensor<?x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

func.func @reshape(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?xf32> {
  // expected-error @+1 {{does not keep the number of elements}}
  %0 = qopt.reshape %x dims affine_map<()[s0] -> (s0 * 3)> : tensor<?x4xf32> -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

func.func @concat(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4)>}, %y: tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 4)>}) -> tensor<?x8xf32> {
  // expected-error @+1 {{inputs have different symbolic dimensions on axis 0: (s0, 4) and (s1, 4)}}
  %0 = qopt.concat %x, %y axis 1 : tensor<?x4xf32>, tensor<?x4xf32>
  return %0 : tensor<?x8xf32>
}

// -----

qkernel.kernel @k(%x: tensor<?xf32> {qopt.dims = affine_map<()[s0] -> (s0)>}) -> tensor<?xf32> attributes {kind = "elementwise"} {
  qkernel.yield %x : tensor<?xf32>
}
func.func @launch(%x: tensor<?xf32> {qopt.dims = affine_map<()[s0] -> (s0)>}) -> tensor<?xf32> {
  // expected-error @+1 {{result 0 of 'k' has no 'qopt.dims'}}
  %0 = qkernel.launch @k "node"(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
