//===- CodedRow.h - a row of a contraction's input on its way through codes -------------------===//
#ifndef QOPT_TARGETS_COMMON_CODEDROW_H
#define QOPT_TARGETS_COMMON_CODEDROW_H

#include "qopt/Targets/Common/ContractionForm.h"

namespace qopt::codegen {

/// A row of f32 that goes through codes with a constant scale or one of its own, which is computed
/// here.
class CodedRow {
public:
  using Value = mlir::Value;
  /// Gives the `Lanes` numbers from `I` on.
  using LoadNumbers = std::function<Value(Value I, int64_t Lanes)>;

  CodedRow(KernelBuilder &B, const InputCodes &Codes, int64_t Count, LoadNumbers Load);

  /// The scale, f32.
  Value getScale() const { return Scale; }
  /// The codes of the numbers from `I` on, as they are computed with.
  Value encode(Value I, int64_t Lanes) const;
  /// The same less the zero point, as f32.
  Value encodeCentred(Value I, int64_t Lanes) const;
  /// What they read as.
  Value read(Value I, int64_t Lanes) const;

private:
  Value readAs(Value Scale, Value I, int64_t Lanes) const;

  KernelBuilder &B;
  const InputCodes &Codes;
  LoadNumbers Load;
  Value Scale, ZeroPoint;
};

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_CODEDROW_H
