//===- Masks.h - what a mask lets a query see -------------------------------------------------===//
#ifndef QOPT_PASSES_GRAPH_MASKS_H
#define QOPT_PASSES_GRAPH_MASKS_H

#include "Contract.h"

namespace qopt {

/// What a mask is, where that could be proven.
struct MaskMeaning {
  bool Causal = false;
  /// With w > 0 only the last w keys.
  int64_t Window = 0;
  /// The input `attention_mask` decides, and the contract says that it hides no token.
  bool UsesContract = false;
};

/// Asks masks of scores [batch, heads, tokens, context].
class MaskProver {
public:
  /// `Scores` gives the sizes. The contract holds for functions that cache keys and values.
  MaskProver(mlir::Value Scores, const DecoderInputs &Inputs, const DimAnalysis &Dims,
             unsigned NumSymbols, bool UseContract);

  /// Nothing where the mask is not proven to be a combination of causal and window.
  /// `IsBoolean`: true sees, with `Negated` false sees; else the mask is added.
  std::optional<MaskMeaning> prove(mlir::Value Mask, bool IsBoolean, bool Negated);

private:
  bool addAtoms(const Predicate &Seen, MaskMeaning &Into) const;
  bool addAtom(mlir::AffineExpr Expr, MaskMeaning &Into) const;
  bool isAlwaysTrue(mlir::AffineExpr Expr) const;
  std::optional<int64_t> difference(mlir::AffineExpr A, mlir::AffineExpr B) const;

  const DecoderInputs &Inputs;
  unsigned NumSymbols;
  mlir::MLIRContext *Context;
  mlir::AffineExpr Tokens, Keys;
  bool MaskWasRead = false;
  ElementAnalysis Elements;
};

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_MASKS_H
