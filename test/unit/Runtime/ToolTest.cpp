// qopt-run as a user calls it.
#include "TestArtefact.h"
#include "qopt/Package/Npz.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

using namespace qopt;
using namespace qopt::test;

namespace {
struct Output {
  int Code;
  std::string Text, Errors;
};

class Tool : public ::testing::Test {
protected:
  TemporaryFolder T;
  void SetUp() override {
    writeArtefact(T.path("m"), decoderTable(), decoderManifest());
    writeArtefact(T.path("g"), graphTable(), graphManifest());
  }
  Output run(const std::string &Arguments) {
    std::string Command = "cd " + T.path() + " && " + QOPT_TEST_RUN + " " + Arguments +
                          " >out.txt 2>err.txt </dev/null";
    int Code = std::system(Command.c_str());
    return {WIFEXITED(Code) ? WEXITSTATUS(Code) : -1, readAll(T.path("out.txt")),
            readAll(T.path("err.txt"))};
  }
  void refused(const std::string &Arguments, int Code, const std::string &Message) {
    Output O = run(Arguments);
    EXPECT_EQ(O.Code, Code) << Arguments << ": " << O.Errors;
    EXPECT_EQ(O.Text, "") << Arguments;
    EXPECT_NE(O.Errors.find(Message), std::string::npos) << Arguments << ": " << O.Errors;
  }
};

std::string greedy(std::vector<int64_t> Tokens, int Count) {
  std::string Text;
  for (int I = 0; I < Count; ++I) {
    std::vector<float> Logits = expectedLogits(Tokens);
    Tokens.push_back(std::max_element(Logits.begin(), Logits.end()) - Logits.begin());
    Text += (I ? "," : "") + std::to_string(Tokens.back());
  }
  return Text + "\n";
}

NpyArray integers(DataType Type, std::vector<int64_t> Shape, const void *Data, size_t Bytes) {
  NpyArray A;
  A.Type = Type;
  A.Shape = std::move(Shape);
  A.Data.assign(static_cast<const char *>(Data), static_cast<const char *>(Data) + Bytes);
  return A;
}
} // namespace

TEST_F(Tool, GeneratesOneLinePerPrompt) {
  Output One = run("m --generate --prompt-ids 5,9,2 --max-tokens 8");
  EXPECT_EQ(One.Code, 0) << One.Errors;
  EXPECT_EQ(One.Text, greedy({5, 9, 2}, 8));
  EXPECT_NE(One.Errors, "");
  Output Two = run("m --generate --prompt-ids 5,9,2 --prompt-ids=7 --max-tokens 8 --quiet");
  EXPECT_EQ(Two.Text, greedy({5, 9, 2}, 8) + greedy({7}, 8));
  EXPECT_EQ(Two.Errors, "");
  Output Default = run("m --generate --prompt-ids 5,9,2");
  EXPECT_EQ(Default.Text, greedy({5, 9, 2}, 14)); // as many as the context holds
}

TEST_F(Tool, StopIdsEndARow) {
  std::string Whole = greedy({5, 9, 2}, 10);
  std::string Third = Whole.substr(Whole.find(',', Whole.find(',') + 1) + 1);
  Third.resize(Third.find(','));
  size_t First = (',' + Whole).find(',' + Third + ',');
  std::string Expected = First == 0 ? "\n" : Whole.substr(0, First - 1) + "\n";
  Output O = run("m --generate --prompt-ids 5,9,2 --max-tokens 10 --stop-ids " + Third);
  EXPECT_EQ(O.Text, Expected);
}

TEST_F(Tool, SamplingIsSeededPerRow) {
  std::string Arguments = "m --generate --prompt-ids 1 --prompt-ids 1 --temperature 20 --quiet "
                          "--max-tokens 12 --seed ";
  Output A = run(Arguments + "3"), B = run(Arguments + "3 --threads 2"), C = run(Arguments + "4");
  EXPECT_EQ(A.Code, 0) << A.Errors;
  EXPECT_EQ(A.Text, B.Text);
  EXPECT_NE(A.Text, C.Text);
  size_t Line = A.Text.find('\n') + 1;
  EXPECT_NE(A.Text.substr(0, Line), A.Text.substr(Line));
  // A row's seed is the first row's and its index.
  EXPECT_EQ(A.Text.substr(Line), C.Text.substr(0, C.Text.find('\n') + 1));
}

