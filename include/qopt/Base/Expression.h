// Sizes that depend on the request: expressions over a program's few symbols (batch, tokens…).
#ifndef QOPT_BASE_EXPRESSION_H
#define QOPT_BASE_EXPRESSION_H

#include <cstdint>
#include <optional>
#include <vector>

namespace qopt {

/// Inclusive bounds of a value.
struct Interval {
  int64_t Min = 0;
  int64_t Max = 0;
};

/// A constant, a symbol, or an operator with two or more operands (applied from the left). All
/// arithmetic is checked: an overflow or a division by zero gives no value.
class Expression {
public:
  enum class Kind { Constant, Symbol, Add, Mul, FloorDiv, CeilDiv, Mod, Min, Max };

  Expression() = default;
  Expression(int64_t Constant) : Value(Constant) {}
  /// The symbol with this index in Program::Symbols.
  static Expression symbol(int64_t Index);
  /// At least two operands; Kind is neither Constant nor Symbol.
  static Expression apply(Kind Operator, std::vector<Expression> Operands);

  Kind kind() const { return K; }
  /// The constant, or the symbol's index.
  int64_t value() const { return Value; }
  const std::vector<Expression> &operands() const { return Operands; }

  /// The value for these values of the symbols.
  std::optional<int64_t> evaluate(const int64_t *Symbols) const;

  /// Bounds that hold for all values of the symbols within their ranges. Nothing if some value in
  /// the bounds of a part overflows or divides by zero. Operands are taken as independent, so the
  /// bounds may be wider than what can occur; they are exact for what is monotone.
  std::optional<Interval> bounds(const std::vector<Interval> &Symbols) const;

  bool operator==(const Expression &Other) const;

private:
  Kind K = Kind::Constant;
  int64_t Value = 0;
  std::vector<Expression> Operands;
};

} // namespace qopt

#endif
