#include "KernelTester.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

/// Values of the symbols for several runs.
using Sizes = std::vector<std::vector<int64_t>>;

/// One linear operation, for several numbers of rows.
struct Linear {
  std::string Weight = "f32", Input = "f32";
  std::vector<int64_t> M = {1};
  int64_t N = 32, K = 32;
  std::string Budget = "f32";
};

std::string tensor(const std::string &Shape, const std::string &Element) {
  return "tensor<" + Shape + "x" + Element + ">";
}

constexpr const char *Symbols =
    R"(qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 256>])";

std::string rows(int64_t Size) {
  return "{qopt.dims = affine_map<()[s0, s1] -> (s0, s1, " + std::to_string(Size) + ")>}";
}

void runLinear(const Linear &Case) {
  SCOPED_TRACE(
      llvm::formatv("{0} times {1}, N = {2}, K = {3}", Case.Input, Case.Weight, Case.N, Case.K)
          .str());
  Sizes Rows;
  for (int64_t M : Case.M)
    Rows.push_back({1, M});
  std::string X = tensor("?x?x" + std::to_string(Case.K), Case.Input),
              Y = tensor("?x?x" + std::to_string(Case.N), Case.Input);
  std::string W = tensor(std::to_string(Case.N) + "x" + std::to_string(Case.K), Case.Weight);
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: {0} {1}, %w: {2}) -> {3} attributes {{kind = "contraction", {4}} {{
      %y = qopt.linear %x, %w : {0}, {2}
      qkernel.yield %y : {3}
    })",
                                   X, rows(Case.K), W, Y, Symbols);
  KernelTester Tester(Text, Rows);
  Tester.weights({1}).budget("linear", Case.Budget).run();
  Tester.expectCpuLowering("contraction");
}

} // namespace

TEST(Contraction, Floats) {
  runLinear({"f32", "f32", {1, 2, 3, 5, 8, 17}, 96, 100});
  for (int64_t N : {1, 31, 32, 33, 130})
    runLinear({"f32", "f32", {1, 3}, N, 40});
  for (int64_t K : {1, 7, 8, 31, 33, 128, 260})
    runLinear({"f32", "f32", {1, 9}, 33, K});
}

TEST(Contraction, ShortFloats) {
  for (const char *Weight : {"f16", "bf16"})
    for (int64_t K : {7, 64, 131}) {
      runLinear({Weight, "f32", {1, 6}, 65, K});
      runLinear({Weight, Weight, {1, 6}, 65, K, Weight});
    }
}

TEST(Contraction, Codes) {
  for (const char *Code : {"i4", "i8"})
    for (const char *Group : {"0", "32", "64", "128"})
      for (const char *Form : {"", ", asymmetric"})
        for (int64_t K : {31, 200}) {
          std::string Weight = std::string("!qopt.packed<") + Code + ", group = " + Group +
                               ", scale = f16" + Form + ">";
          runLinear({Weight, "f32", {1, 5}, 33, K, "codes"});
        }
}

TEST(Contraction, OddGroupsAndScales) {
  for (const char *Weight : {"!qopt.packed<i4, group = 12, scale = f32>",
                             "!qopt.packed<i4, group = 200, scale = bf16, asymmetric>",
                             "!qopt.packed<i3, group = 16, scale = f16>",
                             "!qopt.packed<i6, group = 20, scale = f16, asymmetric>"})
    for (int64_t K : {1, 50, 450})
      runLinear({Weight, "f32", {1, 4}, 40, K, "long groups"});
}

// Groups that tensor cores take, with rows that do not fill their columns, tiles and panels.
TEST(Contraction, CodesInFragments) {
  for (const char *Weight : {"!qopt.packed<i4, group = 32, scale = f16>",
                             "!qopt.packed<i4, group = 64, scale = f16, asymmetric>",
                             "!qopt.packed<i4, group = 128, scale = f32>",
                             "!qopt.packed<i4, group = 256, scale = bf16, asymmetric>",
                             "!qopt.packed<i3, group = 96, scale = f16, asymmetric>",
                             "!qopt.packed<i4, group = 0, scale = f32, asymmetric>"}) {
    runLinear({Weight, "f32", {1, 3, 4, 5, 16, 17}, 33, 100, "long groups"});
    runLinear({Weight, "f32", {1, 9, 65}, 40, 1153, "long rows"});
  }
  runLinear({"!qopt.packed<i4, group = 32, scale = f16>", "f16", {1, 130}, 65, 257, "f16"});
}

