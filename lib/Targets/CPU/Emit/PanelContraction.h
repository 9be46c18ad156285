//===- PanelContraction.h - a contraction with weights in panels ------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_PANELCONTRACTION_H
#define QOPT_LIB_TARGETS_CPU_PANELCONTRACTION_H

#include "qopt/Targets/CPU/Contraction.h"
#include "qopt/Targets/Common/ContractionForm.h"

namespace qopt::cpu {

using codegen::Segment;

inline int64_t getPanels(const Segment &Segment) {
  return llvm::divideCeil(Segment.Outputs, PanelRows);
}

/// What a contraction kernel consists of, and how large its parts are.
struct PanelContraction : codegen::ContractionForm {
  /// Whether products are taken of bytes: codes times 8-bit weights that lie in words. Then codes
  /// with a constant scale are `Codes`, too.
  bool TakesBytes = false;

  /// Parts of the scratch memory, by byte offset.
  struct Parts {
    /// One row, or tiles of rows, of f32; or rows of bytes. A row of f32 that becomes codes.
    mlir::AffineExpr Staged, Row;
    /// Decoded weights, and sums of all rows, for each linear of a segment.
    mlir::AffineExpr Decoded, Sums;
    mlir::AffineExpr Bytes;
  };

  /// Takes a kernel apart, or says why it has another form.
  static std::optional<PanelContraction> get(const KernelInfo &Info, std::string &Reason);

  mlir::AffineExpr getRows(const KernelInfo &Info) const { return Info.getRowCount(Input); }
  mlir::AffineExpr getItems(const KernelInfo &Info) const;
  Parts getScratch(const KernelInfo &Info) const;
  PanelWeight getWeight(LinearOp Linear) const;
  /// Whether a single row must be copied before it is used.
  bool stagesSingleRow() const;

private:
  explicit PanelContraction(ContractionForm Form) : ContractionForm(std::move(Form)) {}
  void chooseProducts(const KernelInfo &Info);
};

/// Inputs of products of bytes: no sum of so many leaves 32 bits, whatever the codes are.
constexpr int64_t MaxByteInputs = 1 << 16;

/// Rows of the largest tile of any instruction set: what scratch is rounded up to.
constexpr int64_t MaxTileRows = 8;

/// Inputs whose weights are decoded together.
int64_t getBlockInputs(const PanelWeight &Weight);

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_PANELCONTRACTION_H
