// Contractions whose inputs go through 8-bit codes: products of bytes, exact but for the scales.
#include "KernelTester.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

using Sizes = std::vector<std::vector<int64_t>>;

constexpr const char *Symbols =
    R"(qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>])";
constexpr const char *Stored = "!qopt.packed<i8, group = 0, scale = f16>";

std::string rows(int64_t Size) {
  return "{qopt.dims = affine_map<()[s0, s1] -> (s0, s1, " + std::to_string(Size) + ")>}";
}

std::string tensor(const std::string &Shape, const std::string &Element) {
  return "tensor<" + Shape + "x" + Element + ">";
}

/// Takes `From` through codes with a scale for each row, to %r.
std::string dynamicCodes(const std::string &From, int64_t K, const std::string &Element = "f32",
                         const std::string &Code = "i8") {
  return llvm::formatv(R"(
      %zero = qopt.constant dense<{4}> : tensor<{3}>
      %s = qopt.dynamic_scale {0} as {3} : tensor<?x?x{1}x{2}>
      %q = qopt.quantize {0}, %s, %zero : tensor<?x?x{1}x{2}>, tensor<?x?x1xf32>, tensor<{3}>
      %r = qopt.dequantize %q, %s, %zero : tensor<?x?x{1}x{3}>, tensor<?x?x1xf32>, tensor<{3}>
  )",
                       From, K, Element, Code, Code == "i8" ? "0" : "0.0");
}

/// The same with constant scale and zero point.
std::string staticCodes(const std::string &From, int64_t K, const std::string &Code, double Scale,
                        int64_t Zero) {
  return llvm::formatv(R"(
      %zero = qopt.constant dense<{3}> : tensor<{2}>
      %s = qopt.constant dense<{4:E6}> : tensor<f32>
      %q = qopt.quantize {0}, %s, %zero : tensor<?x?x{1}xf32>, tensor<f32>, tensor<{2}>
      %r = qopt.dequantize %q, %s, %zero : tensor<?x?x{1}x{2}>, tensor<f32>, tensor<{2}>
  )",
                       From, K, Code, Zero, Scale);
}

/// A kernel of one contraction whose input is made by `Codes`.
std::string linear(int64_t N, int64_t K, const std::string &Codes,
                   const std::string &Weight = Stored, const std::string &Input = "f32") {
  std::string W = tensor(std::to_string(N) + "x" + std::to_string(K), Weight);
  return llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x{0}x{5}> {1}, %w: {2}) -> tensor<?x?x{3}xf32> attributes {{kind = "contraction", {4}} {{
      {6}
      %y = qopt.linear %r, %w : tensor<?x?x{0}xf32>, {2}
      qkernel.yield %y : tensor<?x?x{3}xf32>
    })",
                       K, rows(K), W, N, Symbols, Input, Codes);
}

void runDynamic(int64_t N, int64_t K, const std::vector<int64_t> &Rows) {
  SCOPED_TRACE("N = " + std::to_string(N) + ", K = " + std::to_string(K));
  Sizes Sets;
  for (int64_t M : Rows)
    Sets.push_back({1, M});
  KernelTester Tester(linear(N, K, dynamicCodes("%x", K)), Sets);
  Tester.weights({1}).budget("linear", "bytes").run();
  Tester.expectCpuLowering("contraction");
}

} // namespace

TEST(ByteContraction, Shapes) {
  runDynamic(96, 100, {1, 2, 3, 5, 8, 17});
  for (int64_t N : {1, 31, 32, 33, 130, 300})
    runDynamic(N, 40, {1, 3});
  for (int64_t K : {1, 3, 4, 7, 31, 64, 129, 260})
    runDynamic(33, K, {1, 9});
}

TEST(ByteContraction, ShortFloats) {
  for (const char *Input : {"f16", "bf16"})
    KernelTester(linear(40, 50, dynamicCodes("%x", 50, Input), Stored, Input),
                 Sizes{{1, 1}, {1, 5}})
        .weights({1})
        .budget("linear", "bytes")
        .run();
}

TEST(ByteContraction, ConstantScales) {
  struct Case {
    const char *Code;
    double Scale;
    int64_t Zero;
  };
  // The small scale lets both ends of the codes saturate.
  for (const Case &Each :
       {Case{"ui8", 0.0078, 128}, Case{"ui8", 0.004, 37}, Case{"ui8", 0.001, 255},
        Case{"i8", 0.0078, 0}, Case{"i8", 0.003, -5}, Case{"i8", 0.0005, 127}}) {
    SCOPED_TRACE(Each.Code + std::to_string(Each.Zero));
    for (int64_t K : {31, 128}) {
      KernelTester Tester(linear(70, K, staticCodes("%x", K, Each.Code, Each.Scale, Each.Zero)),
                          Sizes{{1, 1}, {1, 6}});
      Tester.weights({1}).budget("linear", "bytes").run();
      Tester.expectCpuLowering("contraction");
    }
  }
}

