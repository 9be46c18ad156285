// Rows of f16 that are no multiple of a warp, more of them than a block has warps.
// family: norm
// sizes: 2 3
// budget: norm, f16
//
// fault: wrong shuffle lane
// find any: shfl.sync.bfly.b32 $a, $b, 16, 31, -1;
// make: shfl.sync.bfly.b32 $a, $b, 8, 31, -1;
//
// fault: wrong stride
// find any: add.s64 $p, $p, 64;
// make: add.s64 $p, $p, 128;
//
// fault: off-by-one bound
// find any: setp.lt.u64 $p, $i, #n;
// make: setp.lt.u64 $p, $i, #n+1;
//
// fault: lost ragged tail
// find any: setp.lt.u64 $p, $i, #n;
// make: setp.lt.u64 $p, $i, #n-8;
//
// fault: wrong number of elements
// find last: div.rn.f32 $a, $b, 0f42C80000;
// make: div.rn.f32 $a, $b, 0f42C00000;
//
// fault: lost epsilon
// find any: add.f32 $a, $b, 0f3F000000;
// make: mov.b32 $a, $b;
//
// fault: swapped operand
// find last: sub.f32 $a, $x, $m;
// make: sub.f32 $a, $m, $x;
//
// fault: wrong accumulator
// find any: fma.rn.f32 $s, $x, $x, $s;
// make: fma.rn.f32 $s, $x, $x, $x;
//
// fault: wrong predicate
// find first: setp.ge.s64 $p, $a, $b;
// make: setp.gt.s64 $p, $a, $b;
// caught by: out of bounds
//
// fault: bf16 instead of f16
// find any: cvt.f32.f16 $a, $b;
// make: cvt.f32.bf16 $a, $b;
//
// fault: lost root
// find any: sqrt.rn.f32 $a, $b;
// make: mov.b32 $a, $b;
#x = affine_map<()[s0, s1] -> (s0, s1, 100)>
qkernel.kernel @k(%x: tensor<?x?x100xf16> {qopt.dims = #x}, %g: tensor<100xf16>, %b: tensor<100xf16>) -> tensor<?x?x100xf16>
    attributes {kind = "norm", qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
  %n = qopt.layer_norm %x, %g, %b epsilon 0.5 : tensor<?x?x100xf16>, tensor<100xf16>, tensor<100xf16>
  qkernel.yield %n : tensor<?x?x100xf16>
}
