//===- Chip.h - the GPUs that kernels are compiled for ----------------------------------------===//
#ifndef QOPT_TARGETS_NVPTX_CHIP_H
#define QOPT_TARGETS_NVPTX_CHIP_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace qopt::nvptx {

/// Threads of a warp.
constexpr int64_t WarpSize = 32;

/// How mma.sync multiplies e4m3: not at all, with sums that keep 13 bits of their fraction, with
/// sums of f32, or only after they have become f16.
enum class Float8Products { None, ShortSums, LongSums, AsHalves };

/// A generation of GPUs, and what of it decides how kernels are built.
struct Chip {
  /// What --target takes, and LLVM's name of the architecture.
  llvm::StringLiteral Target, Architecture;
  /// The version of PTX that is emitted, as LLVM's feature.
  llvm::StringLiteral PtxFeature;
  /// Dynamic shared memory of a block, at most.
  int64_t SharedBytes;
  Float8Products Float8;
  /// Whether tensor cores multiply by instructions of a warpgroup (wgmma).
  bool HasWarpgroups;
};

/// All of them, the oldest first.
llvm::ArrayRef<Chip> getChips();

} // namespace qopt::nvptx

#endif // QOPT_TARGETS_NVPTX_CHIP_H
