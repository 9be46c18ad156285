// Contractions, reductions, normalizations: values by hand or from NumPy in float64.
#include "ReferenceTest.h"

using namespace qopt;
using testing::HasSubstr;

namespace {
using Contractions = ReferenceTest;
} // namespace

TEST_F(Contractions, Linear) {
  ReferenceTensor X = floats("2x1x3xf32", {1, 2, 3, 4, 5, 6}),
                  W = floats("2x3xf32", {1, 0, -1, 0.5, 0.5, 0.5});
  std::string Text =
      program("qopt.linear %a, %b : tensor<2x1x3xf32>, tensor<2x3xf32>", {X, W}, "2x1x2xf32");
  expectFloats(evaluate(Text, {X, W}), {-2, 3, -2, 7.5});
}

TEST_F(Contractions, LinearOfNoRowsOrInputs) {
  ReferenceTensor X = floats("0x3xf32", {}), W = floats("2x3xf32", {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(
      evaluate(program("qopt.linear %a, %b : tensor<0x3xf32>, tensor<2x3xf32>", {X, W}, "0x2xf32"),
               {X, W})
          .getNumElements(),
      0);
  ReferenceTensor Y = floats("1x0xf32", {}), V = floats("2x0xf32", {});
  expectFloats(
      evaluate(program("qopt.linear %a, %b : tensor<1x0xf32>, tensor<2x0xf32>", {Y, V}, "1x2xf32"),
               {Y, V}),
      {0, 0});
}

TEST_F(Contractions, LinearWithAStoredWeight) {
  // Groups of 2 and a ragged one of 1; codes at both ends of their range.
  auto Ty = type("2x3x!qopt.packed<i4, group = 2, scale = f16>");
  ReferenceTensor W = ReferenceTensor::fromCodes(Ty, {-8, 7, 1, 0, 0, -1}, {0.5, 2, 1, 4});
  ReferenceTensor X = floats("1x3xf32", {1, 1, 10});
  std::string Text = program(
      "qopt.linear %a, %b : tensor<1x3xf32>, tensor<2x3x!qopt.packed<i4, group = 2, scale = f16>>",
      {X, W}, "1x2xf32");
  expectFloats(evaluate(Text, {X, W}), {19.5, -40});
}

TEST_F(Contractions, LinearPerChannelWithZeroPoints) {
  auto Ty = type("2x3x!qopt.packed<i8, group = 0, scale = f32, asymmetric>");
  ReferenceTensor W = ReferenceTensor::fromCodes(Ty, {0, 128, 255, 5, 5, 5}, {0.25, 8}, {128, 5});
  ReferenceTensor X = floats("1x3xf32", {1, 1, 1});
  std::string Text = program("qopt.linear %a, %b : tensor<1x3xf32>, tensor<2x3x!qopt.packed<i8, "
                             "group = 0, scale = f32, asymmetric>>",
                             {X, W}, "1x2xf32");
  expectFloats(evaluate(Text, {X, W}), {-0.25, 0});
}

TEST_F(Contractions, LinearRoundsFactorsToTheComputeType) {
  ReferenceTensor X = floats("1x1xf32", {1 + 0x1p-9}), W = floats("1x1xf32", {3});
  std::string Plain =
      program("qopt.linear %a, %b : tensor<1x1xf32>, tensor<1x1xf32>", {X, W}, "1x1xf32");
  std::string BF16 = program("qopt.linear %a, %b compute bf16 : tensor<1x1xf32>, tensor<1x1xf32>",
                             {X, W}, "1x1xf32");
  expectFloats(evaluate(Plain, {X, W}), {3 + 3 * 0x1p-9});
  expectFloats(evaluate(BF16, {X, W}), {3});
}

TEST_F(Contractions, LinearInF16OverflowsOnlyInTheResult) {
  ReferenceTensor X = floats("1x2xf16", {60000, 60000}), W = floats("2x2xf16", {1, -1, 1, 1});
  expectFloats(
      evaluate(program("qopt.linear %a, %b : tensor<1x2xf16>, tensor<2x2xf16>", {X, W}, "1x2xf16"),
               {X, W}),
      {0, Inf});
}

TEST_F(Contractions, Matmul) {
  ReferenceTensor A = floats("2x1x1x2xf32", {1, 2, 3, 4}), B = floats("2x2x1xf32", {1, 10, 2, 20});
  std::string Text =
      program("qopt.matmul %a, %b : tensor<2x1x1x2xf32>, tensor<2x2x1xf32>", {A, B}, "2x2x1x1xf32");
  expectFloats(evaluate(Text, {A, B}), {21, 42, 43, 86});
  ReferenceTensor C = floats("1x1xf32", {0}), D = floats("1x1xf32", {Inf});
  expectFloats(
      evaluate(program("qopt.matmul %a, %b : tensor<1x1xf32>, tensor<1x1xf32>", {C, D}, "1x1xf32"),
               {C, D}),
      {NaN});
}

TEST_F(Contractions, MatmulOfDynamicSizesThatDiffer) {
  ReferenceTensor A = floats("1x2xf32", {1, 2}), B = floats("3x1xf32", {1, 2, 3});
  std::string Text =
      R"(func.func @main(%a: tensor<1x?xf32>, %b: tensor<?x1xf32>) -> tensor<1x1xf32> {
    %0 = qopt.matmul %a, %b : tensor<1x?xf32>, tensor<?x1xf32>
    return %0 : tensor<1x1xf32>
  })";
  EXPECT_THAT(error(Text, {A, B}),
              HasSubstr("cannot multiply 'tensor<1x2xf32>' with 'tensor<3x1xf32>'"));
}

