// Elementwise families: values by hand or from NumPy in float64, and the edges of each function.
#include "ReferenceTest.h"

using namespace qopt;
using testing::HasSubstr;

namespace {
class Elementwise : public ReferenceTest {
protected:
  ReferenceTensor unary(const std::string &Kind, const ReferenceTensor &Input) {
    std::string Ty = shapeText(Input.getType());
    return evaluate(program("qopt.unary " + Kind + " %a : tensor<" + Ty + ">", {Input}, Ty),
                    {Input});
  }
  ReferenceTensor unary(const std::string &Kind, llvm::ArrayRef<double> Elements) {
    return unary(Kind, floats(std::to_string(Elements.size()) + "xf32", Elements));
  }
  std::string binaryText(const std::string &Op, const ReferenceTensor &A, const ReferenceTensor &B,
                         const std::string &Result) {
    return program("qopt." + Op + " %a, %b : tensor<" + shapeText(A.getType()) + ">, tensor<" +
                       shapeText(B.getType()) + ">",
                   {A, B}, Result);
  }
  ReferenceTensor binary(const std::string &Kind, const ReferenceTensor &A,
                         const ReferenceTensor &B, std::string Result = "") {
    if (Result.empty())
      Result = shapeText(A.getType());
    return evaluate(binaryText("binary " + Kind, A, B, Result), {A, B});
  }
  ReferenceTensor compare(const std::string &Kind, const ReferenceTensor &A,
                          const ReferenceTensor &B) {
    return evaluate(binaryText("compare " + Kind, A, B, std::to_string(A.getNumElements()) + "xi1"),
                    {A, B});
  }
  ReferenceTensor cast(const ReferenceTensor &A, const std::string &To) {
    std::string Ty = std::to_string(A.getNumElements()) + "x" + To;
    return evaluate(
        program("qopt.cast %a : tensor<" + shapeText(A.getType()) + "> to tensor<" + Ty + ">", {A},
                Ty),
        {A});
  }

  static std::string shapeText(mlir::Type Ty) {
    std::string Text;
    llvm::raw_string_ostream(Text) << Ty;
    return llvm::StringRef(Text).drop_front(sizeof("tensor<") - 1).drop_back().str();
  }
};
} // namespace

TEST_F(Elementwise, UnaryOfNumbers) {
  expectFloats(unary("abs", {-1.5, 0, 2}), {1.5, 0, 2});
  expectFloats(unary("neg", {-1.5, 0, 2}), {1.5, -0.0, -2});
  expectFloats(unary("exp", {0, 1, -1}), {1, 2.718281828459045, 0.36787944117144233});
  expectFloats(unary("log", {1, 2, 0.5}), {0, 0.6931471805599453, -0.6931471805599453});
  expectFloats(unary("sqrt", {0, 2, 9}), {0, 1.4142135623730951, 3});
  expectFloats(unary("rsqrt", {2, 4}), {0.7071067811865475, 0.5});
  expectFloats(unary("reciprocal", {3, -4}), {0.3333333333333333, -0.25});
  expectFloats(unary("sigmoid", {0, 1, -2}), {0.5, 0.7310585786300049, 0.11920292202211755});
  expectFloats(unary("tanh", {0, 1}), {0, 0.7615941559557649});
  expectFloats(unary("erf", {0, 1}), {0, 0.8427007929497149});
  expectFloats(unary("silu", {0, 1, -2}), {0, 0.7310585786300049, -0.2384058440442351});
  expectFloats(unary("gelu_erf", {0, 1, -1}), {0, 0.8413447460685429, -0.15865525393145707});
  expectFloats(unary("gelu_tanh", {0, 1, -1}), {0, 0.8411919906082768, -0.15880800939172324});
  expectFloats(unary("quick_gelu", {0, 1, -1}), {0, 0.8457957659328212, -0.15420423406717876});
  expectFloats(unary("relu", {-1, 0, 2}), {0, 0, 2});
  expectFloats(unary("sin", {0, 1}), {0, 0.8414709848078965});
  expectFloats(unary("cos", {0, 1}), {1, 0.5403023058681398});
  expectFloats(unary("floor", {-1.5, 1.5, 2}), {-2, 1, 2});
  expectFloats(unary("ceil", {-1.5, 1.5, 2}), {-1, 2, 2});
}

