//===- Contraction.h - contractions with packed weights ---------------------------------------===//
//
// A kernel of linear operations that share one input, with what fusion put around them:
//
//   input -> (take_last) -> (norm) -> linear, linear, ... -> elementwise epilogue -> results
//
// Linears that an epilogue combines (gate and up) have the same outputs and form one *segment*;
// others (q, k, v) are segments of their own. A work item is one panel of 32 outputs of one
// segment.
//
//   staging    Every call first makes its own copy of the input in scratch where it must be
//   normalised, chosen or
//              widened: it costs little beside the panels, and no barrier.
//              Where the input goes through 8-bit codes and so do all weights, rows of bytes are
//              staged (Emit/ByteProducts.h) and sums are exact integers, scaled at the end.
//   one row    `emitRow`: several panels in flight, weights decoded in registers, one scale per
//   group of inputs. more rows  The weights of a panel are decoded block by block (about 128
//   inputs, so that they stay in the first
//              cache) and multiplied with tiles of rows; sums are kept in scratch between blocks.
//              The input is staged as [rows / tile][inputs][tile].
//
// The sums of one output never depend on which panels run beside it or on how rows are cut into
// tiles.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_CPU_CONTRACTION_H
#define QOPT_TARGETS_CPU_CONTRACTION_H

#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/PanelWeight.h"

namespace qopt::cpu {

/// A weight in panels of 32 outputs, and the code that reads it in vectors; where it lies in words,
/// only its scales.
class PanelWeight : public codegen::PanelWeight {
public:
  explicit PanelWeight(mlir::RankedTensorType Type, Layout Lies = Layout::Panels)
      : codegen::PanelWeight(Type, PanelRows, Lies) {}

  /// Scales of 16 outputs (`Half` 0 or 1) of a group whose scales begin at `Scales`.
  mlir::Value loadScales(KernelBuilder &B, mlir::Value Scales, int64_t Half) const;
  /// Their zero points as f32, less `getBias()`.
  mlir::Value loadZeroPoints(KernelBuilder &B, mlir::Value Scales, int64_t Half) const;
  /// Decoded codes are `code - getBias()`: unsigned 4-bit codes are read as signed ones where their
  /// zero points are codes, too.
  int64_t getBias() const { return hasZeroPoint() && isNibbles() && !hasFloatZeroPoint() ? 8 : 0; }
  /// 16 words of 8 codes, or 16 bytes, of one half of a panel.
  mlir::Value loadCodes(KernelBuilder &B, mlir::Value Codes, int64_t Half) const;
  /// Code `J` (0..7) of such words as f32; for bytes J is 0.
  mlir::Value decode(KernelBuilder &B, mlir::Value Loaded, int64_t J) const;
};

class ContractionLowering : public CpuLowering {
public:
  llvm::StringRef getName() const override { return "contraction"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override;
  KernelPlan plan(const KernelInfo &Kernel) const override;
  mlir::LogicalResult emit(KernelBuilder &Builder) const override;

protected:
  /// One input row times `Panels` panels that follow each other from `Weights` on: two vectors of
  /// 16 outputs for each. `Input` is f32. The sums of a panel must not depend on `Panels`.
  virtual KernelBuilder::Values emitRow(KernelBuilder &Builder, const PanelWeight &Weight,
                                        int64_t Panels, mlir::Value Weights,
                                        mlir::Value Input) const;
};

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_CONTRACTION_H
