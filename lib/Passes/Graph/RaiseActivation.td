#ifndef QOPT_PASSES_GRAPH_RAISEACTIVATION
#define QOPT_PASSES_GRAPH_RAISEACTIVATION

include "mlir/Pass/PassBase.td"

def RaiseActivation : Pass<"qopt-raise-activation", "mlir::ModuleOp"> {
  let summary = "Recognises SiLU and GELU in the primitives that exporters write";
  let description = [{
    **Why.** One elementwise function is one thing to fuse and to compute well; its five or eight primitives are not.

    **Before / after.**
    ```mlir
    %s = qopt.unary sigmoid %x …        =>   %y = qopt.unary silu %x …
    %y = qopt.binary mul %x, %s …
    ```
    An activation is recognised by what it computes, not by how it is written: the operations between a product (or quotient) and one value that all of them come
    from are evaluated by the reference at sample points, and compared with `silu`, `gelu_erf`, `gelu_tanh` and `quick_gelu`.
    The gate of SwiGLU stays a product of two values.

    **Needs and leaves.** Needs constants folded (`qopt-simplify-structure`).

    **Numbers.** Exact up to rounding; constants that a 16-bit file rounded become exact.
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
