#include "TestArtefact.h"

#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace qopt;
using namespace qopt::test;

namespace {
class Decoder : public ::testing::Test {
protected:
  TemporaryFolder T;
  std::string Path = T.path("m.qopt");
  void SetUp() override { writeArtefact(Path, decoderTable(), decoderManifest()); }
};

/// Checks the logits of a call: History holds each row's tokens, the new ones at its end.
void expectLogits(const std::vector<float> &Logits, const Rows &History, const Rows &New,
                  int64_t Wanted) {
  for (size_t Row = 0; Row < New.size(); ++Row)
    for (int64_t Back = 0; Back < Wanted && Back < int64_t(New[Row].size()); ++Back) {
      std::vector<int64_t> Tokens(History[Row].begin(), History[Row].end() - Back);
      size_t At =
          (Row * static_cast<size_t>(Wanted) + static_cast<size_t>(Wanted - 1 - Back)) * Vocabulary;
      std::vector<float> Got(Logits.begin() + At, Logits.begin() + At + Vocabulary);
      ASSERT_EQ(Got, expectedLogits(Tokens)) << "row " << Row << ", " << Back << " from the end";
    }
}

/// Appends and checks, keeping the history.
void step(runtime::Session &Session, Rows &History, const Rows &New, int64_t Wanted) {
  Result<std::vector<float>> Logits = decode(Session, New, Wanted);
  ASSERT_TRUE(Logits) << Logits.status().message();
  for (size_t Row = 0; Row < New.size(); ++Row) {
    History[Row].insert(History[Row].end(), New[Row].begin(), New[Row].end());
    ASSERT_EQ(Session.length(static_cast<int64_t>(Row)), int64_t(History[Row].size()));
  }
  expectLogits(*Logits, History, New, Wanted);
}

StatusCode refusal(runtime::Session &Session, const Rows &New, const std::string &Message) {
  Status S = decode(Session, New, 1).status();
  EXPECT_NE(S.message().find(Message), std::string::npos) << S.message();
  return S.code();
}
} // namespace

TEST_F(Decoder, TokenByTokenIsOnePass) {
  auto Program = load(Path);
  auto One = newSession(Program), Other = newSession(Program);
  Rows History = {{}}, Whole = {{}};
  std::vector<int64_t> Tokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 10, 0};
  for (int64_t Token : Tokens)
    step(*One, History, {{Token}}, 1);
  step(*Other, Whole, {Tokens}, 11);
}

