//===- ConstantFolding.h - operations on small constants, by the reference evaluator ----------===//
#ifndef QOPT_PASSES_GRAPH_CONSTANTFOLDING_H
#define QOPT_PASSES_GRAPH_CONSTANTFOLDING_H

#include "qopt/Reference/Evaluator.h"

#include "mlir/IR/PatternMatch.h"

#include <optional>

namespace qopt {

/// The first result of a function, or nothing where the reference refuses (it says so to nobody).
std::optional<ReferenceTensor> runReference(const ReferenceRegistry &Registry,
                                            mlir::func::FuncOp Function,
                                            llvm::ArrayRef<ReferenceValue> Inputs);

/// Folds operations whose operands are constants and whose result has at most 64 KiB.
void populateConstantFoldingPatterns(mlir::RewritePatternSet &Patterns);

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_CONSTANTFOLDING_H
