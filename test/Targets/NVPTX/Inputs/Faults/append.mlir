// Keys and queries turned in part of their channels, rows of different length, a f16 cache.
// family: append
// sizes: 2 1; 2 7
// cache 0: 13 33
// integers 3: 13 33
// budget: append, f16
//
// fault: lost sign
// find any: neg.f32 $a, $b;
// make: mov.b32 $a, $b;
//
// fault: swapped operand
// find any: mul.f32 $a, $x, $s; fma.rn.f32 $b, $y, $c, $a;
// make: mul.f32 $a, $y, $s; fma.rn.f32 $b, $x, $c, $a;
//
// fault: position of another token
// find any: add.s64 $a, $b, $c; min.s64
// make: mov.b64 $a, $b; min.s64
//
// fault: wrong row of the cache
// find any: mul.lo.s64 $a, $b, 3328;
// make: mul.lo.s64 $a, $b, 3264;
//
// fault: wrong stride of positions
// find any: mul.lo.s64 $a, $b, 40;
// make: mul.lo.s64 $a, $b, 20;
//
// fault: bf16 instead of f16
// find any: cvt.rn.f16.f32 $a, $b;
// make: cvt.rn.bf16.f32 $a, $b;
//
// fault: wrong table row
// find any: shl.b64 $a, $b, 6;
// make: shl.b64 $a, $b, 5;
//
// fault: channels not turned
// find first: setp.gt.u32 $p, $l, 7;
// make: setp.gt.u32 $p, $l, 3;
//
// fault: lost mask of the ragged tail
// find last: setp.gt.u32 $p, $l, 19;
// make: setp.gt.u32 $p, $l, 31;
//
// fault: lost head
// find any: setp.gt.u32 $p, $t, 63;
// make: setp.gt.u32 $p, $t, 31;
//
// fault: wrong offset
// find any: st.global.b16 [$a+#n], $b;
// make: st.global.b16 [$a+#n+2], $b;
#k = affine_map<()[s0, s1] -> (s0, s1, 2, 20)>
#q = affine_map<()[s0, s1] -> (s0, s1, 4, 20)>
#past = affine_map<()[s0, s1] -> (s0)>
!cache = !qopt.kv_cache<2x20, capacity = 40, key = f16, value = f16>
qkernel.kernel @k(%cache: !cache, %k: tensor<?x?x2x20xf32> {qopt.dims = #k}, %v: tensor<?x?x2x20xf32> {qopt.dims = #k},
    %past: tensor<?xi64> {qopt.dims = #past}, %q: tensor<?x?x4x20xf32> {qopt.dims = #q}) -> (!cache, tensor<?x?x4x20xf32>)
    attributes {kind = "append", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %p = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
  %rk = qopt.rotary %k at %p frequencies [1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.02, 0.3] : tensor<?x?x2x20xf32>, tensor<?x?xi64>
  %rq = qopt.rotary %q at %p frequencies [1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.02, 0.3] : tensor<?x?x4x20xf32>, tensor<?x?xi64>
  %c = qopt.kv_append %cache, %rk, %v at %past : !cache, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>, tensor<?xi64>
  qkernel.yield %c, %rq : !cache, tensor<?x?x4x20xf32>
}
