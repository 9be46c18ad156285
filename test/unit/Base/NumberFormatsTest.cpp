#include "qopt/Base/NumberFormats.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;

TEST(NumberFormats, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t Bits = 0; Bits < 0x10000; ++Bits) {
    uint16_t Half = static_cast<uint16_t>(Bits);
    float Value = floatFromHalf(Half);
    uint16_t Quiet = std::isnan(Value) ? Half | 0x200 : Half;
    ASSERT_EQ(halfFromFloat(Value), Quiet) << Bits;
  }
}

TEST(NumberFormats, EveryBfloatSurvivesTheRoundTrip) {
  for (uint32_t Bits = 0; Bits < 0x10000; ++Bits) {
    uint16_t Bfloat = static_cast<uint16_t>(Bits);
    float Value = floatFromBfloat(Bfloat);
    uint16_t Quiet = std::isnan(Value) ? Bfloat | 0x40 : Bfloat;
    ASSERT_EQ(bfloatFromFloat(Value), Quiet) << Bits;
  }
}

// Between any two neighbours: below the middle gives the lower, above it the upper, and the middle
// the even one. Positive values; the sign is a bit of its own.
TEST(NumberFormats, HalfRoundsToNearestEven) {
  for (uint16_t Lower = 0; Lower < 0x7bff; ++Lower) {
    double A = floatFromHalf(Lower), B = floatFromHalf(Lower + 1);
    float Middle = static_cast<float>((A + B) / 2);
    uint16_t Even = Lower % 2 ? Lower + 1 : Lower;
    ASSERT_EQ(halfFromFloat(Middle), Even);
    ASSERT_EQ(halfFromFloat(std::nextafter(Middle, 0.0f)), Lower);
    ASSERT_EQ(halfFromFloat(std::nextafter(Middle, 1e9f)), Lower + 1);
    ASSERT_EQ(halfFromFloat(-Middle), Even | 0x8000);
  }
}

TEST(NumberFormats, BfloatRoundsToNearestEven) {
  for (uint32_t Lower = 0; Lower < 0x7f7f; ++Lower) {
    float Middle = floatOfBits((Lower << 16) | 0x8000);
    uint32_t Even = Lower % 2 ? Lower + 1 : Lower;
    ASSERT_EQ(bfloatFromFloat(Middle), Even);
    ASSERT_EQ(bfloatFromFloat(floatOfBits((Lower << 16) | 0x7fff)), Lower);
    ASSERT_EQ(bfloatFromFloat(floatOfBits((Lower << 16) | 0x8001)), Lower + 1);
  }
}

TEST(NumberFormats, OverflowInfinityAndZero) {
  float Infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(halfFromFloat(65504.0f), 0x7bff);
  EXPECT_EQ(halfFromFloat(65519.996f), 0x7bff);
  EXPECT_EQ(halfFromFloat(65520.0f), 0x7c00);
  EXPECT_EQ(halfFromFloat(1e30f), 0x7c00);
  EXPECT_EQ(halfFromFloat(-Infinity), 0xfc00);
  EXPECT_EQ(halfFromFloat(-0.0f), 0x8000);
  EXPECT_EQ(halfFromFloat(0x1p-25f), 0); // exactly half of the least subnormal: to even
  EXPECT_EQ(halfFromFloat(std::nextafter(0x1p-25f, 1.0f)), 1);
  EXPECT_EQ(bfloatFromFloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(bfloatFromFloat(-Infinity), 0xff80);
  EXPECT_TRUE(std::isnan(floatFromHalf(halfFromFloat(floatOfBits(0x7f800001)))));
  EXPECT_TRUE(std::isnan(floatFromBfloat(bfloatFromFloat(floatOfBits(0xff800001)))));
}