TEST(ByteContraction, EdgesOfRows) {
  double Infinity = std::numeric_limits<double>::infinity(),
         NaN = std::numeric_limits<double>::quiet_NaN();
  // Rows of 8 numbers, two of them: zeros, ties between codes, the smallest numbers, what is not
  // finite.
  for (const std::vector<double> &Numbers :
       {std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0, 1, -1, 0.5, 0, 0, 0, 0, 0.25},
        {127, 0.5, 1.5, 2.5, -0.5, -1.5, 126.5, -127, -127, 3.5, 64.5, 0, -2.5, 99.5, 1, 100.5},
        {1e-45, 0, 0, 0, 0, 0, 0, 0, 1e-38, 2e-39, 0, -1e-38, 0, 0, 0, 0},
        {1, 2, NaN, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1, 1, 1},
        {1, 2, 3, 4, -Infinity, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8},
        {3e38, -3e38, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}})
    for (int64_t M : {1, 2, 3})
      KernelTester(linear(33, 8, dynamicCodes("%x", 8)), {1, M})
          .weights({1})
          .floats(0, Numbers)
          .budget("linear", "bytes")
          .run();
}

TEST(ByteContraction, SharedCodesAfterANorm) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x48xf32> {0}, %g: tensor<48xf32>, %wq: tensor<64x48x{2}>, %wk: tensor<33x48x{2}>, %wv: tensor<64x48x{2}>)
        -> (tensor<?x?x4x16xf32>, tensor<?x?x33xf32>, tensor<?x?x64xf32>) attributes {{kind = "contraction", {1}} {{
      %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x48xf32>, tensor<48xf32>
      {3}
      %a = qopt.linear %r, %wq : tensor<?x?x48xf32>, tensor<64x48x{2}>
      %b = qopt.linear %r, %wk : tensor<?x?x48xf32>, tensor<33x48x{2}>
      %c = qopt.linear %r, %wv : tensor<?x?x48xf32>, tensor<64x48x{2}>
      %h = qopt.reshape %a dims affine_map<()[s0, s1] -> (s0, s1, 4, 16)> : tensor<?x?x64xf32> -> tensor<?x?x4x16xf32>
      qkernel.yield %h, %b, %c : tensor<?x?x4x16xf32>, tensor<?x?x33xf32>, tensor<?x?x64xf32>
    })",
                                   rows(48), Symbols, Stored, dynamicCodes("%n", 48));
  KernelTester Tester(Text, Sizes{{1, 1}, {2, 1}, {2, 7}});
  Tester.weights({2, 3, 4}).budget("linear", "bytes after a norm").checkBytes().run();
  Tester.expectCpuLowering("contraction");
}

TEST(ByteContraction, GateUpAndResidual) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x40xf32> {0}, %gate: tensor<100x40x{3}>, %up: tensor<100x40x{3}>, %residual: tensor<?x?x100xf32> {1})
        -> tensor<?x?x100xf32> attributes {{kind = "contraction", {2}} {{
      {4}
      %0 = qopt.linear %r, %gate : tensor<?x?x40xf32>, tensor<100x40x{3}>
      %1 = qopt.linear %r, %up : tensor<?x?x40xf32>, tensor<100x40x{3}>
      %2 = qopt.unary silu %0 : tensor<?x?x100xf32>
      %3 = qopt.binary mul %2, %1 : tensor<?x?x100xf32>, tensor<?x?x100xf32>
      %4 = qopt.binary add %residual, %3 : tensor<?x?x100xf32>, tensor<?x?x100xf32>
      qkernel.yield %4 : tensor<?x?x100xf32>
    })",
                                   rows(40), rows(100), Symbols, Stored, dynamicCodes("%x", 40));
  KernelTester(Text, Sizes{{1, 1}, {1, 4}, {1, 19}})
      .weights({1, 2})
      .budget("linear", "bytes")
      .run();
}

