// Evaluations that compute a part: sampled elements, rows that are read when asked for.
#include "ReferenceTest.h"

using namespace qopt;
using namespace mlir;

namespace {
class Sampling : public ReferenceTest {
protected:
  /// Compares a sampled evaluation with a full one; gives how many elements were computed.
  int64_t compare(const std::string &Text, const Values &Inputs) {
    ReferenceTensor Full = evaluate(Text, Inputs);
    Samples = true;
    ReferenceTensor Part = evaluate(Text, Inputs);
    Samples = false;
    int64_t Computed = 0;
    for (int64_t I = 0; I < Full.getNumElements(); ++I) {
      if (std::isnan(Part.getFloat(I)))
        continue;
      EXPECT_EQ(Part.getFloat(I), Full.getFloat(I)) << I;
      ++Computed;
    }
    for (int64_t I : {int64_t(0), Full.getNumElements() - 1})
      EXPECT_EQ(Part.getFloat(I), Full.getFloat(I)) << I;
    return Computed;
  }
  ReferenceTensor numbers(const std::string &Type) {
    ReferenceTensor Result(type(Type));
    for (int64_t I = 0; I < Result.getNumElements(); ++I)
      Result.setFloat(I, double((I * 37 + 11) % 101 - 50) / 16);
    return Result;
  }
};
} // namespace

TEST_F(Sampling, LinearComputesSomeOutputs) {
  Values Inputs = {numbers("2x3xf32"), numbers("1000x3xf32")};
  int64_t Computed = compare(
      program("qopt.linear %a, %b : tensor<2x3xf32>, tensor<1000x3xf32>", Inputs, "2x1000xf32"),
      Inputs);
  // Three or four runs of 16 outputs, the last of them of 8, in two rows.
  EXPECT_GE(Computed, 2 * 40);
  EXPECT_LE(Computed, 2 * 64);
}

TEST_F(Sampling, WhatIsSmallIsComputedWhole) {
  Values Inputs = {numbers("2x3xf32"), numbers("64x3xf32")};
  EXPECT_EQ(
      compare(program("qopt.linear %a, %b : tensor<2x3xf32>, tensor<64x3xf32>", Inputs, "2x64xf32"),
              Inputs),
      128);
}

TEST_F(Sampling, ProductsAndAttention) {
  Values Factors = {numbers("40x3xf32"), numbers("3x40xf32")};
  EXPECT_LE(compare(program("qopt.matmul %a, %b : tensor<40x3xf32>, tensor<3x40xf32>", Factors,
                            "40x40xf32"),
                    Factors),
            64);
  Values Heads = {numbers("1x40x4x2xf32"), numbers("1x5x2x2xf32"), numbers("1x5x2x2xf32")};
  EXPECT_LE(compare(program("qopt.attention %a, %b, %c scale 0.5 : tensor<1x40x4x2xf32>, "
                            "tensor<1x5x2x2xf32>, tensor<1x5x2x2xf32>",
                            Heads, "1x40x4x2xf32"),
                    Heads),
            128);
}

TEST_F(Sampling, RowsAreReadOnceAndOnlyWhereTheyAreLookedAt) {
  ReferenceTensor Table = numbers("1000x3xf32");
  std::map<int64_t, int> Loads;
  ReferenceTensor Lazy =
      ReferenceTensor::fromRows(type("1000x3xf32"), 16, [&](int64_t First, int64_t Count) {
        ++Loads[First];
        ReferenceTensor Rows(type(std::to_string(Count) + "x3xf32"));
        for (int64_t I = 0; I < Count * 3; ++I)
          Rows.copyElement(I, Table, First * 3 + I);
        return Rows;
      });
  std::vector<int64_t> Indices = {999, 17, 16, 17};
  Values Inputs = {Lazy, integers("4xi64", Indices)};
  ReferenceTensor Result = evaluate(
      program("qopt.gather %a[%b] : tensor<1000x3xf32>, tensor<4xi64>", Inputs, "4x3xf32"), Inputs);
  for (auto [I, Row] : llvm::enumerate(Indices))
    for (int64_t C = 0; C < 3; ++C)
      EXPECT_EQ(Result.getFloat(I * 3 + C), Table.getFloat(Row * 3 + C));
  EXPECT_EQ(Loads, (std::map<int64_t, int>{{16, 1}, {992, 1}}));
  EXPECT_EQ(Lazy.readFloats(), Table.readFloats());
}

TEST_F(Sampling, StoredRows) {
  auto Ty = type("40x4x!qopt.packed<i4, group = 2, scale = f16, asymmetric>");
  ReferenceTensor Table(Ty);
  for (int64_t I = 0; I < 160; ++I)
    Table.setInteger(I, I % 16);
  for (int64_t Row = 0; Row < 40; ++Row)
    for (int64_t Group = 0; Group < 2; ++Group) {
      Table.setScale(Row, Group, double(Row + Group + 1) / 8);
      Table.setZeroPoint(Row, Group, (Row * 3 + Group) % 16);
    }
  ReferenceTensor Lazy = ReferenceTensor::fromRows(Ty, 16, [&](int64_t First, int64_t Count) {
    ReferenceTensor Rows(Ty.clone({Count, 4}));
    for (int64_t I = 0; I < Count * 4; ++I)
      Rows.setInteger(I, Table.getInteger(First * 4 + I));
    for (int64_t Row = 0; Row < Count; ++Row)
      for (int64_t Group = 0; Group < 2; ++Group) {
        Rows.setScale(Row, Group, Table.getScale(First + Row, Group));
        Rows.setZeroPoint(Row, Group, Table.getZeroPoint(First + Row, Group));
      }
    return Rows;
  });
  for (int64_t I : {0, 3, 64, 67, 159}) {
    EXPECT_EQ(Lazy.getFloat(I), Table.getFloat(I)) << I;
    EXPECT_EQ(Lazy.getInteger(I), Table.getInteger(I)) << I;
  }
  EXPECT_EQ(Lazy.getScale(33, 1), Table.getScale(33, 1));
  EXPECT_EQ(Lazy.getZeroPoint(33, 1), Table.getZeroPoint(33, 1));
}

TEST_F(Sampling, ACacheOfAnyCapacityTakesMemoryOfWhatIsWritten) {
  ReferenceCache Cache = cache("2x4, capacity = 1000000, key = f32, value = f16", 2);
  Cache.set(1, 999999, 1, {0, 0, 0, 0.5}, {0, 0, 0, 0.25});
  EXPECT_TRUE(Cache.isWritten(1, 999999));
  EXPECT_FALSE(Cache.isWritten(0, 999999));
  EXPECT_EQ(Cache.getKey(1, 999999, 1, 3), 0.5);
  EXPECT_EQ(Cache.getValue(1, 999999, 1, 3), 0.25);
  EXPECT_EQ(Cache.getValue(1, 999999, 0, 0), 0);
  EXPECT_EQ(Cache.getKey(0, 5, 1, 3), 0);
}
