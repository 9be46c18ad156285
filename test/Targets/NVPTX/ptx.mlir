// One kernel's PTX: its name and parameters, the block that runs it, global loads and stores, and no call.
// RUN: rm -rf %t && qopt-compile %s --start-from=model --sources=%models/classics1m/classics1m-vanilla.onnx --target=sm90 --emit=ptx --quiet -o %t
// RUN: FileCheck %s < %t/kernels.ptx
// RUN: FileCheck %s --check-prefix=TABLE < %t/program.json
// RUN: not ls %t/kernels.cubin

// CHECK: .version 8.0
// CHECK: .target sm_90a
// CHECK: .visible .entry elementwise_0_sm_90a(
// CHECK-COUNT-2: .param .u64
// CHECK: .reqntid 256
// CHECK-NOT: call
// CHECK: %ctaid.x
// CHECK: ld.global.b32
// CHECK: rcp.rn.f32
// CHECK: st.global.b32

// TABLE: {"isa":"sm_90a","symbol":"elementwise_0_sm_90a","threads":256}
func.func @main(%x: tensor<4x100xf32> {qopt.name = "x"}) -> (tensor<4x100xf32> {qopt.name = "y"}) {
  %y = qopt.unary silu %x : tensor<4x100xf32>
  return %y : tensor<4x100xf32>
}
