// The inferred type of every operation is the one that its function returns, or the text would not parse; its inferred symbolic
// dimensions are the declared ones, or the verifier of the level would refuse them.
// RUN: qopt-opt %s --qopt-verify-quantized | FileCheck %s

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%a: tensor<?x1x4xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 4)>}, %b: tensor<?x1xf16> {qopt.dims = affine_map<()[s0, s1] -> (s1, 1)>})
    -> (tensor<?x1x4xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 4)>}, tensor<?x?x4xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
        tensor<?x?x4xi1> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}, tensor<?x?x4xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4)>},
        tensor<?x1xi32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 1)>})
    attributes {qopt.symbols = [#qopt.symbol<"a", 1 to -1>, #qopt.symbol<"b", 1 to -1>]} {
  %0 = qopt.unary exp %a : tensor<?x1x4xf16>
  %1 = qopt.binary add %a, %b : tensor<?x1x4xf16>, tensor<?x1xf16>
  %2 = qopt.compare lt %b, %a : tensor<?x1xf16>, tensor<?x1x4xf16>
  %3 = qopt.select %2, %a, %b : tensor<?x?x4xi1>, tensor<?x1x4xf16>, tensor<?x1xf16>
  %4 = qopt.cast %b : tensor<?x1xf16> to tensor<?x1xi32>
  return %0, %1, %2, %3, %4 : tensor<?x1x4xf16>, tensor<?x?x4xf16>, tensor<?x?x4xi1>, tensor<?x?x4xf16>, tensor<?x1xi32>
}

// CHECK-LABEL: func.func @structure
func.func @structure(%a: tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4)>}, %b: tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 4)>},
                     %i: tensor<?x2xi64> {qopt.dims = affine_map<()[s0, s1] -> (s1, 2)>})
    -> (tensor<?x2x2xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 2, 2)>}, tensor<4x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (4, s0)>},
        tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0 - 1, 4)>}, tensor<?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0 + s1, 4)>},
        tensor<?x2x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (s1, 2, 4)>}, tensor<?x?x2xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 2)>},
        tensor<?xi64> {qopt.dims = affine_map<()[s0, s1] -> (s0 + s1)>}, tensor<2xi64> {qopt.dims = affine_map<()[s0, s1] -> (2)>},
        tensor<i32> {qopt.dims = affine_map<()[s0, s1] -> ()>}, tensor<3x?x4xf32> {qopt.dims = affine_map<()[s0, s1] -> (3, s0, 4)>})
    attributes {qopt.symbols = [#qopt.symbol<"a", 1 to -1>, #qopt.symbol<"b", 1 to -1>]} {
  %0 = qopt.reshape %a dims affine_map<()[s0, s1] -> (s0, 2, 2)> : tensor<?x4xf32> -> tensor<?x2x2xf32>
  %1 = qopt.transpose %a [1, 0] : tensor<?x4xf32>
  %2 = qopt.slice %a axis 0 bounds affine_map<()[s0, s1] -> (1, s0 - 1)> : tensor<?x4xf32> -> tensor<?x4xf32>
  %3 = qopt.concat %a, %b axis 0 : tensor<?x4xf32>, tensor<?x4xf32>
  %4 = qopt.gather %a[%i] : tensor<?x4xf32>, tensor<?x2xi64>
  %5 = qopt.gather %a[%i] axis 1 : tensor<?x4xf32>, tensor<?x2xi64>
  %6 = qopt.iota affine_map<()[s0, s1] -> (s0 + s1, 0, 1)> : tensor<?xi64>
  %7 = qopt.sizes affine_map<()[s0, s1] -> (s0, s1)> : tensor<2xi64>
  %8 = qopt.sizes affine_map<()[s0, s1] -> (s0)> : tensor<i32>
  %9 = qopt.broadcast %a dims affine_map<()[s0, s1] -> (3, s0, 4)> : tensor<?x4xf32> -> tensor<3x?x4xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : tensor<?x2x2xf32>, tensor<4x?xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2x4xf32>, tensor<?x?x2xf32>, tensor<?xi64>, tensor<2xi64>, tensor<i32>, tensor<3x?x4xf32>
}

// CHECK-LABEL: func.func @contractions
func.func @contractions(%a: tensor<?x1x4xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 4)>}, %b: tensor<?x4x?xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4, s1)>},
                        %g: tensor<4xbf16>)
    -> (tensor<?x1x?xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, s1)>}, tensor<?x1x1xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 1)>},
        tensor<?xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0)>}, tensor<?x4x?xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 4, s1)>},
        tensor<?x1x4xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 4)>}, tensor<?x1x4xbf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 4)>})
    attributes {qopt.symbols = [#qopt.symbol<"a", 1 to -1>, #qopt.symbol<"b", 1 to -1>]} {
  %0 = qopt.matmul %a, %b : tensor<?x1x4xbf16>, tensor<?x4x?xbf16>
  %1 = qopt.reduce sum %a axes [2] : tensor<?x1x4xbf16>
  %2 = qopt.reduce max %a axes [1, 2] keep_dims false : tensor<?x1x4xbf16>
  %3 = qopt.softmax %b axis 1 : tensor<?x4x?xbf16>
  %4 = qopt.rms_norm %a, %g epsilon 1.0e-5 : tensor<?x1x4xbf16>, tensor<4xbf16>
  %5 = qopt.layer_norm %a, %g, %g epsilon 1.0e-5 : tensor<?x1x4xbf16>, tensor<4xbf16>, tensor<4xbf16>
  return %0, %1, %2, %3, %4, %5 : tensor<?x1x?xbf16>, tensor<?x1x1xbf16>, tensor<?xbf16>, tensor<?x4x?xbf16>, tensor<?x1x4xbf16>, tensor<?x1x4xbf16>
}

// CHECK-LABEL: func.func @decoder
func.func @decoder(%past: tensor<?xi64> {qopt.dims = affine_map<()[s0, s1] -> (s0)>}, %q: tensor<?x?x4x2xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4, 2)>},
                   %v: tensor<?x?x2x6xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 2, 6)>}, %k: tensor<?x?x2x2xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 2, 2)>},
                   %c: !qopt.kv_cache<2x2, capacity = ?, key = f16, value = f16>)
    -> (tensor<?x?xi64> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1)>}, tensor<?x1x4x2xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 4, 2)>},
        tensor<?x?x4x6xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4, 6)>}, tensor<?x?x4x2xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4, 2)>},
        tensor<?x?x4x2xf16> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 4, 2)>}, !qopt.kv_cache<2x2, capacity = ?, key = f16, value = f16>)
    attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]} {
  %0 = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
  %1 = qopt.take_last %q, %past size affine_map<()[s0, s1] -> (1)> : tensor<?x?x4x2xf16>, tensor<?xi64> -> tensor<?x1x4x2xf16>
  %2 = qopt.attention %q, %k, %v scale 0.5 causal : tensor<?x?x4x2xf16>, tensor<?x?x2x2xf16>, tensor<?x?x2x6xf16>
  %3 = qopt.rotary %q at %0 frequencies [1.0] : tensor<?x?x4x2xf16>, tensor<?x?xi64>
  %d = qopt.kv_append %c, %k, %k at %past : !qopt.kv_cache<2x2, capacity = ?, key = f16, value = f16>, tensor<?x?x2x2xf16>, tensor<?x?x2x2xf16>, tensor<?xi64>
  %4 = qopt.cached_attention %q, %d at %past scale 0.5 : tensor<?x?x4x2xf16>, !qopt.kv_cache<2x2, capacity = ?, key = f16, value = f16>, tensor<?xi64>
  return %0, %1, %2, %3, %4, %d : tensor<?x?xi64>, tensor<?x1x4x2xf16>, tensor<?x?x4x6xf16>, tensor<?x?x4x2xf16>, tensor<?x?x4x2xf16>, !qopt.kv_cache<2x2, capacity = ?, key = f16, value = f16>
}

