// RUN: qopt-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
qkernel.kernel @k(tensor<4xf32>) attributes {kind = "elementwise"}

// -----

// expected-error @+1 {{must end with qkernel.yield}}
qkernel.kernel @k() attributes {kind = "elementwise"} {
  llvm.unreachable
}

// -----

qkernel.kernel @k(%x: tensor<4xf32>) -> tensor<4xf16> attributes {kind = "elementwise"} {
  // expected-error @+1 {{gives ('tensor<4xf32>'), but the results of 'k' are ('tensor<4xf16>')}}
  qkernel.yield %x : tensor<4xf32>
}

// -----

func.func @f() {
  // expected-error @+1 {{'none' does not name a qkernel.kernel}}
  qkernel.launch @none "nothing"() : () -> ()
  return
}

// -----

qkernel.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {kind = "elementwise"} {
  qkernel.yield %x : tensor<4xf32>
}
func.func @f(%x: tensor<5xf32>) {
  // expected-error @+1 {{passes ('tensor<5xf32>'), but 'k' takes ('tensor<4xf32>')}}
  %0 = qkernel.launch @k "node"(%x) : (tensor<5xf32>) -> tensor<4xf32>
  return
}

// -----

qkernel.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {kind = "elementwise"} {
  qkernel.yield %x : tensor<4xf32>
}
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects ('tensor<4xf16>'), but 'k' gives ('tensor<4xf32>')}}
  %0 = qkernel.launch @k "node"(%x) : (tensor<4xf32>) -> tensor<4xf16>
  return
}

// -----

qkernel.kernel @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {kind = "elementwise"} {
  qkernel.yield %x : tensor<4xf32>
}
func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{has 2 arena offsets for 1 results}}
  %0 = qkernel.launch @k "node"(%x) arena [0, 64] : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%acc: vector<16xi32>, %a: vector<32xi8>) {
  // expected-error @+1 {{takes four bytes for each of 16 lanes, found 'vector<32xi8>'}}
  %0 = qkernel.dot4 %acc, %a, %a : vector<16xi32>, vector<32xi8>
  return
}
