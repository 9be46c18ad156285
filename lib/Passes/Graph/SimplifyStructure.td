#ifndef QOPT_PASSES_GRAPH_SIMPLIFYSTRUCTURE
#define QOPT_PASSES_GRAPH_SIMPLIFYSTRUCTURE

include "mlir/Pass/PassBase.td"

def SimplifyStructure : Pass<"qopt-simplify-structure", "mlir::ModuleOp"> {
  let summary = "Removes what moves no element and computes nothing";
  let description = [{
    **Why.** Exporters wrap the mathematics in casts to the same type, chains of reshapes, transposes and their inverses, broadcasts to the size that a value has
    already. The raising passes then see one form of each.

    **Before / after.**
    ```mlir
    %a = qopt.transpose %x [0, 2, 1, 3] …       =>   %x
    %b = qopt.transpose %a [0, 2, 1, 3] …
    ```
    Also: reshapes of reshapes, casts through a wider type, slices of everything, concatenation of one, x * 1, x + 0, gather from a constant, sizes that are known,
    broadcasts that an elementwise operation does by itself, elementwise operations on constants (results up to 64 KiB), and the
    transposes, reshapes, slices and casts of weights, which become steps of the weight. A product with a weight becomes `qopt.linear`. Codes with one scale are made and read before
    their elements are moved.

    **Needs and leaves.** Needs symbolic dimensions that agree, as import leaves them. Leaves no operation between a weight and its reader that the
    weight's steps can say.

    **Numbers.** Exact, but constants are folded in double precision and rounded once.
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