// Any mixture of lengths, in any number of calls, gives each row what it would get alone.
TEST_F(Decoder, RaggedRowsAreIndependent) {
  std::mt19937 Random(1);
  auto Program = load(Path);
  for (int Trial = 0; Trial < 300; ++Trial) {
    auto Session = newSession(Program, Batch);
    Rows History(Batch);
    for (int Call = 0; Call < 3; ++Call) {
      Rows New(1 + Random() % Batch);
      bool Full = false;
      size_t Longest = 0;
      for (size_t Row = 0; Row < New.size(); ++Row) {
        size_t Room = Context - History[Row].size();
        Full |= Room == 0;
        New[Row].resize(Random() % (Room + 1));
        for (int64_t &Id : New[Row])
          Id = Random() % Vocabulary;
        Longest = std::max(Longest, New[Row].size());
      }
      if (!Full && Longest > 0)
        step(*Session, History, New, static_cast<int64_t>(Random() % (Longest + 1)));
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

TEST_F(Decoder, FewerLogitsPerStepThanColumns) {
  for (Interval Range : {Interval{1, 1}, Interval{0, 2}, Interval{0, Chunk}}) {
    TemporaryFolder Own;
    artefact::Program Table = decoderTable();
    Table.Symbols[2].Range = Range;
    writeArtefact(Own.path("m"), Table, decoderManifest());
    auto Program = load(Own.path("m"));
    for (int64_t Wanted = 0; Wanted <= 9; ++Wanted) {
      auto Session = newSession(Program, 2);
      Rows History(2);
      step(*Session, History, {{1, 2, 3, 4, 5, 6, 7, 8, 9}, {5, 4, 3}}, Wanted);
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

TEST_F(Decoder, ThreadsMakeNoDifference) {
  Rows New = {{1, 2, 3, 4, 5, 6, 7}, {8, 9}, {10, 0, 1, 2}};
  for (int Threads : {1, 2, 3, 7}) {
    auto Session = newSession(load(Path, Threads), Batch);
    Rows History(Batch);
    step(*Session, History, New, 7);
    step(*Session, History, {{1}, {2}, {3}}, 1);
  }
}

static void serialFor(void *Context, void (*Body)(void *, int64_t), void *BodyContext,
                      int64_t Count) {
  ++*static_cast<int *>(Context);
  for (int64_t I = Count; I-- > 0;)
    Body(BodyContext, I);
}

// A host's pool may run its calls one after the other, in any order.
TEST_F(Decoder, TheHostsParallelForIsUsed) {
  int Calls = 0;
  runtime::DeviceOptions Options;
  Options.Threads = 3;
  Options.ParallelFor = serialFor;
  Options.HostContext = &Calls;
  auto Session = newSession(*runtime::Program::load(Path, Options), Batch);
  Rows History(Batch);
  step(*Session, History, {{1, 2, 3}, {4}, {5, 6}}, 3);
  EXPECT_EQ(Calls, 3);
}

TEST_F(Decoder, RefusesBeforeItComputes) {
  auto Session = newSession(load(Path), 2);
  Rows History(2);
  step(*Session, History, {{1, 2, 3}, {4}}, 1);
  EXPECT_EQ(refusal(*Session, {{1, Vocabulary}}, "token 1: id 11 is not in [0, 11)"),
            StatusCode::BadInput);
  EXPECT_EQ(refusal(*Session, {{1}, {-1}}, "row 1, token 0: id -1"), StatusCode::BadInput);
  EXPECT_EQ(refusal(*Session, {{}}, "no tokens"), StatusCode::Usage);
  EXPECT_EQ(refusal(*Session, {{}, {}}, "no tokens"), StatusCode::Usage);
  EXPECT_EQ(refusal(*Session, {{1}, {1}, {1}}, "3 rows given, the session has 2"),
            StatusCode::Usage);
  EXPECT_EQ(refusal(*Session, {std::vector<int64_t>(14, 1)},
                    "the context is full: 3 tokens held and 14 new ones exceed 16"),
            StatusCode::ResourceLimit);
  int64_t Id = 1, Count = 2;
  EXPECT_EQ(Session->decode({&Id, 1, 1, &Count, 0, nullptr}).code(), StatusCode::Usage);
  EXPECT_EQ(Session->decode({&Id, 1, 1, nullptr, 2, nullptr}).code(), StatusCode::Usage);
  EXPECT_EQ(Session->decode({&Id, 1, 1, nullptr, 1, nullptr}).code(), StatusCode::Usage);
  EXPECT_EQ(Session->decode({nullptr, 1, 1, nullptr, 0, nullptr}).code(), StatusCode::Usage);
  step(*Session, History, {{5}, {6}}, 1);
}

TEST_F(Decoder, AFullRowMustMakeRoom) {
  auto Session = newSession(load(Path), 2);
  Rows History(2);
  step(*Session, History, {std::vector<int64_t>(16, 1), {2}}, 1);
  EXPECT_EQ(refusal(*Session, {{}, {3}}, "row 0 holds 16 tokens and is full"),
            StatusCode::ResourceLimit);
  ASSERT_TRUE(Session->truncate(0, 15).ok());
  History[0].pop_back();
  step(*Session, History, {{}, {3}}, 1);
  step(*Session, History, {{7}, {3, 4, 5, 6, 7}}, 2);
}

TEST_F(Decoder, TruncateAndReset) {
  auto Session = newSession(load(Path), 2);
  Rows History(2);
  step(*Session, History, {{1, 2, 3, 4, 5}, {6, 7}}, 1);
  EXPECT_EQ(Session->truncate(0, 6).code(), StatusCode::Usage);
  EXPECT_EQ(Session->truncate(0, -1).code(), StatusCode::Usage);
  EXPECT_EQ(Session->truncate(2, 0).code(), StatusCode::Usage);
  ASSERT_TRUE(Session->truncate(0, 2).ok());
  History[0] = {1, 2};
  step(*Session, History, {{9}, {8}}, 1);
  ASSERT_TRUE(Session->reset(1).ok());
  History[1].clear();
  step(*Session, History, {{3}, {3, 4}}, 2);
  ASSERT_TRUE(Session->reset(-1).ok());
  EXPECT_EQ(Session->reset(5).code(), StatusCode::Usage);
  EXPECT_EQ(Session->length(0), 0);
  EXPECT_EQ(Session->length(2), -1);
  History = Rows(2);
  step(*Session, History, {{3}, {3, 4}}, 2);
}

TEST_F(Decoder, ForksGoTheirOwnWay) {
  auto Session = newSession(load(Path), 2);
  Rows History(2);
  step(*Session, History, {{1, 2, 3}, {4}}, 1);
  Result<std::unique_ptr<runtime::Session>> Fork = Session->fork();
  ASSERT_TRUE(Fork);
  Rows Other = History;
  step(*Session, History, {{5}, {6}}, 1);
  step(**Fork, Other, {{7, 8}, {}}, 1);
  step(*Session, History, {{0}, {1}}, 1);
  step(**Fork, Other, {{9}, {10}}, 1);
}

TEST_F(Decoder, RowsBeyondTheCompiledBatch) {
  auto Program = load(Path);
  Status S = runtime::Session::create(Program, 4).status();
  EXPECT_EQ(S.code(), StatusCode::ResourceLimit);
  EXPECT_NE(S.message().find("recompile with --batch=4"), std::string::npos) << S.message();
  EXPECT_EQ(runtime::Session::create(Program, 0).status().code(), StatusCode::Usage);
}

TEST_F(Decoder, SessionsOfOneProgramRunFromSeveralThreads) {
  auto Program = load(Path, 2);
  std::vector<std::thread> Threads;
  for (int64_t Which = 0; Which < 4; ++Which)
    Threads.emplace_back([&, Which] {
      auto Session = newSession(Program);
      for (int Round = 0; Round < 50; ++Round) {
        Rows History(1);
        ASSERT_TRUE(Session->reset(-1).ok());
        for (int64_t I = 0; I < Context; ++I)
          step(*Session, History, {{(Which + I) % Vocabulary}}, 1);
      }
    });
  for (std::thread &Thread : Threads)
    Thread.join();
}

TEST_F(Decoder, ProfileCountsCallsAndBytes) {
  auto Session = newSession(load(Path, 2));
  Rows History(1);
  Session->setProfiling(true);
  step(*Session, History, {{1, 2, 3, 4, 5, 6}}, 1);
  step(*Session, History, {{7}}, 1);
  Session->setProfiling(false);
  step(*Session, History, {{8}}, 1);
  const runtime::Profile &P = Session->profile();
  EXPECT_EQ(P.Calls, (std::vector<int64_t>{1, 2, 3, 3}));
  EXPECT_EQ(P.Reads, (std::vector<int64_t>{100, 200, 300, 300}));
  EXPECT_EQ(P.Writes, (std::vector<int64_t>{1, 6, 7, 33}));
  for (double Seconds : P.Seconds)
    EXPECT_GT(Seconds, 0.0);
}

TEST_F(Decoder, MemoryIsAccountedFor) {
  auto Program = load(Path, 2);
  runtime::SessionMemory M = newSession(Program, 2)->memory();
  EXPECT_EQ(M.Arena, decoderTable().ArenaBytes);
  EXPECT_EQ(M.State, 2 * Context * 8);
  EXPECT_EQ(Program->tableBytes(), Context * 2 * 2 * 4);
  EXPECT_EQ(Program->device().scratchBytes(), 2 * 64);
}

TEST(Barriers, HoldUnderManyThreads) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), rotateTable(100), rotateManifest());
  std::vector<int64_t> X(1000), Expected;
  for (size_t I = 0; I < X.size(); ++I)
    X[I] = static_cast<int64_t>(I * I % 1009);
  for (int Threads : {1, 2, 3, 8}) {
    auto Session = newSession(load(T.path("m"), Threads));
    for (int Round = 0; Round < 20; ++Round) {
      std::vector<int64_t> Y(X.size());
      int64_t Bytes = static_cast<int64_t>(X.size() * 8);
      qopt_tensor In{QOPT_I64, 1, {int64_t(X.size())}, X.data(), Bytes};
      qopt_tensor Out{QOPT_I64, 0, {}, Y.data(), Bytes};
      ASSERT_TRUE(Session->run(&In, 1, &Out, 1).ok());
      if (Expected.empty())
        Expected = Y;
      ASSERT_EQ(Y, Expected);
    }
  }
}
