//===- Float8.h - f8E4M3FN in integer arithmetic ----------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_COMMON_FLOAT8_H
#define QOPT_LIB_TARGETS_COMMON_FLOAT8_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// Bits (as i32) to f32; exact.
mlir::Value widenFloat8(KernelBuilder &Builder, mlir::Value Bits);
/// f32 to bits (as i32), to nearest even and to no more than 448; NaN stays NaN.
mlir::Value narrowFloat8(KernelBuilder &Builder, mlir::Value Number);

} // namespace qopt::codegen

#endif // QOPT_LIB_TARGETS_COMMON_FLOAT8_H
