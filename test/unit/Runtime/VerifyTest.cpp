// Cases of verify.safetensors: that they pass, that they catch what is wrong, and which are
// refused.
#include "qopt/Runtime/Verify.h"
#include "TestArtefact.h"
#include "qopt/Base/FileWriter.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;
using artefact::Verification;

static Result<runtime::VerifyReport> verify(const Verification &Cases) {
  TemporaryFolder T;
  writeVerifiedGraph(T.path("m"), Cases);
  auto Program = load(T.path("m"), 2);
  return runtime::verifyProgram(*Program);
}

TEST(Verify, RightResultsPass) {
  Result<runtime::VerifyReport> Report = verify(graphVerification());
  ASSERT_TRUE(Report) << Report.status().message();
  EXPECT_TRUE(Report->passed());
  ASSERT_EQ(Report->Results.size(), 3u);
  EXPECT_LE(Report->Results[0].MaxError, 1e-6);
  EXPECT_LE(Report->Results[0].RmsError, Report->Results[0].MaxError);
  EXPECT_EQ(Report->Results[0].Elements, 6);
  // The state was filled before and is read after the launch.
  EXPECT_EQ(Report->Results[2].MaxError, 0);
}

TEST(Verify, WrongResultsAreCaught) {
  Verification Cases = graphVerification();
  Cases.Cases[0].Checks[0].Values[4] += 1e-3;
  Result<runtime::VerifyReport> Report = verify(Cases);
  ASSERT_TRUE(Report);
  EXPECT_FALSE(Report->passed());
  EXPECT_FALSE(Report->Results[0].passed());
  EXPECT_NEAR(Report->Results[0].MaxError, 1e-3, 1e-5);
  EXPECT_NEAR(Report->Results[0].RmsError, 1e-3 / std::sqrt(6), 1e-5);
  EXPECT_GT(Report->Results[0].Share, 100);
  EXPECT_TRUE(Report->Results[1].passed());

  Cases = graphVerification();
  Cases.Cases[0].Checks[1].Values[0] = 8;
  Report = verify(Cases);
  ASSERT_TRUE(Report);
  EXPECT_FALSE(Report->Results[1].passed());
}

TEST(Verify, NumbersThatAreNone) {
  Verification Cases = graphVerification();
  Cases.Cases[0].Checks[0].Values[2] = INFINITY;
  Result<runtime::VerifyReport> Report = verify(Cases);
  ASSERT_TRUE(Report);
  EXPECT_FALSE(Report->passed());
  EXPECT_TRUE(std::isinf(Report->Results[0].MaxError));
  Cases.Cases[0].Checks[0].Values[2] = NAN;
  Report = verify(Cases);
  ASSERT_TRUE(Report);
  EXPECT_FALSE(Report->passed());
}

TEST(Verify, LargestIsTheMetricOfSums) {
  Verification Cases = graphVerification();
  auto &Check = Cases.Cases[0].Checks[0];
  Check.Values[0] += 1e-2;
  Check.Budget = {"linear", "f32", "largest", 1e-2};
  Result<runtime::VerifyReport> Report = verify(Cases);
  ASSERT_TRUE(Report);
  double Largest = 0;
  for (double Value : Check.Values)
    Largest = std::max(Largest, std::fabs(Value));
  EXPECT_NEAR(Report->Results[0].Share, 1 / (1 + Largest), 1e-3);
}

TEST(Verify, WeightsThatChangedAreSeen) {
  TemporaryFolder T;
  writeVerifiedGraph(T.path("m"), graphVerification());
  std::string Path = T.path("m") + "/weights.safetensors", Bytes = readAll(Path);
  Bytes[Bytes.size() - 30] ^= 1;
  ASSERT_TRUE(writeFile(Path, Bytes).ok());
  Result<runtime::VerifyReport> Report = runtime::verifyProgram(*load(T.path("m")));
  ASSERT_TRUE(Report) << Report.status().message();
  EXPECT_FALSE(Report->WeightsIntact);
  EXPECT_FALSE(Report->passed());
}

static void expectRefused(const Verification &Cases, const std::string &Message) {
  Result<runtime::VerifyReport> Report = verify(Cases);
  ASSERT_FALSE(Report) << Message;
  EXPECT_EQ(Report.status().code(), StatusCode::BadInput);
  EXPECT_NE(Report.status().message().find(Message), std::string::npos)
      << Report.status().message();
}

TEST(Verify, CasesThatDoNotFitTheProgramAreRefused) {
  auto Change = [](auto Edit) {
    Verification Cases = graphVerification();
    Edit(Cases.Cases[0]);
    return Cases;
  };
  expectRefused(Change([](auto &C) { C.Launch = 1; }), "launch 1 does not exist");
  expectRefused(Change([](auto &C) { C.Symbols = {2}; }), "1 symbols of 2");
  expectRefused(Change([](auto &C) { C.Symbols = {4, 3}; }), "\"batch\" is out of its range");
  expectRefused(Change([](auto &C) { C.Fills[0].Argument = 5; }), "argument 5 is none");
  expectRefused(Change([](auto &C) { C.Fills[0].Runs = {{0, 7}}; }), "elements 0 to 7");
  expectRefused(Change([](auto &C) { C.Fills[0].Runs = {{5, 4}}; }), "a run");
  expectRefused(Change([](auto &C) { C.Fills[1].Range = {-6, 5}; }), "out of its range");
  expectRefused(Change([](auto &C) { C.Fills[1].Range = {3, 2}; }), "a range");
  expectRefused(Change([](auto &C) { C.Checks[0].Elements[0] = -1; }), "elements -1 to 0");
  expectRefused(Change([](auto &C) { C.Checks[0].Elements[0] = 6; }), "elements 6 to 7");
  expectRefused(Change([](auto &C) { C.Checks[0].Values.pop_back(); }), "as many elements");
  expectRefused(Change([](auto &C) { C.Checks[0].Budget.Metric = "taste"; }), "the metric");
}

TEST(Verify, ArtefactsWithoutCases) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), graphTable(), graphManifest());
  Result<runtime::VerifyReport> Report = runtime::verifyProgram(*load(T.path("m")));
  ASSERT_FALSE(Report);
  EXPECT_EQ(Report.status().code(), StatusCode::BadInput);
  EXPECT_NE(Report.status().message().find("verify.safetensors"), std::string::npos);
}