TEST_F(Elementwise, UnaryAtTheEdges) {
  for (const char *Kind :
       {"abs", "neg", "exp", "log", "sqrt", "rsqrt", "reciprocal", "sigmoid", "tanh", "erf", "silu",
        "gelu_erf", "gelu_tanh", "quick_gelu", "relu", "sin", "cos", "floor", "ceil"})
    expectFloats(unary(Kind, {NaN}), {NaN});
  expectFloats(unary("exp", {Inf, -Inf, 89, -104}), {Inf, 0, Inf, 0});
  expectFloats(unary("log", {0, -1, Inf}), {-Inf, NaN, Inf});
  expectFloats(unary("sqrt", {-1, Inf, -0.0}), {NaN, Inf, -0.0});
  expectFloats(unary("rsqrt", {0, -1, Inf}), {Inf, NaN, 0});
  expectFloats(unary("reciprocal", {0, -0.0, Inf}), {Inf, -Inf, 0});
  expectFloats(unary("sigmoid", {1000, -1000}), {1, 0});
  expectFloats(unary("tanh", {1000, -Inf}), {1, -1});
  expectFloats(unary("silu", {1000, -1000, Inf}), {1000, -0.0, Inf});
  expectFloats(unary("gelu_erf", {Inf, -1000}), {Inf, -0.0});
  expectFloats(unary("gelu_tanh", {Inf, -1000}), {Inf, -0.0});
  expectFloats(unary("relu", {-Inf, Inf}), {0, Inf});
}

TEST_F(Elementwise, UnaryOfIntegersWraps) {
  expectIntegers(unary("abs", integers("3xi8", {-128, -1, 1})), {-128, 1, 1});
  expectIntegers(unary("neg", integers("2xi64", {std::numeric_limits<int64_t>::min(), 5})),
                 {std::numeric_limits<int64_t>::min(), -5});
  expectIntegers(unary("relu", integers("2xi32", {-7, 7})), {0, 7});
  expectIntegers(unary("not", integers("2xi1", {0, 1})), {1, 0});
}

TEST_F(Elementwise, RoundsOnceToTheElementType) {
  // 1 + 2^-11 lies between 1 and the next f16, 1 + 2^-10: a tie, to even.
  expectFloats(
      binary("add", floats("3xf16", {1, 1, 2048}), floats("3xf16", {0x1p-11, 0x1.8p-11, 1})),
      {1, 1 + 0x1p-10, 2048});
  expectFloats(binary("mul", floats("2xf16", {60000, 60000}), floats("2xf16", {2, 0.5})),
               {Inf, 30000});
  expectFloats(binary("add", floats("2xbf16", {256, 256}), floats("2xbf16", {1, 3})), {256, 260});
  expectFloats(binary("mul", floats("1xf16", {0x1p-14}), floats("1xf16", {0x1p-10})), {0x1p-24});
}

TEST_F(Elementwise, BinaryOfFloats) {
  ReferenceTensor A = floats("4xf32", {1, -2, Inf, NaN}), B = floats("4xf32", {0, 4, -Inf, 1});
  expectFloats(binary("add", A, B), {1, 2, NaN, NaN});
  expectFloats(binary("sub", A, B), {1, -6, Inf, NaN});
  expectFloats(binary("mul", A, B), {0, -8, -Inf, NaN});
  expectFloats(binary("div", A, B), {Inf, -0.5, NaN, NaN});
  expectFloats(binary("min", A, B), {0, -2, -Inf, NaN});
  expectFloats(binary("max", A, B), {1, 4, Inf, NaN});
  expectFloats(binary("max", B, A), {1, 4, Inf, NaN});
  expectFloats(binary("min", B, A), {0, -2, -Inf, NaN});
  expectFloats(binary("pow", floats("4xf32", {2, -2, 0, 2}), floats("4xf32", {0.5, 3, -1, 0})),
               {1.4142135623730951, -8, Inf, 1});
}

TEST_F(Elementwise, BinaryBroadcasts) {
  expectFloats(binary("add", floats("2x1xf32", {1, 2}), floats("3xf32", {10, 20, 30}), "2x3xf32"),
               {11, 21, 31, 12, 22, 32});
  expectFloats(binary("add", floats("f32", {1}), floats("2xf32", {10, 20}), "2xf32"), {11, 21});
  EXPECT_EQ(binary("add", floats("0x3xf32", {}), floats("1x3xf32", {1, 2, 3})).getNumElements(), 0);
}

