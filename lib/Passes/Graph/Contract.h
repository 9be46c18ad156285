//===- Contract.h - what a decoder's inputs hold ----------------------------------------------===//
//
// By contract `attention_mask` is ones over the valid tokens and `position_ids` is its running
// count. So the mask of a full batch is 1 everywhere, the sum of a row is the number of its tokens,
// and the position of token t is the length of the past plus t.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_PASSES_GRAPH_CONTRACT_H
#define QOPT_PASSES_GRAPH_CONTRACT_H

#include "Elements.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qopt {

/// The inputs of a decoder in the ONNX signature; what is absent is null.
struct DecoderInputs {
  mlir::BlockArgument Ids, Mask, Positions;
  /// Length of the past and number of new tokens, over the symbols.
  mlir::AffineExpr Past, Tokens;
  /// The mask's length where it is a symbol of its own, else null.
  mlir::AffineExpr MaskLength;

  /// Finds the inputs by their names; `Past` from the mask, else from the cached keys, else 0.
  static DecoderInputs find(mlir::func::FuncOp Function, const DimAnalysis &Dims);

  /// The contract for ElementAnalysis. `MaskWasRead` is set when the mask's value mattered.
  ElementAnalysis::Contract getContract(bool *MaskWasRead = nullptr) const;

  /// The expression with the mask's length replaced by past plus tokens.
  mlir::AffineExpr normalize(mlir::AffineExpr Expr) const;

  /// Whether a [batch, tokens] tensor of integers holds the position of every token.
  bool arePositions(mlir::Value Value, const DimAnalysis &Dims, unsigned NumSymbols) const;
  /// Whether a [batch] tensor of integers holds the length of the past with (or without) the new
  /// tokens.
  bool areLengths(mlir::Value Value, bool WithTokens, const DimAnalysis &Dims,
                  unsigned NumSymbols) const;

private:
  bool isEverywhere(mlir::Value Value, mlir::AffineExpr Expr, const DimAnalysis &Dims,
                    unsigned NumSymbols) const;
};

/// A cached tensor of the ONNX signature: present = concat(past, new) along `Axis`, returned.
struct CachedTensor {
  mlir::BlockArgument Past;
  ConcatOp Present;
  unsigned Result = 0;

  /// The cached tensor that `Present` is the result of.
  static std::optional<CachedTensor> get(ConcatOp Present);
};

/// `qopt.name` of an argument, or an empty string.
llvm::StringRef getArgumentName(mlir::func::FuncOp Function, unsigned Index);

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_CONTRACT_H
