//===- DimSymbols.h - the symbolic dimensions of a model's inputs -----------------------------===//
//
// Exporters name a dimension by a word, by an expression over other names, or give equal dimensions
// different names. Names become symbols in the order of their appearance. When an operation shows
// that two dimensions must be equal, one symbol is replaced by the other and the import starts
// again: every pass then sees one consistent set.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_DIMSYMBOLS_H
#define QOPT_IMPORT_ONNX_DIMSYMBOLS_H

#include "QOpt/DimExpr.h"

namespace qopt::onnx_import {

class DimSymbols {
public:
  explicit DimSymbols(mlir::MLIRContext *Context) : Context(Context) {}

  /// Declares a name that stands alone, so that expressions over it are recognised.
  void noteName(llvm::StringRef Name) { Names.insert({Name, 0}); }

  /// The dimension that a `dim_param` stands for, in the symbols of the first pass.
  mlir::AffineExpr parse(llvm::StringRef Text);

  /// A dimension of the first pass in the symbols of the present one.
  mlir::AffineExpr resolve(mlir::AffineExpr Original) const;

  /// Symbols of the present pass.
  unsigned size() const { return Live.size(); }
  llvm::StringRef getName(unsigned Position) const { return Symbols[Live[Position]].Name; }
  mlir::AffineMap map(llvm::ArrayRef<mlir::AffineExpr> Results) const;
  mlir::ArrayAttr getDeclarations() const;

  /// Makes two dimensions of this pass equal by replacing one symbol; failure where that is not
  /// possible. The next pass sees it.
  mlir::LogicalResult unify(mlir::AffineExpr A, mlir::AffineExpr B);

  /// A symbol is at most this large.
  void bound(mlir::AffineExpr Symbol, int64_t Max);
  /// A size over one symbol, which it grows with, is at least this large.
  void boundBelow(mlir::AffineExpr Size, int64_t Min);

  /// Starts a pass with the replacements made so far.
  void beginPass();

private:
  mlir::AffineExpr getOrAddSymbol(llvm::StringRef Name);
  mlir::AffineExpr toOriginal(mlir::AffineExpr Expr) const;

  mlir::MLIRContext *Context;
  llvm::StringMap<char> Names;
  /// By original number: the name, the bounds (no upper one: -1), and what replaces the symbol
  /// (null while nothing does).
  struct Symbol {
    std::string Name;
    int64_t Min = 0, Max = -1;
    mlir::AffineExpr Replacement;
  };
  llvm::SmallVector<Symbol> Symbols;
  llvm::StringMap<unsigned> Numbers;
  /// Original numbers of the present pass's symbols, and the reverse with replacements resolved.
  llvm::SmallVector<unsigned> Live;
  llvm::SmallVector<mlir::AffineExpr> Resolved;
};

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_DIMSYMBOLS_H