TEST_F(Elementwise, BinaryOfIntegers) {
  int64_t Min = std::numeric_limits<int64_t>::min();
  expectIntegers(
      binary("div", integers("4xi64", {7, -7, 7, Min}), integers("4xi64", {2, 2, -2, -1})),
      {3, -3, -3, Min});
  expectIntegers(binary("add", integers("2xi32", {2147483647, 1}), integers("2xi32", {1, 1})),
                 {-2147483648, 2});
  expectIntegers(binary("mul", integers("2xui8", {16, 3}), integers("2xui8", {16, 5})), {0, 15});
  expectIntegers(binary("pow", integers("6xi64", {3, 2, -1, -1, 5, 1}),
                        integers("6xi64", {4, 0, -3, -2, -1, -9})),
                 {81, 1, -1, 1, 0, 1});
  expectIntegers(binary("min", integers("2xi64", {-1, 3}), integers("2xi64", {1, 2})), {-1, 2});
  expectIntegers(binary("max", integers("2xi64", {-1, 3}), integers("2xi64", {1, 2})), {1, 3});
  expectIntegers(binary("and", integers("4xi1", {0, 0, 1, 1}), integers("4xi1", {0, 1, 0, 1})),
                 {0, 0, 0, 1});
  expectIntegers(binary("or", integers("4xi1", {0, 0, 1, 1}), integers("4xi1", {0, 1, 0, 1})),
                 {0, 1, 1, 1});
}

TEST_F(Elementwise, IntegerDivisionByZeroFails) {
  ReferenceTensor A = integers("2xi32", {1, 2}), B = integers("2xi32", {1, 0});
  EXPECT_THAT(error(binaryText("binary div", A, B, "2xi32"), {A, B}),
              HasSubstr("divides an integer by zero"));
  ReferenceTensor Zero = integers("1xi32", {0}), MinusOne = integers("1xi32", {-1});
  EXPECT_THAT(error(binaryText("binary pow", Zero, MinusOne, "1xi32"), {Zero, MinusOne}),
              HasSubstr("divides an integer by zero"));
}

TEST_F(Elementwise, CompareIsFalseForNaN) {
  ReferenceTensor A = floats("4xf32", {1, 2, NaN, 0}), B = floats("4xf32", {2, 2, NaN, -0.0});
  expectIntegers(compare("eq", A, B), {0, 1, 0, 1});
  expectIntegers(compare("lt", A, B), {1, 0, 0, 0});
  expectIntegers(compare("le", A, B), {1, 1, 0, 1});
  expectIntegers(compare("gt", A, B), {0, 0, 0, 0});
  expectIntegers(compare("ge", A, B), {0, 1, 0, 1});
  // These differ as integers, not as doubles.
  ReferenceTensor C = integers("1xi64", {(int64_t(1) << 53) + 1}),
                  D = integers("1xi64", {int64_t(1) << 53});
  expectIntegers(compare("eq", C, D), {0});
  expectIntegers(compare("gt", C, D), {1});
}

TEST_F(Elementwise, SelectTakesElementsUnchanged) {
  ReferenceTensor C = integers("2x1xi1", {1, 0}), A = floats("2xf32", {1, NaN}),
                  B = floats("f32", {-1});
  std::string Text = program("qopt.select %a, %b, %c : tensor<2x1xi1>, tensor<2xf32>, tensor<f32>",
                             {C, A, B}, "2x2xf32");
  expectFloats(evaluate(Text, {C, A, B}), {1, NaN, -1, -1});
}

TEST_F(Elementwise, Casts) {
  expectIntegers(cast(floats("6xf32", {1.9, -1.9, NaN, Inf, -Inf, 3e9}), "i32"),
                 {1, -1, 0, 2147483647, -2147483648, 2147483647});
  expectIntegers(cast(floats("3xf32", {-1, 255.9, 300}), "ui8"), {0, 255, 255});
  expectIntegers(cast(floats("5xf32", {0, -0.0, 0.1, NaN, -3}), "i1"), {0, 0, 1, 1, 1});
  expectIntegers(cast(integers("3xi32", {0, 2, -1}), "i1"), {0, 1, 1});
  expectIntegers(cast(integers("3xi64", {300, -1, 128}), "i8"), {44, -1, -128});
  expectFloats(cast(integers("2xi1", {0, 1}), "f32"), {0, 1});
  expectFloats(cast(floats("4xf32", {65519.996, 65520, 0x1p-25, 0x1.8p-25}), "f16"),
               {65504, Inf, 0, 0x1p-24});
  expectFloats(cast(floats("2xf32", {1 + 0x1p-8, 1 + 0x1.8p-7}), "bf16"), {1, 1 + 0x1p-6});
}

