// The conversions of Base against LLVM's APFloat, bit for bit: every 16-bit pattern to f32, and
// from f32 every 16-bit value, every tie between two of them with its neighbours, a dense walk over
// all patterns, and random ones.
#include "qopt/Base/NumberFormats.h"

#include "llvm/ADT/APFloat.h"

#include <gtest/gtest.h>

#include <random>

using llvm::APFloat;
using llvm::APInt;

namespace {

struct Format {
  const char *Name;
  const llvm::fltSemantics &Semantics;
  uint16_t (*FromFloat)(float);
  float (*ToFloat)(uint16_t);
};

uint32_t convertBits(const llvm::fltSemantics &From, unsigned Width, uint32_t Bits,
                     const llvm::fltSemantics &To) {
  APFloat Number(From, APInt(Width, Bits));
  bool LosesInfo;
  Number.convert(To, APFloat::rmNearestTiesToEven, &LosesInfo);
  return Number.bitcastToAPInt().getZExtValue();
}

class NumberFormats : public testing::TestWithParam<Format> {
protected:
  /// Compares one conversion from f32; counts instead of asserting, so that millions stay fast.
  void check(uint32_t Bits) {
    uint32_t Expected = convertBits(APFloat::IEEEsingle(), 32, Bits, GetParam().Semantics);
    uint16_t Actual = GetParam().FromFloat(qopt::floatOfBits(Bits));
    if (Actual != Expected && Failures++ < 10)
      ADD_FAILURE() << std::hex << "f32 " << Bits << " gives " << Actual << ", expected "
                    << Expected;
  }
  uint64_t Failures = 0;
};

} // namespace

TEST_P(NumberFormats, EveryPatternToFloat) {
  for (uint32_t Bits = 0; Bits < 0x10000; ++Bits) {
    uint32_t Expected = convertBits(GetParam().Semantics, 16, Bits, APFloat::IEEEsingle());
    EXPECT_EQ(qopt::bitsOfFloat(GetParam().ToFloat(Bits)), Expected) << std::hex << Bits;
  }
}

TEST_P(NumberFormats, EveryNumberComesBack) {
  for (uint32_t Bits = 0; Bits < 0x10000; ++Bits) {
    float Value = GetParam().ToFloat(Bits);
    if (Value == Value) {
      EXPECT_EQ(GetParam().FromFloat(Value), Bits) << std::hex << Bits;
    }
  }
}

TEST_P(NumberFormats, EveryTieAndItsNeighbours) {
  for (uint32_t Bits = 0; Bits < 0x10000; ++Bits) {
    float Low = GetParam().ToFloat(Bits), High = GetParam().ToFloat((Bits + 1) & 0xffff);
    // Halves are summed, so that no sum overflows. Beyond the largest number the next one would be
    // infinity.
    uint32_t Tie = qopt::bitsOfFloat(Low / 2 + High / 2);
    for (int32_t Step : {-2, -1, 0, 1, 2})
      check(Tie + Step);
  }
  EXPECT_EQ(Failures, 0u);
}

TEST_P(NumberFormats, TheLimits) {
  // The largest number, the tie with what would be the next, and what lies on both sides.
  for (uint32_t Largest : {0x477fe000u, 0x7f7f0000u})
    for (uint32_t Above = Largest - 0x10000; Above <= Largest + 0x10000; Above += 0x100)
      for (uint32_t Bits : {Above - 1, Above, Above + 1})
        for (uint32_t Sign : {0u, 0x80000000u})
          check(Bits | Sign);
  // Zeros, the smallest subnormals of f32, infinities, quiet and signalling NaNs.
  for (uint32_t Bits : {0u, 1u, 0x7fffffu, 0x800000u, 0x7f800000u, 0x7f800001u, 0x7fbfffffu,
                        0x7fc00000u, 0x7fffffffu, 0x7f802000u, 0x7f801fffu, 0x33000000u,
                        0x33000001u, 0x32ffffffu, 0x387fffffu, 0x38800000u})
    for (uint32_t Sign : {0u, 0x80000000u})
      check(Bits | Sign);
  EXPECT_EQ(Failures, 0u);
}

TEST_P(NumberFormats, ADenseWalkOverAllFloats) {
  constexpr uint32_t Stride = 1021; // prime, so that low bits vary
  for (uint64_t Bits = 0; Bits <= 0xffffffffu; Bits += Stride)
    check(Bits);
  EXPECT_EQ(Failures, 0u);
}

TEST_P(NumberFormats, RandomFloats) {
  std::mt19937 Random(42);
  for (int I = 0; I < 1000000; ++I)
    check(Random());
  EXPECT_EQ(Failures, 0u);
}

TEST(Float8, EveryPattern) {
  for (uint32_t Bits = 0; Bits < 0x100; ++Bits) {
    float Value = qopt::floatFromFloat8(Bits);
    uint32_t Expected = convertBits(APFloat::Float8E4M3FN(), 8, Bits, APFloat::IEEEsingle());
    // A NaN has no payload.
    if ((Bits & 0x7f) == 0x7f)
      EXPECT_TRUE(Value != Value) << std::hex << Bits;
    else
      EXPECT_EQ(qopt::bitsOfFloat(Value), Expected) << std::hex << Bits;
    EXPECT_EQ(qopt::float8FromFloat(Value), Bits) << std::hex << Bits;
  }
}

TEST(Float8, Rounding) {
  uint64_t Failures = 0;
  auto Check = [&](uint32_t Bits) {
    float Value = qopt::floatOfBits(Bits);
    // APFloat gives NaN beyond the largest number, where codes end.
    float Clamped = Value > 448 ? 448 : Value < -448 ? -448 : Value;
    uint32_t Expected =
        convertBits(APFloat::IEEEsingle(), 32, qopt::bitsOfFloat(Clamped), APFloat::Float8E4M3FN());
    if (qopt::float8FromFloat(Value) != Expected && Failures++ < 10)
      ADD_FAILURE() << std::hex << Bits << " gives " << int(qopt::float8FromFloat(Value))
                    << ", expected " << Expected;
  };
  // Ties between neighbours and what lies on both sides.
  for (uint32_t Bits = 0; Bits < 0x7e; ++Bits) {
    float Tie = (qopt::floatFromFloat8(Bits) + qopt::floatFromFloat8(Bits + 1)) / 2;
    for (int32_t Step : {-1, 0, 1})
      for (uint32_t Sign : {0u, 0x80000000u})
        Check((qopt::bitsOfFloat(Tie) + Step) | Sign);
  }
  for (uint64_t Bits = 0; Bits <= 0xffffffffu; Bits += 4093)
    Check(Bits);
  EXPECT_EQ(Failures, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, NumberFormats,
    testing::Values(Format{"f16", APFloat::IEEEhalf(), qopt::halfFromFloat, qopt::floatFromHalf},
                    Format{"bf16", APFloat::BFloat(), qopt::bfloatFromFloat,
                           qopt::floatFromBfloat}),
    [](const testing::TestParamInfo<Format> &Info) { return std::string(Info.param.Name); });
