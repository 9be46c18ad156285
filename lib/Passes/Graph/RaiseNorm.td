#ifndef QOPT_PASSES_GRAPH_RAISENORM
#define QOPT_PASSES_GRAPH_RAISENORM

include "mlir/Pass/PassBase.td"

def RaiseNorm : Pass<"qopt-raise-norm", "mlir::ModuleOp"> {
  let summary = "Recognises RMS and layer normalization";
  let description = [{
    **Why.** A norm is one kernel, and the first part of the kernel of the projections that read it.

    **Before / after.**
    ```mlir
    %s = qopt.binary pow %x, %two …
    %m = qopt.reduce mean %s axes [2] …
    %e = qopt.binary add %m, %eps …              =>      %y = qopt.rms_norm %x, %g epsilon 1.0e-05 …
    %r = qopt.unary rsqrt %e …
    %n = qopt.binary mul %x, %r …
    %y = qopt.binary mul %n, %g …
    ```
    The square is `x * x` or `pow(x, 2)`; the mean a mean, or a sum divided by the size; the root `rsqrt`, `1 / sqrt`, `pow(…, -0.5)`, or a division by `sqrt`; casts to f32 and back
    may stand around it. Layer normalization is the same on `x - mean(x)`, with an optional bias. Without a scale the scale is ones.

    **Needs and leaves.** The normalized axis is the last one.

    **Numbers.** Statistics in f32. Where a 16-bit model rounds before it multiplies by the scale, that rounding goes.
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
