//===- FragmentWeight.h - where the numbers of a weight in fragments lie ----------------------===//
#ifndef QOPT_TARGETS_COMMON_FRAGMENTWEIGHT_H
#define QOPT_TARGETS_COMMON_FRAGMENTWEIGHT_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// A weight in the layout `#qkernel.fragments`, and the code that reads one number or one word of
/// it.
class FragmentWeight {
public:
  using Tiling = qkernel::FragmentTiling;
  using Value = mlir::Value;

  /// The type must be one that the layout takes.
  explicit FragmentWeight(mlir::RankedTensorType Type)
      : Stored(getStoredElementType(Type)), Tiles(*Tiling::get(Type)) {}

  const Tiling &getTiling() const { return Tiles; }
  StoredTypeInterface getStored() const { return Stored; }
  bool hasZeroPoint() const { return Stored.hasZeroPoint(); }

  /// Of row `InPanel` of the panel at `Panel`: the word with the codes of the eight inputs from
  /// `First` on, the scale of an input, and its zero point as i32.
  Value loadWord(KernelBuilder &B, Value Panel, Value InPanel, Value First) const;
  Value loadScale(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const;
  Value loadZeroPoint(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const;
  /// One number.
  Value loadElement(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const;

private:
  Value getTile(KernelBuilder &B, Value Panel, Value Input) const;
  Value getScaleIndex(KernelBuilder &B, Value InPanel, Value Input) const;

  StoredTypeInterface Stored;
  Tiling Tiles;
};

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_FRAGMENTWEIGHT_H
