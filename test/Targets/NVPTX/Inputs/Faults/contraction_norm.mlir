// A norm before two matrices of different types, a bias and a residual behind them.
// family: contraction
// sizes: 1 1; 1 9
// weights: 2 3
// budget: linear, after a norm
//
// fault: lost epsilon or root
// find any: sqrt.rn.f32 $a, $b;
// make: mov.b32 $a, $b;
//
// fault: wrong number of elements
// find any: div.rn.f32 $a, $b, 0f42200000;
// make: div.rn.f32 $a, $b, 0f42240000;
//
// fault: lost barrier
// find first: bar.sync 0;
// make:
// caught by: race
//
// fault: signed bytes read unsigned
// find any: ld.global.s8 $a, [$p+#n];
// make: ld.global.u8 $a, [$p+#n];
//
// fault: wrong shared offset
// find any: st.shared.b32 [$a], %r$v;
// make: st.shared.b32 [$a+4], %r$v;
//
// fault: lost rows of a panel
// find any: mul.hi.u32 $a, $b, 1431655766;
// make: mov.b32 $a, 0;
//
// fault: wrong shuffle lane
// find any: shfl.sync.bfly.b32 $a, $b, 4, 31, -1;
// make: shfl.sync.bfly.b32 $a, $b, 2, 31, -1;
#x = affine_map<()[s0, s1] -> (s0, s1, 40)>
#y = affine_map<()[s0, s1] -> (s0, s1, 70)>
qkernel.kernel @k(%x: tensor<?x?x40xf32> {qopt.dims = #x}, %g: tensor<40xf32>, %a: tensor<70x40xbf16>,
    %b: tensor<70x40x!qopt.packed<i8, group = 0, scale = f16>>, %bias: tensor<70xf32>, %r: tensor<?x?x70xf32> {qopt.dims = #y})
    -> tensor<?x?x70xf32> attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x40xf32>, tensor<40xf32>
  %0 = qopt.linear %n, %a : tensor<?x?x40xf32>, tensor<70x40xbf16>
  %1 = qopt.linear %n, %b : tensor<?x?x40xf32>, tensor<70x40x!qopt.packed<i8, group = 0, scale = f16>>
  %2 = qopt.unary silu %0 : tensor<?x?x70xf32>
  %3 = qopt.binary mul %2, %1 : tensor<?x?x70xf32>, tensor<?x?x70xf32>
  %4 = qopt.binary add %3, %bias : tensor<?x?x70xf32>, tensor<70xf32>
  %5 = qopt.binary add %r, %4 : tensor<?x?x70xf32>, tensor<?x?x70xf32>
  qkernel.yield %5 : tensor<?x?x70xf32>
}