TEST_F(Tool, ReportsBecomeJson) {
  Output O = run("m --generate --prompt-ids 5,9,2 --max-tokens 2 --json - --quiet");
  nlohmann::json J = nlohmann::json::parse(O.Text, nullptr, false);
  ASSERT_TRUE(J.is_object()) << O.Text;
  EXPECT_EQ(J["ids"][0].size(), 2u);
  EXPECT_EQ(run("m --bench --prompt 4 --tokens 3 --batch 2 --repeat 1 --json b.json").Code, 0);
  J = nlohmann::json::parse(readAll(T.path("b.json")), nullptr, false);
  for (const char *Key : {"prefill_tokens_per_s", "decode_tokens_per_s", "time_to_first_token_s",
                          "peak_private_bytes"})
    EXPECT_GT(J[Key].get<double>(), 0.0) << Key;
  EXPECT_EQ(J["batch"], 2);
  EXPECT_TRUE(J.contains("peak_device_bytes") && J["peak_device_bytes"].is_null());
  EXPECT_EQ(run("m --profile --prompt 4 --tokens 3 --json p.json").Code, 0);
  J = nlohmann::json::parse(readAll(T.path("p.json")), nullptr, false);
  EXPECT_EQ(J["decode"][0]["launch"], "append.1");
  EXPECT_EQ(J["decode"][0]["calls"], 3);
  EXPECT_EQ(J["prefill"][0]["launch"], "append");
}

TEST_F(Tool, InfoOfBothKinds) {
  Output O = run("m");
  EXPECT_EQ(O.Code, 0) << O.Errors;
  EXPECT_NE(O.Text.find("context 16, batch 3, chunk 4, vocabulary 11"), std::string::npos);
  O = run("g --info --json -");
  EXPECT_EQ(nlohmann::json::parse(O.Text)["manifest"]["kind"], "graph");
}

TEST_F(Tool, DecoderTensors) {
  int32_t Ids[] = {1, 2, 3, 4, 5, 0};
  int64_t Counts[] = {3, 2};
  ASSERT_TRUE(writeNpz(T.path("in.npz"), {{"ids", integers(DataType::I32, {2, 3}, Ids, 24)},
                                          {"counts", integers(DataType::I64, {2}, Counts, 16)}})
                  .ok());
  Output O = run("m --inputs in.npz --outputs out.npz");
  ASSERT_EQ(O.Code, 0) << O.Errors;
  Result<NpzArrays> Results = readNpz(T.path("out.npz"));
  ASSERT_TRUE(Results);
  const NpyArray *Logits = findArray(*Results, "logits");
  ASSERT_NE(Logits, nullptr);
  EXPECT_EQ(Logits->Shape, (std::vector<int64_t>{2, 3, Vocabulary}));
  std::vector<float> Last(Vocabulary);
  std::memcpy(Last.data(), Logits->Data.data() + 5 * Vocabulary * 4, Vocabulary * 4);
  EXPECT_EQ(Last, expectedLogits({4, 5}));
  std::memcpy(Last.data(), Logits->Data.data() + 1 * Vocabulary * 4, Vocabulary * 4);
  EXPECT_EQ(Last, expectedLogits({1, 2}));
}

