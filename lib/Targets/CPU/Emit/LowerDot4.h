//===- LowerDot4.h - products of bytes on one instruction set ---------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_LOWERDOT4_H
#define QOPT_LIB_TARGETS_CPU_LOWERDOT4_H

#include "mlir/IR/BuiltinOps.h"

namespace qopt::cpu {

/// Writes every qkernel.dot4 for the instruction set of its function.
mlir::LogicalResult lowerDot4(mlir::ModuleOp Module);

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_LOWERDOT4_H
