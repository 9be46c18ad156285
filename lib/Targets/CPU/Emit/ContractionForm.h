//===- ContractionForm.h - the parts of a contraction kernel ----------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_CONTRACTIONFORM_H
#define QOPT_LIB_TARGETS_CPU_CONTRACTIONFORM_H

#include "qopt/Targets/CPU/Contraction.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"

namespace qopt::cpu {

/// Linears with the same outputs whose results the epilogue combines; usually one.
struct Segment {
  llvm::SmallVector<LinearOp> Linears;
  /// Numbers of the kernel's results that the segment computes.
  llvm::SmallVector<unsigned> Results;
  int64_t Outputs = 0;

  int64_t getPanels() const { return llvm::divideCeil(Outputs, PanelRows); }
};

/// What a contraction kernel consists of.
struct ContractionForm {
  /// The argument that is read, and what happens to it before the contractions.
  mlir::Value Source;
  TakeLastOp TakeLast;
  mlir::Operation *Norm = nullptr;
  /// The shared operand of the linears.
  mlir::Value Input;
  int64_t Inputs = 0;
  llvm::SmallVector<Segment> Segments;

  /// Parts of the scratch memory, by byte offset.
  struct Parts {
    /// One row, or tiles of rows, of f32.
    mlir::AffineExpr Staged;
    /// Decoded weights, and sums of all rows, for each linear of a segment.
    mlir::AffineExpr Decoded, Sums;
    mlir::AffineExpr Bytes;
  };

  /// Takes a kernel apart, or says why it has another form.
  static std::optional<ContractionForm> get(const KernelInfo &Info, std::string &Reason);

  mlir::AffineExpr getRows(const KernelInfo &Info) const { return Info.getRowCount(Input); }
  mlir::AffineExpr getItems(const KernelInfo &Info) const;
  Parts getScratch(const KernelInfo &Info) const;
  /// Whether a single row must be copied before it is used.
  bool stagesSingleRow() const;
  unsigned getMaxLinears() const;
};

/// Rows of the largest tile of any instruction set: what scratch is rounded up to.
constexpr int64_t MaxTileRows = 8;

/// Inputs whose weights are decoded together.
int64_t getBlockInputs(const PanelWeight &Weight);

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_CONTRACTIONFORM_H