TEST_F(Contractions, Reduce) {
  ReferenceTensor A = floats("2x3xf32", {1, 2, 6, -4, NaN, 0});
  auto Reduce = [&](const std::string &Kind, const std::string &Rest, const std::string &Result) {
    return evaluate(
        program("qopt.reduce " + Kind + " %a axes " + Rest + " : tensor<2x3xf32>", {A}, Result),
        {A});
  };
  expectFloats(Reduce("sum", "[1]", "2x1xf32"), {9, NaN});
  expectFloats(Reduce("mean", "[1] keep_dims false", "2xf32"), {3, NaN});
  expectFloats(Reduce("max", "[0] keep_dims false", "3xf32"), {1, NaN, 6});
  expectFloats(Reduce("min", "[0]", "1x3xf32"), {-4, NaN, 0});
  expectFloats(Reduce("max", "[0, 1] keep_dims false", "f32"), {NaN});
  expectFloats(Reduce("sum", "[]", "2x3xf32"), {1, 2, 6, -4, NaN, 0});
}

TEST_F(Contractions, ReduceOfNothing) {
  ReferenceTensor A = floats("2x0xf32", {}), B = integers("1x0xi8", {});
  auto Reduce = [&](const std::string &Kind, const ReferenceTensor &In, const std::string &Ty,
                    const std::string &Result) {
    return program("qopt.reduce " + Kind + " %a axes [1] : tensor<" + Ty + ">", {In}, Result);
  };
  expectFloats(evaluate(Reduce("sum", A, "2x0xf32", "2x1xf32"), {A}), {0, 0});
  expectFloats(evaluate(Reduce("mean", A, "2x0xf32", "2x1xf32"), {A}), {NaN, NaN});
  expectFloats(evaluate(Reduce("max", A, "2x0xf32", "2x1xf32"), {A}), {-Inf, -Inf});
  expectFloats(evaluate(Reduce("min", A, "2x0xf32", "2x1xf32"), {A}), {Inf, Inf});
  expectIntegers(evaluate(Reduce("sum", B, "1x0xi8", "1x1xi8"), {B}), {0});
  expectIntegers(evaluate(Reduce("max", B, "1x0xi8", "1x1xi8"), {B}), {-128});
  expectIntegers(evaluate(Reduce("min", B, "1x0xi8", "1x1xi8"), {B}), {127});
  EXPECT_THAT(error(Reduce("mean", B, "1x0xi8", "1x1xi8"), {B}),
              HasSubstr("takes the mean of no integers"));
}

TEST_F(Contractions, ReduceOfIntegers) {
  ReferenceTensor A = integers("3xi32", {-7, 2147483647, 2});
  auto Reduce = [&](const std::string &Kind) {
    return evaluate(
        program("qopt.reduce " + Kind + " %a axes [0] keep_dims false : tensor<3xi32>", {A}, "i32"),
        {A});
  };
  expectIntegers(Reduce("sum"), {2147483642});
  expectIntegers(Reduce("mean"), {715827880});
  expectIntegers(Reduce("max"), {2147483647});
  expectIntegers(Reduce("min"), {-7});
}

