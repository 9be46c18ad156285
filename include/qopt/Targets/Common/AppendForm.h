//===- AppendForm.h - the parts of a kernel that appends to a cache ---------------------------===//
#ifndef QOPT_TARGETS_COMMON_APPENDFORM_H
#define QOPT_TARGETS_COMMON_APPENDFORM_H

#include "qopt/Targets/Common/RotaryRow.h"

namespace qopt::codegen {

/// A tensor [batch, tokens, heads, size] that is turned, or passes, and may go through codes then.
struct Stream {
  mlir::Value Source;
  RotaryOp Rotary;
  llvm::SmallVector<mlir::Operation *, 2> Coding;
};

/// New keys and values, and rotary embeddings of them and of what is yielded.
struct AppendForm {
  KVAppendOp Append;
  Stream Key, Values;
  /// Rotary operations whose results are yielded, by number of result.
  llvm::SmallVector<std::pair<unsigned, Stream>> Yielded;
  llvm::SmallVector<RotaryOp> Rotaries;

  static std::optional<AppendForm> get(const KernelInfo &Info, std::string &Reason);
  /// A tensor [batch, tokens, …] of the kernel.
  mlir::Value getTokens() const {
    return KVAppendOp(Append) ? KVAppendOp(Append).getKey() : RotaryOp(Rotaries.front()).getInput();
  }
  KVCacheType getCache() const { return KVAppendOp(Append).getCache().getType(); }
  /// Whether a head is quantized, for which all its numbers must be known.
  bool quantizes() const {
    return Append && (mlir::isa<StoredTypeInterface>(getCache().getKey()) ||
                      mlir::isa<StoredTypeInterface>(getCache().getValue()));
  }
  /// Tokens of all rows of the batch.
  mlir::AffineExpr getTokenCount(const KernelInfo &Info) const {
    return Info.getDims(getTokens())[0] * Info.getDims(getTokens())[1];
  }
};

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_APPENDFORM_H
