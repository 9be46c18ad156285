//===- DimAnalysis.h - which expression is this dimension? ------------------------------------===//
//
// Symbolic dimensions of every tensor of a function or kernel. The entry's arguments carry
// `qopt.dims`; operations say their results' dimensions through DimsOpInterface. An operation
// without the interface (or one whose operands cannot be shown to agree) fails the analysis with a
// diagnostic.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_DIMANALYSIS_H
#define QOPT_ANALYSIS_DIMANALYSIS_H

#include "QOpt/QOpt.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace qopt {

class DimAnalysis {
public:
  /// Analyses all operations of the body in order; emits diagnostics and returns failure where a
  /// dimension is unknown.
  static mlir::FailureOr<DimAnalysis> run(mlir::FunctionOpInterface Function);

  /// Dimensions of a tensor value; empty for a cache or a scalar.
  llvm::ArrayRef<mlir::AffineExpr> getDims(mlir::Value Value) const;

  /// Gives a value that replaces another the same dimensions.
  void copyDims(mlir::Value From, mlir::Value To);

  /// Computes the results of one more operation whose operands are known, for passes that build as
  /// they go.
  mlir::LogicalResult visit(mlir::Operation *Op);

private:
  llvm::DenseMap<mlir::Value, Dims> ValueDims;
};

/// The symbols that a function or kernel declares, in order.
llvm::SmallVector<SymbolAttr> getSymbols(mlir::Operation *Function);

/// Position of a symbol by name, or -1.
int64_t findSymbol(mlir::Operation *Function, llvm::StringRef Name);

/// Affine map over `NumSymbols` symbols with these results.
mlir::AffineMap makeDimsMap(llvm::ArrayRef<mlir::AffineExpr> Dims, unsigned NumSymbols,
                            mlir::MLIRContext *Context);

/// Product of the dimensions.
mlir::AffineExpr getElementCount(llvm::ArrayRef<mlir::AffineExpr> Dims, mlir::MLIRContext *Context);

/// Value of an expression for given symbol values, or nothing on overflow or division by zero.
std::optional<int64_t> evaluate(mlir::AffineExpr Expr, llvm::ArrayRef<int64_t> SymbolValues);

} // namespace qopt

#endif // QOPT_ANALYSIS_DIMANALYSIS_H
