//===- CodeGen.h - from emitted kernels to a shared object ------------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_CODEGEN_H
#define QOPT_LIB_TARGETS_CPU_CODEGEN_H

#include "qopt/Targets/CPU/Isa.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt::cpu {

/// The function of a kernel for one instruction set, with an entry block that holds only the
/// return.
mlir::LLVM::LLVMFuncOp createKernelFunction(mlir::ModuleOp Module, const Isa &Isa,
                                            llvm::StringRef Symbol);

/// Lowers, optimizes and links a module of kernel functions; the bytes of the shared object.
mlir::FailureOr<std::string> compileToSharedObject(mlir::ModuleOp Module);

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_CODEGEN_H
