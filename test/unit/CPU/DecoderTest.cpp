#include "KernelTester.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

constexpr const char *Symbols =
    R"(qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>])";
constexpr const char *PerRow = "{qopt.dims = affine_map<()[s0, s1] -> (s0)>}";

std::string dims(const std::string &Sizes) {
  return "{qopt.dims = affine_map<()[s0, s1] -> (" + Sizes + ")>}";
}

struct Attention {
  int64_t Heads = 4, KVHeads = 2, Size = 16;
  std::string Cache = "f32", Query = "f32";
  int64_t Window = 0;
  double Softcap = 0;
  std::string Budget = "f32";
  std::string Codes = "";
};

std::string attentionText(const Attention &Case, int64_t Capacity) {
  std::string Heads = std::to_string(Case.Heads) + ", " + std::to_string(Case.Size);
  std::string Q = llvm::formatv("tensor<?x?x{0}x{1}x{2}>", Case.Heads, Case.Size, Case.Query);
  std::string Cache =
      llvm::formatv("!qopt.kv_cache<{0}x{1}, capacity = {2}, key = {3}, value = {3}>", Case.KVHeads,
                    Case.Size, Capacity, Case.Cache);
  std::string Options;
  if (Case.Window)
    Options += " window " + std::to_string(Case.Window);
  if (Case.Softcap)
    Options += " softcap " + std::to_string(Case.Softcap);
  Options += Case.Codes;
  return llvm::formatv(R"(
    qkernel.kernel @k(%q: {0} {1}, %cache: {2}, %past: tensor<?xi64> {3}) -> tensor<?x?x{4}x{6}> attributes {{kind = "attention", {7}} {{
      %a = qopt.cached_attention %q, %cache at %past scale 0.25{5} : {0}, {2}, tensor<?xi64>
      %r = qopt.reshape %a dims affine_map<()[s0, s1] -> (s0, s1, {4})> : {0} -> tensor<?x?x{4}x{6}>
      qkernel.yield %r : tensor<?x?x{4}x{6}>
    })",
                       Q, dims("s0, s1, " + Heads), Cache, PerRow, Case.Heads * Case.Size, Options,
                       Case.Query, Symbols);
}

using Step = std::pair<int64_t, int64_t>;

void runAttention(const Attention &Case,
                  const std::vector<Step> &Steps = {{0, 1}, {37, 1}, {0, 19}, {15, 8}}) {
  for (auto [Past, Tokens] : Steps) {
    SCOPED_TRACE(llvm::formatv("{0}/{1} heads of {2}, {3}, past {4}, {5} tokens", Case.Heads,
                               Case.KVHeads, Case.Size, Case.Cache, Past, Tokens)
                     .str());
    KernelTester(attentionText(Case, 50), {2, Tokens})
        .filledCache(1, {Past + Tokens, 1 + Tokens})
        .integers(2, {Past, 1})
        .budget("attention", Case.Budget)
        .run();
  }
}

constexpr const char *CodeCaches[] = {"!qopt.packed<i8, group = 0, scale = f16>",
                                      "!qopt.scaled<f8E4M3FN, group = 0, scale = f16>"};

/// An append of keys and values as they are.
std::string appendText(int64_t Heads, int64_t Size, int64_t Capacity, const std::string &Stored) {
  return llvm::formatv(R"(
    !cache = !qopt.kv_cache<{4}, capacity = {5}, key = {3}, value = {3}>
    !new = tensor<?x?x{4}xf32>
    qkernel.kernel @k(%cache: !cache, %k: !new {0}, %v: !new {0}, %past: tensor<?xi64> {1}) -> !cache attributes {{kind = "append", {2}} {{
      %c = qopt.kv_append %cache, %k, %v at %past : !cache, !new, !new, tensor<?xi64>
      qkernel.yield %c : !cache
    })",
                       dims(llvm::formatv("s0, s1, {0}, {1}", Heads, Size)), PerRow, Symbols,
                       Stored, llvm::formatv("{0}x{1}", Heads, Size).str(), Capacity);
}

} // namespace

TEST(Attention, Heads) {
  runAttention({4, 4, 16});
  runAttention({8, 1, 32});
  runAttention({6, 2, 64});
  runAttention({1, 1, 128});
}

TEST(Attention, Sizes) {
  for (int64_t Size : {8, 20, 80, 256})
    runAttention({2, 1, Size});
}

TEST(Attention, StoredTypes) {
  runAttention({4, 2, 32, "f16", "f32"});
  runAttention({4, 2, 32, "bf16", "f32"});
  runAttention({4, 2, 32, "f16", "f16", 0, 0, "f16"});
}

TEST(Attention, Codes) {
  for (const char *Cache : CodeCaches) {
    runAttention({4, 2, 32, Cache, "f32"});
    runAttention({8, 1, 20, Cache, "f16", 5, 0, "f16"});
    runAttention({2, 2, 128, Cache, "f32", 0, 2.5});
    for (int64_t Size : {64, 80, 96, 256})
      runAttention({4, 2, Size, Cache, "f32"}, {{15, 8}});
  }
}

TEST(Attention, WindowAndSoftcap) {
  for (int64_t Window : {1, 5, 16, 20})
    runAttention({4, 2, 16, "f32", "f32", Window});
  runAttention({2, 2, 16, "f32", "f32", 0, 2.5});
}

TEST(Attention, ScoresAndProbabilitiesThroughCodes) {
  // Scores may fall to the other side of a tie; their codes are fine enough for the budget.
  for (const char *Codes :
       {" scores <i16, scale = 1.0e-05 : f32, zero_point = 0>",
        " probabilities <ui16, scale = 1.52590219e-05 : f32, zero_point = 0>"}) {
    Attention Case{4, 2, 16};
    Case.Budget = "codes";
    Case.Codes = Codes;
    runAttention(Case);
  }
}

TEST(Append, ThroughCodes) {
  std::string Text = llvm::formatv(R"(
    !cache = !qopt.kv_cache<2x20, capacity = 40, key = f32, value = f32>
    qkernel.kernel @k(%cache: !cache, %k: tensor<?x?x2x20xf32> {0}, %v: tensor<?x?x2x20xf32> {0}, %past: tensor<?xi64> {1}, %q: tensor<?x?x4x20xf32> {2})
        -> (!cache, tensor<?x?x4x20xf32>) attributes {{kind = "append", {3}} {{
      %s = qopt.constant dense<0.25> : tensor<f32>
      %z = qopt.constant dense<128> : tensor<ui8>
      %p = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
      %rk = qopt.rotary %k at %p frequencies [1.0, 0.5, 0.25, 0.1] : tensor<?x?x2x20xf32>, tensor<?x?xi64>
      %ck = qopt.quantize %rk, %s, %z : tensor<?x?x2x20xf32>, tensor<f32>, tensor<ui8>
      %dk = qopt.dequantize %ck, %s, %z : tensor<?x?x2x20xui8>, tensor<f32>, tensor<ui8>
      %cv = qopt.quantize %v, %s, %z : tensor<?x?x2x20xf32>, tensor<f32>, tensor<ui8>
      %dv = qopt.dequantize %cv, %s, %z : tensor<?x?x2x20xui8>, tensor<f32>, tensor<ui8>
      %rq = qopt.rotary %q at %p frequencies [1.0, 0.5, 0.25, 0.1] : tensor<?x?x4x20xf32>, tensor<?x?xi64>
      %cq = qopt.quantize %rq, %s, %z : tensor<?x?x4x20xf32>, tensor<f32>, tensor<ui8>
      %dq = qopt.dequantize %cq, %s, %z : tensor<?x?x4x20xui8>, tensor<f32>, tensor<ui8>
      %c = qopt.kv_append %cache, %dk, %dv at %past : !cache, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>, tensor<?xi64>
      qkernel.yield %c, %dq : !cache, tensor<?x?x4x20xf32>
    })",
                                   dims("s0, s1, 2, 20"), PerRow, dims("s0, s1, 4, 20"), Symbols);
  for (int64_t Tokens : {1, 7}) {
    KernelTester Tester(Text, {2, Tokens});
    Tester.filledCache(0, {13, 30}).integers(3, {13, 30}).budget("append", "f32").run();
    Tester.expectCpuLowering("append");
  }
}

TEST(Append, RotaryKeysAndQueries) {
  for (const char *Form : {"", " interleaved true"})
    for (const char *Stored : {"f32", "f16", "!qopt.packed<i8, group = 0, scale = f16>"}) {
      std::string Text = llvm::formatv(R"(
        !cache = !qopt.kv_cache<2x20, capacity = 40, key = {2}, value = {2}>
        qkernel.kernel @k(%cache: !cache, %k: tensor<?x?x2x20xf32> {0}, %v: tensor<?x?x2x20xf32> {0}, %past: tensor<?xi64> {1}, %q: tensor<?x?x4x20xf32> {3})
            -> (!cache, tensor<?x?x4x20xf32>) attributes {{kind = "append", {4}} {{
          %p = qopt.positions %past tokens affine_map<()[s0, s1] -> (s1)> : tensor<?xi64> -> tensor<?x?xi64>
          %rk = qopt.rotary %k at %p frequencies [1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.02, 0.3] scale 1.5{5} : tensor<?x?x2x20xf32>, tensor<?x?xi64>
          %rq = qopt.rotary %q at %p frequencies [1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.02, 0.3]{5} : tensor<?x?x4x20xf32>, tensor<?x?xi64>
          %c = qopt.kv_append %cache, %rk, %v at %past : !cache, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>, tensor<?xi64>
          qkernel.yield %c, %rq : !cache, tensor<?x?x4x20xf32>
        })",
                                       dims("s0, s1, 2, 20"), PerRow, Stored, dims("s0, s1, 4, 20"),
                                       Symbols, *Form ? " interleaved" : "");
      for (int64_t Tokens : {1, 7})
        KernelTester(Text, {2, Tokens})
            .filledCache(0, {13, 30})
            .integers(3, {13, 30})
            .budget("append", *Stored == '!' ? "one code of 2" : Stored)
            .run();
    }
}

TEST(Append, WithoutRotary) {
  std::string Text = llvm::formatv(R"(
    !cache = !qopt.kv_cache<3x8, capacity = 17, key = bf16, value = f32>
    qkernel.kernel @k(%cache: !cache, %k: tensor<?x?x3x8xf32> {0}, %v: tensor<?x?x3x8xf32> {0}, %past: tensor<?xi64> {1})
        -> !cache attributes {{kind = "append", {2}} {{
      %c = qopt.kv_append %cache, %k, %v at %past : !cache, tensor<?x?x3x8xf32>, tensor<?x?x3x8xf32>, tensor<?xi64>
      qkernel.yield %c : !cache
    })",
                                   dims("s0, s1, 3, 8"), PerRow, Symbols);
  KernelTester(Text, {1, 17}).filledCache(0, {0}).integers(3, {0}).budget("append", "bf16").run();
}

TEST(Append, Codes) {
  for (const char *Stored : {"!qopt.packed<i8, group = 0, scale = f16>",
                             "!qopt.scaled<f8E4M3FN, group = 0, scale = f32>"}) {
    std::string Text = appendText(3, 20, 17, Stored);
    // Without a rotation nothing is rounded before, so codes are exact.
    KernelTester(Text, {2, 5}).filledCache(0, {0, 11}).integers(3, {0, 11}).tolerance(0).run();
    // Rows of zeros, numbers that end as ties, large and tiny ones, NaN and infinity.
    double Inf = std::numeric_limits<double>::infinity();
    std::vector<double> Hard = {127, 0.5, -1.5, 2.5, 448, -16.5, 3e38, 1e-30, -1e-42, 0, -0.0, 7};
    std::vector<double> Special = {1, 2, std::nan(""), 4, Inf, 5, -Inf};
    KernelTester(Text, {1, 3})
        .filledCache(0, {2})
        .integers(3, {2})
        .floats(1, {0})
        .floats(2, Hard)
        .tolerance(0)
        .run();
    KernelTester(Text, {1, 3})
        .filledCache(0, {2})
        .integers(3, {2})
        .floats(1, Special)
        .floats(2, {0, 1e-20})
        .tolerance(0)
        .run();
  }
}

TEST(Append, CodesOfHeadSizes) {
  for (const char *Stored : CodeCaches)
    for (int64_t Size : {32, 64, 80, 96, 128, 256})
      KernelTester(appendText(5, Size, 16, Stored), {2, 3})
          .filledCache(0, {0, 13})
          .integers(3, {0, 13})
          .tolerance(0)
          .run();
}

TEST(Append, RotaryAlone) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x?x2x64xf32> {0}, %p: tensor<?x?xi64> {1}) -> tensor<?x?x2x64xf32> attributes {{kind = "generic", {2}} {{
      %r = qopt.rotary %x at %p frequencies [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.09, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03, 0.02] : tensor<?x?x2x64xf32>, tensor<?x?xi64>
      qkernel.yield %r : tensor<?x?x2x64xf32>
    })",
                                   dims("s0, s1, 2, 64"), dims("s0, s1"), Symbols);
  KernelTester(Text, {2, 3}).integers(1, {0, 5, 100, 7, 8, 9}).run();
}

TEST(Gather, Tables) {
  for (const char *Table : {"f32", "f16", "bf16", "!qopt.packed<i8, group = 0, scale = f16>",
                            "!qopt.packed<i4, group = 32, scale = f16, asymmetric>",
                            "!qopt.packed<i2, group = 16, scale = f32, asymmetric = f32>"})
    for (bool CastToHalf : {false, true}) {
      bool IsStored = Table[0] == '!';
      std::string Element = IsStored ? "f32" : Table;
      std::string Rest =
          CastToHalf ? "%r = qopt.cast %g : tensor<?x?x50x" + Element + "> to tensor<?x?x50xf16>"
                     : "";
      std::string To = CastToHalf ? "f16" : Element;
      if (Rest.empty())
        Rest = "";
      std::string Text =
          llvm::formatv(R"(
        qkernel.kernel @k(%t: tensor<70x50x{0}>, %i: tensor<?x?xi64> {1}) -> tensor<?x?x50x{2}> attributes {{kind = "gather", {3}} {{
          %g = qopt.gather %t[%i] : tensor<70x50x{0}>, tensor<?x?xi64>
          {4}
          qkernel.yield {5} : tensor<?x?x50x{2}>
        })",
                        Table, dims("s0, s1"), To, Symbols, Rest, CastToHalf ? "%r" : "%g");
      KernelTester Tester(Text, {1, 5});
      Tester.integers(1, {0, 69, 33, -1, -70}).budget("gather", CastToHalf ? "f16" : "f32");
      if (IsStored)
        Tester.weights({0});
      Tester.run();
    }
}

TEST(Norm, RowsOfAnyLength) {
  for (int64_t Size : {1, 15, 16, 100})
    for (const char *Element : {"f32", "f16"}) {
      std::string X = llvm::formatv("tensor<?x?x{0}x{1}>", Size, Element),
                  V = llvm::formatv("tensor<{0}x{1}>", Size, Element);
      std::string Rms = llvm::formatv(R"(
        qkernel.kernel @k(%x: {0} {1}, %g: {2}) -> {0} attributes {{kind = "norm", {3}} {{
          %n = qopt.rms_norm %x, %g epsilon 1.0e-03 : {0}, {2}
          qkernel.yield %n : {0}
        })",
                                      X, dims("s0, s1, " + std::to_string(Size)), V, Symbols);
      KernelTester(Rms, {2, 3}).budget("norm", Element).run();
      std::string Layer = llvm::formatv(R"(
        qkernel.kernel @k(%x: {0} {1}, %g: {2}, %b: {2}) -> {0} attributes {{kind = "norm", {3}} {{
          %n = qopt.layer_norm %x, %g, %b epsilon 1.0e-03 : {0}, {2}, {2}
          qkernel.yield %n : {0}
        })",
                                        X, dims("s0, s1, " + std::to_string(Size)), V, Symbols);
      KernelTester(Layer, {2, 3}).budget("norm", Element).run();
    }
}
