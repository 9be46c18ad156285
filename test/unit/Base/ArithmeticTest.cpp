#include "qopt/Base/CheckedMath.h"
#include "qopt/Base/DataType.h"
#include "qopt/Base/Expression.h"
#include "qopt/Base/Hash.h"
#include "qopt/Base/Status.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;
using Kind = Expression::Kind;

static constexpr int64_t Max = std::numeric_limits<int64_t>::max();
static constexpr int64_t Min = std::numeric_limits<int64_t>::min();

TEST(CheckedMath, RefusesWhatDoesNotFit) {
  EXPECT_EQ(checkedAdd(Max, 0), Max);
  EXPECT_EQ(checkedAdd(Max, 1), std::nullopt);
  EXPECT_EQ(checkedMul(Max / 2, 2), Max - 1);
  EXPECT_EQ(checkedMul(Max / 2 + 1, 2), std::nullopt);
  EXPECT_EQ(checkedMul(Min, -1), std::nullopt);
  EXPECT_EQ(checkedProduct({1 << 20, 1 << 20, 1 << 20}), int64_t(1) << 60);
  EXPECT_EQ(checkedProduct({1 << 20, 1 << 20, 1 << 24}), std::nullopt);
  EXPECT_EQ(checkedAlign(65, 64), 128);
  EXPECT_EQ(checkedAlign(128, 64), 128);
  EXPECT_EQ(checkedAlign(Max, 64), std::nullopt);
  EXPECT_EQ(checkedAlign(-1, 64), std::nullopt);
}

TEST(CheckedMath, DivisionRoundsAsNamed) {
  for (int64_t A = -9; A <= 9; ++A)
    for (int64_t B : {-4, -3, -1, 1, 3, 4}) {
      double Exact = static_cast<double>(A) / static_cast<double>(B);
      EXPECT_EQ(checkedFloorDiv(A, B), static_cast<int64_t>(std::floor(Exact)));
      EXPECT_EQ(checkedCeilDiv(A, B), static_cast<int64_t>(std::ceil(Exact)));
      EXPECT_EQ(checkedMod(A, B), A - B * *checkedFloorDiv(A, B));
    }
  EXPECT_EQ(checkedFloorDiv(1, 0), std::nullopt);
  EXPECT_EQ(checkedMod(1, 0), std::nullopt);
  EXPECT_EQ(checkedFloorDiv(Min, -1), std::nullopt);
  EXPECT_EQ(checkedMod(Min, -1), 0);
}

TEST(Expression, EvaluatesFromTheLeft) {
  int64_t Symbols[] = {7, 100};
  Expression T = Expression::symbol(0), C = Expression::symbol(1);
  EXPECT_EQ(Expression::apply(Kind::Add, {T, C, 3}).evaluate(Symbols), 110);
  EXPECT_EQ(Expression::apply(Kind::FloorDiv, {C, T, 3}).evaluate(Symbols), 4);
  EXPECT_EQ(Expression::apply(Kind::CeilDiv, {C, T}).evaluate(Symbols), 15);
  EXPECT_EQ(Expression::apply(Kind::Mod, {C, T}).evaluate(Symbols), 2);
  EXPECT_EQ(Expression::apply(Kind::Min, {C, T}).evaluate(Symbols), 7);
  EXPECT_EQ(Expression::apply(Kind::Max, {C, T}).evaluate(Symbols), 100);
  EXPECT_EQ(Expression::apply(Kind::Mul, {C, Max}).evaluate(Symbols), std::nullopt);
  EXPECT_EQ(Expression::apply(Kind::Mod, {C, 0}).evaluate(Symbols), std::nullopt);
}

// Whatever the operator, no value may leave the bounds, and the bounds of monotone ones are
// reached.
TEST(Expression, BoundsHoldForAllValues) {
  std::vector<Interval> Ranges = {{1, 9}, {2, 5}};
  for (Kind K :
       {Kind::Add, Kind::Mul, Kind::FloorDiv, Kind::CeilDiv, Kind::Mod, Kind::Min, Kind::Max}) {
    Expression E = Expression::apply(
        K, {Expression::apply(Kind::Add, {Expression::symbol(0), -4}), Expression::symbol(1)});
    std::optional<Interval> B = E.bounds(Ranges);
    ASSERT_TRUE(B);
    int64_t Least = Max, Most = Min;
    for (int64_t X = 1; X <= 9; ++X)
      for (int64_t Y = 2; Y <= 5; ++Y) {
        int64_t Symbols[] = {X, Y};
        int64_t Value = *E.evaluate(Symbols);
        Least = std::min(Least, Value);
        Most = std::max(Most, Value);
      }
    EXPECT_EQ(B->Min, Least) << int(K);
    EXPECT_EQ(B->Max, Most) << int(K);
  }
}

TEST(Expression, BoundsRefuseWhatMayFail) {
  std::vector<Interval> Ranges = {{0, 4}};
  Expression S = Expression::symbol(0);
  EXPECT_FALSE(Expression::apply(Kind::FloorDiv, {8, S}).bounds(Ranges));
  EXPECT_FALSE(Expression::apply(Kind::Mul, {S, Max / 2}).bounds(Ranges));
}

TEST(Hash, DoesNotDependOnThePieces) {
  std::string Text(1000, 'x');
  for (size_t I = 0; I < Text.size(); ++I)
    Text[I] = static_cast<char>(I * 7);
  for (size_t Cut : {0u, 1u, 255u, 256u, 999u, 1000u}) {
    Hasher H;
    H.update(Text.data(), Cut);
    H.update(Text.data() + Cut, Text.size() - Cut);
    EXPECT_EQ(H.digest(), hashBytes(Text));
  }
  // The value that the XXH3 specification gives for no bytes.
  EXPECT_EQ(formatHash(hashBytes("")), "xxh3:2d06800538d394c2");
}

TEST(DataType, NamesAndIntegers) {
  for (int I = 0; I <= int(DataType::Bool); ++I) {
    DataType Type = static_cast<DataType>(I);
    EXPECT_EQ(dataTypeFromName(dataTypeName(Type)), Type);
  }
  EXPECT_EQ(dataTypeFromName("f31"), std::nullopt);
  int8_t Small[] = {1, -2};
  EXPECT_EQ(loadInteger(DataType::I8, Small, 1), -2);
  uint64_t Large[] = {~uint64_t(0)};
  EXPECT_EQ(loadInteger(DataType::U64, Large, 0), Max);
}

TEST(Status, CarriesCodeAndPlace) {
  Status S = makeError(StatusCode::BadInput, "row ", 3, " of ", 2);
  EXPECT_EQ(S.exitCode(), 3);
  EXPECT_EQ(S.within("a.qopt").message(), "a.qopt: row 3 of 2");
  EXPECT_TRUE(Status().within("x").ok());
  Result<int> R = S;
  EXPECT_FALSE(R);
  EXPECT_EQ(R.status().message(), "row 3 of 2");
}
