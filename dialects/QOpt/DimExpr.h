//===- DimExpr.h - sizes as polynomials over the program's symbols ----------------------------===//
//
// Affine expressions are equal only when they were built alike: s0 + s1 is not s1 + s0. Sizes are
// therefore kept in one canonical form, a sorted sum of products, so that equal sizes are the same
// expression.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_DIALECTS_QOPT_DIMEXPR_H
#define QOPT_DIALECTS_QOPT_DIMEXPR_H

#include "QOpt/QOpt.h"

#include <map>
#include <optional>

namespace qopt {

/// Sum of coefficient * product of atoms. An atom is a symbol, or a division or remainder that does
/// not simplify.
class DimPolynomial {
public:
  /// Sorted atoms of a product; empty for the constant term.
  using Product = llvm::SmallVector<mlir::AffineExpr, 2>;
  struct ProductLess {
    bool operator()(const Product &A, const Product &B) const;
  };
  using Terms = std::map<Product, int64_t, ProductLess>;

  explicit DimPolynomial(mlir::AffineExpr Expr);

  const Terms &terms() const { return Sum; }
  int64_t constantTerm() const;
  bool isConstant() const;
  /// Whether no term is negative. As symbols are sizes, the whole is then >= its constant term.
  bool hasOnlyNonNegativeTerms() const;
  mlir::AffineExpr toExpr() const;

  DimPolynomial &operator+=(const DimPolynomial &Other);
  DimPolynomial &operator-=(const DimPolynomial &Other);
  DimPolynomial &operator*=(const DimPolynomial &Other);

private:
  explicit DimPolynomial(mlir::MLIRContext *Context) : Context(Context) {}
  void add(const Product &Atoms, int64_t Coefficient);
  void addDivision(mlir::AffineBinaryOpExpr Expr);
  bool divideExactly(int64_t Divisor);

  mlir::MLIRContext *Context;
  Terms Sum;
};

/// The canonical form of a size.
mlir::AffineExpr canonicalizeDim(mlir::AffineExpr Expr);

/// Order of expressions by their structure, the same in every run.
int compareDimExprs(mlir::AffineExpr A, mlir::AffineExpr B);

/// Whether two sizes are the same, for all values of the symbols (which are not negative); nothing
/// where it depends.
std::optional<bool> areDimsEqual(mlir::AffineExpr A, mlir::AffineExpr B);

/// Whether A <= B for all values of the symbols; nothing where it depends or is not known.
std::optional<bool> isDimLessOrEqual(mlir::AffineExpr A, mlir::AffineExpr B);

} // namespace qopt

#endif // QOPT_DIALECTS_QOPT_DIMEXPR_H
