// Grouped heads over a f16 cache with a window: a long row, and one that has only begun.
// family: attention
// sizes: 2 1; 2 8
// cache 1: 45 9
// integers 2: 37 1
// budget: attention, f32
//
// fault: wrong scale
// find first: mul.f32 $a, $b, 0f3E800000;
// make: mul.f32 $a, $b, 0f3F000000;
//
// fault: wrong shared offset
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p];
// make: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+16];
//
// fault: misaligned vector
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p];
// make: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p+4];
// caught by: misaligned
//
// fault: wrong vector width
// find any: ld.shared.v4.b32 {$a, $b, $c, $d}, [$p];
// make: ld.shared.v2.b32 {$a, $b}, [$p];
//
// fault: warps share a query
// find first: mul.lo.s64 $a, $w, 160;
// make: mul.lo.s64 $a, $w, 80;
// caught by: race
//
// fault: key of its own token hidden
// find first: add.s64 $a, $b, 1; min.s64
// make: add.s64 $a, $b, 0; min.s64
//
// fault: window one too long
// find first: add.s64 $a, $b, -35;
// make: add.s64 $a, $b, -36;
//
// fault: lost window
// find first: or.pred $p, $a, $b;
// make: mov.pred $p, $a;
//
// fault: wrong key head
// find first: selp.b64 $a, #n, 0, $p;
// make: selp.b64 $a, 0, #n, $p;
//
// fault: wrong row of the batch
// find first: shl.b64 $a, $b, 13;
// make: shl.b64 $a, $b, 12;
//
// fault: wrong stride of positions
// find first: add.s64 $p, $p, 2560;
// make: add.s64 $p, $p, 2480;
//
// fault: wrong shuffle source
// find any: shfl.sync.idx.b32 $a, $b, $c, 31, -1;
// make: shfl.sync.idx.b32 $a, $b, 0, 31, -1;
//
// fault: lost rescaling
// find any: mul.f32 $s, $s, $c;
// make:
//
// fault: lost rescaling of the sum
// find any: fma.rn.f32 $s, $s, $f, $x;
// make: add.f32 $s, $s, $x;
//
// fault: bf16 instead of f16
// find any: cvt.f32.f16 $a, $b;
// make: cvt.f32.bf16 $a, $b;
//
// fault: lost mask of the ragged tail
// find last: setp.gt.u64 $p, $c, 39;
// make: setp.gt.u64 $p, $c, 63;
//
// fault: wrong values
// find any: add.s64 $p, $p, 80;
// make: add.s64 $p, $p, 40;
#q = affine_map<()[s0, s1] -> (s0, s1, 6, 40)>
#past = affine_map<()[s0, s1] -> (s0)>
!cache = !qopt.kv_cache<2x40, capacity = 50, key = f16, value = f16>
qkernel.kernel @k(%q: tensor<?x?x6x40xf32> {qopt.dims = #q}, %cache: !cache, %past: tensor<?xi64> {qopt.dims = #past}) -> tensor<?x?x6x40xf32>
    attributes {kind = "attention", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %a = qopt.cached_attention %q, %cache at %past scale 0.25 window 35 : tensor<?x?x6x40xf32>, !cache, tensor<?xi64>
  qkernel.yield %a : tensor<?x?x6x40xf32>
}
