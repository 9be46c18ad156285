// Elementary functions as polynomials: no library at run time, the same results on every machine
// but for contraction.
//
// exp, tanh, erf and sigmoid are on the path of every model and computed in f32. The others are
// rare: they go through f64, whose spare digits make up for simple methods.
#include "qopt/Targets/Common/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

/// Coefficients from the highest power down.
static Value horner(KernelBuilder &B, Value X, ArrayRef<double> Coefficients) {
  Value Result = B.constant(X.getType(), Coefficients.front());
  for (double Coefficient : Coefficients.drop_front())
    Result = B.fma(Result, X, B.constant(X.getType(), Coefficient));
  return Result;
}

static Value absolute(KernelBuilder &B, Value X) { return math::AbsFOp::create(B, X); }

static Value withSignOf(KernelBuilder &B, Value Magnitude, Value Sign) {
  return math::CopySignOp::create(B, Magnitude, Sign);
}

static Value compare(KernelBuilder &B, arith::CmpFPredicate Predicate, Value X, double Bound) {
  return arith::CmpFOp::create(B, Predicate, X, B.constant(X.getType(), Bound));
}

/// Rounds to the nearest integer by adding 1.5 * 2^(mantissa bits - 1): the low bits of the sum
/// hold it.
static std::pair<Value, Value> roundToInteger(KernelBuilder &B, Value X) {
  bool IsDouble = getElementTypeOrSelf(X.getType()).isF64();
  Type Bits = IsDouble ? B.getI64Type() : B.getI32Type();
  Value Magic = B.constant(X.getType(), IsDouble ? 0x1.8p52 : 0x1.8p23);
  Value Sum = B.add(X, Magic);
  Value Integer = B.sub(B.bitcast(Sum, Bits), B.bitcast(Magic, Bits));
  return {B.sub(Sum, Magic), Integer};
}

/// 2^N for integers in the exponent's range.
static Value powerOfTwo(KernelBuilder &B, Value N) {
  bool IsDouble = getElementTypeOrSelf(N.getType()).isInteger(64);
  Value Biased = B.add(N, B.constant(N.getType(), IsDouble ? 1023 : 127));
  return B.bitcast(B.shl(Biased, B.constant(N.getType(), IsDouble ? 52 : 23)),
                   IsDouble ? Type(B.getF64Type()) : Type(B.getF32Type()));
}

/// X * 2^N in two steps, so that the result may overflow or be subnormal.
static Value scaleByPower(KernelBuilder &B, Value X, Value N) {
  Value Half = B.sar(N, B.constant(N.getType(), 1));
  return B.mul(B.mul(X, powerOfTwo(B, Half)), powerOfTwo(B, B.sub(N, Half)));
}

static Value expOfDouble(KernelBuilder &B, Value X);

Value KernelBuilder::exp(Value X) {
  Type Ty = X.getType();
  if (getElementTypeOrSelf(Ty).isF64())
    return expOfDouble(*this, X);
  // Comparisons are false for NaN, which so passes through.
  Value Clamped = select(compare(*this, arith::CmpFPredicate::OGT, X, 89.0), constant(Ty, 89.0), X);
  Clamped =
      select(compare(*this, arith::CmpFPredicate::OLT, X, -104.0), constant(Ty, -104.0), Clamped);
  auto [Rounded, N] = roundToInteger(*this, mul(Clamped, constant(Ty, 0x1.715476p+0)));
  // ln 2 in two parts, the first with zeros at its end.
  Value R = fma(Rounded, constant(Ty, -0x1.62e4p-1), Clamped);
  R = fma(Rounded, constant(Ty, -0x1.7f7d1cp-20), R);
  Value P = horner(*this, R,
                   {0x1.6850e4p-10, 0x1.123bccp-7, 0x1.555b98p-5, 0x1.55548ep-3, 0x1.fffff8p-2});
  P = fma(mul(R, R), P, R);
  return scaleByPower(*this, add(P, constant(Ty, 1.0)), N);
}

Value KernelBuilder::sigmoid(Value X) {
  Value One = constant(X.getType(), 1.0);
  Value Negative = sub(constant(X.getType(), 0.0), X);
  return div(One, add(One, exp(Negative)));
}

Value KernelBuilder::tanh(Value X) {
  Type Ty = X.getType();
  Value Magnitude = absolute(*this, X);
  // tanh x = 1 - 2 / (exp(2x) + 1) loses digits near zero, where a polynomial serves (Cephes,
  // tanhf).
  Value E = exp(add(Magnitude, Magnitude));
  Value Far = sub(constant(Ty, 1.0), div(constant(Ty, 2.0), add(E, constant(Ty, 1.0))));
  Value Square = mul(X, X);
  Value P = horner(*this, Square,
                   {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                    -3.33332819422e-1});
  Value Near = fma(mul(Square, P), Magnitude, Magnitude);
  Value IsNear = compare(*this, arith::CmpFPredicate::OLT, Magnitude, 0.625);
  return withSignOf(*this, select(IsNear, Near, Far), X);
}

