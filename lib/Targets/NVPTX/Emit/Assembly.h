//===- Assembly.h - instructions that are written as PTX --------------------------------------===//
//
// For what no operation gives exactly: the text says which registers an instruction reads and
// writes, in which order.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_NVPTX_ASSEMBLY_H
#define QOPT_LIB_TARGETS_NVPTX_ASSEMBLY_H

#include "qopt/Targets/NVPTX/KernelBuilder.h"

namespace qopt::nvptx {

/// What an instruction does beside computing its results.
enum class Effect {
  None,
  Together ///< All threads of the warp execute it together: it stays where it is.
};

/// Registers that an instruction writes, one for each of `Results`. Operands are $n, as the results
/// before them; `Constraints` says what each is.
KernelBuilder::Values emitAssembly(KernelBuilder &B, mlir::TypeRange Results,
                                   mlir::ValueRange Operands, llvm::StringRef Text,
                                   llvm::StringRef Constraints, Effect Does);

/// e4m3 of f32 numbers and f32 numbers of e4m3, bytes: a scalar or a vector.
mlir::Value makeFloat8(KernelBuilder &B, mlir::Value Numbers);
mlir::Value readFloat8(KernelBuilder &B, mlir::Value Codes);

/// How codes are multiplied: i8 with sums in i32; e4m3, or e4m3 that become f16, with sums in f32.
enum class CodeProduct { Int8, Float8, Halves };
/// D = A B + C of 16 x 32 and 32 x 8 codes.
KernelBuilder::Values multiplyCodes(KernelBuilder &B, CodeProduct Product, mlir::ValueRange A,
                                    mlir::ValueRange Right, mlir::ValueRange C);

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_ASSEMBLY_H
