//===- WeightSteps.h - what happens to a weight lives in its symbol ---------------------------===//
#ifndef QOPT_PASSES_GRAPH_WEIGHTSTEPS_H
#define QOPT_PASSES_GRAPH_WEIGHTSTEPS_H

#include "QOpt/QOpt.h"
#include "mlir/IR/PatternMatch.h"

namespace qopt {

/// The weight that a value reads, or null.
WeightOp getWeight(mlir::Value Value);

/// A use of a new weight: the one that `Use` reads with one more step. Equal weights are shared.
/// Steps on stored weights are refused.
mlir::FailureOr<mlir::Value> addWeightSteps(mlir::RewriterBase &Rewriter, UseWeightOp Use,
                                            llvm::ArrayRef<mlir::Attribute> Steps);

/// Transposes, reshapes, slices and casts of weights become steps; products with weights become
/// `qopt.linear`.
void populateWeightStepPatterns(mlir::RewritePatternSet &Patterns);

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_WEIGHTSTEPS_H
