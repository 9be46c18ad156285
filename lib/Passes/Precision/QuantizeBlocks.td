#ifndef QOPT_PASSES_PRECISION_QUANTIZEBLOCKS
#define QOPT_PASSES_PRECISION_QUANTIZEBLOCKS

include "mlir/Pass/PassBase.td"

def QuantizeBlocks : Pass<"qopt-quantize-blocks", "mlir::ModuleOp"> {
  let summary = "Rewrites types as the decisions say, block by block";
  let description = [{
    **Why.** The second half of assigning precision: what was decided becomes the type of weights and caches. Blocks go in the order in which the program runs them, because a scheme that looks at data
    must see what its quantized predecessors give. A scheme without data (round to nearest) needs no run: its codes are a pure function of the weight, evaluated when the artefact is written.

    **Before / after.**
    ```mlir
    qopt.weight @w : tensor<16x64xf32> from […] precision <!qopt.packed<i4, group = 32, scale = f16>, "rtn", "w4a16">
    =>
    qopt.weight @w : tensor<16x64x!qopt.packed<i4, group = 32, scale = f16>> from […] scheme "rtn" precision <…>
    ```

    **Needs and leaves.** Needs decisions (`qopt-assign-precision` or a plan). Leaves the `quantized` level: stored types on weights, the decision kept as the reason; caches in their stored
    types; gathered rows cast back to the type that their readers expect.

    **Numbers.** Changes results: weights and caches read as what their stored types hold.
  }];
}

#endif
