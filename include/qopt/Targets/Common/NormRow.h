//===- NormRow.h - normalization of one row, shared by the norm kernel and prologues ----------===//
#ifndef QOPT_TARGETS_COMMON_NORMROW_H
#define QOPT_TARGETS_COMMON_NORMROW_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// A row of `Count` elements at `Row`, normalized as `Norm` (rms_norm, layer_norm, or null: not at
/// all) says. Statistics are computed where the object is made, as sums over the whole row, whoever
/// calls.
class NormalizedRow {
public:
  using Value = mlir::Value;

  NormalizedRow(KernelBuilder &B, mlir::Operation *Norm, Value Row, mlir::Type Element,
                Value Count);
  /// The f32 numbers from `I` on.
  Value load(Value I, int64_t Lanes) const;

private:
  Value loadElements(Value I, int64_t Lanes) const;
  Value loadCentred(Value I, int64_t Lanes) const;
  Value loadParameter(Value Of, Value I, int64_t Lanes) const;

  KernelBuilder &B;
  mlir::Operation *Norm;
  Value Row;
  mlir::Type Element;
  /// Null where the norm subtracts none.
  Value Mean;
  Value Factor;
};

/// Takes lanes `[Index, Index + lanes)` of a result.
using LanesSink = llvm::function_ref<void(mlir::Value Index, mlir::Value Lanes)>;

/// Hands all numbers of a normalized row to `Sink`.
void emitNormRow(KernelBuilder &Builder, mlir::Operation *Norm, mlir::Value Row, mlir::Type Element,
                 mlir::Value Count, LanesSink Sink);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_NORMROW_H
