// Contractions of codes in the shapes that tensor cores take: few rows and many, tiles of 128 with
// ragged ends, rows of inputs that are longer than any ring of tiles.
#include "KernelTester.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

using Sizes = std::vector<std::vector<int64_t>>;

constexpr const char *Symbols =
    R"(qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 512>])";

/// A type of codes, of inputs and of weights.
struct Format {
  const char *Name, *Code, *Zero, *Stored;
  /// Budgets.
  const char *Types, *LongRows, *AfterNorm;
};
void PrintTo(const Format &Printed, std::ostream *Stream) { *Stream << Printed.Name; }

const Format Int8 = {"i8",
                     "i8",
                     "0",
                     "!qopt.packed<i8, group = 0, scale = f16>",
                     "bytes",
                     "bytes",
                     "bytes after a norm"};
const Format Float8 = {"e4m3",
                       "f8E4M3FN",
                       "0.0",
                       "!qopt.scaled<f8E4M3FN, group = 0, scale = f32>",
                       "codes",
                       "long rows of codes",
                       "float8 after a norm"};

class CodesContraction : public testing::TestWithParam<Format> {
protected:
  std::string weight(int64_t N, int64_t K) const {
    return llvm::formatv("tensor<{0}x{1}x{2}>", N, K, GetParam().Stored);
  }

  /// Takes `From` through codes with a scale for each row, to %r.
  std::string codes(const std::string &From, int64_t K) const {
    return llvm::formatv(R"(
      %zero = qopt.constant dense<{3}> : tensor<{2}>
      %s = qopt.dynamic_scale {0} as {2} : tensor<?x?x{1}xf32>
      %q = qopt.quantize {0}, %s, %zero : tensor<?x?x{1}xf32>, tensor<?x?x1xf32>, tensor<{2}>
      %r = qopt.dequantize %q, %s, %zero : tensor<?x?x{1}x{2}>, tensor<?x?x1xf32>, tensor<{2}>
    )",
                         From, K, GetParam().Code, GetParam().Zero);
  }

  /// One contraction.
  std::string linear(int64_t N, int64_t K) const {
    return llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x{0}xf32> {1}, %w: {2}) -> tensor<?x?x{3}xf32> attributes {{kind = "contraction", {4}} {{
      {5}
      %y = qopt.linear %r, %w : tensor<?x?x{0}xf32>, {2}
      qkernel.yield %y : tensor<?x?x{3}xf32>
    })",
                         K, rows(K), weight(N, K), N, Symbols, codes("%x", K));
  }

  static std::string rows(int64_t Size) {
    return "{qopt.dims = affine_map<()[s0, s1] -> (s0, s1, " + std::to_string(Size) + ")>}";
  }

  void run(int64_t N, int64_t K, const std::vector<int64_t> &Rows,
           const char *Types = GetParam().Types) const {
    SCOPED_TRACE("N = " + std::to_string(N) + ", K = " + std::to_string(K));
    Sizes Sets;
    for (int64_t M : Rows)
      Sets.push_back({1, M});
    KernelTester(linear(N, K), Sets).weights({1}).budget("linear", Types).run();
  }
};

} // namespace

TEST_P(CodesContraction, Rows) { run(160, 136, {1, 3, 8, 9, 16, 17, 64, 128, 129, 300}); }

TEST_P(CodesContraction, RaggedOutputsAndInputs) {
  for (int64_t N : {1, 33, 127, 128, 129, 257})
    run(N, 72, {2, 18});
  for (int64_t K : {1, 5, 63, 64, 65, 127, 128, 129, 250, 515})
    run(37, K, {1, 12, 19});
}

// Longer than three turns of a ring of tiles.
TEST_P(CodesContraction, LongRows) {
  run(24, 4096, {1, 16, 20}, GetParam().LongRows);
  run(8, 14336, {1, 16, 17}, GetParam().LongRows);
}

