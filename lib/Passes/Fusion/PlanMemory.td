#ifndef QOPT_PASSES_FUSION_PLANMEMORY
#define QOPT_PASSES_FUSION_PLANMEMORY

include "mlir/Pass/PassBase.td"

def PlanMemory : Pass<"qopt-plan-memory", "mlir::func::FuncOp"> {
  let summary = "Places every intermediate result in one arena";
  let description = [{
    **Why.** Nothing is allocated while a program runs. Each result of a launch gets an offset for the time between its launch and its last reader; offsets are planned for
    the largest sizes that the symbols' ranges allow.

    **Before / after.**
    ```mlir
    %y = qkernel.launch @k "a"(%x) : …   =>   %y = qkernel.launch @k "a"(%x) arena [0] : …
    ```

    **Needs and leaves.** Needs launches and a bounded range for every symbol. Leaves `arena` on every launch (-1: an output of the program, or a cache that is updated in place) and
    `qkernel.arena_bytes` on the function.

    **Numbers.** Changes none.
  }];
}

#endif
