//===- SimplifyCodes.h - codes where the numbers are made, and once ---------------------------===//
#ifndef QOPT_LIB_PASSES_GRAPH_SIMPLIFYCODES_H
#define QOPT_LIB_PASSES_GRAPH_SIMPLIFYCODES_H

#include "mlir/IR/PatternMatch.h"

namespace qopt {

/// quantize(transpose(x)) = transpose(quantize(x)) where one scale and zero point hold for all
/// elements, and so for dequantize, reshapes and broadcasts: codes are made where the numbers are,
/// and raising sees the moves side by side. Numbers that were read from codes and become the same
/// codes again are these codes.
void populateSimplifyCodesPatterns(mlir::RewritePatternSet &Patterns);

} // namespace qopt

#endif // QOPT_LIB_PASSES_GRAPH_SIMPLIFYCODES_H
