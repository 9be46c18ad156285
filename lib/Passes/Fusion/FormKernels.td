#ifndef QOPT_PASSES_FUSION_FORMKERNELS
#define QOPT_PASSES_FUSION_FORMKERNELS

include "mlir/Pass/PassBase.td"

def FormKernels : Pass<"qopt-form-kernels", "mlir::ModuleOp"> {
  let summary = "Groups operations that run together into kernels";
  let description = [{
    **Why.** A value that stays inside a kernel is never written to memory, inputs that several contractions share are read once, and a decode step of few launches has
    few barriers.

    **Before / after.**
    ```mlir
    %n = qopt.rms_norm %x, %g epsilon 1.0e-05 …        %q, %k = qkernel.launch @contraction_0 "layers.0.attn.{q,k}"(%x, %g, %wq, %wk)
    %q = qopt.linear %n, %wq …                    =>
    %k = qopt.linear %n, %wk …
    ```
    What joins, in this order: contractions that share an input; the norm (and the choice of last tokens) that only they read; the elementwise operations that follow contractions and
    convolutions (bias, activation, product, residual); rotary embedding with the append to a cache; attention; chains of elementwise operations. A reshape joins the kernel that makes its
    input. Positions and constants are computed again in each kernel that reads them. Every other operation is a kernel of its own. Equal kernels become one.

    **Needs and leaves.** Needs a verified `quantized` level. Leaves functions of `qopt.use_weight`, `qkernel.launch` and `return`, with symbolic dimensions on every kernel.

    **Numbers.** Exact: the region holds the same operations.
  }];
  let options = [
    Option<"Fuse", "fuse", "bool", "true", "join operations; otherwise every operation is a kernel of its own">
  ];
  let dependentDialects = ["qopt::qkernel::QKernelDialect"];
}

#endif
