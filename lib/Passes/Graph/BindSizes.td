#ifndef QOPT_PASSES_GRAPH_BINDSIZES
#define QOPT_PASSES_GRAPH_BINDSIZES

include "mlir/Pass/PassBase.td"

def BindSizes : Pass<"qopt-bind-sizes", "mlir::func::FuncOp"> {
  let summary = "Declares the largest request: context, batch, tokens per step";
  let description = [{
    **Why.** Memory is planned once, for declared maxima; a larger request is refused instead of allocating.

    **Before / after.**
    ```mlir
    #qopt.symbol<"batch", 1 to -1>                      #qopt.symbol<"batch", 1 to 4>
    !qopt.kv_cache<2x32, capacity = ?, …>         =>    !qopt.kv_cache<2x32, capacity = 512, …>
    ```

    **Needs and leaves.** Needs the `model` level. For a decoder the context is the model's own limit (`qopt.context`) or 4096 unless asked; `tokens` and `logits` are at most `chunk`; every cache holds
    `context` tokens. Otherwise a symbol whose name begins with `batch` is at most `batch`, every other one at most `context`. Ranges that are bounded
    already stay, unless an explicit `context` asks for less.

    **Numbers.** Changes none.
  }];
  let options = [
    Option<"Context", "context", "int64_t", "0", "tokens per row; 0: the model's limit, or 4096">,
    Option<"Batch", "batch", "int64_t", "1", "rows">,
    Option<"Chunk", "chunk", "int64_t", "0", "tokens of a row in one step; 0: 128, or the context where that is less">
  ];
}

#endif
