#ifndef QOPT_PASSES_PRECISION_QUANTIZEACTIVATIONS
#define QOPT_PASSES_PRECISION_QUANTIZEACTIVATIONS

include "mlir/Pass/PassBase.td"

def QuantizeActivations : Pass<"qopt-quantize-activations", "mlir::func::FuncOp"> {
  let summary = "The inputs of contractions go through codes where that was decided";
  let description = [{
    **Why.** The second half of a decision on activations: codes with a scale of their own for each row (each token), computed when the numbers are there. Contractions that read one value read the
    same codes, so a kernel that fuses them makes codes once.

    **Before / after.**
    ```mlir
    %y = qopt.linear %x, %w {qopt.input_precision = #qopt.precision<i8, "dynamic", "--w8a8">} : tensor<4x32xf32>, tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
    =>
    %s = qopt.dynamic_scale %x as i8 : tensor<4x32xf32>
    %q = qopt.quantize %x, %s, %zero : tensor<4x32xf32>, tensor<4x1xf32>, tensor<i8>
    %r = qopt.dequantize %q, %s, %zero : tensor<4x32xi8>, tensor<4x1xf32>, tensor<i8>
    %y = qopt.linear %r, %w : tensor<4x32xf32>, tensor<16x32x!qopt.packed<i8, group = 0, scale = f16>>
    ```

    **Needs and leaves.** Needs decisions (`qopt-assign-precision`). Leaves none of them. Codes read as f32; the result is cast back where the input has another float type.

    **Numbers.** Changes results: an input is off by up to half a scale, 1/254 of its row's largest magnitude.
  }];
}

#endif
