// Keys and values from a padded batch, with a mask for each row.
// family: tensor-attention
// sizes: 2 5
// budget: attention, f32
//
// fault: lost mask of the ragged tail
// find first: setp.gt.u32 $p, $l, 19;
// make: setp.gt.u32 $p, $l, 31;
//
// fault: warps share a query
// find first: mul.lo.s64 $a, $w, 80; add.s64
// make: mul.lo.s64 $a, $w, 40; add.s64
//
// fault: off-by-one bound
// find first: setp.gt.u64 $p, $k, 36;
// make: setp.gt.u64 $p, $k, 37;
//
// fault: lost last block
// find first: mov.b64 $a, 32; mov.pred $p, 0;
// make: mov.b64 $a, 0; mov.pred $p, 0;
//
// fault: swapped halves
// find first: shl.b64 $a, $b, 1; or.b64 $c, $a, $h;
// make: shl.b64 $a, $b, 1; mov.b64 $c, $a;
//
// fault: wrong shuffle lane
// find last: shfl.sync.bfly.b32 $a, $b, 2, 31, -1;
// make: shfl.sync.bfly.b32 $a, $b, 1, 31, -1;
//
// fault: wrong stride
// find last: add.s64 $p, $p, 160;
// make: add.s64 $p, $p, 80;
//
// fault: lost weight
// find last: fma.rn.f32 $s, $w, $x, $s;
// make: add.f32 $s, $x, $s;
//
// fault: unwritten query
// find first: st.shared.b32 [$p], $x;
// make:
// caught by: uninitialised
#q = affine_map<()[s0, s1] -> (s0, s1, 4, 20)>
#k = affine_map<()[s0, s1] -> (s0, 37, 2, 20)>
#m = affine_map<()[s0, s1] -> (s0, 1, 1, 37)>
qkernel.kernel @k(%q: tensor<?x?x4x20xf32> {qopt.dims = #q}, %k: tensor<?x37x2x20xf32> {qopt.dims = #k}, %v: tensor<?x37x2x20xf32> {qopt.dims = #k},
    %m: tensor<?x1x1x37xf32> {qopt.dims = #m}) -> tensor<?x?x4x20xf32>
    attributes {kind = "generic", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %r = qopt.attention %q, %k, %v mask %m scale 0.3 : tensor<?x?x4x20xf32>, tensor<?x37x2x20xf32>, tensor<?x37x2x20xf32> mask tensor<?x1x1x37xf32>
  qkernel.yield %r : tensor<?x?x4x20xf32>
}
