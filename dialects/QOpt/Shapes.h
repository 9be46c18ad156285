//===- Shapes.h - rules that several operation families share ---------------------------------===//
#ifndef QOPT_DIALECTS_QOPT_SHAPES_H
#define QOPT_DIALECTS_QOPT_SHAPES_H

#include "QOpt/QOpt.h"

namespace qopt {

inline mlir::RankedTensorType rankedType(mlir::Value Value) {
  return mlir::cast<mlir::RankedTensorType>(Value.getType());
}

/// Fails with a message when `Ty` is not the shape that `Map` (over the symbols) stands for.
mlir::LogicalResult verifyDims(mlir::Operation *Op, mlir::AffineMap Map, mlir::RankedTensorType Ty);

/// Fails with a message unless `Axis` is an axis of `Ty`.
mlir::LogicalResult verifyAxis(mlir::Operation *Op, int64_t Axis, mlir::RankedTensorType Ty);

/// Dimensions as a message shows them: (s0, 4).
std::string printDims(llvm::ArrayRef<mlir::AffineExpr> Exprs);

/// Whether two sizes can be the same number.
inline bool compatibleSizes(int64_t A, int64_t B) {
  return mlir::ShapedType::isDynamic(A) || mlir::ShapedType::isDynamic(B) || A == B;
}

} // namespace qopt

#endif // QOPT_DIALECTS_QOPT_SHAPES_H
