#ifndef QOPT_PASSES_GRAPH_RAISEATTENTION
#define QOPT_PASSES_GRAPH_RAISEATTENTION

include "mlir/Pass/PassBase.td"

def RaiseAttention : Pass<"qopt-raise-attention", "mlir::ModuleOp"> {
  let summary = "Recognises attention, and proves masks causal";
  let description = [{
    **Why.** Attention as one operation needs no scores in memory, and it can read a cache. A causal mask as a property needs no mask at all.

    **Before / after.**
    ```mlir
    %s = qopt.matmul %q, %kt …
    %d = qopt.binary div %s, %c …
    %m = qopt.binary add %d, %mask …             =>      %a = qopt.attention %q, %k, %v scale 0.125 causal …
    %p = qopt.softmax %m axis 3 …
    %a = qopt.matmul %p, %v …
    ```
    Scales are found on the scores, the queries or the keys; `c * tanh(s / c)` is a soft cap; masks are added or select a very negative number. Heads of
    keys and values that the file repeats are read once: query head h reads kv head h / (heads / kv heads), however the repetition is written.

    A mask is evaluated at [b, h, q, k] as a predicate over the indices. It is causal where it sees exactly `k <= q + context - tokens`, with a window where it
    also asks for `k > q + context - tokens - w`. In a function with cached keys `attention_mask` is ones over the valid tokens by contract, so what it hides is no
    token. Any other mask stays an operand.

    **Needs and leaves.** Scores are `[batch, heads, tokens, context]`. A softmax between two products that is no such attention stays, with a warning.

    **Numbers.** Exact up to reassociation; numbers as negative as -1e4 in a mask count as "not seen".
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
