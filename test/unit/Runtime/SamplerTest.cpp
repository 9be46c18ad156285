#include "qopt/Runtime/Sampler.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <set>

using namespace qopt;
using namespace qopt::runtime;

static const std::vector<float> Logits = {0.5f, 2.0f, -1.0f, 2.0f, 1.0f};

static std::vector<int64_t> draw(const SamplingOptions &Options, int Count,
                                 const std::vector<float> &From = Logits) {
  Result<Sampler> S = Sampler::create(Options);
  std::vector<int64_t> Ids;
  for (int I = 0; I < Count; ++I) {
    Result<int64_t> Id = S->next(From.data(), int64_t(From.size()));
    EXPECT_TRUE(Id) << Id.status().message();
    Ids.push_back(*Id);
  }
  return Ids;
}

TEST(Sampler, GreedyTakesTheLowestOfEquals) {
  EXPECT_EQ(draw({}, 2), (std::vector<int64_t>{1, 1}));
  float Infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(draw({}, 1, {-Infinity, -3.0f}), std::vector<int64_t>{1});
}

TEST(Sampler, TheSeedDecides) {
  EXPECT_EQ(draw({1.0, 0, 1.0, 5}, 100), draw({1.0, 0, 1.0, 5}, 100));
  EXPECT_NE(draw({1.0, 0, 1.0, 5}, 100), draw({1.0, 0, 1.0, 6}, 100));
}

// Pinned, so that a change of the generator does not pass unnoticed.
TEST(Sampler, TheSequenceIsFixed) {
  EXPECT_EQ(draw({1.0, 0, 1.0, 1}, 12), (std::vector<int64_t>{3, 3, 0, 3, 3, 4, 4, 3, 1, 4, 3, 3}));
}

TEST(Sampler, FollowsTheProbabilities) {
  std::vector<int64_t> Counts(Logits.size(), 0);
  constexpr int Draws = 100000;
  for (int64_t Id : draw({0.7, 0, 1.0, 3}, Draws))
    ++Counts[Id];
  double Total = 0;
  for (float Logit : Logits)
    Total += std::exp(Logit / 0.7);
  for (size_t Id = 0; Id < Logits.size(); ++Id) {
    double P = std::exp(Logits[Id] / 0.7) / Total;
    EXPECT_NEAR(Counts[Id] / double(Draws), P, 5 * std::sqrt(P * (1 - P) / Draws)) << Id;
  }
}

TEST(Sampler, TopKAndTopPCutTheTail) {
  auto ids = [](const SamplingOptions &Options) {
    std::vector<int64_t> Ids = draw(Options, 2000);
    return std::set<int64_t>(Ids.begin(), Ids.end());
  };
  EXPECT_EQ(ids({1.0, 3, 1.0, 0}), (std::set<int64_t>{1, 3, 4}));
  EXPECT_EQ(ids({1.0, 1, 1.0, 0}), (std::set<int64_t>{1}));
  EXPECT_EQ(ids({1.0, 99, 1.0, 0}), (std::set<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(ids({1.0, 0, 0.5, 0}), (std::set<int64_t>{1, 3}));
  EXPECT_EQ(ids({1.0, 0, 1e-9, 0}), (std::set<int64_t>{1}));
}

TEST(Sampler, RefusesWhatIsNoNumber) {
  float Nan = std::numeric_limits<float>::quiet_NaN();
  float Infinity = std::numeric_limits<float>::infinity();
  auto code = [](double Temperature, std::vector<float> From) {
    Result<Sampler> S = Sampler::create({Temperature, 0, 1.0, 0});
    return S->next(From.data(), int64_t(From.size())).status().code();
  };
  EXPECT_EQ(code(0.0, {1.0f, Nan}), StatusCode::Failed);
  EXPECT_EQ(code(1.0, {Nan, 1.0f}), StatusCode::Failed);
  EXPECT_EQ(code(1.0, {1.0f, Infinity}), StatusCode::Failed);
  EXPECT_EQ(code(1.0, {-Infinity, -Infinity}), StatusCode::Failed);
  EXPECT_EQ(code(1.0, {-Infinity, 0.0f}), StatusCode::Ok);
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const SamplingOptions Bad[] = {{-1.0, 0, 1.0, 0}, {std::nan(""), 0, 1.0, 0},
                                 {1.0, -1, 1.0, 0}, {1.0, 0, 0.0, 0},
                                 {1.0, 0, 1.1, 0},  {1.0, 0, std::nan(""), 0}};
  for (const SamplingOptions &Options : Bad)
    EXPECT_EQ(Sampler::create(Options).status().code(), StatusCode::Usage);
}
