//===- CodesOfFewRows.h - contractions of codes for up to 16 rows, in one launch --------------===//
#ifndef QOPT_LIB_TARGETS_NVPTX_CODESOFFEWROWS_H
#define QOPT_LIB_TARGETS_NVPTX_CODESOFFEWROWS_H

#include "CodesForm.h"

namespace qopt::nvptx {

/// A block computes a panel of 32 outputs for some rows, whose codes it makes itself.
///
///   rows      a warp makes the codes of a row, in shared memory
///   products  the warps share the inputs, 64 at a time; codes of weights go from global memory
///             straight into registers, as the left operand of mma.sync
///   epilogue  the warps' sums meet in shared memory: those of i8 are exact
class FewRows {
public:
  static constexpr int64_t Warps = 8, MostRows = 16;

  /// Nothing where a single row does not fit into shared memory.
  static std::optional<FewRows> get(const CodesForm &Codes, int64_t MaxSharedBytes);

  mlir::AffineExpr getBlocks(const KernelInfo &Info) const;
  int64_t getSharedBytes() const { return Rows * getRowBytes(); }
  mlir::LogicalResult emit(KernelBuilder &B) const;

private:
  explicit FewRows(const CodesForm &Codes) : Codes(Codes) {}
  int64_t getCodeBytes() const;
  int64_t getSumBytes() const;
  int64_t getRowBytes() const { return getCodeBytes() + getSumBytes() + 4; }
  int64_t getSumsOffset() const { return Rows * getCodeBytes(); }
  int64_t getScalesOffset() const { return Rows * (getCodeBytes() + getSumBytes()); }

  friend class FewRowsEmitter;

  const CodesForm &Codes;
  /// Of a block.
  int64_t Rows = MostRows;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_CODESOFFEWROWS_H
