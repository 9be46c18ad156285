//===- LLVMPipeline.h - from emitted operations to the machine's code -------------------------===//
#ifndef QOPT_TARGETS_COMMON_LLVMPIPELINE_H
#define QOPT_TARGETS_COMMON_LLVMPIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Target/TargetMachine.h"

namespace qopt::codegen {

/// What a KernelBuilder emits, as operations of the `llvm` dialect.
mlir::LogicalResult lowerToLLVMDialect(mlir::ModuleOp Module);

/// LLVM's own pipeline, in which no function of the C library may be assumed to exist.
void optimize(llvm::Module &Module, llvm::TargetMachine &Machine, llvm::OptimizationLevel Level);

mlir::LogicalResult emitFile(llvm::Module &Module, llvm::TargetMachine &Machine,
                             llvm::CodeGenFileType Type, llvm::SmallVectorImpl<char> &Bytes);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_LLVMPIPELINE_H