qopt.weight @w : tensor<8x4x!qopt.packed<i8, group = 0, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 128, type = tensor<8x4xf32>, hash = 0>] scheme "rtn"
qopt.weight @table : tensor<9x4x!qopt.packed<i8, group = 0, scale = f16>> from [#qopt.source<"m.data", offset = 0, length = 144, type = tensor<9x4xf32>, hash = 0>] scheme "rtn"

// A stored weight reads as numbers of the input's type, a stored table as f32.
// CHECK-LABEL: func.func @stored
func.func @stored(%x: tensor<?x4xf16> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}, %i: tensor<?xi64> {qopt.dims = affine_map<()[s0] -> (s0)>})
    -> (tensor<?x8xf16> {qopt.dims = affine_map<()[s0] -> (s0, 8)>}, tensor<?x4xf32> {qopt.dims = affine_map<()[s0] -> (s0, 4)>}, tensor<2xf32> {qopt.dims = affine_map<()[s0] -> (2)>})
    attributes {qopt.symbols = [#qopt.symbol<"tokens", 1 to -1>]} {
  %w = qopt.use_weight @w : tensor<8x4x!qopt.packed<i8, group = 0, scale = f16>>
  %0 = qopt.linear %x, %w compute bf16 : tensor<?x4xf16>, tensor<8x4x!qopt.packed<i8, group = 0, scale = f16>>
  %t = qopt.use_weight @table : tensor<9x4x!qopt.packed<i8, group = 0, scale = f16>>
  %1 = qopt.gather %t[%i] : tensor<9x4x!qopt.packed<i8, group = 0, scale = f16>>, tensor<?xi64>
  %2 = qopt.constant dense<1.0> : tensor<2xf32>
  return %0, %1, %2 : tensor<?x8xf16>, tensor<?x4xf32>, tensor<2xf32>
}