// Rows that go around a ring of copies several times, and do not fit into shared memory.
TEST(Contraction, LongRowsOfCodes) {
  for (int64_t K : {4096, 14336, 26001}) {
    runLinear({"!qopt.packed<i4, group = 32, scale = f16>", "f32", {1, 3}, 33, K, "long rows"});
    runLinear({"!qopt.packed<i4, group = 128, scale = f16, asymmetric>",
               "f32",
               {1, 17},
               33,
               K,
               "long rows"});
  }
}

// More panels than a GPU has multiprocessors.
TEST(Contraction, ManyPanelsOfCodes) {
  for (int64_t N : {4096, 14336})
    runLinear({"!qopt.packed<i4, group = 32, scale = f16>", "f32", {1, 5}, N, 64, "codes"});
}

TEST(Contraction, LongRowsOfCodesAfterANorm) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x8200xf32> {0}, %g: tensor<8200xf32>, %a: tensor<40x8200x!qopt.packed<i4, group = 32, scale = f16>>,
        %b: tensor<40x8200x!qopt.packed<i4, group = 0, scale = f16, asymmetric>>) -> tensor<?x?x40xf32> attributes {{kind = "contraction", {1}} {{
      %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x8200xf32>, tensor<8200xf32>
      %0 = qopt.linear %n, %a : tensor<?x?x8200xf32>, tensor<40x8200x!qopt.packed<i4, group = 32, scale = f16>>
      %1 = qopt.linear %n, %b : tensor<?x?x8200xf32>, tensor<40x8200x!qopt.packed<i4, group = 0, scale = f16, asymmetric>>
      %2 = qopt.binary add %0, %1 : tensor<?x?x40xf32>, tensor<?x?x40xf32>
      qkernel.yield %2 : tensor<?x?x40xf32>
    })",
                                   rows(8200), Symbols);
  KernelTester(Text, Sizes{{1, 1}, {1, 3}, {2, 8}})
      .weights({2, 3})
      .budget("linear", "long rows")
      .run();
}

TEST(Contraction, SeveralPanelsInFlight) {
  for (const char *Weight : {"f32", "!qopt.packed<i4, group = 32, scale = f16>",
                             "!qopt.packed<i8, group = 0, scale = f16>"})
    for (int64_t N : {128, 300})
      runLinear({Weight, "f32", {1}, N, 96, "codes"});
}

TEST(Contraction, NotFinite) {
  double Infinity = std::numeric_limits<double>::infinity(),
         NaN = std::numeric_limits<double>::quiet_NaN();
  for (int64_t M : {1, 3}) {
    std::string Text = llvm::formatv(R"(
      qkernel.kernel @k(%x: tensor<?x?x8xf32> {0}, %w: tensor<33x8xf32>) -> tensor<?x?x33xf32> attributes {{kind = "contraction", {1}} {{
        %y = qopt.linear %x, %w : tensor<?x?x8xf32>, tensor<33x8xf32>
        qkernel.yield %y : tensor<?x?x33xf32>
      })",
                                     rows(8), Symbols);
    for (double Number : {Infinity, NaN})
      KernelTester(Text, {1, M})
          .weights({1})
          .floats(0, {1, 2, Number, 4, 5, 6, 7, 8, 1, 1, 1, 1, 1, 1, 1, 1})
          .run();
  }
}

TEST(Contraction, NormAndSeparateOutputs) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x48xf32> {0}, %g: tensor<48xf32>, %q: tensor<64x48x!qopt.packed<i4, group = 32, scale = f16>>,
        %k: tensor<33x48xf32>, %v: tensor<64x48xf16>) -> (tensor<?x?x4x16xf32>, tensor<?x?x33xf32>, tensor<?x?x64xf32>)
        attributes {{kind = "contraction", {1}} {{
      %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x48xf32>, tensor<48xf32>
      %a = qopt.linear %n, %q : tensor<?x?x48xf32>, tensor<64x48x!qopt.packed<i4, group = 32, scale = f16>>
      %b = qopt.linear %n, %k : tensor<?x?x48xf32>, tensor<33x48xf32>
      %c = qopt.linear %n, %v : tensor<?x?x48xf32>, tensor<64x48xf16>
      %r = qopt.reshape %a dims affine_map<()[s0, s1] -> (s0, s1, 4, 16)> : tensor<?x?x64xf32> -> tensor<?x?x4x16xf32>
      qkernel.yield %r, %b, %c : tensor<?x?x4x16xf32>, tensor<?x?x33xf32>, tensor<?x?x64xf32>
    })",
                                   rows(48), Symbols);
  KernelTester(Text, Sizes{{1, 1}, {2, 1}, {1, 2}, {2, 7}})
      .weights({2, 3, 4})
      .budget("linear", "after a norm")
      .run();
}

