#ifndef QOPT_PASSES_VERIFY_VERIFYMODEL
#define QOPT_PASSES_VERIFY_VERIFYMODEL

include "mlir/Pass/PassBase.td"

def VerifyModel : Pass<"qopt-verify-model", "mlir::ModuleOp"> {
  let summary = "Checks what the `model` level promises";
  let description = [{
    **Why.** What comes after import handles a small set of operations and asks no questions. A program that is something else is refused here, where the node's name is still
    near.

    **What holds at `model`:**
    - the module holds weights and functions of one block; their operations are those of `qopt` and `func`
    - values are tensors of floats, integers or booleans, and KV caches; nothing is stored: precision is at most a decision (`precision`)
    - every dimension is an expression over the declared symbols, and a result's declared `qopt.dims` are the ones that its computation has
    - a KV cache is used linearly: appended to at most once, and not read after that
    - the matrix of a `qopt.linear` is a weight, `[out, in]`

    **Needs and leaves.** Changes nothing.

    **Numbers.** Changes none.
  }];
}

#endif
