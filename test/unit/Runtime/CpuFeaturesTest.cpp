#include "qopt/Runtime/CpuFeatures.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::runtime;

static bool all(const std::string &) { return true; }
static bool upToAvx2(const std::string &Isa) { return *isaLevel(Isa) <= 1; }

static artefact::Program program() {
  artefact::Program P;
  P.Kernels = {{"wide", {{"avx512", "wide_512"}, {"avx2", "wide_2"}, {"generic", "wide_0"}}},
               {"plain", {{"generic", "plain_0"}}},
               {"future", {{"avx1024", "future_1024"}, {"avx2", "future_2"}}}};
  return P;
}

static std::string chosen(const IsaChoice &Choice, const artefact::Kernel &Kernel) {
  Result<const artefact::Variant *> Variant = Choice.choose(Kernel);
  return Variant ? (*Variant)->Symbol : Variant.status().message();
}

TEST(IsaChoice, TakesTheFirstThatRuns) {
  artefact::Program P = program();
  Result<IsaChoice> Best = IsaChoice::create(P, "", all), Old = IsaChoice::create(P, "", upToAvx2);
  EXPECT_EQ(chosen(*Best, P.Kernels[0]), "wide_512");
  EXPECT_EQ(chosen(*Old, P.Kernels[0]), "wide_2");
  EXPECT_EQ(chosen(*Best, P.Kernels[1]), "plain_0");
  EXPECT_EQ(chosen(*Best, P.Kernels[2]), "future_2");
}

TEST(IsaChoice, ForcedMeansNoBetterOne) {
  artefact::Program P = program();
  Result<IsaChoice> Forced = IsaChoice::create(P, "avx2", all);
  EXPECT_EQ(chosen(*Forced, P.Kernels[0]), "wide_2");
  EXPECT_EQ(chosen(*Forced, P.Kernels[1]), "plain_0");
  Result<IsaChoice> Generic = IsaChoice::create(P, "generic", all);
  EXPECT_EQ(chosen(*Generic, P.Kernels[2]),
            "kernel \"future\" has no version for this processor, only for avx1024, avx2");
}

TEST(IsaChoice, RefusesWhatIsNotThere) {
  artefact::Program P = program();
  EXPECT_EQ(IsaChoice::create(P, "avx3", all).status().code(), StatusCode::Usage);
  EXPECT_EQ(IsaChoice::create(P, "avx512", upToAvx2).status().code(), StatusCode::Unsupported);
  EXPECT_EQ(IsaChoice::create(P, "avx512vnni", all).status().code(), StatusCode::Unsupported);
}

TEST(CpuFeatures, LevelsIncludeTheLesserOnes) {
  EXPECT_TRUE(processorHas("generic"));
  EXPECT_FALSE(processorHas("avx1024"));
  const std::vector<std::string> &Names = isaNames();
  for (size_t I = 1; I < Names.size(); ++I)
    EXPECT_TRUE(!processorHas(Names[I]) || processorHas(Names[I - 1])) << Names[I];
}
