// Positions, rotary embedding, attention, KV cache. Attention's values are NumPy's in float64.
#include "ReferenceTest.h"

using namespace qopt;
using testing::HasSubstr;

namespace {
class Decoder : public ReferenceTest {
protected:
  const std::string OneSymbol = "#qopt.symbol<\"n\", 0 to 100>";
  ReferenceTensor Query = floats("1x2x2x2xf32", {1, 0, 0, 2, -1, 1, 2, 1});
  ReferenceTensor Key = floats("1x3x1x2xf32", {1, 1, -1, 0.5, 0.5, 2});
  ReferenceTensor Value = floats("1x3x1x2xf32", {1, 10, 2, 20, 4, 40});
  const std::string Types = "tensor<1x2x2x2xf32>, tensor<1x3x1x2xf32>, tensor<1x3x1x2xf32>";

  ReferenceTensor attention(const std::string &Rules) {
    return evaluate(program("qopt.attention %a, %b, %c scale 0.5 " + Rules + " : " + Types,
                            {Query, Key, Value}, "1x2x2x2xf32"),
                    {Query, Key, Value});
  }
  std::string withOperand(const std::string &Word, const ReferenceTensor &Operand,
                          const std::string &Rules = "") {
    std::string Ty;
    llvm::raw_string_ostream(Ty) << Operand.getType();
    return program("qopt.attention %a, %b, %c " + Word + " %d scale 0.5 " + Rules + " : " + Types +
                       " " + Word + " " + Ty,
                   {Query, Key, Value, Operand}, "1x2x2x2xf32");
  }
  ReferenceTensor attention(const std::string &Word, const ReferenceTensor &Operand,
                            const std::string &Rules = "") {
    return evaluate(withOperand(Word, Operand, Rules), {Query, Key, Value, Operand});
  }
};
} // namespace

TEST_F(Decoder, Positions) {
  ReferenceTensor Past = integers("2xi64", {0, 5});
  std::string Text = program(
      "qopt.positions %a tokens affine_map<()[s0] -> (s0)> : tensor<2xi64> -> tensor<2x?xi64>",
      {Past}, "2x?xi64", OneSymbol);
  expectIntegers(evaluate(Text, {Past}, {{"n", 3}}), {0, 1, 2, 5, 6, 7});
  EXPECT_EQ(evaluate(Text, {Past}, {{"n", 0}}).getNumElements(), 0);
}

TEST_F(Decoder, TakeLast) {
  ReferenceTensor X = floats("3x3x1xf32", {1, 2, 3, 4, 5, 6, 7, 8, 9}),
                  Count = integers("3xi32", {3, 1, 0});
  std::string Text = program("qopt.take_last %a, %b size affine_map<()[s0] -> (s0)> : "
                             "tensor<3x3x1xf32>, tensor<3xi32> -> tensor<3x?x1xf32>",
                             {X, Count}, "3x?x1xf32", OneSymbol);
  expectFloats(evaluate(Text, {X, Count}, {{"n", 1}}), {3, 4, 7});
  // An index below 0 reads token 0.
  expectFloats(evaluate(Text, {X, Count}, {{"n", 2}}), {2, 3, 4, 4, 7, 7});
  for (int64_t Wrong : {-1, 4}) {
    ReferenceTensor Bad = integers("3xi32", {1, Wrong, 1});
    EXPECT_THAT(error(Text, {X, Bad}, {{"n", 1}}),
                HasSubstr("count of row 1 is " + std::to_string(Wrong) + ", expected 0 to 3"));
  }
}

TEST_F(Decoder, TakeLastOfNoTokens) {
  ReferenceTensor X = floats("1x0x2xf32", {}), Count = integers("1xi32", {0});
  std::string Text = program("qopt.take_last %a, %b size affine_map<()[s0] -> (s0)> : "
                             "tensor<1x0x2xf32>, tensor<1xi32> -> tensor<1x?x2xf32>",
                             {X, Count}, "1x?x2xf32", OneSymbol);
  EXPECT_EQ(evaluate(Text, {X, Count}, {{"n", 0}}).getNumElements(), 0);
  EXPECT_THAT(error(Text, {X, Count}, {{"n", 1}}), HasSubstr("takes 1 of 0 tokens"));
}

