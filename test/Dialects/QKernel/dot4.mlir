// What qkernel.dot4 means, on constants.
// RUN: qopt-opt %s --canonicalize | FileCheck %s

// -128 * -128 four times, 127 * 127, 127 * -128, and zeros; nothing saturates.
// CHECK-LABEL: func.func @extremes
// CHECK: arith.constant dense<[65536, 64516, -65024, 7]> : vector<4xi32>
func.func @extremes() -> vector<4xi32> {
  %acc = arith.constant dense<[0, 0, 0, 7]> : vector<4xi32>
  %a = arith.constant dense<[-128, -128, -128, -128, 127, 127, 127, 127, 127, 127, 127, 127, 0, 0, 0, 0]> : vector<16xi8>
  %b = arith.constant dense<[-128, -128, -128, -128, 127, 127, 127, 127, -128, -128, -128, -128, -128, 127, 1, 0]> : vector<16xi8>
  %0 = qkernel.dot4 %acc, %a, %b : vector<4xi32>, vector<16xi8>
  return %0 : vector<4xi32>
}

// The bytes of the first operand are 255 and 128, not -1 and -128.
// CHECK-LABEL: func.func @unsigned
// CHECK: arith.constant dense<[-130560, 65025]> : vector<2xi32>
func.func @unsigned() -> vector<2xi32> {
  %acc = arith.constant dense<[0, 1]> : vector<2xi32>
  %a = arith.constant dense<[-1, -1, -1, -1, -128, -128, -128, -128]> : vector<8xi8>
  %b = arith.constant dense<[-128, -128, -128, -128, 127, 127, 127, 127]> : vector<8xi8>
  %0 = qkernel.dot4 %acc, %a, %b unsigned : vector<2xi32>, vector<8xi8>
  return %0 : vector<2xi32>
}

// Sums wrap around at 2^32.
// CHECK-LABEL: func.func @wraps
// CHECK: arith.constant dense<-2147483648> : vector<1xi32>
func.func @wraps() -> vector<1xi32> {
  %acc = arith.constant dense<2147483647> : vector<1xi32>
  %a = arith.constant dense<[1, 0, 0, 0]> : vector<4xi8>
  %0 = qkernel.dot4 %acc, %a, %a : vector<1xi32>, vector<4xi8>
  return %0 : vector<1xi32>
}
