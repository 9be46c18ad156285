// Text, bytecode and the generic form all come back as they were.
// RUN: qopt-opt %s | qopt-opt | FileCheck %s
// RUN: qopt-opt %s --emit-bytecode | qopt-opt | FileCheck %s
// RUN: qopt-opt %s --mlir-print-op-generic | qopt-opt | FileCheck %s

#same = affine_map<()[s0, s1] -> (s0, s1)>

// CHECK: module attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to -1, divisor = 8>]} {
module attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to -1, divisor = 8>]} {
  // A weight is a reference: sources, then steps.
  // CHECK: qopt.weight @plain : tensor<4x8xf32> from [#qopt.source<"m.data", offset = 64, length = 128, type = tensor<4x8xf32>, hash = 77>]
  qopt.weight @plain : tensor<4x8xf32>
    from [#qopt.source<"m.data", offset = 64, length = 128, type = tensor<4x8xf32>, hash = 77>]
  // CHECK: qopt.weight @joined : tensor<8x6xf16> from [#qopt.source<"m.data", offset = 0, length = 96, type = tensor<4x6xf32>, hash = 0>, #qopt.source<"n.data", offset = 0, length = 96, type = tensor<4x6xf32>, hash = 0>] steps [#qopt.cast<f16>] origin "model.embed"
  qopt.weight @joined : tensor<8x6xf16>
    from [#qopt.source<"m.data", offset = 0, length = 96, type = tensor<4x6xf32>, hash = 0>, #qopt.source<"n.data", offset = 0, length = 96, type = tensor<4x6xf32>, hash = 0>]
    steps [#qopt.cast<f16>] origin "model.embed"
  // CHECK: qopt.weight @derived : tensor<2x6xf32> from [#qopt.source<"m.data", offset = 0, length = 96, type = tensor<24xf32>, hash = 0>] steps [#qopt.reshape<[6, 4]>, #qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 1, size = 2>, #qopt.scale<5.000000e-01 : f32>] precision <!qopt.packed<i4, group = 32, scale = f16>, "rtn", "--w4a16">
  qopt.weight @derived : tensor<2x6xf32>
    from [#qopt.source<"m.data", offset = 0, length = 96, type = tensor<24xf32>, hash = 0>]
    steps [#qopt.reshape<[6, 4]>, #qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 1, size = 2>, #qopt.scale<5.000000e-01 : f32>]
    precision #qopt.precision<!qopt.packed<i4, group = 32, scale = f16>, "rtn", "--w4a16">
  // CHECK: qopt.weight @stored : tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 4096, type = tensor<16x64xf32>, hash = 0>] scheme "rtn" layout #qkernel.panels<16>
  qopt.weight @stored : tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    from [#qopt.source<"m.data", offset = 0, length = 4096, type = tensor<16x64xf32>, hash = 0>]
    scheme "rtn" layout #qkernel.panels<16>
  // CHECK: qopt.weight @table : tensor<32x64x!qopt.packed<i8, group = 0, scale = bf16, asymmetric>> from [#qopt.source<"m.data", offset = 0, length = 8192, type = tensor<32x64xf32>, hash = 0>] scheme "rtn" layout #qkernel.plain
  qopt.weight @table : tensor<32x64x!qopt.packed<i8, group = 0, scale = bf16, asymmetric>>
    from [#qopt.source<"m.data", offset = 0, length = 8192, type = tensor<32x64xf32>, hash = 0>]
    scheme "rtn" layout #qkernel.plain
  // Codes of the file: a number for each block, written out or in the file, and perhaps a group for each input.
  // CHECK: qopt.weight @kept : tensor<16x64x!qopt.packed<i4, group = 32, scale = f32, asymmetric>> from [#qopt.stored_source<tensor<16x64xf32>, block = [1, 32], codes = <"m.data", offset = 0, length = 512, type = tensor<16x64xui4>, hash = 0>, scales = #qopt.source<"m.data", offset = 512, length = 128, type = tensor<16x2xf32>, hash = 0> zero_points = #qopt.source<"m.data", offset = 640, length = 16, type = tensor<16x2xui4>, hash = 0>>] scheme "file"
  qopt.weight @kept : tensor<16x64x!qopt.packed<i4, group = 32, scale = f32, asymmetric>>
    from [#qopt.stored_source<tensor<16x64xf32>, block = [1, 32], codes = <"m.data", offset = 0, length = 512, type = tensor<16x64xui4>, hash = 0>,
      scales = #qopt.source<"m.data", offset = 512, length = 128, type = tensor<16x2xf32>, hash = 0>
      zero_points = #qopt.source<"m.data", offset = 640, length = 16, type = tensor<16x2xui4>, hash = 0>>] scheme "file"
  // CHECK: qopt.weight @ordered : tensor<2x4xf32> from [#qopt.stored_source<tensor<2x4xf32>, block = [1, 2], codes = <"m.data", offset = 0, length = 8, type = tensor<2x4xui8>, hash = 0>, scales = dense<{{.*}}> : tensor<2x2xf32> zero = 128 groups = dense<[0, 1, 0, 1]> : tensor<4xi32>>]
  qopt.weight @ordered : tensor<2x4xf32>
    from [#qopt.stored_source<tensor<2x4xf32>, block = [1, 2], codes = <"m.data", offset = 0, length = 8, type = tensor<2x4xui8>, hash = 0>,
      scales = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32> zero = 128 groups = dense<[0, 1, 0, 1]> : tensor<4xi32>>]
  // CHECK: qopt.weight @unrounded : tensor<16x64x!qopt.packed<i8, group = 32, scale = f16, asymmetric = f16>>
  qopt.weight @unrounded : tensor<16x64x!qopt.packed<i8, group = 32, scale = f16, asymmetric = f16>>
    from [#qopt.stored_source<tensor<16x64xf16>, block = [1, 32], codes = <"m.data", offset = 0, length = 1024, type = tensor<16x64xui8>, hash = 0>,
      scales = #qopt.source<"m.data", offset = 1024, length = 64, type = tensor<16x2xf16>, hash = 0>
      zero_points = #qopt.source<"m.data", offset = 1088, length = 64, type = tensor<16x2xf16>, hash = 0>>] scheme "file"

  // CHECK-LABEL: func.func @weights
  func.func @weights(%ids: tensor<?x?xi64>, %x: tensor<?x?x64xf32>) -> (tensor<?x?x64xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>) {
    // CHECK: qopt.use_weight @table : tensor<32x64x!qopt.packed<i8, group = 0, scale = bf16, asymmetric>>
    %t = qopt.use_weight @table : tensor<32x64x!qopt.packed<i8, group = 0, scale = bf16, asymmetric>>
    // CHECK: qopt.gather %{{.*}}[%{{.*}}] : tensor<32x64x!qopt.packed<i8, group = 0, scale = bf16, asymmetric>>, tensor<?x?xi64>
    %e = qopt.gather %t[%ids] : tensor<32x64x!qopt.packed<i8, group = 0, scale = bf16, asymmetric>>, tensor<?x?xi64>
    // CHECK: qopt.use_weight @stored : tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    %w = qopt.use_weight @stored : tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x?x64xf32>, tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    %y = qopt.linear %x, %w : tensor<?x?x64xf32>, tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    // CHECK: qopt.linear %{{.*}}, %{{.*}} compute bf16 : tensor<?x?x64xf32>, tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    %z = qopt.linear %x, %w compute bf16 : tensor<?x?x64xf32>, tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    // CHECK: qopt.linear %{{.*}}, %{{.*}} accuracy_level 4 : tensor<?x?x64xf32>, tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    %u = qopt.linear %x, %w accuracy_level 4 : tensor<?x?x64xf32>, tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>>
    return %e, %y, %z : tensor<?x?x64xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
  }

  // CHECK-LABEL: func.func @scaled
  func.func @scaled(%x: tensor<?x64xf32>, %w: tensor<16x64x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>) -> tensor<?x16xf32> {
    // CHECK: tensor<16x64x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>
    %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<16x64x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>
    return %y : tensor<?x16xf32>
  }

  // CHECK-LABEL: func.func @elementwise
  func.func @elementwise(%x: tensor<?x8xf32>, %b: tensor<8xf32>) -> tensor<?x8xf16> {
    // CHECK: qopt.constant dense<2.000000e+00> : tensor<f32>
    %c = qopt.constant dense<2.000000e+00> : tensor<f32>
    // CHECK: qopt.unary gelu_tanh %{{.*}} : tensor<?x8xf32>
    %0 = qopt.unary gelu_tanh %x : tensor<?x8xf32>
    // CHECK: qopt.binary pow %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<f32>
    %1 = qopt.binary pow %0, %c : tensor<?x8xf32>, tensor<f32>
    // CHECK: qopt.binary add %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<8xf32>
    %2 = qopt.binary add %1, %b : tensor<?x8xf32>, tensor<8xf32>
    // CHECK: qopt.compare ge %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<f32>
    %3 = qopt.compare ge %2, %c : tensor<?x8xf32>, tensor<f32>
    // CHECK: qopt.unary not %{{.*}} : tensor<?x8xi1>
    %4 = qopt.unary not %3 : tensor<?x8xi1>
    // CHECK: qopt.select %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xi1>, tensor<?x8xf32>, tensor<8xf32>
    %5 = qopt.select %4, %2, %b : tensor<?x8xi1>, tensor<?x8xf32>, tensor<8xf32>
    // CHECK: qopt.cast %{{.*}} : tensor<?x8xf32> to tensor<?x8xf16>
    %6 = qopt.cast %5 : tensor<?x8xf32> to tensor<?x8xf16>
    // CHECK: qopt.dynamic_scale %{{.*}} as i8 : tensor<?x8xf32>
    %s = qopt.dynamic_scale %5 as i8 : tensor<?x8xf32>
    // CHECK: qopt.dynamic_scale %{{.*}} as f8E4M3FN : tensor<?x8xf32>
    %t = qopt.dynamic_scale %5 as f8E4M3FN : tensor<?x8xf32>
    %none = qopt.constant dense<0.0> : tensor<f8E4M3FN>
    // CHECK: qopt.quantize %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?x1xf32>, tensor<f8E4M3FN>
    %float8 = qopt.quantize %5, %t, %none : tensor<?x8xf32>, tensor<?x1xf32>, tensor<f8E4M3FN>
    // CHECK: qopt.dequantize %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf8E4M3FN>, tensor<?x1xf32>, tensor<f8E4M3FN>
    %read8 = qopt.dequantize %float8, %t, %none : tensor<?x8xf8E4M3FN>, tensor<?x1xf32>, tensor<f8E4M3FN>
    %zero = qopt.constant dense<128> : tensor<ui8>
    // CHECK: qopt.quantize %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<f32>, tensor<ui8>
    %7 = qopt.quantize %5, %c, %zero : tensor<?x8xf32>, tensor<f32>, tensor<ui8>
    // CHECK: qopt.dequantize %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xui8>, tensor<f32>, tensor<ui8>
    %8 = qopt.dequantize %7, %c, %zero : tensor<?x8xui8>, tensor<f32>, tensor<ui8>
    return %6 : tensor<?x8xf16>
  }

  // CHECK-LABEL: func.func @structure
  func.func @structure(%x: tensor<?x?x8xf32>, %ids: tensor<?x3xi32>) -> (tensor<?x?x8xf32>, tensor<?x?x3x2xf32>) {
    // CHECK: qopt.reshape %{{.*}} dims #map{{[0-9]*}} : tensor<?x?x8xf32> -> tensor<?x?x4x2xf32>
    %0 = qopt.reshape %x dims affine_map<()[s0, s1] -> (s0, s1, 4, 2)> : tensor<?x?x8xf32> -> tensor<?x?x4x2xf32>
    // CHECK: qopt.transpose %{{.*}} [0, 2, 1, 3] : tensor<?x?x4x2xf32>
    %1 = qopt.transpose %0 [0, 2, 1, 3] : tensor<?x?x4x2xf32>
    // CHECK: qopt.slice %{{.*}} axis 1 bounds #map{{[0-9]*}} step -1 : tensor<?x4x?x2xf32> -> tensor<?x2x?x2xf32>
    %2 = qopt.slice %1 axis 1 bounds affine_map<()[s0, s1] -> (3, 2)> step -1 : tensor<?x4x?x2xf32> -> tensor<?x2x?x2xf32>
    // CHECK: qopt.slice %{{.*}} axis 1 bounds #map{{[0-9]*}} : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %3 = qopt.slice %x axis 1 bounds affine_map<()[s0, s1] -> (0, s1 floordiv 2)> : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    // CHECK: qopt.concat %{{.*}}, %{{.*}} axis 1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
    %4 = qopt.concat %3, %x axis 1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
    // CHECK: qopt.gather %{{.*}}[%{{.*}}] axis 1 : tensor<?x4x?x2xf32>, tensor<?x3xi32>
    %5 = qopt.gather %1[%ids] axis 1 : tensor<?x4x?x2xf32>, tensor<?x3xi32>
    // CHECK: qopt.iota #map{{[0-9]*}} : tensor<?xi64>
    %6 = qopt.iota affine_map<()[s0, s1] -> (s1, 1, 2)> : tensor<?xi64>
    // CHECK: qopt.sizes #map{{[0-9]*}} : tensor<3xi64>
    %7 = qopt.sizes affine_map<()[s0, s1] -> (s0, s1 * 2, 7)> : tensor<3xi64>
    // CHECK: qopt.broadcast %{{.*}} dims #map{{[0-9]*}} : tensor<?xi64> -> tensor<?x?xi64>
    %8 = qopt.broadcast %6 dims #same : tensor<?xi64> -> tensor<?x?xi64>
    // CHECK: qopt.slice %{{.*}} axis 2 bounds #map{{[0-9]*}} : tensor<?x?x4x2xf32> -> tensor<?x?x3x2xf32>
    %9 = qopt.slice %0 axis 2 bounds affine_map<()[s0, s1] -> (1, 3)> : tensor<?x?x4x2xf32> -> tensor<?x?x3x2xf32>
    return %4, %9 : tensor<?x?x8xf32>, tensor<?x?x3x2xf32>
  }

  // CHECK-LABEL: func.func @contractions
  func.func @contractions(%x: tensor<2x?x8xf32>, %m: tensor<8x4xf32>, %g: tensor<4xf32>) -> tensor<2x1x1xf32> {
    // CHECK: qopt.matmul %{{.*}}, %{{.*}} : tensor<2x?x8xf32>, tensor<8x4xf32>
    %0 = qopt.matmul %x, %m : tensor<2x?x8xf32>, tensor<8x4xf32>
    // CHECK: qopt.softmax %{{.*}} axis 2 : tensor<2x?x4xf32>
    %1 = qopt.softmax %0 axis 2 : tensor<2x?x4xf32>
    // CHECK: qopt.rms_norm %{{.*}}, %{{.*}} epsilon 9.99999974E-6 : tensor<2x?x4xf32>, tensor<4xf32>
    %2 = qopt.rms_norm %1, %g epsilon 9.99999974E-6 : tensor<2x?x4xf32>, tensor<4xf32>
    // CHECK: qopt.layer_norm %{{.*}}, %{{.*}}, %{{.*}} epsilon 0.000000e+00 : tensor<2x?x4xf32>, tensor<4xf32>, tensor<4xf32>
    %3 = qopt.layer_norm %2, %g, %g epsilon 0.000000e+00 : tensor<2x?x4xf32>, tensor<4xf32>, tensor<4xf32>
    // CHECK: qopt.layer_norm %{{.*}}, %{{.*}} epsilon 0.000000e+00 : tensor<2x?x4xf32>, tensor<4xf32>
    %4 = qopt.layer_norm %3, %g epsilon 0.000000e+00 : tensor<2x?x4xf32>, tensor<4xf32>
    // CHECK: qopt.reduce max %{{.*}} axes [1] keep_dims false : tensor<2x?x4xf32>
    %5 = qopt.reduce max %4 axes [1] keep_dims false : tensor<2x?x4xf32>
    // CHECK: qopt.reduce mean %{{.*}} axes [1, 2] : tensor<2x?x4xf32>
    %6 = qopt.reduce mean %4 axes [1, 2] : tensor<2x?x4xf32>
    return %6 : tensor<2x1x1xf32>
  }

  // CHECK-LABEL: func.func @decoder
  func.func @decoder(%x: tensor<?x?x8xf32>, %q: tensor<?x?x4x6xf32>, %k: tensor<?x?x2x6xf32>, %v: tensor<?x?x2x6xf32>, %past: tensor<?xi64>, %count: tensor<?xi64>,
      %mask: tensor<?x1x?x?xi1>, %c: !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16>) -> !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16> {
    // CHECK: qopt.positions %{{.*}} tokens #map{{[0-9]*}} : tensor<?xi64> -> tensor<?x?xi64>
    %p = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
    // CHECK: qopt.take_last %{{.*}}, %{{.*}} size #map{{[0-9]*}} : tensor<?x?x8xf32>, tensor<?xi64> -> tensor<?x1x8xf32>
    %l = qopt.take_last %x, %count size affine_map<()[s0, s1] -> (1)> : tensor<?x?x8xf32>, tensor<?xi64> -> tensor<?x1x8xf32>
    // CHECK: qopt.rotary %{{.*}} at %{{.*}} frequencies [1.00000000e+00, 5.00000000e-01, 2.50000000e-01] : tensor<?x?x4x6xf32>, tensor<?x?xi64>
    %r = qopt.rotary %q at %p frequencies [1.0, 0.5, 0.25] : tensor<?x?x4x6xf32>, tensor<?x?xi64>
    // CHECK: qopt.rotary %{{.*}} at %{{.*}} frequencies [1.00000000e+00, 5.00000000e-01] scale 1.250000e+00 interleaved table 512 : tensor<?x?x4x6xf32>, tensor<?x?xi64>
    %s = qopt.rotary %q at %p frequencies [1.0, 0.5] scale 1.250000e+00 interleaved table 512 : tensor<?x?x4x6xf32>, tensor<?x?xi64>
    // CHECK: qopt.attention %{{.*}}, %{{.*}}, %{{.*}} scale 5.000000e-01 causal window 128 softcap 3.000000e+01 : tensor<?x?x4x6xf32>, tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32>
    %a = qopt.attention %r, %k, %v scale 0.5 causal window 128 softcap 3.000000e+01 : tensor<?x?x4x6xf32>, tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32>
    // CHECK: qopt.attention %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} lengths %{{.*}} scale 5.000000e-01 : tensor<?x?x4x6xf32>, tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32> mask tensor<?x1x?x?xi1> lengths tensor<?xi64>
    %b = qopt.attention %r, %k, %v mask %mask lengths %count scale 0.5 : tensor<?x?x4x6xf32>, tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32> mask tensor<?x1x?x?xi1> lengths tensor<?xi64>
    // CHECK: qopt.kv_append %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} : <2x6, capacity = ?, key = f16, value = bf16>, tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32>, tensor<?xi64>
    %d = qopt.kv_append %c, %k, %v at %past : !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16>, tensor<?x?x2x6xf32>, tensor<?x?x2x6xf32>, tensor<?xi64>
    // CHECK: qopt.cached_attention %{{.*}}, %{{.*}} at %{{.*}} scale 5.000000e-01 : tensor<?x?x4x6xf32>, <2x6, capacity = ?, key = f16, value = bf16>, tensor<?xi64>
    %e = qopt.cached_attention %r, %d at %past scale 0.5 : tensor<?x?x4x6xf32>, !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16>, tensor<?xi64>
    // CHECK: qopt.cached_attention %{{.*}}, %{{.*}} at %{{.*}} scale 5.000000e-01 window 64 softcap 5.000000e+01 : tensor<?x?x4x6xf32>, <2x6, capacity = ?, key = f16, value = bf16>, tensor<?xi64>
    %f = qopt.cached_attention %s, %d at %past scale 0.5 window 64 softcap 5.000000e+01 : tensor<?x?x4x6xf32>, !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16>, tensor<?xi64>
    // CHECK: qopt.cached_attention %{{.*}}, %{{.*}} at %{{.*}} scale 5.000000e-01 scores <ui8, scale = 5.000000e-02 : f32, zero_point = 128> probabilities <i8, scale = 7.812500e-03 : f32, zero_point = -128> : tensor<?x?x4x6xf32>, <2x6, capacity = ?, key = f16, value = bf16>, tensor<?xi64>
    %g = qopt.cached_attention %s, %d at %past scale 0.5 scores <ui8, scale = 0.05 : f32, zero_point = 128> probabilities <i8, scale = 0.0078125 : f32, zero_point = -128> : tensor<?x?x4x6xf32>, !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16>, tensor<?xi64>
    return %d : !qopt.kv_cache<2x6, capacity = ?, key = f16, value = bf16>
  }

  // CHECK: func.func private @coded() attributes {test.codes = #qopt.quantization<ui8, scale = 2.500000e-01 : f32, zero_point = 3>}
  func.func private @coded() attributes {test.codes = #qopt.quantization<ui8, scale = 0.25 : f32, zero_point = 3>}

  // CHECK: func.func private @planned(!qopt.kv_cache<2x32, capacity = 512, key = f32, value = f32>)
  func.func private @planned(!qopt.kv_cache<2x32, capacity = 512, key = f32, value = f32>)
}

// CHECK-LABEL: func.func private @stored_caches
// CHECK-SAME: !qopt.kv_cache<2x6, capacity = 8, key = !qopt.packed<i8, group = 0, scale = f16>, value = !qopt.scaled<f8E4M3FN, group = 0, scale = f16>>
func.func private @stored_caches(!qopt.kv_cache<2x6, capacity = 8, key = !qopt.packed<i8, group = 0, scale = f16>, value = !qopt.scaled<f8E4M3FN, group = 0, scale = f16>>)
