// Conversions between f32 and the 16-bit floating-point formats, bit for bit those of IEEE 754 with
// round to nearest even: subnormals are kept, overflow gives infinity, a NaN stays a NaN (made
// quiet, with the upper part of its payload).
#ifndef QOPT_BASE_NUMBERFORMATS_H
#define QOPT_BASE_NUMBERFORMATS_H

#include <cstdint>
#include <cstring>

namespace qopt {

inline uint32_t bitsOfFloat(float Value) {
  uint32_t Bits;
  std::memcpy(&Bits, &Value, sizeof(Bits));
  return Bits;
}

inline float floatOfBits(uint32_t Bits) {
  float Value;
  std::memcpy(&Value, &Bits, sizeof(Value));
  return Value;
}

/// Shifts right and rounds to nearest, ties to even. 1 <= Shift <= 31.
inline uint32_t shiftRightRoundEven(uint32_t Value, unsigned Shift) {
  uint32_t Quotient = Value >> Shift;
  uint32_t Rest = Value & ((uint32_t(1) << Shift) - 1);
  uint32_t Half = uint32_t(1) << (Shift - 1);
  return Quotient + (Rest > Half || (Rest == Half && (Quotient & 1)));
}

/// The bits of the nearest f16.
inline uint16_t halfFromFloat(float Value) {
  uint32_t Bits = bitsOfFloat(Value);
  uint32_t Sign = (Bits >> 16) & 0x8000;
  uint32_t Magnitude = Bits & 0x7fffffff;
  if (Magnitude > 0x7f800000) // NaN
    return static_cast<uint16_t>(Sign | 0x7e00 | ((Magnitude >> 13) & 0x3ff));
  if (Magnitude >= 0x47800000) // 65536 and above, infinity
    return static_cast<uint16_t>(Sign | 0x7c00);
  if (Magnitude >= 0x38800000) // normal; rounding may carry into the exponent, up to infinity
    return static_cast<uint16_t>(Sign | shiftRightRoundEven(Magnitude - 0x38000000, 13));
  if (Magnitude < 0x33000000) // below half of the smallest subnormal
    return static_cast<uint16_t>(Sign);
  uint32_t Mantissa = (Magnitude & 0x7fffff) | 0x800000;
  return static_cast<uint16_t>(Sign | shiftRightRoundEven(Mantissa, 126 - (Magnitude >> 23)));
}

/// The exact value of an f16; a signalling NaN becomes quiet.
inline float floatFromHalf(uint16_t Half) {
  uint32_t Sign = uint32_t(Half & 0x8000) << 16;
  uint32_t Exponent = (Half >> 10) & 31;
  uint32_t Mantissa = Half & 0x3ff;
  if (Exponent == 31)
    return floatOfBits(Sign | 0x7f800000 | (Mantissa ? 0x400000 : 0) | (Mantissa << 13));
  if (Exponent != 0)
    return floatOfBits(Sign | ((Exponent + 112) << 23) | (Mantissa << 13));
  float Magnitude = static_cast<float>(Mantissa) * 0x1p-24f;
  return floatOfBits(Sign | bitsOfFloat(Magnitude));
}

/// The bits of the nearest bf16.
inline uint16_t bfloatFromFloat(float Value) {
  uint32_t Bits = bitsOfFloat(Value);
  uint32_t Magnitude = Bits & 0x7fffffff;
  if (Magnitude > 0x7f800000)
    return static_cast<uint16_t>((Bits >> 16) | 0x40);
  return static_cast<uint16_t>(((Bits >> 16) & 0x8000) | shiftRightRoundEven(Magnitude, 16));
}

/// The exact value of a bf16; a signalling NaN becomes quiet.
inline float floatFromBfloat(uint16_t Bfloat) {
  uint32_t Bits = uint32_t(Bfloat) << 16;
  return floatOfBits((Bits & 0x7fffffff) > 0x7f800000 ? Bits | 0x400000 : Bits);
}

/// The bits of the nearest e4m3 (S.EEEE.MMM with a bias of 7, no infinities); what lies beyond its
/// largest number, 448, becomes that.
inline uint8_t float8FromFloat(float Value) {
  uint32_t Bits = bitsOfFloat(Value), Magnitude = Bits & 0x7fffffff, Result;
  if (Magnitude > 0x7f800000) // NaN
    Result = 0x7f;
  else if (Magnitude >= 0x43e00000) // 448 and above
    Result = 0x7e;
  else if (Magnitude >= 0x3c800000) // normal, 2^-6 and above; below 448 nothing rounds beyond it
    Result = shiftRightRoundEven(Magnitude - (120u << 23), 20);
  else if (Magnitude < 0x3a000000) // below 2^-11, less than half of the smallest subnormal
    Result = 0;
  else
    Result = shiftRightRoundEven((Magnitude & 0x7fffff) | 0x800000, 141 - (Magnitude >> 23));
  return static_cast<uint8_t>((Bits >> 24 & 0x80) | Result);
}

/// The exact value of an e4m3.
inline float floatFromFloat8(uint8_t Float8) {
  uint32_t Sign = uint32_t(Float8 & 0x80) << 24, Magnitude = Float8 & 0x7f;
  if (Magnitude == 0x7f)
    return floatOfBits(Sign | 0x7fc00000);
  if (Magnitude < 8)
    return floatOfBits(Sign | bitsOfFloat(static_cast<float>(Magnitude) * 0x1p-9f));
  return floatOfBits(Sign | ((Magnitude << 20) + (120u << 23)));
}

} // namespace qopt

#endif
