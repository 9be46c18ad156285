// RUN: qopt-opt %s --qopt-raise-rotary --verify-each --split-input-file --verify-diagnostics | FileCheck %s

#ids = affine_map<()[s0, s1] -> (s0, s1)>
#x = affine_map<()[s0, s1] -> (s0, s1, 2, 4)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// Halves, computed from positions, on [batch, heads, tokens, size].
// CHECK-LABEL: func.func @halves
// CHECK-NEXT: %[[r:.*]] = qopt.rotary %arg0 at %arg1 frequencies [1.00000000e+00, 5.00000000e-01] :
// CHECK-NEXT: %[[t:.*]] = qopt.transpose %[[r]] [0, 2, 1, 3]
// CHECK-NEXT: return %[[t]]
func.func @halves(%x: tensor<?x?x2x4xf32> {qopt.dims = #x}, %position_ids: tensor<?x?xi64> {qopt.dims = #ids}) -> tensor<?x2x?x4xf32> attributes {qopt.symbols = #s} {
  %f = qopt.constant dense<[[[1.0], [0.5]]]> : tensor<1x2x1xf32>
  %fb = qopt.broadcast %f dims affine_map<()[s0, s1] -> (s0, 2, 1)> : tensor<1x2x1xf32> -> tensor<?x2x1xf32>
  %p = qopt.reshape %position_ids dims affine_map<()[s0, s1] -> (s0, 1, s1)> : tensor<?x?xi64> -> tensor<?x1x?xi64>
  %pf = qopt.cast %p : tensor<?x1x?xi64> to tensor<?x1x?xf32>
  %m = qopt.matmul %fb, %pf : tensor<?x2x1xf32>, tensor<?x1x?xf32>
  %a = qopt.transpose %m [0, 2, 1] : tensor<?x2x?xf32>
  %aa = qopt.concat %a, %a axis 2 : tensor<?x?x2xf32>, tensor<?x?x2xf32>
  %cos0 = qopt.unary cos %aa : tensor<?x?x4xf32>
  %sin0 = qopt.unary sin %aa : tensor<?x?x4xf32>
  %cos = qopt.reshape %cos0 dims affine_map<()[s0, s1] -> (s0, 1, s1, 4)> : tensor<?x?x4xf32> -> tensor<?x1x?x4xf32>
  %sin = qopt.reshape %sin0 dims affine_map<()[s0, s1] -> (s0, 1, s1, 4)> : tensor<?x?x4xf32> -> tensor<?x1x?x4xf32>
  %t = qopt.transpose %x [0, 2, 1, 3] : tensor<?x?x2x4xf32>
  %l = qopt.slice %t axis 3 bounds affine_map<()[s0, s1] -> (0, 2)> : tensor<?x2x?x4xf32> -> tensor<?x2x?x2xf32>
  %h = qopt.slice %t axis 3 bounds affine_map<()[s0, s1] -> (2, 2)> : tensor<?x2x?x4xf32> -> tensor<?x2x?x2xf32>
  %n = qopt.unary neg %h : tensor<?x2x?x2xf32>
  %r = qopt.concat %n, %l axis 3 : tensor<?x2x?x2xf32>, tensor<?x2x?x2xf32>
  %xc = qopt.binary mul %t, %cos : tensor<?x2x?x4xf32>, tensor<?x1x?x4xf32>
  %rs = qopt.binary mul %r, %sin : tensor<?x2x?x4xf32>, tensor<?x1x?x4xf32>
  %y = qopt.binary add %xc, %rs : tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>
  return %y : tensor<?x2x?x4xf32>
}

// -----

#ids = affine_map<()[s0, s1] -> (s0, s1)>
#x = affine_map<()[s0, s1] -> (s0, s1, 2, 6)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// Pairs of neighbours, a scale, channels that pass, positions that count from 3.
// CHECK-LABEL: func.func @interleaved
// CHECK: %[[i:.*]] = qopt.iota
// CHECK: %[[p:.*]] = qopt.broadcast %[[i]]
// CHECK: %[[r:.*]] = qopt.rotary %arg0 at %[[p]] frequencies [1.00000000e+00, 5.00000000e-01] scale 2.000000e+00 interleaved :
// CHECK-NEXT: return %[[r]]
func.func @interleaved(%x: tensor<?x?x2x6xf32> {qopt.dims = #x}) -> tensor<?x?x2x6xf32> attributes {qopt.symbols = #s} {
  %f = qopt.constant dense<[1.0, 0.5]> : tensor<2xf32>
  %two = qopt.constant dense<2.0> : tensor<f32>
  %p = qopt.iota affine_map<()[s0, s1] -> (s1, 3, 1)> : tensor<?xf32>
  %pr = qopt.reshape %p dims affine_map<()[s0, s1] -> (s1, 1, 1)> : tensor<?xf32> -> tensor<?x1x1xf32>
  %a = qopt.binary mul %pr, %f : tensor<?x1x1xf32>, tensor<2xf32>
  %cos1 = qopt.unary cos %a : tensor<?x1x2xf32>
  %sin1 = qopt.unary sin %a : tensor<?x1x2xf32>
  %cos = qopt.binary mul %cos1, %two : tensor<?x1x2xf32>, tensor<f32>
  %sin = qopt.binary mul %sin1, %two : tensor<?x1x2xf32>, tensor<f32>
  %turn = qopt.slice %x axis 3 bounds affine_map<()[s0, s1] -> (0, 4)> : tensor<?x?x2x6xf32> -> tensor<?x?x2x4xf32>
  %pass = qopt.slice %x axis 3 bounds affine_map<()[s0, s1] -> (4, 2)> : tensor<?x?x2x6xf32> -> tensor<?x?x2x2xf32>
  %even = qopt.slice %turn axis 3 bounds affine_map<()[s0, s1] -> (0, 2)> step 2 : tensor<?x?x2x4xf32> -> tensor<?x?x2x2xf32>
  %odd = qopt.slice %turn axis 3 bounds affine_map<()[s0, s1] -> (1, 2)> step 2 : tensor<?x?x2x4xf32> -> tensor<?x?x2x2xf32>
  %ec = qopt.binary mul %even, %cos : tensor<?x?x2x2xf32>, tensor<?x1x2xf32>
  %os = qopt.binary mul %odd, %sin : tensor<?x?x2x2xf32>, tensor<?x1x2xf32>
  %oc = qopt.binary mul %odd, %cos : tensor<?x?x2x2xf32>, tensor<?x1x2xf32>
  %es = qopt.binary mul %even, %sin : tensor<?x?x2x2xf32>, tensor<?x1x2xf32>
  %low = qopt.binary sub %ec, %os : tensor<?x?x2x2xf32>, tensor<?x?x2x2xf32>
  %high = qopt.binary add %oc, %es : tensor<?x?x2x2xf32>, tensor<?x?x2x2xf32>
  %low5 = qopt.reshape %low dims affine_map<()[s0, s1] -> (s0, s1, 2, 2, 1)> : tensor<?x?x2x2xf32> -> tensor<?x?x2x2x1xf32>
  %high5 = qopt.reshape %high dims affine_map<()[s0, s1] -> (s0, s1, 2, 2, 1)> : tensor<?x?x2x2xf32> -> tensor<?x?x2x2x1xf32>
  %both = qopt.concat %low5, %high5 axis 4 : tensor<?x?x2x2x1xf32>, tensor<?x?x2x2x1xf32>
  %flat = qopt.reshape %both dims affine_map<()[s0, s1] -> (s0, s1, 2, 4)> : tensor<?x?x2x2x2xf32> -> tensor<?x?x2x4xf32>
  %y = qopt.concat %flat, %pass axis 3 : tensor<?x?x2x4xf32>, tensor<?x?x2x2xf32>
  return %y : tensor<?x?x2x6xf32>
}

// -----

#ids = affine_map<()[s0, s1] -> (s0, s1)>
#x = affine_map<()[s0, s1] -> (s0, s1, 2, 2)>
#s = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]

// Both channels turn the same way: no rotation.
// CHECK-LABEL: func.func @no_rotation
// CHECK-NOT: qopt.rotary
func.func @no_rotation(%x: tensor<?x?x2x2xf32> {qopt.dims = #x}, %position_ids: tensor<?x?xi64> {qopt.dims = #ids}) -> tensor<?x?x2x2xf32> attributes {qopt.symbols = #s} {
  %p = qopt.reshape %position_ids dims affine_map<()[s0, s1] -> (s0, s1, 1, 1)> : tensor<?x?xi64> -> tensor<?x?x1x1xi64>
  %a = qopt.cast %p : tensor<?x?x1x1xi64> to tensor<?x?x1x1xf32>
  // expected-warning @below {{the cosines of a rotary embedding that was not recognised}}
  %cos = qopt.unary cos %a : tensor<?x?x1x1xf32>
  %sin = qopt.unary sin %a : tensor<?x?x1x1xf32>
  %l = qopt.slice %x axis 3 bounds affine_map<()[s0, s1] -> (0, 1)> : tensor<?x?x2x2xf32> -> tensor<?x?x2x1xf32>
  %h = qopt.slice %x axis 3 bounds affine_map<()[s0, s1] -> (1, 1)> : tensor<?x?x2x2xf32> -> tensor<?x?x2x1xf32>
  %r = qopt.concat %h, %l axis 3 : tensor<?x?x2x1xf32>, tensor<?x?x2x1xf32>
  %xc = qopt.binary mul %x, %cos : tensor<?x?x2x2xf32>, tensor<?x?x1x1xf32>
  %rs = qopt.binary mul %r, %sin : tensor<?x?x2x2xf32>, tensor<?x?x1x1xf32>
  %y = qopt.binary add %xc, %rs : tensor<?x?x2x2xf32>, tensor<?x?x2x2xf32>
  return %y : tensor<?x?x2x2xf32>
}
