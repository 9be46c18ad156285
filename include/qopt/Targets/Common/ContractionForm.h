//===- ContractionForm.h - the parts of a contraction kernel ----------------------------------===//
#ifndef QOPT_TARGETS_COMMON_CONTRACTIONFORM_H
#define QOPT_TARGETS_COMMON_CONTRACTIONFORM_H

#include "qopt/Targets/Common/KernelBuilder.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"

namespace qopt::codegen {

/// Linears with the same outputs whose results the epilogue combines; usually one.
struct Segment {
  llvm::SmallVector<LinearOp> Linears;
  /// Numbers of the kernel's results that the segment computes.
  llvm::SmallVector<unsigned> Results;
  int64_t Outputs = 0;
};

/// Codes that numbers go through and are read from again by the scale that made them: a constant,
/// or that of each row.
struct InputCodes {
  QuantizeOp Quantize;
  DequantizeOp Dequantize;
  /// Null for a constant scale.
  DynamicScaleOp Scale;

  /// The codes that `Input`, f32, was read from; none where it is something else.
  static std::optional<InputCodes> get(mlir::Value Input);
  mlir::Type getCode() const;
};

/// What a contraction kernel consists of.
struct ContractionForm {
  /// The argument that is read, and what happens to it before the contractions.
  mlir::Value Source;
  TakeLastOp TakeLast;
  mlir::Operation *Norm = nullptr;
  /// What the numbers go through as codes after that, in order.
  llvm::SmallVector<mlir::Operation *, 2> Coding;
  /// The last codes, where their scale is that of the row.
  std::optional<InputCodes> Codes;
  /// The shared operand of the linears.
  mlir::Value Input;
  int64_t Inputs = 0;
  llvm::SmallVector<Segment> Segments;

  /// Takes a kernel apart, or says why it has another form.
  static std::optional<ContractionForm> get(const KernelInfo &Info, std::string &Reason);

  mlir::AffineExpr getRows(const KernelInfo &Info) const { return Info.getRowCount(Input); }
  unsigned getMaxLinears() const;
};

/// Address of the row of the source that the contractions read as row `M`.
mlir::Value emitSourceRow(KernelBuilder &Builder, const ContractionForm &Form, mlir::Value M);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_CONTRACTIONFORM_H
