// RUN: qopt-opt %s --pass-pipeline="builtin.module(func.func(qopt-plan-memory))" --verify-each | FileCheck %s
// RUN: sed "s/1 to 3/1 to -1/" %s | not qopt-opt --pass-pipeline="builtin.module(func.func(qopt-plan-memory))" 2>&1 | FileCheck %s --check-prefix=UNBOUNDED

// The first result is dead when the third is made, and gives up its place. The last one is the program's output.
// CHECK: func.func @main
// CHECK-SAME: qkernel.arena_bytes = 128
// CHECK: qkernel.launch @k "a"(%{{.*}}) arena [0]
// CHECK: qkernel.launch @k "b"(%{{.*}}) arena [64]
// CHECK: qkernel.launch @k "c"(%{{.*}}) arena [0]
// CHECK: qkernel.launch @k "d"(%{{.*}}) arena [-1]
// UNBOUNDED: symbol 'rows' has no maximum; memory is planned for the largest request

qkernel.kernel @k(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> (tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"rows", 1 to 3>]} {
  %y = qopt.unary neg %x : tensor<?x4xf32>
  qkernel.yield %y : tensor<?x4xf32>
}
func.func @main(%x: tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<?x4xf32> attributes {qopt.symbols = [#qopt.symbol<"rows", 1 to 3>]} {
  %a = qkernel.launch @k "a"(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = qkernel.launch @k "b"(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = qkernel.launch @k "c"(%b) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %d = qkernel.launch @k "d"(%c) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}
