// A warp for each query: scores and sums travel by shuffles, the query lies in shared memory.
// RUN: rm -rf %t && qopt-compile %s --start-from=model --sources=%models/classics1m/classics1m-vanilla.onnx --target=sm80 --emit=ptx --quiet -o %t
// RUN: FileCheck %s < %t/kernels.ptx

// CHECK: .target sm_80
// CHECK: .extern .shared .align 1024 .b8 shared[]
// CHECK: .visible .entry attention_0_sm_80(
// CHECK: bar.warp.sync
// CHECK: shfl.sync.bfly.b32
// CHECK: shfl.sync.idx.b32
func.func @main(%q: tensor<1x3x4x64xf32> {qopt.name = "q"}, %k: tensor<1x5x2x64xf32> {qopt.name = "k"}, %v: tensor<1x5x2x64xf32> {qopt.name = "v"})
    -> (tensor<1x3x4x64xf32> {qopt.name = "y"}) {
  %y = qopt.attention %q, %k, %v scale 1.250000e-01 causal : tensor<1x3x4x64xf32>, tensor<1x5x2x64xf32>, tensor<1x5x2x64xf32>
  return %y : tensor<1x3x4x64xf32>
}
