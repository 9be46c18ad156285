#include "QOpt/DimExpr.h"

using namespace mlir;
using namespace qopt;

static int compareNumbers(int64_t A, int64_t B) { return A < B ? -1 : A > B; }

int qopt::compareDimExprs(AffineExpr A, AffineExpr B) {
  if (A == B)
    return 0;
  // Symbols first, then operations; constants last, as affine expressions print them.
  auto Rank = [](AffineExpr E) {
    return isa<AffineSymbolExpr>(E)     ? 0
           : isa<AffineDimExpr>(E)      ? 1
           : isa<AffineConstantExpr>(E) ? 3
                                        : 2;
  };
  if (int Order = compareNumbers(Rank(A), Rank(B)))
    return Order;
  if (auto Symbol = dyn_cast<AffineSymbolExpr>(A))
    return compareNumbers(Symbol.getPosition(), cast<AffineSymbolExpr>(B).getPosition());
  if (auto Dim = dyn_cast<AffineDimExpr>(A))
    return compareNumbers(Dim.getPosition(), cast<AffineDimExpr>(B).getPosition());
  if (auto Number = dyn_cast<AffineConstantExpr>(A))
    return compareNumbers(Number.getValue(), cast<AffineConstantExpr>(B).getValue());
  auto First = cast<AffineBinaryOpExpr>(A), Second = cast<AffineBinaryOpExpr>(B);
  if (int Order = compareNumbers(int64_t(First.getKind()), int64_t(Second.getKind())))
    return Order;
  if (int Order = compareDimExprs(First.getLHS(), Second.getLHS()))
    return Order;
  return compareDimExprs(First.getRHS(), Second.getRHS());
}

/// Longer products first, so that the constant term comes last.
bool DimPolynomial::ProductLess::operator()(const Product &A, const Product &B) const {
  if (A.empty() != B.empty())
    return B.empty();
  for (auto [First, Second] : llvm::zip(A, B))
    if (int Order = compareDimExprs(First, Second))
      return Order < 0;
  return A.size() < B.size();
}

DimPolynomial::DimPolynomial(AffineExpr Expr) : Context(Expr.getContext()) {
  auto Binary = dyn_cast<AffineBinaryOpExpr>(Expr);
  if (auto Number = dyn_cast<AffineConstantExpr>(Expr)) {
    add({}, Number.getValue());
  } else if (!Binary) {
    add({Expr}, 1);
  } else if (Binary.getKind() == AffineExprKind::Add) {
    *this += DimPolynomial(Binary.getLHS());
    *this += DimPolynomial(Binary.getRHS());
  } else if (Binary.getKind() == AffineExprKind::Mul) {
    *this += DimPolynomial(Binary.getLHS());
    *this *= DimPolynomial(Binary.getRHS());
  } else {
    addDivision(Binary);
  }
}

/// floordiv, ceildiv or mod: exact where the divisor divides every coefficient, else an atom.
void DimPolynomial::addDivision(AffineBinaryOpExpr Expr) {
  DimPolynomial Lhs(Expr.getLHS()), Rhs(Expr.getRHS());
  AffineExpr Result = getAffineBinaryOpExpr(Expr.getKind(), Lhs.toExpr(), Rhs.toExpr());
  if (Rhs.isConstant() && Rhs.constantTerm() > 0) {
    int64_t Divisor = Rhs.constantTerm();
    if (Lhs.divideExactly(Divisor)) {
      if (Expr.getKind() != AffineExprKind::Mod)
        *this += Lhs;
      return;
    }
  }
  if (auto Number = dyn_cast<AffineConstantExpr>(Result))
    return add({}, Number.getValue());
  add({Result}, 1);
}

bool DimPolynomial::divideExactly(int64_t Divisor) {
  for (auto &[Atoms, Coefficient] : Sum)
    if (Coefficient % Divisor != 0)
      return false;
  for (auto &[Atoms, Coefficient] : Sum)
    Coefficient /= Divisor;
  return true;
}

