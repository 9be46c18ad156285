#ifndef QOPT_PASSES_GRAPH_RAISEKVCACHE
#define QOPT_PASSES_GRAPH_RAISEKVCACHE

include "mlir/Pass/PassBase.td"

def RaiseKVCache : Pass<"qopt-raise-kv-cache", "mlir::ModuleOp"> {
  let summary = "Past and present tensors become one cache per layer";
  let description = [{
    **Why.** `present = concat(past, new)` copies the whole past in every step. A cache is appended to in place, holds what its type says (16-bit or quantized keys and values), and
    lets rows of a batch have different lengths.

    **Before / after.**
    ```mlir
    %k = qopt.concat %past_key, %new_key axis 2 …               %c1 = qopt.kv_append %c0, %new_key, %new_value at %past …
    %v = qopt.concat %past_value, %new_value axis 2 …     =>    %a = qopt.cached_attention %q, %c1 at %past scale … …
    %a = qopt.attention %q, %k, %v … causal …                   return …, %c1
    return …, %k, %v
    ```
    The argument `past` holds the number of cached tokens of each row. Positions become `qopt.positions %past`: under the contract `attention_mask` (ones
    over the valid tokens) and `position_ids` (its running count) say nothing more, and they are dropped.

    **Needs and leaves.** Needs attention raised and proven causal. All or nothing: where one layer does not fit, or an input is read in a way that the contract does not explain, the
    function stays as it is, with a warning that names the node.

    With `keep-signature` the function's `qopt.onnx` says what the inputs and outputs of the file were, in their order, so that an entry with that signature can be put around this one.

    **Numbers.** Exact under the contract.
  }];
  let options = [Option<"KeepSignature", "keep-signature", "bool", "false",
    "note the file's inputs and outputs, and what each is to the decoder, as the function's `qopt.onnx`">];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
