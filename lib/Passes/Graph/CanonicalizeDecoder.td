#ifndef QOPT_PASSES_GRAPH_CANONICALIZEDECODER
#define QOPT_PASSES_GRAPH_CANONICALIZEDECODER

include "mlir/Pass/PassBase.td"

def CanonicalizeDecoder : Pass<"qopt-canonicalize-decoder", "mlir::ModuleOp"> {
  let summary = "Gives decoders their canonical entry, names and order";
  let description = [{
    **Why.** The exports of one model become one program, which plans, reports and later passes know by its names.

    **Before / after.**
    ```mlir
    func.func @main(%input_ids, %past, %c0)           =>    func.func @main(%ids, %past, %count, %c0) attributes {qopt.kind = "decoder", qopt.context = 512, …}
      qopt.use_weight @onnx_MatMul_1254 …             =>      qopt.use_weight @layers.0.attn.q …
      %n = qopt.rms_norm %x, %g …                     =>      %l = qopt.take_last %x, %count size <logits> …
      %logits = qopt.linear %n, %w …                          %n = qopt.rms_norm %l, %g …
    ```
    - Symbols are `batch`, `tokens` and `logits`; logits are computed for the last `logits` of each row's `count` valid tokens, and
      cast to f32 where the model computes in less.
    - Weights are called by their role: `layers.N.attn.{q,k,v,o}`, `layers.N.mlp.{gate,up,down}` (`up` and `down` where nothing gates),
      `layers.N.norm.{attn,mlp}` (and `q`, `k`, `attn_post`, `mlp_post` where a model has them), `norm.final`, `embedding`, `positions`, `head`, their
      biases `<name>.bias`. A weight whose role is not known keeps the file's name.
    - The number of positions that tables hold becomes `qopt.context`, the least of them all.
    - Operands of sums and products: constants and weights come second, an activation first, else what is computed in fewer steps.
    - Operations stand in depth-first order from the results; weights in the order of their first use. Unused weights are erased.

    A function without caches is `qopt.kind = "graph"` and stays as it is.

    **Needs and leaves.** Needs `qopt-raise-kv-cache`.

    **Numbers.** Exact.
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
