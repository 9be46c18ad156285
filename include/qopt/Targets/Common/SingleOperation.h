//===- SingleOperation.h - kernels that are one operation with reshapes around it -------------===//
//
// Each function gives the operation, or null and what stands against it: operands that the kernel
// computes, other operations, or f64. `Coding` gets what the result goes through as codes.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_COMMON_SINGLEOPERATION_H
#define QOPT_TARGETS_COMMON_SINGLEOPERATION_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

using CodingOps = llvm::SmallVectorImpl<mlir::Operation *>;

/// rms_norm or layer_norm.
mlir::Operation *findNorm(const KernelInfo &Kernel, std::string &Reason, CodingOps &Coding);
SoftmaxOp findSoftmax(const KernelInfo &Kernel, std::string &Reason);
/// Lines of elements along the axis of a softmax.
mlir::AffineExpr getLines(const KernelInfo &Kernel, SoftmaxOp Op);
AttentionOp findAttention(const KernelInfo &Kernel, std::string &Reason, CodingOps &Coding);
CachedAttentionOp findCachedAttention(const KernelInfo &Kernel, std::string &Reason,
                                      CodingOps &Coding);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_SINGLEOPERATION_H