TEST(Contraction, GateAndUp) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x40xf32> {0}, %g: tensor<40xf32>, %b: tensor<40xf32>, %gate: tensor<100x40xf32>,
        %up: tensor<100x40x!qopt.packed<i8, group = 0, scale = f16>>) -> tensor<?x?x100xf32> attributes {{kind = "contraction", {1}} {{
      %n = qopt.layer_norm %x, %g, %b epsilon 1.0e-05 : tensor<?x?x40xf32>, tensor<40xf32>, tensor<40xf32>
      %0 = qopt.linear %n, %gate : tensor<?x?x40xf32>, tensor<100x40xf32>
      %1 = qopt.linear %n, %up : tensor<?x?x40xf32>, tensor<100x40x!qopt.packed<i8, group = 0, scale = f16>>
      %2 = qopt.unary silu %0 : tensor<?x?x100xf32>
      %3 = qopt.binary mul %2, %1 : tensor<?x?x100xf32>, tensor<?x?x100xf32>
      qkernel.yield %3 : tensor<?x?x100xf32>
    })",
                                   rows(40), Symbols);
  KernelTester(Text, Sizes{{1, 1}, {1, 4}, {1, 19}})
      .weights({3, 4})
      .budget("linear", "after a norm")
      .checkBytes()
      .run();
}

TEST(Contraction, BiasResidualAndConstants) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x24xf32> {0}, %w: tensor<35x24xf32>, %bias: tensor<35xf32>, %residual: tensor<?x?x35xf32> {1})
        -> (tensor<?x?x35xf32>, tensor<?x?x35xf32>) attributes {{kind = "contraction", {2}} {{
      %0 = qopt.linear %x, %w : tensor<?x?x24xf32>, tensor<35x24xf32>
      %1 = qopt.binary add %0, %bias : tensor<?x?x35xf32>, tensor<35xf32>
      %half = qopt.constant dense<0.5> : tensor<f32>
      %2 = qopt.binary mul %1, %half : tensor<?x?x35xf32>, tensor<f32>
      %3 = qopt.binary add %residual, %2 : tensor<?x?x35xf32>, tensor<?x?x35xf32>
      qkernel.yield %2, %3 : tensor<?x?x35xf32>, tensor<?x?x35xf32>
    })",
                                   rows(24), rows(35), Symbols);
  KernelTester(Text, Sizes{{1, 1}, {3, 1}, {1, 4}, {3, 4}}).weights({1}).run();
}

TEST(Contraction, LastTokens) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x24xf32> {0}, %count: tensor<?xi64> {{qopt.dims = affine_map<()[s0, s1] -> (s0)>}, %g: tensor<24xf32>, %w: tensor<35x24xf32>)
        -> tensor<?x2x35xf32> attributes {{kind = "contraction", {1}} {{
      %l = qopt.take_last %x, %count size affine_map<()[s0, s1] -> (2)> : tensor<?x?x24xf32>, tensor<?xi64> -> tensor<?x2x24xf32>
      %n = qopt.rms_norm %l, %g epsilon 1.0e-05 : tensor<?x2x24xf32>, tensor<24xf32>
      %0 = qopt.linear %n, %w : tensor<?x2x24xf32>, tensor<35x24xf32>
      qkernel.yield %0 : tensor<?x2x35xf32>
    })",
                                   rows(24), Symbols);
  KernelTester(Text, {3, 5})
      .weights({3})
      .integers(1, {5, 1, 3})
      .budget("linear", "after a norm")
      .run();
}

