//===- ConvolutionForm.h - the parts of a convolution kernel ----------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_CONVOLUTIONFORM_H
#define QOPT_LIB_TARGETS_CPU_CONVOLUTIONFORM_H

#include "SpatialTile.h"

#include "qopt/Targets/CPU/Contraction.h"

namespace qopt::cpu {

/// What a convolution kernel consists of: input -> conv -> elementwise epilogue -> results.
struct ConvolutionForm {
  ConvOp Conv;
  SpatialTile Tile;
  int64_t Channels = 0; // of one group of inputs
  int64_t Groups = 1, OutputsOfGroup = 0;

  /// Parts of the scratch memory, by byte offset.
  struct Parts {
    /// The input of a tile, the weights of a panel as f32, and the sums of a panel for a tile.
    mlir::AffineExpr Staged, Decoded, Sums;
    mlir::AffineExpr Bytes;
  };

  /// Takes a kernel apart, or says why it has another form.
  static std::optional<ConvolutionForm> get(const KernelInfo &Info, std::string &Reason);

  PanelWeight getWeight() const {
    auto Op = Conv;
    return PanelWeight(mlir::cast<mlir::RankedTensorType>(Op.getWeight().getType()));
  }
  int64_t getColumns() const { return Channels * Tile.getTaps(); }
  /// Whether the outputs of a group are whole panels; otherwise they are computed one by one.
  bool usesPanels() const { return Groups == 1 || OutputsOfGroup % PanelRows == 0; }
  /// Outputs that share an item, and items of one group of one tile.
  int64_t getItemOutputs() const { return usesPanels() ? PanelRows : 1; }
  int64_t getItemsOfGroup() const { return llvm::divideCeil(OutputsOfGroup, getItemOutputs()); }
  bool decodes() const { return !usesPanels() || !getWeight().getElementType().isF32(); }
  mlir::AffineExpr getItems(const KernelInfo &Info) const;
  Parts getScratch(const KernelInfo &Info) const;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_CONVOLUTIONFORM_H
