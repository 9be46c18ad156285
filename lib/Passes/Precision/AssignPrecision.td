#ifndef QOPT_PASSES_PRECISION_ASSIGNPRECISION
#define QOPT_PASSES_PRECISION_ASSIGNPRECISION

include "mlir/Pass/PassBase.td"

def AssignPrecision : Pass<"qopt-assign-precision", "mlir::ModuleOp"> {
  let summary = "Decides the stored type of every matrix and cache";
  let description = [{
    **Why.** Precision is first a decision that can be printed and edited, then a rewrite. This pass decides by format: one type for the projections inside the blocks, one for
    the head, one for the embedding, one for the KV cache.

    **Before / after.**
    ```mlir
    qopt.weight @layers.0.attn.q : tensor<128x128xf32> from […]
    =>
    qopt.weight @layers.0.attn.q : tensor<128x128xf32> from […] precision <!qopt.packed<i4, group = 32, scale = f16>, "rtn", "w4a16">
    ```

    **Needs and leaves.** Needs the `model` level. Types stay as they are; weights get `precision`, cache arguments `qopt.precision`, contractions whose input becomes codes `qopt.input_precision`. A table that is both embedding and head becomes two
    weights where the two are decided differently. A matrix that holds no floats, or is none, is left alone. A matrix that the file holds as codes keeps them under the scheme "file", without a
    format too, unless `requantize` is set; where no packed type holds its codes (see `#qopt.stored_source`) it keeps what they mean as floats, and the reason says so.

    **Numbers.** Changes none.
  }];
  let options = [
    Option<"Weights", "weights", "std::string", "\"\"", "projections: f32, f16, bf16, f8E4M3FN, i8 or i4; empty keeps what the file holds">,
    Option<"Head", "head", "std::string", "\"\"", "the head; empty: i8 where the projections are codes, else the same">,
    Option<"Embedding", "embedding", "std::string", "\"\"", "the embedding; empty as for the head">,
    Option<"Activations", "activations", "std::string", "\"\"", "inputs of projections whose weights have codes of the same type (of i8 per channel without zero points): i8 or f8E4M3FN, a scale for each row; empty keeps numbers">,
    Option<"KV", "kv", "std::string", "\"\"", "keys and values: f32, f16, bf16, int8 or fp8; empty keeps what the file holds">,
    Option<"Group", "group", "int64_t", "-1", "elements per scale, 0: per channel, -1: 32 for i4, per channel for i8">,
    Option<"Asymmetric", "asymmetric", "bool", "false", "a zero point for every group">,
    Option<"Requantize", "requantize", "bool", "false", "the formats hold for matrices that the file holds as codes, too">,
    Option<"SchemeName", "scheme", "std::string", "\"rtn\"", "what computes the codes">,
    Option<"Reason", "reason", "std::string", "\"option\"", "why, as reports print it">
  ];
}

#endif
