//===- PtxModule.h - from emitted kernels to PTX and machine code -----------------------------===//
#ifndef QOPT_LIB_TARGETS_NVPTX_PTXMODULE_H
#define QOPT_LIB_TARGETS_NVPTX_PTXMODULE_H

#include "qopt/Targets/NVPTX/Chip.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace qopt::nvptx {

/// The function of a kernel, with an entry block that holds only the return.
mlir::LLVM::LLVMFuncOp createKernelFunction(mlir::ModuleOp Module, llvm::StringRef Symbol,
                                            unsigned Buffers, unsigned Symbols, int64_t Threads);

/// Lowers and optimizes a module of kernel functions; the text of its PTX.
mlir::FailureOr<std::string> compileToPtx(mlir::ModuleOp Module, const Chip &Chip);

/// Where ptxas is: the one that was found when qopt was configured, else one on the PATH.
std::optional<std::string> findAssembler();

/// Machine code, by ptxas. Registers that spill, and what ptxas had to repair, are errors.
mlir::FailureOr<std::string> assemble(mlir::ModuleOp Module, const Chip &Chip,
                                      llvm::StringRef Assembler, llvm::StringRef Ptx);

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_PTXMODULE_H