TEST_F(Elementwise, IntegersRoundOnceToFloats) {
  // 2^60 + 2^36 + 1 is just above a tie of f32; by way of a double it would be the tie, and go
  // down.
  int64_t Above = (int64_t(1) << 60) + (int64_t(1) << 36) + 1;
  expectFloats(cast(integers("1xi64", {Above}), "f32"), {0x1.000002p60});
}

TEST_F(Elementwise, Quantize) {
  auto Quantize = [&](const std::string &Code, const std::string &Scale, double By, int64_t Zero,
                      llvm::ArrayRef<double> Numbers) {
    ReferenceTensor X = floats(std::to_string(Numbers.size()) + "xf32", Numbers),
                    S = floats(Scale, {By}), Z = integers(Code, {Zero});
    std::string Count = std::to_string(Numbers.size());
    return evaluate(program("qopt.quantize %a, %b, %c : tensor<" + Count + "xf32>, tensor<" +
                                Scale + ">, tensor<" + Code + ">",
                            {X, S, Z}, Count + "x" + Code),
                    {X, S, Z});
  };
  // Ties go to even before the zero point is added.
  expectIntegers(Quantize("ui8", "f32", 0.5, 3, {0, 0.25, 0.75, -0.25, -0.75, 1.2}),
                 {3, 3, 5, 3, 1, 5});
  expectIntegers(Quantize("i8", "f32", 1, 0, {127.4, 127.5, 300, -128.5, -129, 3e38}),
                 {127, 127, 127, -128, -128, 127});
  expectIntegers(Quantize("ui8", "f32", 1, 0, {-1, 255.5, Inf, -Inf, NaN}), {0, 255, 255, 0, 255});
  expectIntegers(Quantize("i16", "f32", -0.5, -2, {1, -1}), {-4, 0});
  expectIntegers(Quantize("ui16", "f32", 1, 65535, {0, -65535, 1}), {65535, 0, 65535});
  expectIntegers(Quantize("i8", "f32", 0, 0, {1, -1, 0}), {127, -128, 127});
  // Quotients of 24.503, 1.5002 and 2.4999 are ties in f16.
  expectIntegers(Quantize("i8", "f16", 0.1, 0, {2.4497}), {24});
  expectIntegers(Quantize("i8", "f16", 1, 0, {1.5002, 2.4999}), {2, 2});
}

TEST_F(Elementwise, QuantizeToFloat8) {
  // 17 and 19 are ties, 2^-10 is one with zero, and beyond 448 codes end; NaN gives the largest.
  ReferenceTensor X = floats("9xf32", {17, 19, -0.3, 0x1p-10, 0x3p-10, 500, -Inf, NaN, 0.4375}),
                  S = floats("f32", {1}), Z = floats("f8E4M3FN", {0});
  expectFloats(
      evaluate(program("qopt.quantize %a, %b, %c : tensor<9xf32>, tensor<f32>, tensor<f8E4M3FN>",
                       {X, S, Z}, "9xf8E4M3FN"),
               {X, S, Z}),
      {16, 20, -0.3125, 0, 0x2p-9, 448, -448, 448, 0.4375});
  ReferenceTensor Codes = floats("3xf8E4M3FN", {448, -0.3125, 0x1p-9}), By = floats("f32", {0.5});
  expectFloats(
      evaluate(
          program("qopt.dequantize %a, %b, %c : tensor<3xf8E4M3FN>, tensor<f32>, tensor<f8E4M3FN>",
                  {Codes, By, Z}, "3xf32"),
          {Codes, By, Z}),
      {224, -0.15625, 0x1p-10});
}

TEST_F(Elementwise, Dequantize) {
  ReferenceTensor X = integers("2x3xui8", {0, 128, 255, 1, 2, 3}),
                  S = floats("3xf32", {0.5, -2, 0}), Z = integers("ui8", {128});
  expectFloats(
      evaluate(program("qopt.dequantize %a, %b, %c : tensor<2x3xui8>, tensor<3xf32>, tensor<ui8>",
                       {X, S, Z}, "2x3xf32"),
               {X, S, Z}),
      {-64, -0.0, 0, -63.5, 252, -0.0});
}

TEST_F(Elementwise, DynamicScale) {
  ReferenceTensor X = floats("6x2xf32", {127, -3, 0, 0, -254, 1, NaN, 1, 1, -Inf, 1e-45, 0});
  std::string Text = program("qopt.dynamic_scale %a as i8 : tensor<6x2xf32>", {X}, "6x1xf32");
  // The quotient is rounded to f32, to 0 where it is smaller than all of them.
  expectFloats(evaluate(Text, {X}), {1, 0, 2, NaN, NaN, 0});
}
