#include "TestArtefact.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

namespace {
class Graph : public ::testing::Test {
protected:
  TemporaryFolder T;
  std::unique_ptr<runtime::Session> Session;
  std::vector<float> X = {1, 2, 3, 4, 5, 6}, Y = std::vector<float>(6);
  std::vector<int32_t> Offset = {5, -5};
  std::vector<int64_t> Z = std::vector<int64_t>(6);
  std::vector<qopt_tensor> In, Out;

  void SetUp() override {
    writeArtefact(T.path("m"), graphTable(), graphManifest());
    Session = newSession(load(T.path("m"), 2), 2);
    In = {{QOPT_F32, 2, {2, 3}, X.data(), 24}, {QOPT_I32, 1, {2}, Offset.data(), 8}};
    Out = {{QOPT_F64, 0, {}, Y.data(), 24}, {QOPT_F64, 0, {}, Z.data(), 48}};
  }
  Status run() {
    return Session->run(In.data(), int64_t(In.size()), Out.data(), int64_t(Out.size()));
  }
  StatusCode refusal(const char *Message) {
    Status S = run();
    EXPECT_NE(S.message().find(Message), std::string::npos) << S.message();
    return S.code();
  }
};
} // namespace

TEST_F(Graph, ComputesAndDescribesOutputs) {
  ASSERT_TRUE(Session->outputShapes(In.data(), 2, Out.data(), 2).ok());
  EXPECT_EQ(Out[0].type, QOPT_F32);
  EXPECT_EQ(Out[0].rank, 2);
  EXPECT_EQ(Out[0].shape[1], 3);
  EXPECT_EQ(Out[1].rank, 1);
  EXPECT_EQ(Out[1].shape[0], 6);
  EXPECT_EQ(Out[1].bytes, 48);
  Status S = run();
  ASSERT_TRUE(S.ok()) << S.message();
  EXPECT_EQ(Y, (std::vector<float>{7, 9, 11, 3, 5, 7}));
  EXPECT_EQ(Z, std::vector<int64_t>(6, 1));
}

TEST_F(Graph, StateLivesUntilReset) {
  ASSERT_TRUE(run().ok() && run().ok());
  EXPECT_EQ(Z[5], 2);
  ASSERT_TRUE(Session->reset(1).ok());
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(Z, (std::vector<int64_t>{3, 3, 3, 1, 1, 1}));
  EXPECT_EQ(Session->truncate(0, 0).code(), StatusCode::Usage);
  EXPECT_EQ(Session->length(0), -1);
}

TEST_F(Graph, NoElementsAreNoProblem) {
  In[0].shape[1] = 0;
  In[0].bytes = 0;
  EXPECT_TRUE(run().ok());
  EXPECT_EQ(Out[1].shape[0], 0);
}

TEST_F(Graph, RefusesWrongInputs) {
  auto with = [&](auto Change, const char *Message) {
    std::vector<qopt_tensor> InBefore = In, OutBefore = Out;
    Change();
    StatusCode Code = refusal(Message);
    In = InBefore;
    Out = OutBefore;
    return Code;
  };
  EXPECT_EQ(with([&] { In.pop_back(); }, "1 inputs given, the program has 2"), StatusCode::Usage);
  EXPECT_EQ(with([&] { Out.pop_back(); }, "1 outputs given"), StatusCode::Usage);
  EXPECT_EQ(with([&] { In[0].type = QOPT_F16; }, "\"x\" must be f32"), StatusCode::BadInput);
  EXPECT_EQ(with([&] { In[0].type = 99; }, "\"x\" must be f32"), StatusCode::BadInput);
  EXPECT_EQ(with([&] { In[0].rank = 1; }, "must have 2 dimensions"), StatusCode::BadInput);
  EXPECT_EQ(with([&] { In[1].shape[0] = 3; }, "batch is 3 here and 2"), StatusCode::BadInput);
  EXPECT_EQ(with([&] { In[0].shape[1] = 101; }, "size is 101, compiled for at most 100"),
            StatusCode::ResourceLimit);
  EXPECT_EQ(with([&] { In[0].shape[1] = -1; }, "size is -1"), StatusCode::BadInput);
  EXPECT_EQ(with([&] { In[0].bytes = 23; }, "has 23 bytes of data, its shape needs 24"),
            StatusCode::BadInput);
  EXPECT_EQ(with([&] { In[0].data = nullptr; }, "its shape needs 24"), StatusCode::BadInput);
  EXPECT_EQ(with([&] { Out[1].bytes = 47; }, "output \"z\" needs 48 bytes"), StatusCode::Usage);
  EXPECT_EQ(with([&] { In[0].shape[0] = In[1].shape[0] = 3; }, "3 rows given, the session has 2"),
            StatusCode::Usage);
  Offset[1] = 6;
  EXPECT_EQ(refusal("\"offset\", element 1: 6 is not in [-5, 5]"), StatusCode::BadInput);
  int64_t Id = 0;
  EXPECT_EQ(Session->decode({&Id, 1, 1, nullptr, 0, nullptr}).code(), StatusCode::Usage);
}