Value KernelBuilder::erf(Value X) {
  Type Ty = X.getType();
  Value T = absolute(*this, X), S = mul(X, X);
  // 1 - exp(polynomial) away from zero, a polynomial near it.
  Value High = fma(constant(Ty, -1.72853470e-5), T, constant(Ty, 3.83197126e-4));
  Value Low = fma(constant(Ty, -3.88396438e-3), T, constant(Ty, 2.42546219e-2));
  Value R = fma(High, S, Low);
  for (double Coefficient : {-1.06777877e-1, -6.34846687e-1, -1.28717512e-1})
    R = fma(R, T, constant(Ty, Coefficient));
  R = fma(R, T, sub(constant(Ty, 0.0), T));
  Value Far = sub(constant(Ty, 1.0), exp(R));
  // Beyond 4 the result is 1, and the polynomial is no longer meant to be evaluated.
  Far = select(compare(*this, arith::CmpFPredicate::OGT, T, 4.0), constant(Ty, 1.0), Far);
  Far = withSignOf(*this, Far, X);
  Value P = horner(*this, S,
                   {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1,
                    1.28379166e-1});
  Value Near = fma(P, X, X);
  Value IsFar = compare(*this, arith::CmpFPredicate::OGT, T, 0.927734375);
  return select(IsFar, Far, Near);
}

//===- Through f64 ----------------------------------------------------------------------------===//

static Value toDouble(KernelBuilder &B, Value X) {
  if (getElementTypeOrSelf(X.getType()).isF64())
    return X;
  int64_t Lanes = KernelBuilder::getLanes(X);
  return arith::ExtFOp::create(B, Lanes ? Type(B.vectorOf(B.getF64Type(), Lanes)) : B.getF64Type(),
                               X);
}

static Value fromDouble(KernelBuilder &B, Value X, Type Ty) {
  return Ty == X.getType() ? X : Value(arith::TruncFOp::create(B, Ty, X));
}

/// Logarithm of positive finite f64 numbers (others: whatever), to about 1e-12 relative.
static Value logOfPositive(KernelBuilder &B, Value X) {
  Value Bits = B.bitcast(X, B.getI64Type());
  auto C = [&](int64_t Number) {
    return Value(arith::ConstantOp::create(B, [&]() -> TypedAttr {
      auto Scalar = B.getI64IntegerAttr(Number);
      if (auto Vector = dyn_cast<VectorType>(Bits.getType()))
        return DenseElementsAttr::get(Vector, Attribute(Scalar));
      return Scalar;
    }()));
  };
  // Mantissa in [sqrt(1/2), sqrt(2)).
  Value Shifted = B.sub(Bits, C(0x3fe6a09e667f3bcd));
  Value Exponent = B.sar(Shifted, C(52));
  Value Mantissa = B.bitcast(B.sub(Bits, B.shl(Exponent, C(52))), B.getF64Type());
  Type Ty = X.getType();
  Value One = B.constant(Ty, 1.0);
  Value S = B.div(B.sub(Mantissa, One), B.add(Mantissa, One)), Square = B.mul(S, S);
  Value P = horner(
      B, Square, {2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2.0});
  Value ExponentNumber = arith::SIToFPOp::create(B, Ty, Exponent);
  return B.fma(ExponentNumber, B.constant(Ty, 0.69314718055994530942), B.mul(S, P));
}

/// Logarithm with its special cases: 0 gives -inf, negative numbers NaN.
static Value logOfDouble(KernelBuilder &B, Value X) {
  Type Ty = X.getType();
  double Infinity = std::numeric_limits<double>::infinity();
  Value Result = logOfPositive(B, X);
  Value IsFinite = compare(B, arith::CmpFPredicate::OLT, X, Infinity);
  // Infinity and NaN are their own logarithms.
  Result = B.select(IsFinite, Result, X);
  Result =
      B.select(compare(B, arith::CmpFPredicate::OEQ, X, 0.0), B.constant(Ty, -Infinity), Result);
  Value IsNegative = compare(B, arith::CmpFPredicate::OLT, X, 0.0);
  return B.select(IsNegative, B.constant(Ty, std::numeric_limits<double>::quiet_NaN()), Result);
}

