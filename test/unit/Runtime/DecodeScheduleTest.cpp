#include "qopt/Runtime/DecodeSchedule.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

using namespace qopt::runtime;

// For any rows that fit, every token is fed once and in order, within all limits, and every wanted
// logit is computed once.
TEST(DecodeSchedule, KeepsItsPromises) {
  std::mt19937 Random(7);
  for (int Trial = 0; Trial < 20000; ++Trial) {
    int64_t Rows = 1 + Random() % 4;
    DecodeLimits Limits;
    Limits.Context = 1 + Random() % 40;
    Limits.Chunk = 1 + Random() % Limits.Context;
    Limits.Logits = 1 + Random() % Limits.Chunk;
    std::vector<int64_t> Past, Counts;
    for (int64_t Row = 0; Row < Rows; ++Row) {
      Past.push_back(Random() % Limits.Context);
      Counts.push_back(Random() % (Limits.Context - Past[Row] + 1));
    }
    int64_t Longest = *std::max_element(Counts.begin(), Counts.end());
    int64_t Wanted = Random() % (Longest + 1);
    DecodeSchedule S(Limits, Rows, Counts.data(), Past.data(), Wanted);
    std::vector<int64_t> Fed(Rows, 0), Computed(Rows, 0);
    while (!S.done()) {
      S.next();
      ASSERT_GE(S.tokens(), 1);
      ASSERT_LE(S.tokens(), Limits.Chunk);
      ASSERT_LE(S.logits(), std::min(Limits.Logits, S.tokens()));
      for (int64_t Row = 0; Row < Rows; ++Row) {
        ASSERT_EQ(S.begin(Row), Fed[Row]);
        ASSERT_LE(Past[Row] + Fed[Row] + S.tokens(), Limits.Context);
        Fed[Row] += S.count(Row);
        ASSERT_EQ(S.after(Row), Counts[Row] - Fed[Row]);
        ASSERT_LE(S.count(Row), S.tokens());
        Computed[Row] += std::max<int64_t>(
            0, std::min(std::min(S.logits(), S.count(Row)), Wanted - S.after(Row)));
      }
    }
    for (int64_t Row = 0; Row < Rows; ++Row) {
      ASSERT_EQ(Fed[Row], Counts[Row]);
      ASSERT_EQ(Computed[Row], std::min(Counts[Row], Wanted));
    }
  }
}

TEST(DecodeSchedule, AStepIsAStep) {
  int64_t Counts[] = {1, 1}, Past[] = {5, 0};
  DecodeSchedule S({16, 4, 4}, 2, Counts, Past, 1);
  S.next();
  EXPECT_TRUE(S.done());
  EXPECT_EQ(S.tokens(), 1);
  EXPECT_EQ(S.logits(), 1);
}
