//===- StoredRow.h - rows that get a scale while the program runs -----------------------------===//
#ifndef QOPT_TARGETS_COMMON_STOREDROW_H
#define QOPT_TARGETS_COMMON_STOREDROW_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// Quantizes `Size` f32 numbers at `Row` as quantizeRow (qopt/Reference/RowQuantization.h) does,
/// stores the scale at `ScaleAt` and hands out the codes as memory holds them, in vectors.
void emitQuantizedRow(KernelBuilder &Builder, StoredTypeInterface Stored, mlir::Value Row,
                      int64_t Size, mlir::Value ScaleAt,
                      llvm::function_ref<void(mlir::Value Index, mlir::Value Codes)> Sink);

/// Neighbouring elements as f32: floats, or codes without their scale. A scalar without lanes.
mlir::Value loadElements(KernelBuilder &Builder, mlir::Value Pointer, mlir::Type Element,
                         int64_t Lanes);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_STOREDROW_H
