//===- Isa.h - the instruction sets that kernels are compiled for -----------------------------===//
#ifndef QOPT_TARGETS_CPU_ISA_H
#define QOPT_TARGETS_CPU_ISA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace qopt::cpu {

/// An instruction set. Kernels are written in vectors of 16 f32; LLVM splits them to what the
/// machine has.
struct Isa {
  /// Its name in the artefact, and the suffix of its kernels' symbols.
  llvm::StringLiteral Name;
  /// LLVM's features beyond x86-64-v2, and the CPU whose timing guides it.
  llvm::StringLiteral Features, TuneCpu;
  unsigned VectorBits;
  bool HasF16C;
  /// Whether it multiplies bytes (qkernel.dot4). Kernels without such products are the same code as
  /// for the instruction set after it.
  bool HasDot;

  bool isAvx512() const { return VectorBits == 512; }
  bool isAvx2() const { return VectorBits == 256; }

  /// Panels whose dot products one loop computes together: as many as the accumulators' registers
  /// allow.
  int64_t getPanelsInFlight() const { return isAvx512() ? 4 : isAvx2() ? 2 : 1; }
  /// Rows of a tile of a matrix product, and vectors of 16 outputs beside each other.
  int64_t getTileRows() const { return isAvx512() ? 8 : isAvx2() ? 4 : 2; }
  int64_t getTileVectors() const { return isAvx512() ? 2 : 1; }
};

/// All of them, best first.
llvm::ArrayRef<Isa> getIsas();

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_ISA_H
