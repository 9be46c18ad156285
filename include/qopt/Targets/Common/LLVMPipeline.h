//===- LLVMPipeline.h - from emitted operations to the machine's code -------------------------===//
#ifndef QOPT_TARGETS_COMMON_LLVMPIPELINE_H
#define QOPT_TARGETS_COMMON_LLVMPIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Target/TargetMachine.h"

namespace qopt::codegen {

/// What a KernelBuilder emits, as operations of the `llvm` dialect.
mlir::LogicalResult lowerToLLVMDialect(mlir::ModuleOp Module);

/// From the `llvm` dialect (translations of further dialects are the caller's to register) through
/// LLVM's own pipeline to assembly or an object file. No function of the C library may be assumed
/// to exist.
mlir::FailureOr<std::string> compile(mlir::ModuleOp Module, llvm::TargetMachine &Machine,
                                     llvm::OptimizationLevel Level, llvm::CodeGenFileType Type);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_LLVMPIPELINE_H
