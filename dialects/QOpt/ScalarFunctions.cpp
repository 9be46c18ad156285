#include "QOpt/ScalarFunctions.h"

#include <cmath>

using namespace qopt;

static double sigmoid(double X) { return 1 / (1 + std::exp(-X)); }

double qopt::compute(UnaryKind Kind, double X) {
  switch (Kind) {
  case UnaryKind::Abs:
    return std::fabs(X);
  case UnaryKind::Neg:
    return -X;
  case UnaryKind::Exp:
    return std::exp(X);
  case UnaryKind::Log:
    return std::log(X);
  case UnaryKind::Sqrt:
    return std::sqrt(X);
  case UnaryKind::Rsqrt:
    return 1 / std::sqrt(X);
  case UnaryKind::Reciprocal:
    return 1 / X;
  case UnaryKind::Sigmoid:
    return sigmoid(X);
  case UnaryKind::Tanh:
    return std::tanh(X);
  case UnaryKind::Erf:
    return std::erf(X);
  case UnaryKind::Silu:
    return X * sigmoid(X);
  case UnaryKind::GeluErf:
    return X / 2 * (1 + std::erf(X / std::sqrt(2.0)));
  case UnaryKind::GeluTanh:
    return X / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (X + 0.044715 * X * X * X)));
  case UnaryKind::QuickGelu:
    return X * sigmoid(1.702 * X);
  case UnaryKind::Relu:
    return X < 0 ? 0 : X;
  case UnaryKind::Sin:
    return std::sin(X);
  case UnaryKind::Cos:
    return std::cos(X);
  case UnaryKind::Floor:
    return std::floor(X);
  case UnaryKind::Ceil:
    return std::ceil(X);
  case UnaryKind::Not:
    break; // booleans only
  }
  llvm_unreachable("not a function of floats");
}

std::optional<int64_t> qopt::compute(UnaryKind Kind, int64_t X) {
  switch (Kind) {
  case UnaryKind::Abs:
    return X < 0 ? int64_t(-uint64_t(X)) : X;
  case UnaryKind::Neg:
    return int64_t(-uint64_t(X));
  case UnaryKind::Relu:
    return X < 0 ? 0 : X;
  case UnaryKind::Not:
    return X == 0;
  default:
    return std::nullopt;
  }
}

double qopt::compute(BinaryKind Kind, double A, double B) {
  switch (Kind) {
  case BinaryKind::Add:
    return A + B;
  case BinaryKind::Sub:
    return A - B;
  case BinaryKind::Mul:
    return A * B;
  case BinaryKind::Div:
    return A / B;
  case BinaryKind::Pow:
    return std::pow(A, B);
  case BinaryKind::Min: // NaN wins
    return std::isnan(A) || A < B ? A : B;
  case BinaryKind::Max:
    return std::isnan(A) || A > B ? A : B;
  case BinaryKind::And:
  case BinaryKind::Or:
    break; // booleans only
  }
  llvm_unreachable("not a function of floats");
}

/// Base to an integer power, wrapping; a negative power truncates as 1 / base^|power| would.
/// Nothing for 0^-1.
static std::optional<int64_t> power(int64_t Base, int64_t Exponent) {
  if (Exponent < 0) {
    if (Base == 0)
      return std::nullopt;
    return Base == 1 ? 1 : Base == -1 ? (Exponent % 2 ? -1 : 1) : 0;
  }
  uint64_t Result = 1, Factor = Base;
  for (; Exponent; Exponent /= 2, Factor *= Factor)
    if (Exponent % 2)
      Result *= Factor;
  return int64_t(Result);
}

std::optional<int64_t> qopt::compute(BinaryKind Kind, int64_t A, int64_t B) {
  switch (Kind) {
  case BinaryKind::Add:
    return int64_t(uint64_t(A) + uint64_t(B));
  case BinaryKind::Sub:
    return int64_t(uint64_t(A) - uint64_t(B));
  case BinaryKind::Mul:
    return int64_t(uint64_t(A) * uint64_t(B));
  case BinaryKind::Div:
    if (B == 0)
      return std::nullopt;
    return B == -1 ? int64_t(-uint64_t(A)) : A / B;
  case BinaryKind::Pow:
    return power(A, B);
  case BinaryKind::Min:
    return std::min(A, B);
  case BinaryKind::Max:
    return std::max(A, B);
  case BinaryKind::And:
    return A & B;
  case BinaryKind::Or:
    return A | B;
  }
  llvm_unreachable("unknown kind");
}

template <typename T> static bool holds(CompareKind Kind, T A, T B) {
  switch (Kind) {
  case CompareKind::Equal:
    return A == B;
  case CompareKind::Less:
    return A < B;
  case CompareKind::LessOrEqual:
    return A <= B;
  case CompareKind::Greater:
    return A > B;
  case CompareKind::GreaterOrEqual:
    return A >= B;
  }
  llvm_unreachable("unknown kind");
}

bool qopt::compute(CompareKind Kind, double A, double B) { return holds(Kind, A, B); }
bool qopt::compute(CompareKind Kind, int64_t A, int64_t B) { return holds(Kind, A, B); }
