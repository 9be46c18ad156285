// Operations that move elements or make them from sizes.
#include "ReferenceTest.h"

using namespace qopt;
using testing::HasSubstr;

namespace {
class Structure : public ReferenceTest {
protected:
  const std::string OneSymbol = "#qopt.symbol<\"n\", 0 to 100>";
};
} // namespace

TEST_F(Structure, Reshape) {
  ReferenceTensor A = floats("2x3xf32", {1, 2, 3, 4, 5, 6});
  ReferenceTensor R = evaluate(
      program(
          "qopt.reshape %a dims affine_map<()[s0] -> (s0, 2)> : tensor<2x3xf32> -> tensor<?x2xf32>",
          {A}, "?x2xf32", OneSymbol),
      {A}, {{"n", 3}});
  EXPECT_EQ(R.getType(), type("3x2xf32"));
  expectFloats(R, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(error(program("qopt.reshape %a dims affine_map<()[s0] -> (s0, 2)> : tensor<2x3xf32> "
                            "-> tensor<?x2xf32>",
                            {A}, "?x2xf32", OneSymbol),
                    {A}, {{"n", 4}}),
              HasSubstr("makes 'tensor<4x2xf32>' of 'tensor<2x3xf32>'"));
  EXPECT_THAT(error(program("qopt.reshape %a dims affine_map<()[s0] -> (s0 - 5, 2)> : "
                            "tensor<2x3xf32> -> tensor<?x2xf32>",
                            {A}, "?x2xf32", OneSymbol),
                    {A}, {{"n", 4}}),
              HasSubstr("are negative"));
}

TEST_F(Structure, Broadcast) {
  ReferenceTensor A = integers("2x1xi64", {1, 2});
  std::string Text = program("qopt.broadcast %a dims affine_map<()[s0] -> (2, 2, s0)> : "
                             "tensor<2x1xi64> -> tensor<2x2x?xi64>",
                             {A}, "2x2x?xi64", OneSymbol);
  expectIntegers(evaluate(Text, {A}, {{"n", 2}}), {1, 1, 2, 2, 1, 1, 2, 2});
  EXPECT_EQ(evaluate(Text, {A}, {{"n", 0}}).getNumElements(), 0);
  ReferenceTensor B = integers("3xi64", {1, 2, 3});
  EXPECT_THAT(
      error(
          program(
              "qopt.broadcast %a dims affine_map<()[s0] -> (s0)> : tensor<3xi64> -> tensor<?xi64>",
              {B}, "?xi64", OneSymbol),
          {B}, {{"n", 1}}),
      HasSubstr("makes 'tensor<1xi64>' of 'tensor<3xi64>'"));
}

TEST_F(Structure, Transpose) {
  ReferenceTensor A = floats("2x3x1xf16", {1, 2, 3, 4, 5, 6});
  ReferenceTensor R =
      evaluate(program("qopt.transpose %a [1, 2, 0] : tensor<2x3x1xf16>", {A}, "3x1x2xf16"), {A});
  expectFloats(R, {1, 4, 2, 5, 3, 6});
  ReferenceTensor Scalar = floats("f32", {7});
  expectFloats(evaluate(program("qopt.transpose %a [] : tensor<f32>", {Scalar}, "f32"), {Scalar}),
               {7});
}

TEST_F(Structure, Slice) {
  ReferenceTensor A = integers("2x4xi32", {0, 1, 2, 3, 4, 5, 6, 7});
  auto Slice = [&](const std::string &Bounds, const std::string &Step) {
    return program("qopt.slice %a axis 1 bounds affine_map<()[s0] -> (" + Bounds + ")>" + Step +
                       " : tensor<2x4xi32> -> tensor<2x?xi32>",
                   {A}, "2x?xi32", OneSymbol);
  };
  expectIntegers(evaluate(Slice("1, s0", ""), {A}, {{"n", 2}}), {1, 2, 5, 6});
  expectIntegers(evaluate(Slice("3, s0", " step -2"), {A}, {{"n", 2}}), {3, 1, 7, 5});
  expectIntegers(evaluate(Slice("0, s0", " step 3"), {A}, {{"n", 2}}), {0, 3, 4, 7});
  EXPECT_EQ(evaluate(Slice("9, s0", ""), {A}, {{"n", 0}}).getNumElements(), 0);
  EXPECT_THAT(error(Slice("2, s0", ""), {A}, {{"n", 3}}),
              HasSubstr("takes 3 elements from 2 in steps of 1 of an axis of 4"));
  EXPECT_THAT(error(Slice("0, s0", " step -1"), {A}, {{"n", 2}}),
              HasSubstr("takes 2 elements from 0 in steps of -1"));
  EXPECT_THAT(error(Slice("1, s0", " step 9223372036854775807"), {A}, {{"n", 2}}),
              HasSubstr("takes 2 elements"));
  EXPECT_THAT(error(Slice("1, s0", " step -9223372036854775808"), {A}, {{"n", 2}}),
              HasSubstr("takes 2 elements"));
  EXPECT_THAT(error(Slice("1, s0 - 3", ""), {A}, {{"n", 2}}), HasSubstr("takes -1 elements"));
}

TEST_F(Structure, Concat) {
  ReferenceTensor A = floats("2x1xf32", {1, 2}), B = floats("2x0xf32", {}),
                  C = floats("2x2xf32", {3, 4, 5, 6});
  expectFloats(
      evaluate(
          program(
              "qopt.concat %a, %b, %c axis 1 : tensor<2x1xf32>, tensor<2x0xf32>, tensor<2x2xf32>",
              {A, B, C}, "2x3xf32"),
          {A, B, C}),
      {1, 3, 4, 2, 5, 6});
  ReferenceTensor D = floats("1x1xf32", {9}), E = floats("1x2xf32", {7, 8});
  std::string Dynamic =
      R"(func.func @main(%a: tensor<?x1xf32>, %b: tensor<?x2xf32>) -> tensor<?x3xf32> {
    %0 = qopt.concat %a, %b axis 1 : tensor<?x1xf32>, tensor<?x2xf32>
    return %0 : tensor<?x3xf32>
  })";
  expectFloats(evaluate(Dynamic, {D, E}), {9, 7, 8});
  EXPECT_THAT(error(Dynamic, {A, E}), HasSubstr("differ on axis 0"));
}