void DimPolynomial::add(const Product &Atoms, int64_t Coefficient) {
  // Sizes near 2^63 are refused where they are used; here they must only not be undefined
  // behaviour.
  int64_t &Value = Sum[Atoms];
  Value = int64_t(uint64_t(Value) + uint64_t(Coefficient));
  if (Value == 0)
    Sum.erase(Atoms);
}

int64_t DimPolynomial::constantTerm() const {
  auto It = Sum.find(Product());
  return It == Sum.end() ? 0 : It->second;
}

bool DimPolynomial::isConstant() const {
  return Sum.empty() || (Sum.size() == 1 && Sum.begin()->first.empty());
}

/// Symbols and remainders are not negative; a quotient is what its dividend is.
static bool isNonNegativeAtom(AffineExpr Atom) {
  auto Binary = dyn_cast<AffineBinaryOpExpr>(Atom);
  return !Binary || Binary.getKind() == AffineExprKind::Mod ||
         DimPolynomial(Binary.getLHS()).hasOnlyNonNegativeTerms();
}

bool DimPolynomial::hasOnlyNonNegativeTerms() const {
  return llvm::all_of(Sum, [](const auto &Term) {
    return Term.second >= 0 && llvm::all_of(Term.first, isNonNegativeAtom);
  });
}

DimPolynomial &DimPolynomial::operator+=(const DimPolynomial &Other) {
  for (const auto &[Atoms, Coefficient] : Other.Sum)
    add(Atoms, Coefficient);
  return *this;
}

DimPolynomial &DimPolynomial::operator-=(const DimPolynomial &Other) {
  for (const auto &[Atoms, Coefficient] : Other.Sum)
    add(Atoms, int64_t(-uint64_t(Coefficient)));
  return *this;
}

DimPolynomial &DimPolynomial::operator*=(const DimPolynomial &Other) {
  DimPolynomial Result(Context);
  for (const auto &[First, A] : Sum)
    for (const auto &[Second, B] : Other.Sum) {
      Product Atoms(First);
      llvm::append_range(Atoms, Second);
      llvm::sort(Atoms, [](AffineExpr X, AffineExpr Y) { return compareDimExprs(X, Y) < 0; });
      Result.add(Atoms, int64_t(uint64_t(A) * uint64_t(B)));
    }
  Sum = std::move(Result.Sum);
  return *this;
}

AffineExpr DimPolynomial::toExpr() const {
  AffineExpr Result;
  for (const auto &[Atoms, Coefficient] : Sum) {
    AffineExpr Term;
    for (AffineExpr Atom : Atoms)
      Term = Term ? Term * Atom : Atom;
    Term = Term ? Term * Coefficient : getAffineConstantExpr(Coefficient, Context);
    Result = Result ? Result + Term : Term;
  }
  return Result ? Result : getAffineConstantExpr(0, Context);
}

AffineExpr qopt::canonicalizeDim(AffineExpr Expr) {
  if (isa<AffineConstantExpr, AffineSymbolExpr>(Expr))
    return Expr;
  return DimPolynomial(Expr).toExpr();
}

std::optional<bool> qopt::areDimsEqual(AffineExpr A, AffineExpr B) {
  DimPolynomial Difference(A);
  Difference -= DimPolynomial(B);
  int64_t Constant = Difference.constantTerm();
  if (Difference.isConstant())
    return Constant == 0;
  if (Difference.hasOnlyNonNegativeTerms() && Constant > 0)
    return false;
  DimPolynomial Opposite(B);
  Opposite -= DimPolynomial(A);
  if (Opposite.hasOnlyNonNegativeTerms() && Constant < 0)
    return false;
  return std::nullopt;
}

std::optional<bool> qopt::isDimLessOrEqual(AffineExpr A, AffineExpr B) {
  DimPolynomial Difference(B);
  Difference -= DimPolynomial(A);
  if (Difference.hasOnlyNonNegativeTerms())
    return true;
  DimPolynomial Opposite(A);
  Opposite -= DimPolynomial(B);
  if (Opposite.hasOnlyNonNegativeTerms() && Opposite.constantTerm() > 0)
    return false;
  return std::nullopt;
}
