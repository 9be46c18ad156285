// Codes of e4m3 for few rows and for many, which wgmma multiplies: more tiles than the ring has stages.
// family: codes-contraction
// sizes: 1 2; 1 11; 1 20
// weights: 1
// budget: linear, codes
//
// Few rows: one launch.
//
// fault: another unit's inputs
// find first: add.s64 $a, $a, 512; add.s64 $b, $b, 65536;
// make: add.s64 $a, $a, 448; add.s64 $b, $b, 65536;
//
// fault: wrong stride of tiles
// find any: add.s64 $b, $b, 65536;
// make: add.s64 $b, $b, 32768;
//
// fault: lost swizzle of the weights
// after: bar.sync 0;
// find first: xor.b64 $a, $b, $c;
// make: mov.b64 $a, $b;
//
// fault: another output's codes
// find any: ld.global.v4.b32 {$a, $b, $c, $d}, [$p+1024];
// make: ld.global.v4.b32 {$a, $b, $c, $d}, [$p+1152];
//
// fault: swapped registers of the left operand
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h},
// make: mma.sync.$t {$a, $b, $c, $d}, {$f, $e, $g, $h},
//
// fault: swapped registers of the right operand
// find any: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j},
// make: {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$j, $i},
//
// fault: product forgets the sum
// find any: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j}, {$k, $l, $m, $n};
// make: mma.sync.$t {$a, $b, $c, $d}, {$e, $f, $g, $h}, {$i, $j}, {0f00000000, 0f00000000, 0f00000000, 0f00000000};
//
// fault: lost barrier
// find any: bar.sync 0;
// make:
//
// fault: lost part of the sum
// find any: ld.shared.b32 $a, [$p+#n]; add.f32 $b, $c, $a;
// make: mov.b32 $b, $c;
//
// fault: lost units
// find first: sub.s64 $a, 22, $b;
// make: sub.s64 $a, 14, $b;
//
// fault: end of the outputs
// find any: setp.gt.s64 $p, $o, 39;
// make: setp.gt.s64 $p, $o, 40;
//
// fault: lost part of the maximum
// find first: max.NaN.f32 $a, $a, $b;
// make: min.NaN.f32 $a, $a, $b;
//
// fault: wrong place of the row's scale
// find first: st.shared.b32 [$a+33792], $b;
// make: st.shared.b32 [$a+33796], $b;
//
// fault: swapped codes of a word
// find any: cvt.rn.satfinite.e4m3x2.f32 $a, $b, $c;
// make: cvt.rn.satfinite.e4m3x2.f32 $a, $c, $b;
//
// Many rows: their codes.
//
// fault: lost swizzle of the inputs
// after: k_rows_sm_90a(
// find first: xor.b64 $a, $b, $c;
// make: mov.b64 $a, $b;
//
// fault: wrong place of the scales
// after: k_rows_sm_90a(
// find first: st.global.b32 [$a+131072], $b;
// make: st.global.b32 [$a+131076], $b;
//
// fault: lost part of the maximum
// after: k_rows_sm_90a(
// find any: max.NaN.f32 $a, $a, $b;
// make: min.NaN.f32 $a, $a, $b;
//
// Many rows: their products.
//
// fault: lost wait for a full stage
// after: setmaxnreg.inc*
// find first: { .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$a], $b; @!done bra again; }
// make:
// caught by: race
//
// fault: wrong parity of a full stage
// after: setmaxnreg.inc*
// find first: mbarrier.try_wait.parity.shared::cta.b64 done, [$a], $b;
// make: mbarrier.try_wait.parity.shared::cta.b64 done, [$a], 1;
//
// fault: parity that does not flip
// after: setmaxnreg.inc*
// find first: xor.b32 $a, $a, $b;
// make: mov.b32 $a, $a;
//
// fault: lost wait for a free stage
// after: setmaxnreg.dec*
// find last: { .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$a], $b; @!done bra again; }
// make:
//
// fault: wrong parity of a free stage
// after: setmaxnreg.dec*
// find first: mov.b32 $a, 0; { .reg .pred done;
// make: mov.b32 $a, 1; { .reg .pred done;
//
// fault: stage left too early
// find first: mbarrier.init.shared::cta.b64 [$a], 8;
// make: mbarrier.init.shared::cta.b64 [$a], 7;
//
// fault: stage that nobody leaves
// find any: @first mbarrier.arrive.shared::cta.b64 _, [$a];
// make:
// caught by: deadlock
//
// fault: too few bytes expected
// find any: mbarrier.arrive.expect_tx.shared::cta.b64 _, [$a], 32768;
// make: mbarrier.arrive.expect_tx.shared::cta.b64 _, [$a], 16384;
//
// fault: too many bytes expected
// find any: mbarrier.arrive.expect_tx.shared::cta.b64 _, [$a], 32768;
// make: mbarrier.arrive.expect_tx.shared::cta.b64 _, [$a], 32784;
//
// fault: half of a tile
// find any: cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$a], [$b], 16384, [$c];
// make: cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$a], [$b], 8192, [$c];
//
// fault: the tile of another stage
// after: setmaxnreg.inc*
// find first: shl.b32 $a, $b, 15;
// make: shl.b32 $a, $b, 14;
//
// fault: wrong stride in a descriptor
// find any: or.b64 $a, $b, 4611686293305294848;
// make: or.b64 $a, $b, 4611686155866341376;
//
// fault: descriptor without swizzle
// find any: or.b64 $a, $b, 4611686293305294848;
// make: or.b64 $a, $b, 274877906944;
//
// fault: swapped operands
// find any: mov.b64 a, $a; mov.b64 b, $b;
// make: mov.b64 a, $b; mov.b64 b, $a;
//
// fault: wrong step of the inputs
// find any: add.s64 a, a, 2;
// make: add.s64 a, a, 1;
//
// fault: wrong step of the weights
// find any: add.s64 b, b, 2;
// make: add.s64 b, b, 1;
//
// fault: products are added to those before
// find any: a, b, fresh, 1, 1;
// make: a, b, more, 1, 1;
//
// fault: products are forgotten
// find any: a, b, more, 1, 1;
// make: a, b, fresh, 1, 1;
//
// fault: lost wgmma.wait_group
// find any: wgmma.wait_group.sync.aligned 0;
// make:
// caught by: race
//
// fault: lost wgmma.commit_group
// find any: wgmma.commit_group.sync.aligned;
// make:
// caught by: race
//
// fault: lost promotion
// after: setmaxnreg.inc*
// find first: add.f32 $a, $a, $b;
// make: mov.b32 $a, $b;
//
// fault: lost barrier of the sums
// find any: bar.sync 1, 256;
// make:
// caught by: race
//
// fault: barrier of one warpgroup
// find any: bar.sync 1, 256;
// make: bar.sync 1, 128;
//
// fault: wrong stride of the sums
// find any: mad.lo.s64 $a, $b, 544, $c;
// make: mad.lo.s64 $a, $b, 528, $c;
//
// fault: another output's sums
// after: setmaxnreg.inc*
// find first: st.shared.v2.b32 [$a+#n], {$b, $c};
// make: st.shared.v2.b32 [$a+#n], {$c, $b};
//
// fault: another row's scale
// after: bar.sync 1, 256;
// find first: ld.global.b32 $a, [$b+131072];
// make: ld.global.b32 $a, [$b+131076];
//
// fault: more registers than there are
// find first: setmaxnreg.inc.sync.aligned.u32 232;
// make: setmaxnreg.inc.sync.aligned.u32 248;
#x = affine_map<()[s0, s1] -> (s0, s1, 900)>
!weight = tensor<40x900x!qopt.scaled<f8E4M3FN, group = 0, scale = f32>>
qkernel.kernel @k(%x: tensor<?x?x900xf32> {qopt.dims = #x}, %w: !weight) -> tensor<?x?x40xf32>
    attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %zero = qopt.constant dense<0.0> : tensor<f8E4M3FN>
  %s = qopt.dynamic_scale %x as f8E4M3FN : tensor<?x?x900xf32>
  %q = qopt.quantize %x, %s, %zero : tensor<?x?x900xf32>, tensor<?x?x1xf32>, tensor<f8E4M3FN>
  %r = qopt.dequantize %q, %s, %zero : tensor<?x?x900xf8E4M3FN>, tensor<?x?x1xf32>, tensor<f8E4M3FN>
  %y = qopt.linear %r, %w : tensor<?x?x900xf32>, !weight
  qkernel.yield %y : tensor<?x?x40xf32>
}