static Value expOfDouble(KernelBuilder &B, Value X) {
  Type Ty = X.getType();
  Value Clamped =
      B.select(compare(B, arith::CmpFPredicate::OGT, X, 710.0), B.constant(Ty, 710.0), X);
  Clamped =
      B.select(compare(B, arith::CmpFPredicate::OLT, X, -750.0), B.constant(Ty, -750.0), Clamped);
  auto [Rounded, N] = roundToInteger(B, B.mul(Clamped, B.constant(Ty, 1.4426950408889634074)));
  Value R = B.fma(Rounded, B.constant(Ty, -0.69314718055994530942), Clamped);
  SmallVector<double> Coefficients;
  double Factorial = 1;
  for (int I = 1; I <= 11; ++I)
    Factorial *= I;
  for (int I = 11; I >= 0; Factorial /= I ? I : 1, --I)
    Coefficients.push_back(1 / Factorial);
  return scaleByPower(B, horner(B, R, Coefficients), N);
}

Value KernelBuilder::log(Value X) {
  return fromDouble(*this, logOfDouble(*this, toDouble(*this, X)), X.getType());
}

Value KernelBuilder::sqrt(Value X) { return math::SqrtOp::create(*this, X); }

/// sin and cos of the rest of X after N quarter turns, and N.
static std::tuple<Value, Value, Value> turn(KernelBuilder &B, Value X) {
  Value Wide = toDouble(B, X);
  Type Ty = Wide.getType();
  auto [Rounded, N] = roundToInteger(B, B.mul(Wide, B.constant(Ty, 0.63661977236758134308)));
  Value R = B.fma(Rounded, B.constant(Ty, -1.57079632679489655800), Wide);
  R = B.fma(Rounded, B.constant(Ty, -6.12323399573676603587e-17), R);
  Value Square = B.mul(R, R);
  Value Sine =
      horner(B, Square, {-1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1.0});
  Value Cosine = horner(
      B, Square, {1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5, 1.0});
  return {B.mul(Sine, R), Cosine, N};
}

/// The function of the angle after `N` quarter turns, with sine (0) or cosine (1) at rest.
static Value turned(KernelBuilder &B, Value X, int64_t Quarter) {
  auto [Sine, Cosine, N] = turn(B, X);
  auto C = [&](int64_t Number) { return B.constant(N.getType(), Number); };
  Value Turns = B.add(N, C(Quarter));
  auto HasBit = [&](int64_t Bit) {
    return Value(arith::CmpIOp::create(B, arith::CmpIPredicate::ne, B.bitAnd(Turns, C(Bit)), C(0)));
  };
  Value Result = B.select(HasBit(1), Cosine, Sine);
  Value Negative = B.sub(B.constant(Result.getType(), 0.0), Result);
  return fromDouble(B, B.select(HasBit(2), Negative, Result), X.getType());
}

Value KernelBuilder::sin(Value X) { return turned(*this, X, 0); }
Value KernelBuilder::cos(Value X) { return turned(*this, X, 1); }

Value KernelBuilder::pow(Value X, Value Y) {
  Value Base = toDouble(*this, X), Exponent = toDouble(*this, Y);
  Type Ty = Base.getType();
  auto Is = [&](arith::CmpFPredicate Predicate, Value Number, double Bound) {
    return compare(*this, Predicate, Number, Bound);
  };
  Value Magnitude = absolute(*this, Base);
  Value Result = expOfDouble(*this, mul(Exponent, logOfDouble(*this, Magnitude)));
  // A negative base needs an integer exponent; an odd one keeps the sign.
  Value Floor = math::FloorOp::create(*this, Exponent);
  Value Half = mul(Exponent, constant(Ty, 0.5));
  Value IsInteger = equal(Floor, Exponent);
  Value IsEven = equal(Value(math::FloorOp::create(*this, Half)), Half);
  Value IsOdd = select(IsEven, constant(vectorOf(getI1Type(), getLanes(X)), 0), IsInteger);
  Value IsNegative = Is(arith::CmpFPredicate::OLT, Base, 0.0);
  Value Signed = select(IsOdd, sub(constant(Ty, 0.0), Result), Result);
  Value OfNegative =
      select(IsInteger, Signed, constant(Ty, std::numeric_limits<double>::quiet_NaN()));
  Result = select(IsNegative, OfNegative, Result);
  Result = select(Is(arith::CmpFPredicate::OEQ, Exponent, 0.0), constant(Ty, 1.0), Result);
  Result = select(Is(arith::CmpFPredicate::OEQ, Base, 1.0), constant(Ty, 1.0), Result);
  return fromDouble(*this, Result, X.getType());
}