TEST_P(CodesContraction, SharedCodesAfterANorm) {
  std::string Text = llvm::formatv(
      R"(
    qkernel.kernel @k(%x: tensor<?x?x200xf32> {0}, %g: tensor<200xf32>, %b: tensor<200xf32>, %wq: {2}, %wk: {3}, %wv: {2}, %residual: tensor<?x?x70xf32> {5})
        -> (tensor<?x?x10x16xf32>, tensor<?x?x70xf32>, tensor<?x?x160xf16>) attributes {{kind = "contraction", {1}} {{
      %n = qopt.layer_norm %x, %g, %b epsilon 1.0e-05 : tensor<?x?x200xf32>, tensor<200xf32>, tensor<200xf32>
      {4}
      %a = qopt.linear %r, %wq : tensor<?x?x200xf32>, {2}
      %k = qopt.linear %r, %wk : tensor<?x?x200xf32>, {3}
      %v = qopt.linear %r, %wv : tensor<?x?x200xf32>, {2}
      %h = qopt.reshape %a dims affine_map<()[s0, s1] -> (s0, s1, 10, 16)> : tensor<?x?x160xf32> -> tensor<?x?x10x16xf32>
      %1 = qopt.binary add %residual, %k : tensor<?x?x70xf32>, tensor<?x?x70xf32>
      %2 = qopt.cast %v : tensor<?x?x160xf32> to tensor<?x?x160xf16>
      qkernel.yield %h, %1, %2 : tensor<?x?x10x16xf32>, tensor<?x?x70xf32>, tensor<?x?x160xf16>
    })",
      rows(200), Symbols, weight(160, 200), weight(70, 200), codes("%n", 200), rows(70));
  KernelTester Tester(Text, Sizes{{1, 1}, {2, 7}, {2, 9}, {2, 75}});
  Tester.weights({3, 4, 5}).budget("linear", GetParam().AfterNorm).checkBytes().run();
}

TEST_P(CodesContraction, GateUpAndBias) {
  std::string Text = llvm::formatv(
      R"(
    qkernel.kernel @k(%x: tensor<?x?x150xf32> {0}, %gate: {2}, %up: {2}, %bias: tensor<100xf32>)
        -> tensor<?x?x100xf32> attributes {{kind = "contraction", {1}} {{
      {3}
      %0 = qopt.linear %r, %gate : tensor<?x?x150xf32>, {2}
      %1 = qopt.linear %r, %up : tensor<?x?x150xf32>, {2}
      %2 = qopt.unary silu %0 : tensor<?x?x100xf32>
      %3 = qopt.binary mul %2, %1 : tensor<?x?x100xf32>, tensor<?x?x100xf32>
      %4 = qopt.binary add %3, %bias : tensor<?x?x100xf32>, tensor<100xf32>
      qkernel.yield %4 : tensor<?x?x100xf32>
    })",
      rows(150), Symbols, weight(100, 150), codes("%x", 150));
  KernelTester(Text, Sizes{{1, 1}, {1, 16}, {3, 19}, {1, 140}})
      .weights({1, 2})
      .budget("linear", GetParam().Types)
      .run();
}

// Three that share a block's columns, which are for four.
TEST_P(CodesContraction, ThreeCombined) {
  std::string Text = llvm::formatv(
      R"(
    qkernel.kernel @k(%x: tensor<?x?x40xf32> {0}, %a: {2}, %b: {2}, %c: {2})
        -> tensor<?x?x70xf32> attributes {{kind = "contraction", {1}} {{
      {3}
      %0 = qopt.linear %r, %a : tensor<?x?x40xf32>, {2}
      %1 = qopt.linear %r, %b : tensor<?x?x40xf32>, {2}
      %2 = qopt.linear %r, %c : tensor<?x?x40xf32>, {2}
      %3 = qopt.binary sub %0, %1 : tensor<?x?x70xf32>, tensor<?x?x70xf32>
      %4 = qopt.binary add %3, %2 : tensor<?x?x70xf32>, tensor<?x?x70xf32>
      qkernel.yield %4 : tensor<?x?x70xf32>
    })",
      rows(40), Symbols, weight(70, 40), codes("%x", 40));
  KernelTester(Text, Sizes{{1, 2}, {1, 33}})
      .weights({1, 2, 3})
      .budget("linear", GetParam().Types)
      .run();
}

// Of 20 rows, some are zeros, hold what is not finite, or ends of the range of codes.
TEST_P(CodesContraction, EdgesOfRows) {
  double Infinity = std::numeric_limits<double>::infinity(),
         NaN = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> Numbers;
  for (const std::vector<double> &Row : {std::vector<double>{0, 0, 0, 0, 0, 0},
                                         {1, 2, NaN, 4, 5, 6},
                                         {127, 0.5, 1.5, -127, 126.5, -2.5},
                                         {1, -Infinity, 3, 4, 5, 6},
                                         {448, 17, 19, 0x1p-10, -448, 0x3p-10},
                                         {1e-45, 0, 0, 0, 0, 0},
                                         {3e34, -3e34, 1, 0, 0, 5}})
    llvm::append_range(Numbers, Row);
  for (int64_t M : {7, 21})
    KernelTester(linear(33, 6), {1, M})
        .weights({1})
        .floats(0, Numbers)
        .budget("linear", GetParam().Types)
        .run();
}

INSTANTIATE_TEST_SUITE_P(Formats, CodesContraction, testing::Values(Int8, Float8),
                         [](const auto &Info) { return std::string(Info.param.Name); });