TEST(Contraction, FloatZeroPoints) {
  for (const char *Weight : {"!qopt.packed<i4, group = 32, scale = f16, asymmetric = f16>",
                             "!qopt.packed<i2, group = 16, scale = f32, asymmetric = f32>",
                             "!qopt.packed<i8, group = 0, scale = f32, asymmetric = bf16>",
                             "!qopt.packed<i2, group = 32, scale = f16>"})
    for (int64_t K : {31, 75, 200})
      runLinear({Weight, "f32", {1, 5}, 37, K, "codes"});
}

TEST(Contraction, InputsThroughCodes) {
  for (const char *Code : {"i8", "ui8", "i16"}) {
    std::string Text = llvm::formatv(R"(
      qkernel.kernel @k(%x: tensor<?x?x48xf32> {0}, %w: tensor<64x48x!qopt.packed<i8, group = 0, scale = f32>>, %v: tensor<33x48xf32>)
          -> (tensor<?x?x64xf32>, tensor<?x?x33xf32>) attributes {{kind = "contraction", {1}} {{
        %s = qopt.constant dense<0.01> : tensor<f32>
        %z = qopt.constant dense<3> : tensor<{2}>
        %q = qopt.quantize %x, %s, %z : tensor<?x?x48xf32>, tensor<f32>, tensor<{2}>
        %d = qopt.dequantize %q, %s, %z : tensor<?x?x48x{2}>, tensor<f32>, tensor<{2}>
        %a = qopt.linear %d, %w : tensor<?x?x48xf32>, tensor<64x48x!qopt.packed<i8, group = 0, scale = f32>>
        %b = qopt.linear %d, %v : tensor<?x?x48xf32>, tensor<33x48xf32>
        qkernel.yield %a, %b : tensor<?x?x64xf32>, tensor<?x?x33xf32>
      })",
                                     rows(48), Symbols, Code);
    KernelTester Tester(Text, Sizes{{1, 1}, {2, 1}, {2, 7}});
    Tester.weights({1, 2}).budget("linear", "codes").run();
    Tester.expectCpuLowering("contraction");
  }
}

TEST(Contraction, ANormAndCodesAround) {
  // The codes are coarse, so that what a norm may differ by moves none of them.
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x48xf32> {0}, %g: tensor<48xf32>, %w: tensor<40x48xf32>, %r: tensor<?x?x40xf32> {1})
        -> tensor<?x?x40xf32> attributes {{kind = "contraction", {2}} {{
      %s = qopt.constant dense<0.25> : tensor<f32>
      %z = qopt.constant dense<-1> : tensor<i8>
      %n = qopt.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x?x48xf32>, tensor<48xf32>
      %q = qopt.quantize %n, %s, %z : tensor<?x?x48xf32>, tensor<f32>, tensor<i8>
      %d = qopt.dequantize %q, %s, %z : tensor<?x?x48xi8>, tensor<f32>, tensor<i8>
      %y = qopt.linear %d, %w : tensor<?x?x48xf32>, tensor<40x48xf32>
      %p = qopt.quantize %y, %s, %z : tensor<?x?x40xf32>, tensor<f32>, tensor<i8>
      %e = qopt.dequantize %p, %s, %z : tensor<?x?x40xi8>, tensor<f32>, tensor<i8>
      %sum = qopt.binary add %e, %r : tensor<?x?x40xf32>, tensor<?x?x40xf32>
      qkernel.yield %sum : tensor<?x?x40xf32>
    })",
                                   rows(48), rows(40), Symbols);
  KernelTester Tester(Text, Sizes{{1, 1}, {1, 5}});
  Tester.weights({2}).budget("linear", "after a norm").run();
  Tester.expectCpuLowering("contraction");
}
