#ifndef QOPT_PASSES_VERIFY_VERIFYQUANTIZED
#define QOPT_PASSES_VERIFY_VERIFYQUANTIZED

include "mlir/Pass/PassBase.td"

def VerifyQuantized : Pass<"qopt-verify-quantized", "mlir::ModuleOp"> {
  let summary = "Checks what the `quantized` level promises";
  let description = [{
    **Why.** Operations of other dialects accept tensors of any element type and do wrong things with stored ones: a slice goes through a group, a transpose forgets which axis the
    groups lie on. A decision that was never carried out would pass for a quantized weight in every report.

    **What holds at `quantized`:** what holds at `model`, except that
    - weights and caches have their stored types
    - a stored value is a weight, and only `qopt` operations touch it
    - every decision was carried out: a weight with `precision`, and a cache with `qopt.precision`, has the type that it names

    **Needs and leaves.** Changes nothing.

    **Numbers.** Changes none.
  }];
}

#endif
