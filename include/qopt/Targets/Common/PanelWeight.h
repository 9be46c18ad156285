//===- PanelWeight.h - where the numbers of a weight in panels lie ----------------------------===//
#ifndef QOPT_TARGETS_COMMON_PANELWEIGHT_H
#define QOPT_TARGETS_COMMON_PANELWEIGHT_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// A weight in panels of `Rows` outputs, and the code that reads one number.
class PanelWeight {
public:
  enum class Layout {
    Panels, ///< #qkernel.panels
    Words,  ///< #qkernel.word_panels, for products of bytes; `loadElement` does not read it
  };
  PanelWeight(mlir::RankedTensorType Type, int64_t Rows, Layout Lies = Layout::Panels);

  int64_t getOutputs() const { return Outputs; }
  int64_t getInputs() const { return Inputs; }
  int64_t getPanels() const { return llvm::divideCeil(Outputs, Rows); }
  int64_t getPanelBytes() const { return PanelBytes; }

  bool isStored() const { return bool(Stored); }
  StoredTypeInterface getStored() const { return Stored; }
  mlir::Type getElementType() const { return Element; }
  /// 4-bit codes lie in words of 8 inputs, others in bytes.
  bool isNibbles() const { return Stored && Stored.getCodeBits() <= 4; }
  bool hasZeroPoint() const { return Stored && Stored.hasZeroPoint(); }
  /// Whether zero points are floats; else they are codes, a byte each.
  bool hasFloatZeroPoint() const;
  int64_t getZeroPointBytes() const;
  /// Inputs that share a scale; all of them for floats.
  int64_t getGroup() const { return Group; }
  int64_t getGroups() const { return Group ? llvm::divideCeil(Inputs, Group) : 0; }
  /// Bytes of the codes of so many inputs of a group, and of a whole group.
  int64_t getCodeBytes(int64_t Count) const;
  int64_t getGroupBytes() const;

  /// The numbers that bytes without zero points are, as f32: one or a vector.
  mlir::Value decodeBytes(KernelBuilder &B, mlir::Value Bytes) const;

  /// One number: row `InPanel` of the panel at `Panel`, input `Input`.
  mlir::Value loadElement(KernelBuilder &B, mlir::Value Panel, mlir::Value InPanel,
                          mlir::Value Input) const;

protected:
  int64_t Rows, Outputs, Inputs, Group, PanelBytes;
  Layout Lies;
  StoredTypeInterface Stored;
  mlir::Type Element;
};

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_PANELWEIGHT_H
