//===- RotaryRow.h - rotary embedding of one head ---------------------------------------------===//
#ifndef QOPT_TARGETS_COMMON_ROTARYROW_H
#define QOPT_TARGETS_COMMON_ROTARYROW_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// The table that the runtime computes for a rotary operation.
RotaryTable getRotaryTable(RotaryOp Rotary);

/// Tables of several rotary operations, equal ones once.
llvm::SmallVector<RotaryTable> getRotaryTables(llvm::ArrayRef<RotaryOp> Rotaries);

/// Reads a head of `Size` elements, turns it (or not, when `Rotary` is null) and hands the f32
/// results out, in vectors of 16 or 1 lanes. `Table` is the row of the position: cosines, then
/// sines.
void emitRotaryHead(KernelBuilder &Builder, RotaryOp Rotary, mlir::Value Head, mlir::Type Element,
                    int64_t Size, mlir::Value Table,
                    llvm::function_ref<void(mlir::Value Index, mlir::Value Lanes)> Sink);

/// The row of a position in the table of `Rotary`, which is buffer table number `Number`.
mlir::Value getRotaryTableRow(KernelBuilder &Builder, RotaryOp Rotary, unsigned Number,
                              mlir::Value Position);

/// Position of token `Token` of batch row `Batch`, from the operand of a rotary operation:
/// positions computed in the kernel, or an argument [batch, tokens].
mlir::Value emitPosition(KernelBuilder &Builder, mlir::Value Positions, mlir::Value Batch,
                         mlir::Value Token);

/// Whether `emitPosition` can read this operand.
bool isReadablePosition(mlir::Value Positions);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_ROTARYROW_H