TEST_F(Decoder, Rotary) {
  ReferenceTensor X = floats("1x1x1x6xf32", {1, 2, 3, 4, 5, 6}),
                  Position = integers("1x1xi64", {3});
  auto Rotary = [&](const std::string &Rules) {
    return program("qopt.rotary %a at %b frequencies [1.0, 0.5] " + Rules +
                       " : tensor<1x1x1x6xf32>, tensor<1x1xi64>",
                   {X, Position}, "1x1x1x6xf32");
  };
  expectFloats(evaluate(Rotary(""), {X, Position}), {-1.413352520780047, -3.848505543080812,
                                                     -2.828857481741469, 2.2779387798789204, 5, 6});
  expectFloats(
      evaluate(Rotary("interleaved"), {X, Position}),
      {-1.27223251272018, -1.8388649851410237, -3.777768341413109, 3.275433766482975, 5, 6});
  expectFloats(
      evaluate(Rotary("scale 2.0"), {X, Position}),
      {-2.826705041560094, -7.697011086161624, -5.657714963482938, 4.555877559757841, 5, 6});
  ReferenceTensor Start = integers("1x1xi64", {0});
  expectFloats(evaluate(Rotary(""), {X, Start}), {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(error(Rotary("table 3"), {X, Position}),
              HasSubstr("position 3 is not one of the model's 3"));
  ReferenceTensor Negative = integers("1x1xi64", {-1});
  EXPECT_THAT(error(Rotary(""), {X, Negative}), HasSubstr("position -1 is not one of"));
}

TEST_F(Decoder, AttentionRules) {
  expectFloats(attention(""),
               {2.259750641872839, 22.597506418728393, 3.0258395408013756, 30.258395408013754,
                2.6178830746457713, 26.178830746457717, 2.474969301942296, 24.74969301942296});
  expectFloats(attention("causal"),
               {1.2689414213699952, 12.689414213699951, 1.3775406687981455, 13.775406687981455,
                2.6178830746457713, 26.178830746457717, 2.474969301942296, 24.74969301942296});
  expectFloats(attention("causal window 2"),
               {1.2689414213699952, 12.689414213699951, 1.3775406687981455, 13.775406687981455, 3,
                30, 3.8093010702017813, 38.093010702017814});
  expectFloats(attention("softcap 1.0"),
               {2.276861798786798, 22.768617987867977, 2.4885233299507106, 24.885233299507103,
                2.58111731106127, 25.8111731106127, 2.451606441793373, 24.51606441793373});
}

TEST_F(Decoder, AttentionMasks) {
  ReferenceTensor Mask = floats("2x3xf32", {0, 1, -Inf, 0.5, 0, 0});
  expectFloats(attention("mask", Mask),
               {1.5, 15, 1.6224593312018547, 16.224593312018545, 2.4394698692933305,
                24.394698692933304, 2.127546608764645, 21.275466087646453});
  // The first query sees nothing, the second what the two first keys hold.
  ReferenceTensor Seen = integers("1x1x2x3xi1", {0, 0, 0, 1, 1, 0});
  expectFloats(attention("mask", Seen), {0, 0, 0, 0, 1.679178699175393, 16.79178699175393,
                                         1.0953494648991096, 10.953494648991095});
  ReferenceTensor Nothing = floats("3xf32", {-Inf, -Inf, -Inf});
  expectFloats(attention("mask", Nothing), {0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_F(Decoder, AttentionLengths) {
  expectFloats(attention("lengths", integers("1xi32", {2})),
               {1.2689414213699952, 12.689414213699951, 1.3775406687981455, 13.775406687981455,
                1.679178699175393, 16.79178699175393, 1.0953494648991096, 10.953494648991095});
  expectFloats(
      attention("lengths", integers("1xi32", {2}), "causal"),
      {1, 10, 1, 10, 1.679178699175393, 16.79178699175393, 1.0953494648991096, 10.953494648991095});
  // One valid key: the first of two causal queries lies before it and sees nothing.
  expectFloats(attention("lengths", integers("1xi32", {1}), "causal"), {0, 0, 0, 0, 1, 10, 1, 10});
  expectFloats(attention("lengths", integers("1xi32", {0})), {0, 0, 0, 0, 0, 0, 0, 0});
  ReferenceTensor Wrong = integers("1xi32", {4});
  EXPECT_THAT(error(withOperand("lengths", Wrong), {Query, Key, Value, Wrong}),
              HasSubstr("lengths of row 0 is 4, expected 0 to 3"));
}

TEST_F(Decoder, WhatIsNotSeenMayHoldAnything) {
  Key.setFloat({0, 2, 0, 0}, NaN);
  Value.setFloat({0, 2, 0, 1}, Inf);
  expectFloats(attention("lengths", integers("1xi32", {2})),
               {1.2689414213699952, 12.689414213699951, 1.3775406687981455, 13.775406687981455,
                1.679178699175393, 16.79178699175393, 1.0953494648991096, 10.953494648991095});
}

TEST_F(Decoder, AttentionOfNoTokensOrContext) {
  ReferenceTensor Q = floats("1x0x2x2xf32", {}), E = floats("1x0x1x2xf32", {});
  EXPECT_EQ(
      evaluate(
          program("qopt.attention %a, %b, %c scale 0.5 : tensor<1x0x2x2xf32>, tensor<1x3x1x2xf32>, "
                  "tensor<1x3x1x2xf32>",
                  {Q, Key, Value}, "1x0x2x2xf32"),
          {Q, Key, Value})
          .getNumElements(),
      0);
  expectFloats(
      evaluate(
          program("qopt.attention %a, %b, %c scale 0.5 : tensor<1x2x2x2xf32>, tensor<1x0x1x2xf32>, "
                  "tensor<1x0x1x2xf32>",
                  {Query, E, E}, "1x2x2x2xf32"),
          {Query, E, E}),
      {0, 0, 0, 0, 0, 0, 0, 0});
}

//===- the cache ------------------------------------------------------------------------------===//

namespace {
class Cache : public Decoder {
protected:
  /// Appends, then attends over what was appended.
  std::string step(const std::string &Element, const std::string &Rules = "") {
    std::string Ty =
        "!qopt.kv_cache<1x2, capacity = ?, key = " + Element + ", value = " + Element + ">";
    return "func.func @main(%q: tensor<1x?x2x2xf32>, %c: " + Ty +
           ", %k: tensor<1x?x1x2xf32>, %v: tensor<1x?x1x2xf32>, %p: tensor<1xi64>) -> "
           "(tensor<1x?x2x2xf32>, " +
           Ty +
           ") {\n"
           "  %d = qopt.kv_append %c, %k, %v at %p : " +
           Ty +
           ", tensor<1x?x1x2xf32>, tensor<1x?x1x2xf32>, tensor<1xi64>\n"
           "  %y = qopt.cached_attention %q, %d at %p scale 0.5 " +
           Rules + " : tensor<1x?x2x2xf32>, " + Ty +
           ", tensor<1xi64>\n"
           "  return %y, %d : tensor<1x?x2x2xf32>, " +
           Ty + "\n}";
  }
  ReferenceTensor tokens(const ReferenceTensor &From, int64_t First, int64_t Count) {
    llvm::SmallVector<int64_t> Shape(From.getShape());
    Shape[1] = Count;
    ReferenceTensor Result(From.getType().clone(Shape));
    int64_t PerToken = From.getNumElements() / From.getDim(1);
    for (int64_t I = 0; I < Count * PerToken; ++I)
      Result.copyElement(I, From, First * PerToken + I);
    return Result;
  }
  ReferenceTensor past(int64_t Count) { return integers("1xi64", {Count}); }
  ReferenceCache empty(const std::string &Element, int64_t Capacity) {
    return cache("1x2, capacity = ?, key = " + Element + ", value = " + Element, 1, Capacity);
  }
};
} // namespace

TEST_F(Cache, OneTokenAfterAnother) {
  // Three tokens in one pass, then one by one: the same numbers.
  ReferenceTensor Q = floats("1x3x2x2xf32", {1, 0, 0, 2, -1, 1, 2, 1, 0.3, 0.7, -2, 1});
  for (const char *Element : {"f32", "f16", "bf16"}) {
    auto All = run(step(Element), {Q, empty(Element, 3), Key, Value, past(0)});
    ASSERT_TRUE(mlir::succeeded(All)) << Messages;
    ReferenceCache Cache = empty(Element, 3);
    for (int64_t T = 0; T < 3; ++T) {
      auto One = run(step(Element),
                     {tokens(Q, T, 1), Cache, tokens(Key, T, 1), tokens(Value, T, 1), past(T)});
      ASSERT_TRUE(mlir::succeeded(One)) << Messages;
      expectFloats((*One)[0].getTensor(), tokens((*All)[0].getTensor(), T, 1).readFloats());
      Cache = (*One)[1].getCache();
    }
  }
}

TEST_F(Cache, SeesThePast) {
  ReferenceCache Start = empty("f32", 4);
  Start.set(0, 0, 0, {1, 1}, {1, 10});
  auto Results = run(step("f32"), {Query, Start, tokens(Key, 1, 2), tokens(Value, 1, 2), past(1)});
  ASSERT_TRUE(mlir::succeeded(Results)) << Messages;
  expectFloats((*Results)[0].getTensor(),
               {1.2689414213699952, 12.689414213699951, 1.3775406687981455, 13.775406687981455,
                2.6178830746457713, 26.178830746457717, 2.474969301942296, 24.74969301942296});
  EXPECT_TRUE((*Results)[1].getCache().isWritten(0, 2));
  EXPECT_FALSE((*Results)[1].getCache().isWritten(0, 3));
  EXPECT_FALSE(Start.isWritten(0, 1)) << "the append is a pure function";
}

TEST_F(Cache, Window) {
  ReferenceCache Start = empty("f32", 4);
  Start.set(0, 0, 0, {1, 1}, {1, 10});
  auto Results =
      run(step("f32", "window 2"), {Query, Start, tokens(Key, 1, 2), tokens(Value, 1, 2), past(1)});
  ASSERT_TRUE(mlir::succeeded(Results)) << Messages;
  expectFloats((*Results)[0].getTensor(),
               {1.2689414213699952, 12.689414213699951, 1.3775406687981455, 13.775406687981455, 3,
                30, 3.8093010702017813, 38.093010702017814});
}

TEST_F(Cache, RoundsToItsTypes) {
  ReferenceCache Cache = cache("1x1, capacity = 1, key = f16, value = bf16", 1);
  Cache.set(0, 0, 0, {1 + 0x1p-9}, {1 + 0x1p-9});
  EXPECT_EQ(Cache.getKey(0, 0, 0, 0), 1 + 0x1p-9);
  EXPECT_EQ(Cache.getValue(0, 0, 0, 0), 1);
  Cache.set(0, 0, 0, {70000}, {1 + 0x1.8p-7});
  EXPECT_EQ(Cache.getKey(0, 0, 0, 0), Inf);
  EXPECT_EQ(Cache.getValue(0, 0, 0, 0), 1 + 0x1p-6);
}

TEST_F(Cache, QuantizesTokensWithAScalePerHead) {
  ReferenceCache Cache = cache("2x3, capacity = 1, key = !qopt.packed<i8, group = 0, scale = f32>, "
                               "value = !qopt.scaled<f8E4M3FN, group = 0, scale = f32>",
                               1);
  // Codes of a scale of 2^-7; -0.5 code is a tie.
  double Step = 0x1p-7;
  Cache.set(0, 0, 0, {127 * Step, -0.5 * Step, 1.5 * Step}, {448, -33, 1});
  EXPECT_EQ(Cache.getKeyScale(0, 0, 0), Step);
  EXPECT_EQ(Cache.getKey(0, 0, 0, 0), 127 * Step);
  EXPECT_EQ(Cache.getKey(0, 0, 0, 1), 0);
  EXPECT_EQ(Cache.getKey(0, 0, 0, 2), 2 * Step);
  // Three bits behind the leading one: -33 goes to -32.
  EXPECT_EQ(Cache.getValueScale(0, 0, 0), 1);
  EXPECT_EQ(Cache.getValue(0, 0, 0, 1), -32);
  // Another head has another scale; zeros stay zeros, infinity spoils its own row only.
  Cache.set(0, 0, 1, {0, 0, 0}, {1, 2, Inf});
  EXPECT_EQ(Cache.getKey(0, 0, 1, 2), 0);
  EXPECT_TRUE(std::isnan(Cache.getValue(0, 0, 1, 0)));
  EXPECT_EQ(Cache.getValue(0, 0, 0, 0), 448);
}

TEST_F(Cache, Refusals) {
  ReferenceTensor Q = tokens(Query, 0, 1), K = tokens(Key, 0, 1), V = tokens(Value, 0, 1);
  EXPECT_THAT(error(step("f32"), {Q, empty("f32", 4), K, V, past(4)}),
              HasSubstr("past of row 0 is 4, expected 0 to 3"));
  EXPECT_THAT(error(step("f32"), {Q, empty("f32", 4), K, V, past(-1)}),
              HasSubstr("past of row 0 is -1"));
  EXPECT_THAT(error(step("f32"), {Q, empty("f32", 2), Key, Value, past(0)}),
              HasSubstr("has 3 tokens for a cache of 2"));
  EXPECT_THAT(error(step("f32"), {Q, empty("f32", 4), K, V, past(2)}),
              HasSubstr("reads position 0 of row 0 of the cache, which was never appended"));
  EXPECT_THAT(error(step("f32"), {Q, empty("f16", 4), K, V, past(0)}),
              HasSubstr("argument 1 of 'main' has type"));
  // A window hides what was never appended.
  EXPECT_TRUE(mlir::succeeded(run(step("f32", "window 1"), {Q, empty("f32", 4), K, V, past(2)})))
      << Messages;
}

TEST_F(Decoder, ScoresAndProbabilitiesThroughCodes) {
  // With a scale that rounds all scores to one code every key weighs the same.
  expectFloats(attention("scores <i8, scale = 100.0 : f32, zero_point = 0>"),
               {7.0 / 3, 70.0 / 3, 7.0 / 3, 70.0 / 3, 7.0 / 3, 70.0 / 3, 7.0 / 3, 70.0 / 3});
  // Weights of 1/4, 1/2 and 1/4 are whole codes of 1/4; 0.2689 and 0.7311 become 1/4 and 3/4.
  ReferenceTensor Causal =
      attention("causal probabilities <ui8, scale = 0.25 : f32, zero_point = 0>");
  EXPECT_EQ(Causal.getFloat(0), 0.75 * 1 + 0.25 * 2);
}
