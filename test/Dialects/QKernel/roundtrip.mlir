// Text, bytecode and the generic form all come back as they were.
// RUN: qopt-opt %s | qopt-opt | FileCheck %s
// RUN: qopt-opt %s --emit-bytecode | qopt-opt | FileCheck %s
// RUN: qopt-opt %s --mlir-print-op-generic | qopt-opt | FileCheck %s

// CHECK: module attributes {qopt.symbols = [#qopt.symbol<"tokens", 1 to 64>]} {
module attributes {qopt.symbols = [#qopt.symbol<"tokens", 1 to 64>]} {
  // CHECK-LABEL: qkernel.kernel @contraction_0
  qkernel.kernel @contraction_0(%x: tensor<?x8xf32> {qopt.dims = affine_map<()[s0] -> (s0, 8)>}, %w: tensor<16x8xf32>) -> (tensor<?x16xf32> {qopt.dims = affine_map<()[s0] -> (s0, 16)>}) attributes {kind = "contraction"} {
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<16x8xf32>
    %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<16x8xf32>
    // CHECK: qkernel.yield %{{.*}} : tensor<?x16xf32>
    qkernel.yield %y : tensor<?x16xf32>
  }

  // CHECK-LABEL: qkernel.kernel @nothing
  qkernel.kernel @nothing() attributes {kind = "elementwise", lowering = "generic"} {
    // CHECK: qkernel.yield
    qkernel.yield
  }

  // CHECK: qopt.weight @w : tensor<16x8xf32> from [#qopt.source<"m.data", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] layout #qkernel.panels<16>
  qopt.weight @w : tensor<16x8xf32>
    from [#qopt.source<"m.data", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] layout #qkernel.panels<16>

  // CHECK: qopt.weight @v : {{.*}} layout #qkernel.word_panels<32>
  qopt.weight @v : tensor<16x8x!qopt.packed<i8, group = 0, scale = f16>>
    from [#qopt.source<"m.data", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] scheme "rtn" layout #qkernel.word_panels<32>

  // CHECK: qopt.weight @t : {{.*}} layout #qkernel.swizzled_tiles
  qopt.weight @t : tensor<16x8x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>
    from [#qopt.source<"m.data", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] scheme "rtn" layout #qkernel.swizzled_tiles
  // CHECK: qopt.weight @u : {{.*}} layout #qkernel.fragments
  qopt.weight @u : tensor<16x8x!qopt.packed<i4, group = 0, scale = f16>>
    from [#qopt.source<"m.data", offset = 0, length = 512, type = tensor<16x8xf32>, hash = 0>] scheme "rtn" layout #qkernel.fragments

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x8xf32>) -> tensor<?x16xf32> {
    // CHECK: qopt.use_weight @w : tensor<16x8xf32>
    %w = qopt.use_weight @w : tensor<16x8xf32>
    // CHECK: qkernel.launch @nothing "layers.0.nothing"() : () -> ()
    qkernel.launch @nothing "layers.0.nothing"() : () -> ()
    // CHECK: qkernel.launch @contraction_0 "layers.0.attn.o"(%{{.*}}, %{{.*}}) : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
    %a = qkernel.launch @contraction_0 "layers.0.attn.o"(%x, %w) : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
    // CHECK: qkernel.launch @contraction_0 "head"(%{{.*}}, %{{.*}}) arena [-1] : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
    %b = qkernel.launch @contraction_0 "head"(%x, %w) arena [-1] : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
    return %b : tensor<?x16xf32>
  }

  // CHECK-LABEL: func.func @dot
  func.func @dot(%acc: vector<16xi32>, %a: vector<64xi8>, %b: vector<64xi8>) -> vector<16xi32> {
    // CHECK: qkernel.dot4 %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi32>, vector<64xi8>
    %0 = qkernel.dot4 %acc, %a, %b : vector<16xi32>, vector<64xi8>
    // CHECK: qkernel.dot4 %{{.*}}, %{{.*}}, %{{.*}} unsigned : vector<16xi32>, vector<64xi8>
    %1 = qkernel.dot4 %0, %a, %b unsigned : vector<16xi32>, vector<64xi8>
    return %1 : vector<16xi32>
  }
}
