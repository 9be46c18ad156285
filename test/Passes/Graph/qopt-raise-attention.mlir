// RUN: qopt-opt %s --qopt-raise-attention --verify-each --split-input-file --verify-diagnostics | FileCheck %s

#ids = affine_map<()[s0, s1, s2] -> (s0, s1)>
#mask = affine_map<()[s0, s1, s2] -> (s0, s1 + s2)>
#q = affine_map<()[s0, s1, s2] -> (s0, s1, 4, 8)>
#new = affine_map<()[s0, s1, s2] -> (s0, 2, s1, 8)>
#past = affine_map<()[s0, s1, s2] -> (s0, 2, s2, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"past", 0 to -1>]

// Cached keys and values, heads repeated, a causal mask joined with the padding mask: all of it is one causal attention.
// CHECK-LABEL: func.func @causal
// CHECK: %[[keys:.*]] = qopt.concat %arg3
// CHECK: %[[values:.*]] = qopt.concat %arg4
// CHECK: %[[k:.*]] = qopt.transpose %[[keys]] [0, 2, 1, 3]
// CHECK: %[[v:.*]] = qopt.transpose %[[values]] [0, 2, 1, 3]
// CHECK: %[[a:.*]] = qopt.attention %arg2, %[[k]], %[[v]] scale 5.000000e-01 causal :
// CHECK-SAME: tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
// CHECK: %[[t:.*]] = qopt.transpose %[[a]] [0, 2, 1, 3]
// CHECK: return %[[t]], %[[keys]], %[[values]]
func.func @causal(%input_ids: tensor<?x?xi64> {qopt.dims = #ids, qopt.name = "input_ids"}, %attention_mask: tensor<?x?xi64> {qopt.dims = #mask, qopt.name = "attention_mask"},
    %q: tensor<?x?x4x8xf32> {qopt.dims = #q}, %pk: tensor<?x2x?x8xf32> {qopt.dims = #past}, %pv: tensor<?x2x?x8xf32> {qopt.dims = #past},
    %nk: tensor<?x2x?x8xf32> {qopt.dims = #new}, %nv: tensor<?x2x?x8xf32> {qopt.dims = #new}) -> (tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) attributes {qopt.symbols = #s} {
  %low = qopt.constant dense<-3.40282347E+38> : tensor<f32>
  %zero = qopt.constant dense<0.0> : tensor<f32>
  %none = qopt.constant dense<0> : tensor<i64>
  %c = qopt.constant dense<2.0> : tensor<f32>
  %k = qopt.concat %pk, %nk axis 2 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
  %v = qopt.concat %pv, %nv axis 2 : tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
  %k5 = qopt.reshape %k dims affine_map<()[s0, s1, s2] -> (s0, 2, 1, s1 + s2, 8)> : tensor<?x2x?x8xf32> -> tensor<?x2x1x?x8xf32>
  %kb = qopt.broadcast %k5 dims affine_map<()[s0, s1, s2] -> (s0, 2, 2, s1 + s2, 8)> : tensor<?x2x1x?x8xf32> -> tensor<?x2x2x?x8xf32>
  %kr = qopt.reshape %kb dims affine_map<()[s0, s1, s2] -> (s0, 4, s1 + s2, 8)> : tensor<?x2x2x?x8xf32> -> tensor<?x4x?x8xf32>
  %v5 = qopt.reshape %v dims affine_map<()[s0, s1, s2] -> (s0, 2, 1, s1 + s2, 8)> : tensor<?x2x?x8xf32> -> tensor<?x2x1x?x8xf32>
  %vb = qopt.broadcast %v5 dims affine_map<()[s0, s1, s2] -> (s0, 2, 2, s1 + s2, 8)> : tensor<?x2x1x?x8xf32> -> tensor<?x2x2x?x8xf32>
  %vr = qopt.reshape %vb dims affine_map<()[s0, s1, s2] -> (s0, 4, s1 + s2, 8)> : tensor<?x2x2x?x8xf32> -> tensor<?x4x?x8xf32>
  %columns = qopt.iota affine_map<()[s0, s1, s2] -> (s1 + s2, 0, 1)> : tensor<?xi64>
  %rows1 = qopt.iota affine_map<()[s0, s1, s2] -> (s1, s2, 1)> : tensor<?xi64>
  %rows = qopt.reshape %rows1 dims affine_map<()[s0, s1, s2] -> (s1, 1)> : tensor<?xi64> -> tensor<?x1xi64>
  %future = qopt.compare gt %columns, %rows : tensor<?xi64>, tensor<?x1xi64>
  %m2 = qopt.select %future, %low, %zero : tensor<?x?xi1>, tensor<f32>, tensor<f32>
  %m4 = qopt.reshape %m2 dims affine_map<()[s0, s1, s2] -> (1, 1, s1, s1 + s2)> : tensor<?x?xf32> -> tensor<1x1x?x?xf32>
  %p4 = qopt.reshape %attention_mask dims affine_map<()[s0, s1, s2] -> (s0, 1, 1, s1 + s2)> : tensor<?x?xi64> -> tensor<?x1x1x?xi64>
  %padding = qopt.compare eq %p4, %none : tensor<?x1x1x?xi64>, tensor<i64>
  %m = qopt.select %padding, %low, %m4 : tensor<?x1x1x?xi1>, tensor<f32>, tensor<1x1x?x?xf32>
  %qt = qopt.transpose %q [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %kt = qopt.transpose %kr [0, 1, 3, 2] : tensor<?x4x?x8xf32>
  %s = qopt.matmul %qt, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %d = qopt.binary div %s, %c : tensor<?x4x?x?xf32>, tensor<f32>
  %sm = qopt.binary add %d, %m : tensor<?x4x?x?xf32>, tensor<?x1x?x?xf32>
  %p = qopt.softmax %sm axis 3 : tensor<?x4x?x?xf32>
  %a = qopt.matmul %p, %vr : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a, %k, %v : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1] -> (s0, 4, s1, 8)>
#m = affine_map<()[s0, s1] -> (s0, s1)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// An encoder: no cache, so the padding mask stays an operand. Both queries and keys carry a part of the scale.
// CHECK-LABEL: func.func @encoder
// CHECK: %[[m:.*]] = qopt.binary mul
// CHECK: qopt.attention %{{.*}}, %{{.*}}, %{{.*}} mask %[[m]] scale 2.500000e-01 :
func.func @encoder(%attention_mask: tensor<?x?xi64> {qopt.dims = #m, qopt.name = "attention_mask"}, %input_ids: tensor<?x?xi64> {qopt.dims = #m, qopt.name = "input_ids"},
    %q: tensor<?x4x?x8xf32> {qopt.dims = #x}, %k: tensor<?x4x?x8xf32> {qopt.dims = #x}, %v: tensor<?x4x?x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %half = qopt.constant dense<0.5> : tensor<f32>
  %one = qopt.constant dense<1.0> : tensor<f32>
  %low = qopt.constant dense<-3.40282347E+38> : tensor<f32>
  %m4 = qopt.reshape %attention_mask dims affine_map<()[s0, s1] -> (s0, 1, 1, s1)> : tensor<?x?xi64> -> tensor<?x1x1x?xi64>
  %mf = qopt.cast %m4 : tensor<?x1x1x?xi64> to tensor<?x1x1x?xf32>
  %inverse = qopt.binary sub %one, %mf : tensor<f32>, tensor<?x1x1x?xf32>
  %mask = qopt.binary mul %inverse, %low : tensor<?x1x1x?xf32>, tensor<f32>
  %qs = qopt.binary mul %q, %half : tensor<?x4x?x8xf32>, tensor<f32>
  %kt = qopt.transpose %k [0, 1, 3, 2] : tensor<?x4x?x8xf32>
  %ks = qopt.binary mul %kt, %half : tensor<?x4x8x?xf32>, tensor<f32>
  %s = qopt.matmul %qs, %ks : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %sm = qopt.binary add %s, %mask : tensor<?x4x?x?xf32>, tensor<?x1x1x?xf32>
  %p = qopt.softmax %sm axis 3 : tensor<?x4x?x?xf32>
  %a = qopt.matmul %p, %v : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1] -> (s0, 4, s1, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// A soft cap, and a boolean mask that sees the last 16 tokens.
// CHECK-LABEL: func.func @window
// CHECK: qopt.attention {{.*}} scale 5.000000e-01 causal window 16 softcap 5.000000e+01 :
func.func @window(%q: tensor<?x4x?x8xf32> {qopt.dims = #x}, %k: tensor<?x4x?x8xf32> {qopt.dims = #x}, %v: tensor<?x4x?x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %half = qopt.constant dense<0.5> : tensor<f32>
  %cap = qopt.constant dense<50.0> : tensor<f32>
  %low = qopt.constant dense<0xFF800000> : tensor<f32>
  %w = qopt.constant dense<16> : tensor<i64>
  %k0 = qopt.iota affine_map<()[s0, s1] -> (s1, 0, 1)> : tensor<?xi64>
  %q0 = qopt.reshape %k0 dims affine_map<()[s0, s1] -> (s1, 1)> : tensor<?xi64> -> tensor<?x1xi64>
  %causal = qopt.compare le %k0, %q0 : tensor<?xi64>, tensor<?x1xi64>
  %first = qopt.binary sub %q0, %w : tensor<?x1xi64>, tensor<i64>
  %near = qopt.compare gt %k0, %first : tensor<?xi64>, tensor<?x1xi64>
  %seen = qopt.binary and %causal, %near : tensor<?x?xi1>, tensor<?x?xi1>
  %kt = qopt.transpose %k [0, 1, 3, 2] : tensor<?x4x?x8xf32>
  %s = qopt.matmul %q, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %d = qopt.binary mul %s, %half : tensor<?x4x?x?xf32>, tensor<f32>
  %c = qopt.binary div %d, %cap : tensor<?x4x?x?xf32>, tensor<f32>
  %t = qopt.unary tanh %c : tensor<?x4x?x?xf32>
  %u = qopt.binary mul %t, %cap : tensor<?x4x?x?xf32>, tensor<f32>
  %sm = qopt.select %seen, %u, %low : tensor<?x?xi1>, tensor<?x4x?x?xf32>, tensor<f32>
  %p = qopt.softmax %sm axis 3 : tensor<?x4x?x?xf32>
  %a = qopt.matmul %p, %v : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1] -> (s0, 4, s1, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// A mask that hides the present token too is not causal.
// CHECK-LABEL: func.func @strict
// CHECK: %[[seen:.*]] = qopt.compare lt
// CHECK: qopt.attention {{.*}} mask %[[seen]] scale 1.000000e+00 :
func.func @strict(%q: tensor<?x4x?x8xf32> {qopt.dims = #x}, %k: tensor<?x4x?x8xf32> {qopt.dims = #x}, %v: tensor<?x4x?x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %low = qopt.constant dense<-1.0e30> : tensor<f32>
  %k0 = qopt.iota affine_map<()[s0, s1] -> (s1, 0, 1)> : tensor<?xi64>
  %q0 = qopt.reshape %k0 dims affine_map<()[s0, s1] -> (s1, 1)> : tensor<?xi64> -> tensor<?x1xi64>
  %seen = qopt.compare lt %k0, %q0 : tensor<?xi64>, tensor<?x1xi64>
  %kt = qopt.transpose %k [0, 1, 3, 2] : tensor<?x4x?x8xf32>
  %s = qopt.matmul %q, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %sm = qopt.select %seen, %s, %low : tensor<?x?xi1>, tensor<?x4x?x?xf32>, tensor<f32>
  %p = qopt.softmax %sm axis 3 : tensor<?x4x?x?xf32>
  %a = qopt.matmul %p, %v : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1] -> (s0, 4, s1, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// CHECK-LABEL: func.func @squared
// CHECK: qopt.softmax
func.func @squared(%q: tensor<?x4x?x8xf32> {qopt.dims = #x}, %k: tensor<?x4x?x8xf32> {qopt.dims = #x}, %v: tensor<?x4x?x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %kt = qopt.transpose %k [0, 1, 3, 2] : tensor<?x4x?x8xf32>
  %s = qopt.matmul %q, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %s2 = qopt.binary mul %s, %s : tensor<?x4x?x?xf32>, tensor<?x4x?x?xf32>
  %p = qopt.softmax %s2 axis 3 : tensor<?x4x?x?xf32>
  // expected-warning @below {{attention was not recognised and its scores are written to memory: scores are multiplied by something else than a number}}
  %a = qopt.matmul %p, %v : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1, s2] -> (s0, s1, 4, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"past", 0 to -1>]

// Scores and probabilities that go through codes are attributes of the attention.
// CHECK-LABEL: func.func @codes
// CHECK: qopt.attention %arg0, %arg1, %arg2 scale 5.000000e-01 scores <ui8, scale = 2.500000e-01 : f32, zero_point = 128> probabilities <i8, scale = 7.812500e-03 : f32, zero_point = -128> :
func.func @codes(%q: tensor<?x?x4x8xf32> {qopt.dims = #x}, %k: tensor<?x?x4x8xf32> {qopt.dims = #x}, %v: tensor<?x?x4x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %s0 = qopt.constant dense<0.25> : tensor<f32>
  %z0 = qopt.constant dense<128> : tensor<ui8>
  %s1 = qopt.constant dense<0.0078125> : tensor<f32>
  %z1 = qopt.constant dense<-128> : tensor<i8>
  %half = qopt.constant dense<0.5> : tensor<f32>
  %qt = qopt.transpose %q [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %kt = qopt.transpose %k [0, 2, 3, 1] : tensor<?x?x4x8xf32>
  %vt = qopt.transpose %v [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %s = qopt.matmul %qt, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %c = qopt.quantize %s, %s0, %z0 : tensor<?x4x?x?xf32>, tensor<f32>, tensor<ui8>
  %d = qopt.dequantize %c, %s0, %z0 : tensor<?x4x?x?xui8>, tensor<f32>, tensor<ui8>
  %m = qopt.binary mul %d, %half : tensor<?x4x?x?xf32>, tensor<f32>
  %p = qopt.softmax %m axis 3 : tensor<?x4x?x?xf32>
  %e = qopt.quantize %p, %s1, %z1 : tensor<?x4x?x?xf32>, tensor<f32>, tensor<i8>
  %f = qopt.dequantize %e, %s1, %z1 : tensor<?x4x?x?xi8>, tensor<f32>, tensor<i8>
  %a = qopt.matmul %f, %vt : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1, s2] -> (s0, s1, 4, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"past", 0 to -1>]

// CHECK-LABEL: func.func @codes_after_the_scale
// CHECK-NOT: qopt.attention
func.func @codes_after_the_scale(%q: tensor<?x?x4x8xf32> {qopt.dims = #x}, %k: tensor<?x?x4x8xf32> {qopt.dims = #x}, %v: tensor<?x?x4x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %s0 = qopt.constant dense<0.25> : tensor<f32>
  %z0 = qopt.constant dense<128> : tensor<ui8>
  %half = qopt.constant dense<0.5> : tensor<f32>
  %qt = qopt.transpose %q [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %kt = qopt.transpose %k [0, 2, 3, 1] : tensor<?x?x4x8xf32>
  %vt = qopt.transpose %v [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %s = qopt.matmul %qt, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %m = qopt.binary mul %s, %half : tensor<?x4x?x?xf32>, tensor<f32>
  %c = qopt.quantize %m, %s0, %z0 : tensor<?x4x?x?xf32>, tensor<f32>, tensor<ui8>
  %d = qopt.dequantize %c, %s0, %z0 : tensor<?x4x?x?xui8>, tensor<f32>, tensor<ui8>
  %p = qopt.softmax %d axis 3 : tensor<?x4x?x?xf32>
  // expected-warning @+1 {{attention was not recognised and its scores are written to memory: scores are quantized after they were scaled or masked}}
  %a = qopt.matmul %p, %vt : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}

// -----

#x = affine_map<()[s0, s1, s2] -> (s0, s1, 4, 8)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"past", 0 to -1>]

// Codes that are floats are no attribute of an attention.
// CHECK-LABEL: func.func @float8_codes
// CHECK-NOT: qopt.attention
func.func @float8_codes(%q: tensor<?x?x4x8xf32> {qopt.dims = #x}, %k: tensor<?x?x4x8xf32> {qopt.dims = #x}, %v: tensor<?x?x4x8xf32> {qopt.dims = #x}) -> tensor<?x4x?x8xf32> attributes {qopt.symbols = #s} {
  %s0 = qopt.constant dense<0.25> : tensor<f32>
  %z0 = qopt.constant dense<0.0> : tensor<f8E4M3FN>
  %half = qopt.constant dense<0.5> : tensor<f32>
  %qt = qopt.transpose %q [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %kt = qopt.transpose %k [0, 2, 3, 1] : tensor<?x?x4x8xf32>
  %vt = qopt.transpose %v [0, 2, 1, 3] : tensor<?x?x4x8xf32>
  %s = qopt.matmul %qt, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32>
  %m = qopt.binary mul %s, %half : tensor<?x4x?x?xf32>, tensor<f32>
  %c = qopt.quantize %m, %s0, %z0 : tensor<?x4x?x?xf32>, tensor<f32>, tensor<f8E4M3FN>
  %d = qopt.dequantize %c, %s0, %z0 : tensor<?x4x?x?xf8E4M3FN>, tensor<f32>, tensor<f8E4M3FN>
  %p = qopt.softmax %d axis 3 : tensor<?x4x?x?xf32>
  // expected-warning @+1 {{attention was not recognised and its scores are written to memory: something else than masks, scales and soft caps happens to the scores}}
  %a = qopt.matmul %p, %vt : tensor<?x4x?x?xf32>, tensor<?x4x?x8xf32>
  return %a : tensor<?x4x?x8xf32>
}
