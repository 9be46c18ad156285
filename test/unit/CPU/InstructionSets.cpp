// Each instruction set by its name, so that a machine that lacks one says so in the tests' output.
#include "CpuMachine.h"
#include "KernelTester.h"

#include "gtest/gtest.h"

using namespace qopt::test;

namespace {
class InstructionSet : public testing::TestWithParam<const char *> {};
} // namespace

TEST_P(InstructionSet, Contraction) {
  if (!hasIsa(GetParam()))
    GTEST_SKIP() << "this machine has no " << GetParam();
  for (const char *Weight : {"f32", "!qopt.packed<i4, group = 32, scale = f16>"}) {
    std::string Type = std::string("tensor<70x96x") + Weight + ">";
    KernelTester Tester(R"(
      qkernel.kernel @k(%x: tensor<?x96xf32> {qopt.dims = affine_map<()[s0] -> (s0, 96)>}, %w: )" +
                            Type + R"() -> tensor<?x70xf32>
          attributes {kind = "contraction", qopt.symbols = [#qopt.symbol<"tokens", 1 to 64>]} {
        %y = qopt.linear %x, %w : tensor<?x96xf32>, )" +
                            Type + R"(
        qkernel.yield %y : tensor<?x70xf32>
      })",
                        std::vector<std::vector<int64_t>>{{1}, {5}});
    Tester.weights({1}).budget("linear", "codes").isas({GetParam()}).run();
    EXPECT_EQ(Tester.getRuns(), 2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, InstructionSet,
                         testing::Values("avx512vnni", "avx512", "avx2", "generic"),
                         [](const auto &Info) { return std::string(Info.param); });
