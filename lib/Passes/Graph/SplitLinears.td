#ifndef QOPT_PASSES_GRAPH_SPLITLINEARS
#define QOPT_PASSES_GRAPH_SPLITLINEARS

include "mlir/Pass/PassBase.td"

def SplitLinears : Pass<"qopt-split-linears", "mlir::ModuleOp"> {
  let summary = "Takes packed projections apart";
  let description = [{
    **Why.** Exporters pack Q, K and V, or gate and up, into one matrix and slice its product. Each is a tensor of its own: it has a name, a precision and a
    sensitivity. Fusion shares the read of the input again.

    **Before / after.**
    ```mlir
    %y = qopt.linear %x, %qkv …                                   %q = qopt.linear %x, %wq …
    %q = qopt.slice %y axis 2 bounds (0, 128) …         =>        %k = qopt.linear %x, %wk …
    %k = qopt.slice %y axis 2 bounds (128, 64) …
    ```
    The parts' weights are the packed weight with a slice as their last step. A bias that is added before the slice is sliced too, and a slice that follows a
    reshape into heads takes the rows that the reshape put there.

    **Needs and leaves.** Every reader of the packed product is a slice along channels that are known. Leaves no such slice.

    **Numbers.** Exact: each output is the same sum.
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