TEST_F(Contractions, Softmax) {
  ReferenceTensor A = floats("2x4xf32", {1, 2, 3, 4, -1, 0.5, 2, 0});
  auto Softmax = [&](const ReferenceTensor &In, const std::string &Ty, int Axis) {
    return evaluate(
        program("qopt.softmax %a axis " + std::to_string(Axis) + " : tensor<" + Ty + ">", {In}, Ty),
        {In});
  };
  expectFloats(Softmax(A, "2x4xf32", 1),
               {0.03205860328008499, 0.08714431874203257, 0.23688281808991013, 0.6439142598879724,
                0.03535379340874887, 0.15844470951497971, 0.7100999228861743, 0.09610157419009724});
  expectFloats(Softmax(A, "2x4xf32", 0),
               {0.8807970779778823, 0.8175744761936437, 0.7310585786300049, 0.9820137900379085,
                0.11920292202211755, 0.18242552380635632, 0.2689414213699951,
                0.017986209962091555});
  expectFloats(Softmax(floats("4x2xf32", {1000, 1000, -Inf, 0, -Inf, -Inf, NaN, 0}), "4x2xf32", 1),
               {0.5, 0.5, 0, 1, NaN, NaN, NaN, NaN});
  EXPECT_EQ(Softmax(floats("2x0xf32", {}), "2x0xf32", 1).getNumElements(), 0);
}

TEST_F(Contractions, RMSNorm) {
  ReferenceTensor X = floats("2x4xf32", {1, 2, 3, 4, -1, 0.5, 2, 0}),
                  Scale = floats("4xf32", {1, 2, 0.5, -1});
  std::string Text = program("qopt.rms_norm %a, %b epsilon 1.0e-5 : tensor<2x4xf32>, tensor<4xf32>",
                             {X, Scale}, "2x4xf32");
  expectFloats(evaluate(Text, {X, Scale}),
               {0.36514812823811255, 1.4605925129524502, 0.5477221923571688, -1.4605925129524502,
                -0.8728682357380606, 0.8728682357380606, 0.8728682357380606, -0.0});
  ReferenceTensor Zeros = floats("1x4xf32", {0, 0, 0, 0});
  std::string NoEpsilon =
      program("qopt.rms_norm %a, %b epsilon 0.0 : tensor<1x4xf32>, tensor<4xf32>", {Zeros, Scale},
              "1x4xf32");
  expectFloats(evaluate(NoEpsilon, {Zeros, Scale}), {NaN, NaN, NaN, NaN});
}

TEST_F(Contractions, RMSNormSquaresBeyondTheInputsRange) {
  ReferenceTensor X = floats("1x2xf16", {60000, 60000}), Scale = floats("2xf16", {1, 1});
  std::string Text = program("qopt.rms_norm %a, %b epsilon 0.0 : tensor<1x2xf16>, tensor<2xf16>",
                             {X, Scale}, "1x2xf16");
  expectFloats(evaluate(Text, {X, Scale}), {1, 1});
}

TEST_F(Contractions, LayerNorm) {
  ReferenceTensor X = floats("2x4xf32", {1, 2, 3, 4, -1, 0.5, 2, 0});
  ReferenceTensor Scale = floats("4xf32", {1, 2, 0.5, -1}), Bias = floats("4xf32", {0, 1, -1, 2});
  std::string Plain =
      program("qopt.layer_norm %a, %b epsilon 1.0e-5 : tensor<2x4xf32>, tensor<4xf32>", {X, Scale},
              "2x4xf32");
  expectFloats(evaluate(Plain, {X, Scale}),
               {-1.3416354199690625, -0.8944236133127084, 0.2236059033281771, -1.3416354199690625,
                -1.2701651728574705, 0.23093912233772193, 0.7505521475975963, 0.3464086835065829});
  std::string Biased = program(
      "qopt.layer_norm %a, %b, %c epsilon 1.0e-5 : tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>",
      {X, Scale, Bias}, "2x4xf32");
  expectFloats(evaluate(Biased, {X, Scale, Bias}),
               {-1.3416354199690625, 0.10557638668729163, -0.7763940966718229, 0.6583645800309375,
                -1.2701651728574705, 1.230939122337722, -0.24944785240240375, 2.3464086835065827});
}

TEST_F(Contractions, NormsOfDynamicSizesThatDiffer) {
  ReferenceTensor X = floats("1x2xf32", {1, 2}), Scale = floats("3xf32", {1, 2, 3});
  std::string Text = R"(func.func @main(%a: tensor<1x?xf32>, %b: tensor<?xf32>) -> tensor<1x?xf32> {
    %0 = qopt.rms_norm %a, %b epsilon 1.0e-5 : tensor<1x?xf32>, tensor<?xf32>
    return %0 : tensor<1x?xf32>
  })";
  EXPECT_THAT(error(Text, {X, Scale}),
              HasSubstr("normalizes 'tensor<1x2xf32>' with a scale or bias of type"));
}
