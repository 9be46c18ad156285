// Windows: values by hand.
#include "ReferenceTest.h"

#include <cmath>

using namespace qopt;

namespace {
using Convolution = ReferenceTest;
} // namespace

TEST_F(Convolution, PaddingStridesAndDilation) {
  ReferenceTensor X = floats("1x1x6xf32", {1, 2, 3, 4, 5, 6}), W = floats("1x2xf32", {10, 1});
  auto Conv = [&](const std::string &Window, const std::string &Result) {
    return program("qopt.conv %a, %b kernel [2] " + Window +
                       " : tensor<1x1x6xf32>, tensor<1x2xf32>",
                   {X, W}, Result);
  };
  expectFloats(evaluate(Conv("strides [1] dilations [1] pads [1, 0]", "1x1x6xf32"), {X, W}),
               {1, 12, 23, 34, 45, 56});
  expectFloats(evaluate(Conv("strides [2] dilations [1] pads [0, 1]", "1x1x3xf32"), {X, W}),
               {12, 34, 56});
  expectFloats(evaluate(Conv("strides [1] dilations [4] pads [0, 0]", "1x1x2xf32"), {X, W}),
               {15, 26});
}

TEST_F(Convolution, GroupsAndTwoAxes) {
  // Two channels, each with an output of its own: rows of a window come first.
  ReferenceTensor X = floats("1x2x2x2xf32", {1, 2, 3, 4, 5, 6, 7, 8}),
                  W = floats("2x4xf32", {1, 10, 100, 1000, 1, 0, 0, 1});
  expectFloats(evaluate(program("qopt.conv %a, %b kernel [2, 2] strides [1, 1] dilations [1, 1] "
                                "pads [0, 0, 0, 0] groups 2 : tensor<1x2x2x2xf32>, tensor<2x4xf32>",
                                {X, W}, "1x2x1x1xf32"),
                        {X, W}),
               {4321, 13});
}

TEST_F(Convolution, StoredWeights) {
  auto Ty = type("1x2x!qopt.packed<i8, group = 0, scale = f32>");
  ReferenceTensor W = ReferenceTensor::fromCodes(Ty, {3, -2}, {0.5});
  ReferenceTensor X = floats("1x1x3xf32", {1, 2, 3});
  expectFloats(
      evaluate(program("qopt.conv %a, %b kernel [2] strides [1] dilations [1] pads [0, 0] : "
                       "tensor<1x1x3xf32>, tensor<1x2x!qopt.packed<i8, group = 0, scale = f32>>",
                       {X, W}, "1x1x2xf32"),
               {X, W}),
      {-0.5, 0});
}

TEST_F(Convolution, PoolsSeeNoPadding) {
  ReferenceTensor X = floats("1x1x4xf32", {-1, -2, -3, -8});
  auto Pool = [&](const std::string &Kind) {
    return program("qopt.pool " + Kind +
                       " %a kernel [2] strides [2] dilations [1] pads [1, 2] : tensor<1x1x4xf32>",
                   {X}, "1x1x3xf32");
  };
  expectFloats(evaluate(Pool("max"), {X}), {-1, -2, -8});
  expectFloats(evaluate(Pool("average"), {X}), {-1, -2.5, -8});
}

TEST_F(Convolution, PoolsOfNothingAndNaN) {
  ReferenceTensor X = floats("1x1x2xf32", {NAN, 1});
  auto Pool = [&](const std::string &Kind) {
    return program("qopt.pool " + Kind +
                       " %a kernel [1] strides [1] dilations [1] pads [1, 0] : tensor<1x1x2xf32>",
                   {X}, "1x1x3xf32");
  };
  expectFloats(evaluate(Pool("max"), {X}), {-INFINITY, NAN, 1});
  expectFloats(evaluate(Pool("average"), {X}), {NAN, NAN, 1});
}

TEST_F(Convolution, Pad) {
  ReferenceTensor X = floats("2x1xf32", {1, 2});
  expectFloats(
      evaluate(program("qopt.pad %a low [1, 0] high [0, 2] value 7.0 : f32 : tensor<2x1xf32>", {X},
                       "3x3xf32"),
               {X}),
      {7, 7, 7, 1, 7, 7, 2, 7, 7});
}
