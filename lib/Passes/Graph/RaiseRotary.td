#ifndef QOPT_PASSES_GRAPH_RAISEROTARY
#define QOPT_PASSES_GRAPH_RAISEROTARY

include "mlir/Pass/PassBase.td"

def RaiseRotary : Pass<"qopt-raise-rotary", "mlir::ModuleOp"> {
  let summary = "Recognises rotary position embedding";
  let description = [{
    **Why.** Exporters compute cosines and sines of positions times frequencies, and turn the channels with slices, negations and concatenations. As one
    operation it joins the append to the cache, and calibration knows which channels turn together.

    **Before / after.**
    ```mlir
    %a = qopt.binary mul %x, %cos …
    %h = qopt.slice %x …
    %n = qopt.unary neg %h …                      =>     %y = qopt.rotary %x at %position_ids frequencies [1.0, 0.1] …
    %r = qopt.concat %n, %g …
    %b = qopt.binary mul %r, %sin …
    %y = qopt.binary add %a, %b …
    ```
    The pass asks what each channel of a result is. It is a rotation where channel i is `x_i cos(p f_i) - x_j sin(p f_i)` and channel j is
    `x_j cos(p f_i) + x_i sin(p f_i)`, p being the position: with j = i + n (halves) or j = i + 1 (interleaved), all channels or the first 2n of them, however the file
    writes it, and whatever multiplies all cosines and sines. The rotation is done on `[batch, tokens, heads, size]`; what the file transposed before is transposed after.

    **Needs and leaves.** Frequencies that are constants of the file, and positions that are integers of the graph.

    **Numbers.** Exact up to rounding; cosines and sines that the file rounded to 16 bits are not. Frequencies within 4e-7 of the powers of a whole base become those powers.
  }];
  let dependentDialects = ["qopt::QOptDialect"];
}

#endif
