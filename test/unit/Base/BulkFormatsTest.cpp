// Bulk conversions against their element-wise forms.
#include "qopt/Base/BulkFormats.h"
#include "qopt/Base/NumberFormats.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

using namespace qopt;

namespace {

std::vector<uint16_t> allPatterns() {
  std::vector<uint16_t> Bits(65536);
  for (size_t I = 0; I < Bits.size(); ++I)
    Bits[I] = static_cast<uint16_t>(I);
  return Bits;
}

TEST(BulkFormats, AllHalfs) {
  std::vector<uint16_t> Bits = allPatterns();
  std::vector<float> Out(Bits.size());
  floatsFromHalfs(Bits.data(), int64_t(Bits.size()), Out.data());
  for (size_t I = 0; I < Bits.size(); ++I)
    ASSERT_EQ(bitsOfFloat(Out[I]), bitsOfFloat(floatFromHalf(Bits[I]))) << I;
}

TEST(BulkFormats, AllBfloats) {
  std::vector<uint16_t> Bits = allPatterns();
  std::vector<float> Out(Bits.size());
  floatsFromBfloats(Bits.data(), int64_t(Bits.size()), Out.data());
  for (size_t I = 0; I < Bits.size(); ++I)
    ASSERT_EQ(bitsOfFloat(Out[I]), bitsOfFloat(floatFromBfloat(Bits[I]))) << I;
}

TEST(BulkFormats, RangeOfEveryLength) {
  std::mt19937 Random(1);
  std::normal_distribution<float> Normal;
  for (int64_t Count = 0; Count < 70; ++Count) {
    std::vector<float> Values(Count);
    for (float &Value : Values)
      Value = Normal(Random) + 3;
    float Min, Max, ExpectedMin = 0, ExpectedMax = 0;
    for (float Value : Values) {
      ExpectedMin = std::min(ExpectedMin, Value);
      ExpectedMax = std::max(ExpectedMax, Value);
    }
    rangeWithZero(Values.data(), Count, Min, Max);
    EXPECT_EQ(Min, ExpectedMin);
    EXPECT_EQ(Max, ExpectedMax);
  }
}

TEST(BulkFormats, CodesAreRoundedAndClamped) {
  std::vector<float> Values = {0.5f, 1.5f,   2.5f,    -0.5f, -1.5f, 7.49f,
                               7.5f, 100.0f, -100.0f, -8.5f, 0.0f,  -0.0f};
  std::vector<int16_t> Codes(Values.size());
  roundToCodes(Values.data(), int64_t(Values.size()), 1, 0, -8, 7, Codes.data());
  EXPECT_EQ(Codes, (std::vector<int16_t>{0, 2, 2, 0, -2, 7, 7, 7, -8, -8, 0, 0}));
  roundToCodes(Values.data(), int64_t(Values.size()), 2, 5, 0, 15, Codes.data());
  for (size_t I = 0; I < Values.size(); ++I)
    EXPECT_EQ(Codes[I], int16_t(std::clamp(std::nearbyint(Values[I] * 2) + 5, 0.0f, 15.0f)))
        << Values[I];
}

TEST(BulkFormats, FiniteEverywhere) {
  std::vector<float> Values(37, 1.0f);
  Values[3] = std::numeric_limits<float>::max();
  EXPECT_TRUE(allFinite(Values.data(), 37));
  for (float Special :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()})
    for (size_t At : {size_t(0), size_t(15), size_t(36)}) {
      std::vector<float> Bad = Values;
      Bad[At] = Special;
      EXPECT_FALSE(allFinite(Bad.data(), 37));
    }
}

} // namespace
