#ifndef QOPT_PASSES_VERIFY_VERIFYKERNELS
#define QOPT_PASSES_VERIFY_VERIFYKERNELS

include "mlir/Pass/PassBase.td"

def VerifyKernels : Pass<"qopt-verify-kernels", "mlir::ModuleOp"> {
  let summary = "Checks what the `kernels` level promises";
  let description = [{
    **Why.** A target compiles kernels one by one, and the launch table is written from the functions without looking back. Two values that share bytes of the arena while both are
    read would be wrong numbers, on large requests only.

    **What holds at `kernels`:**
    - the module holds weights, kernels and functions; a function is a list of `qopt.use_weight` and `qkernel.launch`; a kernel holds `qopt` operations
    - a kernel has the symbols of the functions that launch it, in the same order, and every dimension in both is known
    - a weight that a launch reads has a layout, and the kernel's argument says the same layout
    - where memory was planned (`qkernel.arena_bytes`), every launch says where its results lie: outputs and caches are not in the arena (-1); the others are aligned,
      lie inside it for the largest request, and share no byte with another value that is still to be read
    - a KV cache is used linearly, in kernels and between them

    **Needs and leaves.** Changes nothing.

    **Numbers.** Changes none.
  }];
}

#endif
