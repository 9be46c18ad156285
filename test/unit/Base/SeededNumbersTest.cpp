#include "qopt/Base/SeededNumbers.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <vector>

using namespace qopt;

// An artefact holds seeds and results, so the sequence may never change.
TEST(SeededNumbers, TheSequenceIsFixed) {
  EXPECT_EQ(seededBits(0, 0), 16294208416658607535u);
  EXPECT_EQ(seededBits(1, 0), 13830413928045401970u);
  EXPECT_EQ(seededBits(1, 123456789), 15175563760754402246u);
}

TEST(SeededNumbers, FloatsAreExactInTheirType) {
  for (DataType Type : {DataType::F64, DataType::F32, DataType::F16, DataType::BF16}) {
    artefact::Fill F;
    F.Type = Type;
    F.Seed = 7;
    F.Magnitude = 4;
    std::vector<char> Bytes(1000 * static_cast<size_t>(dataTypeSize(Type)));
    writeSeeded(F, 50, 1000, Bytes.data());
    std::set<double> Seen;
    double Least = 0, Most = 0;
    for (int64_t I = 0; I < 1000; ++I) {
      double Value = loadNumber(Type, Bytes.data(), I);
      EXPECT_EQ(Value, seededFloat(F, 50 + I));
      Least = std::fmin(Least, Value);
      Most = std::fmax(Most, Value);
      Seen.insert(Value);
    }
    EXPECT_GE(Least, -4);
    EXPECT_LE(Most, 4);
    EXPECT_LT(Least, -3.9);
    EXPECT_GT(Most, 3.9);
    EXPECT_GT(Seen.size(), 200u);
  }
}

TEST(SeededNumbers, IntegersTakeEveryValueOfTheirRange) {
  for (DataType Type : {DataType::I64, DataType::I32, DataType::I16, DataType::I8, DataType::U8}) {
    artefact::Fill F;
    F.Type = Type;
    F.Range = {Type == DataType::U8 ? 0 : -3, 4};
    std::vector<char> Bytes(200 * static_cast<size_t>(dataTypeSize(Type)));
    writeSeeded(F, 0, 200, Bytes.data());
    std::set<int64_t> Seen;
    for (int64_t I = 0; I < 200; ++I) {
      EXPECT_EQ(loadInteger(Type, Bytes.data(), I), seededInteger(F, I));
      Seen.insert(seededInteger(F, I));
    }
    EXPECT_EQ(*Seen.begin(), F.Range.Min);
    EXPECT_EQ(*Seen.rbegin(), 4);
    EXPECT_EQ(static_cast<int64_t>(Seen.size()), 5 - F.Range.Min);
  }
  // The whole range of the type.
  Interval All{INT64_MIN, INT64_MAX};
  EXPECT_EQ(seededInteger(3, 9, All), static_cast<int64_t>(seededBits(3, 9) + (uint64_t(1) << 63)));
}
