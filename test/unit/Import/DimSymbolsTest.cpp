#include "DimSymbols.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {

class DimSymbolsTest : public testing::Test {
protected:
  DimSymbolsTest() : Symbols(&Context) { Context.loadDialect<QOptDialect>(); }

  static std::string print(AffineExpr Expr) {
    std::string Text;
    llvm::raw_string_ostream(Text) << Expr;
    return Text;
  }
  std::string parse(StringRef Text) { return print(Symbols.parse(Text)); }
  AffineExpr symbol(unsigned Number) { return getAffineSymbolExpr(Number, &Context); }

  MLIRContext Context;
  DimSymbols Symbols;
};

TEST_F(DimSymbolsTest, NamesAndExpressions) {
  Symbols.noteName("a");
  Symbols.noteName("b");
  EXPECT_EQ(parse("a"), "s0");
  EXPECT_EQ(parse("b+a"), "s0 + s1");
  EXPECT_EQ(parse("2*a - 1"), "s0 * 2 - 1");
  EXPECT_EQ(parse("floor(a/2)"), "s0 floordiv 2");
  EXPECT_EQ(parse("a//2 + 1"), "s0 floordiv 2 + 1");
  EXPECT_EQ(parse("(a + b)*b"), "s0 * s1 + s1 * s1");
  EXPECT_EQ(parse("past + 1"), "s2 + 1");
  // No expressions: one name each.
  EXPECT_EQ(parse("batch-size"), "s3");
  EXPECT_EQ(parse("Max(1, a)"), "s4");
  EXPECT_EQ(parse("a +"), "s5");
  EXPECT_EQ(parse("batch size"), "s6");
  EXPECT_EQ(parse("((((((((((((((((((((((a"), "s7");
}

TEST_F(DimSymbolsTest, EqualSizesBecomeOne) {
  for (StringRef Name : {"batch", "tokens", "total", "past"})
    Symbols.parse(Name);
  Symbols.beginPass();
  ASSERT_TRUE(succeeded(Symbols.unify(symbol(2), symbol(3) + symbol(1))));
  Symbols.beginPass();
  // The sum replaces `total`, which leaves three symbols.
  EXPECT_EQ(Symbols.size(), 3u);
  EXPECT_EQ(print(Symbols.resolve(symbol(2))), "s1 + s2");
  EXPECT_EQ(print(Symbols.resolve(symbol(3))), "s2");
  EXPECT_EQ(Symbols.getName(2), "past");
  ASSERT_TRUE(succeeded(Symbols.unify(symbol(2), getAffineConstantExpr(4, &Context))));
  Symbols.beginPass();
  EXPECT_EQ(print(Symbols.resolve(symbol(2))), "s1 + 4");
  EXPECT_TRUE(failed(
      Symbols.unify(getAffineConstantExpr(4, &Context), getAffineConstantExpr(5, &Context))));
  EXPECT_TRUE(failed(Symbols.unify(symbol(0) * 2, symbol(1) * 2 + 1)));
}

TEST_F(DimSymbolsTest, LaterNamesGiveWay) {
  for (StringRef Name : {"a", "b", "c"})
    Symbols.parse(Name);
  Symbols.beginPass();
  ASSERT_TRUE(succeeded(Symbols.unify(symbol(2), symbol(1))));
  Symbols.beginPass();
  ASSERT_TRUE(succeeded(Symbols.unify(symbol(1), symbol(0))));
  Symbols.beginPass();
  EXPECT_EQ(Symbols.size(), 1u);
  for (unsigned I : {0, 1, 2})
    EXPECT_EQ(print(Symbols.resolve(symbol(I))), "s0");
}

TEST_F(DimSymbolsTest, Comparisons) {
  AffineExpr S = symbol(0), T = symbol(1), One = getAffineConstantExpr(1, &Context);
  EXPECT_EQ(areDimsEqual(S + T, T + S), true);
  EXPECT_EQ(areDimsEqual(S + 1, S), false);
  EXPECT_EQ(areDimsEqual(S, getAffineConstantExpr(-1, &Context)), false);
  EXPECT_EQ(areDimsEqual(S, T), std::nullopt);
  EXPECT_EQ(areDimsEqual(S, One), std::nullopt);
  EXPECT_EQ(isDimLessOrEqual(S, S + T), true);
  EXPECT_EQ(isDimLessOrEqual(S + 1, S), false);
  EXPECT_EQ(isDimLessOrEqual(S + T, S), std::nullopt);
  EXPECT_EQ(canonicalizeDim((S * 4 + T * 8).floorDiv(4)), canonicalizeDim(T * 2 + S));
  EXPECT_EQ(canonicalizeDim((S * 4) % 2), getAffineConstantExpr(0, &Context));
}

} // namespace
