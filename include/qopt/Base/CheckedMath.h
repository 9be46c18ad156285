// Arithmetic on sizes that may come from a file: no result is ever wrapped.
#ifndef QOPT_BASE_CHECKEDMATH_H
#define QOPT_BASE_CHECKEDMATH_H

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>

namespace qopt {

inline std::optional<int64_t> checkedAdd(int64_t A, int64_t B) {
  int64_t Sum;
  if (__builtin_add_overflow(A, B, &Sum))
    return std::nullopt;
  return Sum;
}

inline std::optional<int64_t> checkedMul(int64_t A, int64_t B) {
  int64_t Product;
  if (__builtin_mul_overflow(A, B, &Product))
    return std::nullopt;
  return Product;
}

/// The product of all factors; 1 for none.
template <typename Range> std::optional<int64_t> checkedProduct(const Range &Factors) {
  int64_t Product = 1;
  for (int64_t Factor : Factors)
    if (__builtin_mul_overflow(Product, Factor, &Product))
      return std::nullopt;
  return Product;
}
inline std::optional<int64_t> checkedProduct(std::initializer_list<int64_t> Factors) {
  return checkedProduct<std::initializer_list<int64_t>>(Factors);
}

/// Rounded towards minus infinity. Nothing for division by zero or the one quotient that overflows.
inline std::optional<int64_t> checkedFloorDiv(int64_t A, int64_t B) {
  if (B == 0 || (A == std::numeric_limits<int64_t>::min() && B == -1))
    return std::nullopt;
  int64_t Quotient = A / B;
  return Quotient - (A % B != 0 && (A < 0) != (B < 0));
}

/// Rounded towards plus infinity.
inline std::optional<int64_t> checkedCeilDiv(int64_t A, int64_t B) {
  if (B == 0 || (A == std::numeric_limits<int64_t>::min() && B == -1))
    return std::nullopt;
  int64_t Quotient = A / B;
  return Quotient + (A % B != 0 && (A < 0) == (B < 0));
}

/// The remainder of checkedFloorDiv: it has the sign of B.
inline std::optional<int64_t> checkedMod(int64_t A, int64_t B) {
  if (B == 0)
    return std::nullopt;
  if (B == -1)
    return 0;
  int64_t Remainder = A % B;
  return Remainder != 0 && (Remainder < 0) != (B < 0) ? Remainder + B : Remainder;
}

/// The smallest multiple of Alignment (> 0) that is not below Value (>= 0).
inline std::optional<int64_t> checkedAlign(int64_t Value, int64_t Alignment) {
  if (Value < 0 || Alignment <= 0)
    return std::nullopt;
  int64_t Missing = (Alignment - Value % Alignment) % Alignment;
  return checkedAdd(Value, Missing);
}

} // namespace qopt

#endif