TEST_F(Tool, GraphTensors) {
  float X[] = {1, 2, 3, 4};
  int64_t Offset[] = {5, -5}, Beyond[] = {int64_t(1) << 40, 0};
  NpzArrays In = {{"offset", integers(DataType::I64, {2}, Offset, 16)},
                  {"x", integers(DataType::F32, {2, 2}, X, 16)}};
  ASSERT_TRUE(writeNpz(T.path("in.npz"), In).ok());
  Output O = run("g --inputs in.npz --outputs out.npz --quiet");
  ASSERT_EQ(O.Code, 0) << O.Errors;
  EXPECT_EQ(O.Errors, "");
  Result<NpzArrays> Results = readNpz(T.path("out.npz"));
  float Y[4];
  std::memcpy(Y, findArray(*Results, "y")->Data.data(), sizeof(Y));
  EXPECT_EQ(std::vector<float>(Y, Y + 4), (std::vector<float>{7, 9, 1, 3}));
  EXPECT_EQ(run("g --bench --repeat 2").Code, 0);
  EXPECT_EQ(run("g --profile --inputs in.npz").Code, 0);

  In[0].second = integers(DataType::I64, {2}, Beyond, 16);
  ASSERT_TRUE(writeNpz(T.path("in.npz"), In).ok());
  refused("g --inputs in.npz --outputs x.npz", 3, "has a value that is no i32");
  In.emplace_back("extra", In[1].second);
  In[0].second = integers(DataType::I64, {2}, Offset, 16);
  ASSERT_TRUE(writeNpz(T.path("in.npz"), In).ok());
  refused("g --inputs in.npz --outputs x.npz", 3, "no input \"extra\"");
  In.resize(1);
  ASSERT_TRUE(writeNpz(T.path("in.npz"), In).ok());
  refused("g --inputs in.npz --outputs x.npz", 3, "no array \"x\"");
  EXPECT_FALSE(std::filesystem::exists(T.path("x.npz")));
}

TEST_F(Tool, RefusesWithTheRightCode) {
  refused("", 2, "which artefact");
  refused("m --frobnicate", 2, "--frobnicate");
  refused("m --generate", 2, "belong together");
  refused("m --prompt-ids 1", 2, "belong together");
  refused("m --generate --info --prompt-ids 1", 2, "exclude each other");
  refused("m --inputs in.npz", 2, "belong together");
  refused("m --generate --prompt-ids 1,,2", 2, "no list of ids");
  refused("m --generate --prompt-ids ''", 2, "");
  refused("m --generate --prompt-ids 1,", 2, "no list of ids");
  refused("m --generate --prompt-ids 99999999999999999999", 2, "no list of ids");
  refused("m --generate --prompt-ids 1 --max-tokens 0", 2, "--max-tokens");
  refused("m --generate --prompt-ids 1 --temperature -1", 2, "temperature");
  refused("m --generate --prompt-ids 1 --top-p 0", 2, "top-p");
  refused("m --generate --prompt-ids 1 --threads 5000", 2, "--threads");
  refused("none --info", 3, "no such artefact");
  refused("m --generate --prompt-ids 11", 3, "id 11 is not in [0, 11)");
  refused("m --generate --prompt-ids=-1", 3, "id -1 is not in [0, 11)");
  refused("m --generate --prompt-ids 1 --stop-ids 11", 3, "--stop-ids");
  refused("m --generate --prompt-ids 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 6, "17 tokens exceeds 16");
  refused("m --generate --prompt-ids 1,2 --max-tokens 16", 6, "use at most --max-tokens=15");
  refused("m --generate --prompt-ids 1 --prompt-ids 1 --prompt-ids 1 --prompt-ids 1", 6,
          "recompile with --batch=4");
  refused("m --bench --batch 4", 6, "recompile with --batch=4");
  refused("m --bench", 6, "exceed the context of 16");
  refused("g --generate --prompt-ids 1", 2, "is a graph");
  refused("m --inputs none.npz --outputs out.npz", 3, "none.npz");
  EXPECT_FALSE(std::filesystem::exists(T.path("out.npz")));
}

TEST_F(Tool, HelpFitsOneScreen) {
  Output O = run("--help");
  EXPECT_EQ(O.Code, 0);
  EXPECT_LE(std::count(O.Text.begin(), O.Text.end(), '\n'), 40);
  std::string Line;
  for (std::istringstream Lines(O.Text); std::getline(Lines, Line);)
    EXPECT_LE(Line.size(), 100u) << Line;
  EXPECT_EQ(run("--version").Text, "qopt-run 0.1.0\n");
}
