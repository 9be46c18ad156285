// The floating-point formats of PTX and their roundings.
#ifndef QOPT_PTXSIMULATOR_FLOATS_H
#define QOPT_PTXSIMULATOR_FLOATS_H

#include "qopt/Base/NumberFormats.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#ifdef __F16C__
#include <immintrin.h>
#endif

namespace qopt::ptxsim {

inline uint64_t bitsOfDouble(double Value) {
  uint64_t Bits;
  std::memcpy(&Bits, &Value, sizeof(Bits));
  return Bits;
}
inline double doubleOfBits(uint64_t Bits) {
  double Value;
  std::memcpy(&Value, &Bits, sizeof(Value));
  return Value;
}

inline float canonicalNaN() { return floatOfBits(0x7fffffff); }
/// NaN results of f32 instructions have one form.
inline float canonical(float X) { return X != X ? canonicalNaN() : X; }

inline float flushed(float X) {
  uint32_t Bits = bitsOfFloat(X);
  return (Bits & 0x7f800000) == 0 ? floatOfBits(Bits & 0x80000000) : X;
}
/// .sat: to [0, 1], NaN to +0.
inline float saturated(float X) { return X > 0 ? (X < 1 ? X : 1.0f) : 0.0f; }

enum class Rounding : uint8_t { Nearest, Zero, Down, Up, NearestAway };

/// A + B where lost bits leave the last bit of the result odd: rounding it once more to fewer bits
/// (at least two fewer) is then right.
inline double addOdd(double A, double B) {
  double Sum = A + B;
  if (!std::isfinite(Sum))
    return Sum;
  double Back = Sum - A;
  double Lost = (A - (Sum - Back)) + (B - Back);
  uint64_t Bits = bitsOfDouble(Sum);
  if (Lost == 0 || (Bits & 1))
    return Sum;
  // Toward where the lost part lies.
  bool Away = (Lost > 0) == (Sum > 0);
  return doubleOfBits(Away ? Bits + 1 : Bits - 1);
}

/// The quotient and the square root in the same manner.
inline double divideOdd(double A, double B) {
  double Q = A / B;
  if (!std::isfinite(Q) || Q == 0 || !std::isfinite(A) || !std::isfinite(B))
    return Q;
  double Rest = std::fma(-Q, B, A);
  uint64_t Bits = bitsOfDouble(Q);
  if (Rest == 0 || (Bits & 1))
    return Q;
  bool Larger = (Rest > 0) == (B > 0); // the exact quotient is above Q
  bool Away = Larger == (Q > 0);
  return doubleOfBits(Away ? Bits + 1 : Bits - 1);
}
inline double sqrtOdd(double A) {
  double R = std::sqrt(A);
  if (!std::isfinite(R) || R == 0)
    return R;
  double Rest = std::fma(-R, R, A);
  uint64_t Bits = bitsOfDouble(R);
  if (Rest == 0 || (Bits & 1))
    return R;
  return doubleOfBits(Rest > 0 ? Bits + 1 : Bits - 1);
}

/// To f32, rounded to odd.
inline float floatOdd(double X) {
  float Near = static_cast<float>(X);
  if (static_cast<double>(Near) == X || X != X)
    return Near;
  uint32_t Bits = bitsOfFloat(Near);
  // Back to the one toward zero, then odd.
  if (std::fabs(static_cast<double>(Near)) > std::fabs(X))
    --Bits;
  return floatOfBits(Bits | 1);
}

inline float roundToFloat(double X, Rounding Mode) {
  float Near = static_cast<float>(X);
  double Back = Near;
  if (Mode == Rounding::Nearest || Back == X || X != X)
    return Near;
  bool Toward = Mode == Rounding::Zero || (Mode == Rounding::Down) == (X > 0);
  uint32_t Bits = bitsOfFloat(Near);
  if (Toward)
    return std::fabs(Back) > std::fabs(X) ? floatOfBits(Bits - 1) : Near;
  return std::fabs(Back) < std::fabs(X) ? floatOfBits(Bits + 1) : Near;
}

/// To Precision significant bits with smallest normal exponent Lowest; overflow is the caller's.
inline double roundTo(double X, int Precision, int Lowest, Rounding Mode) {
  if (X == 0 || !std::isfinite(X))
    return X;
  int Exponent = std::ilogb(X);
  int Unit = (Exponent < Lowest ? Lowest : Exponent) - (Precision - 1);
  double Scaled = std::ldexp(X, -Unit);
  double Whole = Mode == Rounding::Nearest ? std::nearbyint(Scaled)
                 : Mode == Rounding::Zero  ? std::trunc(Scaled)
                 : Mode == Rounding::Down  ? std::floor(Scaled)
                 : Mode == Rounding::Up    ? std::ceil(Scaled)
                                           : std::round(Scaled);
  return std::copysign(std::ldexp(Whole, Unit), X);
}

inline float widenHalf(uint16_t H) {
#ifdef __F16C__
  return _cvtsh_ss(H);
#else
  return floatFromHalf(H);
#endif
}
inline uint16_t narrowHalf(float X) {
#ifdef __F16C__
  return X != X ? 0x7fff : _cvtss_sh(X, _MM_FROUND_TO_NEAREST_INT);
#else
  return X != X ? 0x7fff : halfFromFloat(X);
#endif
}
inline float widenBfloat(uint16_t B) { return floatOfBits(uint32_t(B) << 16); }
inline uint16_t narrowBfloat(float X) {
  uint32_t Bits = bitsOfFloat(X);
  uint32_t Rounded = (Bits + 0x7fff + (Bits >> 16 & 1)) >> 16;
  return X != X ? 0x7fff : static_cast<uint16_t>(Rounded);
}

struct HalfFormat {
  static float load(uint16_t Bits) { return widenHalf(Bits); }
  static uint16_t store(float X) { return narrowHalf(X); }
  static uint16_t flush(uint16_t Bits) { return (Bits & 0x7c00) == 0 ? Bits & 0x8000 : Bits; }
};
struct BfloatFormat {
  static float load(uint16_t Bits) { return widenBfloat(Bits); }
  static uint16_t store(float X) { return narrowBfloat(X); }
  static uint16_t flush(uint16_t Bits) { return (Bits & 0x7f80) == 0 ? Bits & 0x8000 : Bits; }
};

/// An 8-bit float: sign, exponent, mantissa. E4M3 has no infinity and one NaN; E5M2 is like IEEE
/// 754.
struct ByteFormat {
  unsigned MantissaBits;
  int Bias;
  uint8_t Largest;  ///< finite
  uint8_t Infinity; ///< 0: none
};
constexpr ByteFormat E4M3{3, 7, 0x7e, 0};
constexpr ByteFormat E5M2{2, 15, 0x7b, 0x7c};

inline float widenByte(const ByteFormat &F, uint8_t Bits) {
  uint8_t Magnitude = Bits & 0x7f;
  float Sign = Bits & 0x80 ? -1.0f : 1.0f;
  if (F.Infinity && Magnitude == F.Infinity)
    return Sign * std::numeric_limits<float>::infinity();
  if (Magnitude > F.Largest)
    return canonicalNaN();
  int Exponent = Magnitude >> F.MantissaBits;
  int Mantissa = Magnitude & ((1 << F.MantissaBits) - 1);
  if (Exponent == 0)
    return Sign *
           std::ldexp(static_cast<float>(Mantissa), 1 - F.Bias - static_cast<int>(F.MantissaBits));
  return Sign * std::ldexp(static_cast<float>(Mantissa + (1 << F.MantissaBits)),
                           Exponent - F.Bias - static_cast<int>(F.MantissaBits));
}

/// Round to nearest even, saturating to the largest finite value; NaN becomes 0x7f.
inline uint8_t narrowByte(const ByteFormat &F, float X) {
  if (X != X)
    return 0x7f;
  uint8_t Sign = bitsOfFloat(X) >> 31 ? 0x80 : 0;
  double A = std::fabs(static_cast<double>(X));
  if (A >= widenByte(F, F.Largest))
    return Sign | F.Largest;
  int Exponent = A > 0 ? std::ilogb(A) : 1 - F.Bias;
  int Step = (Exponent < 1 - F.Bias ? 1 - F.Bias : Exponent) - static_cast<int>(F.MantissaBits);
  // Few bits: the product and the rounding (ties to even is the default mode) are exact.
  double Units = std::nearbyint(std::ldexp(A, -Step));
  int Code = static_cast<int>(Units) +
             ((Step + static_cast<int>(F.MantissaBits) + F.Bias - 1) << F.MantissaBits);
  return Sign | static_cast<uint8_t>(Code > F.Largest ? F.Largest : Code);
}

} // namespace qopt::ptxsim

#endif
