#include "qopt/Base/Expression.h"

#include "qopt/Base/CheckedMath.h"

#include <algorithm>
#include <cassert>

namespace qopt {

Expression Expression::symbol(int64_t Index) {
  Expression E(Index);
  E.K = Kind::Symbol;
  return E;
}

Expression Expression::apply(Kind Operator, std::vector<Expression> Operands) {
  assert(Operator != Kind::Constant && Operator != Kind::Symbol && Operands.size() >= 2);
  Expression E;
  E.K = Operator;
  E.Operands = std::move(Operands);
  return E;
}

static std::optional<int64_t> combine(Expression::Kind Operator, int64_t A, int64_t B) {
  switch (Operator) {
  case Expression::Kind::Add:
    return checkedAdd(A, B);
  case Expression::Kind::Mul:
    return checkedMul(A, B);
  case Expression::Kind::FloorDiv:
    return checkedFloorDiv(A, B);
  case Expression::Kind::CeilDiv:
    return checkedCeilDiv(A, B);
  case Expression::Kind::Mod:
    return checkedMod(A, B);
  case Expression::Kind::Min:
    return std::min(A, B);
  case Expression::Kind::Max:
    return std::max(A, B);
  case Expression::Kind::Constant:
  case Expression::Kind::Symbol:
    break;
  }
  return std::nullopt;
}

std::optional<int64_t> Expression::evaluate(const int64_t *Symbols) const {
  if (K == Kind::Constant)
    return Value;
  if (K == Kind::Symbol)
    return Symbols[Value];
  std::optional<int64_t> Left = Operands[0].evaluate(Symbols);
  for (size_t I = 1; Left && I < Operands.size(); ++I) {
    std::optional<int64_t> Right = Operands[I].evaluate(Symbols);
    Left = Right ? combine(K, *Left, *Right) : std::nullopt;
  }
  return Left;
}

/// Every operator but Mod is monotone in each operand where the divisor keeps its sign, so the
/// extremes are among the four corners.
static std::optional<Interval> combineBounds(Expression::Kind Operator, Interval A, Interval B) {
  bool Divides = Operator == Expression::Kind::FloorDiv || Operator == Expression::Kind::CeilDiv ||
                 Operator == Expression::Kind::Mod;
  if (Divides && B.Min <= 0)
    return std::nullopt;
  if (Operator == Expression::Kind::Mod) {
    if (A.Min >= 0 && A.Max < B.Min)
      return A;
    return Interval{0, B.Max - 1};
  }
  Interval Out{INT64_MAX, INT64_MIN};
  for (int64_t X : {A.Min, A.Max})
    for (int64_t Y : {B.Min, B.Max}) {
      std::optional<int64_t> Corner = combine(Operator, X, Y);
      if (!Corner)
        return std::nullopt;
      Out = {std::min(Out.Min, *Corner), std::max(Out.Max, *Corner)};
    }
  return Out;
}

std::optional<Interval> Expression::bounds(const std::vector<Interval> &Symbols) const {
  if (K == Kind::Constant)
    return Interval{Value, Value};
  if (K == Kind::Symbol)
    return Symbols[Value];
  std::optional<Interval> Left = Operands[0].bounds(Symbols);
  for (size_t I = 1; Left && I < Operands.size(); ++I) {
    std::optional<Interval> Right = Operands[I].bounds(Symbols);
    Left = Right ? combineBounds(K, *Left, *Right) : std::nullopt;
  }
  return Left;
}

bool Expression::operator==(const Expression &Other) const {
  return K == Other.K && Value == Other.Value && Operands == Other.Operands;
}

} // namespace qopt