TEST_F(Structure, Gather) {
  ReferenceTensor Table = floats("3x2xf32", {1, 2, 3, 4, 5, 6});
  auto Gather = [&](const ReferenceTensor &Indices, const std::string &Result,
                    const std::string &Axis = "") {
    std::string Ty;
    llvm::raw_string_ostream(Ty) << Indices.getType();
    return program("qopt.gather %a[%b]" + Axis + " : tensor<3x2xf32>, " + Ty, {Table, Indices},
                   Result);
  };
  ReferenceTensor I = integers("1x3xi64", {2, -1, 0});
  expectFloats(evaluate(Gather(I, "1x3x2xf32"), {Table, I}), {5, 6, 5, 6, 1, 2});
  ReferenceTensor J = integers("i32", {-2});
  expectFloats(evaluate(Gather(J, "3xf32", " axis 1"), {Table, J}), {1, 3, 5});
  ReferenceTensor None = integers("0xi64", {});
  EXPECT_EQ(evaluate(Gather(None, "0x2xf32"), {Table, None}).getNumElements(), 0);
  for (int64_t Wrong : {3, -4}) {
    ReferenceTensor K = integers("1xi64", {Wrong});
    EXPECT_THAT(error(Gather(K, "1x2xf32"), {Table, K}),
                HasSubstr("is out of range for an axis of 3"));
  }
}

TEST_F(Structure, GatherReadsDequantizedRows) {
  auto Ty = type("2x5x!qopt.packed<i4, group = 2, scale = f16, asymmetric>");
  ReferenceTensor Table = ReferenceTensor::fromCodes(Ty, {0, 15, 8, 8, 1, 1, 2, 3, 4, 5},
                                                     {1, 2, 0.5, 1, 1, 1}, {8, 7, 0, 0, 0, 15});
  ReferenceTensor I = integers("2xi64", {1, 0});
  expectFloats(evaluate(program("qopt.gather %a[%b] : tensor<2x5x!qopt.packed<i4, group = 2, scale "
                                "= f16, asymmetric>>, "
                                "tensor<2xi64>",
                                {Table, I}, "2x5xf32"),
                        {Table, I}),
               {1, 2, 3, 4, -10, -8, 7, 2, 2, 0.5});
}

TEST_F(Structure, IotaAndSizes) {
  auto Iota = [&](const std::string &Range, const std::string &Ty) {
    return program("qopt.iota affine_map<()[s0] -> (" + Range + ")> : tensor<?x" + Ty + ">", {},
                   "?x" + Ty, OneSymbol);
  };
  expectIntegers(evaluate(Iota("s0, 5, -2", "i64"), {}, {{"n", 3}}), {5, 3, 1});
  expectIntegers(evaluate(Iota("s0, 126, 1", "i8"), {}, {{"n", 3}}), {126, 127, -128});
  expectFloats(evaluate(Iota("s0, s0 * 2, 1", "f16"), {}, {{"n", 2}}), {4, 5});
  EXPECT_EQ(evaluate(Iota("s0, 0, 1", "i64"), {}, {{"n", 0}}).getNumElements(), 0);
  EXPECT_THAT(error(Iota("s0 - 1, 0, 1", "i64"), {}, {{"n", 0}}), HasSubstr("has -1 elements"));

  std::string Sizes =
      program("qopt.sizes affine_map<()[s0] -> (s0 + 1, 7, s0 floordiv 2)> : tensor<3xi64>", {},
              "3xi64", OneSymbol);
  expectIntegers(evaluate(Sizes, {}, {{"n", 5}}), {6, 7, 2});
  std::string Scalar =
      program("qopt.sizes affine_map<()[s0] -> (s0 * s0)> : tensor<i32>", {}, "i32", OneSymbol);
  expectIntegers(evaluate(Scalar, {}, {{"n", 9}}), {81});
}

TEST_F(Structure, ExpressionsWithoutValueFail) {
  std::string Overflows =
      program("qopt.sizes affine_map<()[s0] -> (s0 * 9223372036854775807)> : tensor<i64>", {},
              "i64", OneSymbol);
  EXPECT_THAT(error(Overflows, {}, {{"n", 2}}),
              HasSubstr("have no value for the declared symbols"));
  std::string Undeclared =
      program("qopt.sizes affine_map<()[s0, s1] -> (s1)> : tensor<i64>", {}, "i64", OneSymbol);
  EXPECT_THAT(error(Undeclared, {}, {{"n", 2}}),
              HasSubstr("have no value for the declared symbols"));
}
