#ifndef QOPT_PASSES_FUSION_CHOOSELAYOUTS
#define QOPT_PASSES_FUSION_CHOOSELAYOUTS

include "mlir/Pass/PassBase.td"

def ChooseLayouts : Pass<"qopt-choose-layouts", "mlir::ModuleOp"> {
  let summary = "Gives every weight the one layout that all its readers use";
  let description = [{
    **Why.** A weight is stored once, for decode and prefill and for all versions of the code. The target chooses its layout from the kernels that read it; the packer and
    the kernel generators read the same attribute.

    **Before / after.**
    ```mlir
    qopt.weight @w : tensor<16x8xf32> from […]                  qopt.weight @w : tensor<16x8xf32> from […] layout #qkernel.panels<32>
    qkernel.kernel @k(…, %w: tensor<16x8xf32>)            =>    qkernel.kernel @k(…, %w: tensor<16x8xf32> {qkernel.layout = #qkernel.panels<32>})
    ```

    **Needs and leaves.** Needs kernels and launches. Leaves a layout on every weight that is read and on the arguments that take it. Two weights of different layouts that
    reach the same argument are an error.

    **Numbers.** Changes none.
  }];
  let options = [Option<"TargetName", "target", "std::string", "\"cpu\"", "the target that chooses">];
}

#endif
