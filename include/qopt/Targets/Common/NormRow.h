//===- NormRow.h - normalization of one row, shared by the norm kernel and prologues ----------===//
#ifndef QOPT_TARGETS_COMMON_NORMROW_H
#define QOPT_TARGETS_COMMON_NORMROW_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// Takes lanes `[Index, Index + lanes)` of a result.
using LanesSink = llvm::function_ref<void(mlir::Value Index, mlir::Value Lanes)>;

/// Reads a row of `Count` elements at `Row`, normalizes it as `Norm` (rms_norm, layer_norm, or
/// null: not at all) says, and hands the f32 results to `Sink`. Statistics are sums in 16 lanes
/// over the whole row, whoever calls.
void emitNormRow(KernelBuilder &Builder, mlir::Operation *Norm, mlir::Value Row, mlir::Type Element,
                 mlir::Value Count, LanesSink Sink);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_NORMROW_H
