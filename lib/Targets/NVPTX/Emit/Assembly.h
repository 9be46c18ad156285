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
  Together, ///< All threads of the warp execute it together: it stays where it is.
  Memory    ///< The same, and accesses to memory stay before or behind it.
};

/// Registers that an instruction writes, one for each of `Results`. Operands are $n, as the results
/// before them; `Constraints` says what each is.
KernelBuilder::Values emitAssembly(KernelBuilder &B, mlir::TypeRange Results,
                                   mlir::ValueRange Operands, llvm::StringRef Text,
                                   llvm::StringRef Constraints, Effect Does);

/// An address of shared memory as instructions take it, i32.
mlir::Value getSharedAddress(KernelBuilder &B, mlir::Value Pointer);

//===--- mbarrier: addresses are those of getSharedAddress ------------------------------------===//
void initPhases(KernelBuilder &B, mlir::Value Barrier, int64_t Arrivals);
/// Waits for the end of a phase of this parity (i32).
void waitForPhase(KernelBuilder &B, mlir::Value Barrier, mlir::Value Parity);
/// The first thread of a warp arrives.
void arriveAtPhase(KernelBuilder &B, mlir::Value Barrier);
/// Arrives, and lets the phase wait for so many bytes.
void expectBytes(KernelBuilder &B, mlir::Value Barrier, int64_t Bytes);
/// Copies from global to shared memory; the barrier's phase counts the bytes.
void copyBytes(KernelBuilder &B, mlir::Value To, mlir::Value From, int64_t Bytes,
               mlir::Value Barrier);

//===--- cp.async -----------------------------------------------------------------------------===//
/// Copies 16 bytes from global to shared memory; a group of copies ends with `closeCopies`.
void copyChunk(KernelBuilder &B, mlir::Value To, mlir::Value From);
void closeCopies(KernelBuilder &B);
/// Waits for this thread's groups but the newest `Left`.
void waitForCopies(KernelBuilder &B, int64_t Left);

/// Four matrices of 8 rows of 16 bytes; this thread has the address of one row, less `Offset`.
KernelBuilder::Values loadMatrices(KernelBuilder &B, mlir::Value Address, int64_t Offset);

/// Lets the warpgroup have so many registers a thread from now on: fewer or more than before.
void setRegisters(KernelBuilder &B, int64_t Count, bool More);

/// Waits for `Threads` threads at one of the barriers 1 to 15.
void syncThreads(KernelBuilder &B, int64_t Barrier, int64_t Threads);

/// e4m3 of f32 numbers and f32 numbers of e4m3, bytes: a scalar or a vector.
mlir::Value makeFloat8(KernelBuilder &B, mlir::Value Numbers);
mlir::Value readFloat8(KernelBuilder &B, mlir::Value Codes);

/// How codes are multiplied: i8 with sums in i32; e4m3, or e4m3 that become f16, with sums in f32.
enum class CodeProduct { Int8, Float8, Halves };
/// D = A B + C of 16 x 32 and 32 x 8 codes.
KernelBuilder::Values multiplyCodes(KernelBuilder &B, CodeProduct Product, mlir::ValueRange A,
                                    mlir::ValueRange Right, mlir::ValueRange C);

/// What wgmma takes as the place of rows of 128 bytes, swizzled, in shared memory; `Address` is
/// that of getSharedAddress.
mlir::Value getDescriptor(KernelBuilder &B, mlir::Value Address);
/// The products of 64 x 128 and 128 x 128 codes of a warpgroup, waited for: 64 registers. i8 adds
/// to `Sums`; e4m3 does not, so that these short sums can be added in f32.
KernelBuilder::Values multiplyTiles(KernelBuilder &B, bool IsFloat, mlir::Value A,
                                    mlir::Value Right, mlir::ValueRange Sums);

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_ASSEMBLY_H