TEST(ByteContraction, LastTokens) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x24xf32> {0}, %count: tensor<?xi64> {{qopt.dims = affine_map<()[s0, s1] -> (s0)>}, %w: tensor<35x24x{2}>)
        -> tensor<?x2x35xf32> attributes {{kind = "contraction", {1}} {{
      %l = qopt.take_last %x, %count size affine_map<()[s0, s1] -> (2)> : tensor<?x?x24xf32>, tensor<?xi64> -> tensor<?x2x24xf32>
      %zero = qopt.constant dense<0> : tensor<i8>
      %s = qopt.dynamic_scale %l as i8 : tensor<?x2x24xf32>
      %q = qopt.quantize %l, %s, %zero : tensor<?x2x24xf32>, tensor<?x2x1xf32>, tensor<i8>
      %r = qopt.dequantize %q, %s, %zero : tensor<?x2x24xi8>, tensor<?x2x1xf32>, tensor<i8>
      %0 = qopt.linear %r, %w : tensor<?x2x24xf32>, tensor<35x24x{2}>
      qkernel.yield %0 : tensor<?x2x35xf32>
    })",
                                   rows(24), Symbols, Stored);
  KernelTester(Text, {3, 5}).weights({2}).integers(1, {5, 1, 3}).budget("linear", "bytes").run();
}

// Weights with groups or zero points are no factor of a sum of bytes.
TEST(ByteContraction, OtherWeights) {
  for (const char *Weight : {"!qopt.packed<i8, group = 16, scale = f16>",
                             "!qopt.packed<i8, group = 0, scale = f16, asymmetric>",
                             "!qopt.packed<i4, group = 32, scale = f16>"}) {
    SCOPED_TRACE(Weight);
    KernelTester Dynamic(linear(20, 24, dynamicCodes("%x", 24), Weight), Sizes{{1, 1}, {1, 3}});
    Dynamic.weights({1}).budget("linear", "codes").run();
    Dynamic.expectCpuLowering("contraction");
    SCOPED_TRACE("constant scale");
    KernelTester Static(linear(20, 24, staticCodes("%x", 24, "ui8", 0.0078, 128), Weight),
                        Sizes{{1, 1}, {1, 3}});
    Static.weights({1}).budget("linear", "codes").run();
    Static.expectCpuLowering("contraction");
  }
}

TEST(ByteContraction, CodesAlone) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x24xf32> {0}) -> (tensor<?x?x1xf32>, tensor<?x?x24xf32>) attributes {{kind = "generic", {1}} {{
      {2}
      qkernel.yield %s, %r : tensor<?x?x1xf32>, tensor<?x?x24xf32>
    })",
                                   rows(24), Symbols, dynamicCodes("%x", 24));
  KernelTester(Text, Sizes{{1, 1}, {2, 5}}).budget("elementwise", "f32").run();
}

// e4m3 weights and inputs: codes are read exactly, sums are those of floats.
TEST(Float8Contraction, Shapes) {
  for (const char *Weight : {"!qopt.scaled<f8E4M3FN, group = 0, scale = f32>",
                             "!qopt.scaled<f8E4M3FN, group = 16, scale = f16>"})
    for (int64_t K : {1, 7, 24, 130}) {
      SCOPED_TRACE(Weight + std::to_string(K));
      KernelTester Codes(linear(33, K, dynamicCodes("%x", K, "f32", "f8E4M3FN"), Weight),
                         Sizes{{1, 1}, {1, 3}, {1, 9}});
      Codes.weights({1}).budget("linear", "codes").run();
      Codes.expectCpuLowering("contraction");
    }
}

TEST(Float8Contraction, EdgesOfRows) {
  double Infinity = std::numeric_limits<double>::infinity(),
         NaN = std::numeric_limits<double>::quiet_NaN();
  for (const std::vector<double> &Numbers :
       {std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0, 1, -1, 0.5, 0, 0, 0, 0, 0.25},
        {448, 17, 19, -17, -19, 0x1p-10, 0x3p-10, -0x1p-10, -448, 0x1p-7, 0x3p-9, 1.0625, 0, 99, 1,
         3},
        {1, 2, NaN, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1, 1, 1},
        {1, 2, 3, 4, -Infinity, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}})
    for (int64_t M : {1, 2, 3})
      KernelTester(linear(33, 8, dynamicCodes("%x", 8, "f32", "f8E4M3FN"),
                          "!qopt.scaled<f8E4M3FN, group = 0, scale = f32>"),
                   {1, M})
          .weights({1})
          .floats(0, Numbers)
          .budget("linear", "codes")
          .run();
}

TEST(Float8Contraction, CodesInMemory) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x24xf32> {0}) -> (tensor<?x?x24xf8E4M3FN>, tensor<?x?x24xf32>) attributes {{kind = "generic", {1}} {{
      {2}
      qkernel.yield %q, %r : tensor<?x?x24xf8E4M3FN>, tensor<?x?x24xf32>
    })",
                                   rows(24), Symbols, dynamicCodes("%x", 24, "f32", "f8E4M3FN"));
  KernelTester(Text, Sizes{{1, 1}, {2, 5}}).budget("elementwise", "f32").run();
}
