#include "CHost.h"
#include "TestArtefact.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

/// What greedy generation must give.
static std::vector<int64_t> expectedIds(std::vector<int64_t> Tokens, int Count) {
  std::vector<int64_t> Ids;
  for (int I = 0; I < Count; ++I) {
    std::vector<float> Logits = expectedLogits(Tokens);
    Ids.push_back(std::max_element(Logits.begin(), Logits.end()) - Logits.begin());
    Tokens.push_back(Ids.back());
  }
  return Ids;
}

TEST(CInterface, AHostInC) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), decoderTable(), decoderManifest());
  std::vector<int64_t> Prompt = {3, 1, 4, 1, 5}, Out(12);
  char Message[256];
  ASSERT_EQ(hostGenerate(T.path("m").c_str(), Prompt.data(), 5, Out.data(), 12, Message, 256), 0)
      << Message;
  EXPECT_EQ(Out, expectedIds(Prompt, 12));
  Out.resize(13);
  EXPECT_EQ(hostGenerate(T.path("m").c_str(), Prompt.data(), 5, Out.data(), 13, Message, 256),
            QOPT_RESOURCE_LIMIT);
  EXPECT_NE(std::string(Message).find("16 tokens held and 1 new ones exceed 16"), std::string::npos)
      << Message;
  EXPECT_EQ(hostGenerate("none", Prompt.data(), 5, Out.data(), 1, Message, 256), QOPT_BAD_INPUT);
}

TEST(CInterface, RefusesNullAndUnknownStructs) {
  qopt_error *Error = nullptr;
  qopt_program *Program = nullptr;
  EXPECT_EQ(qopt_program_load(nullptr, nullptr, &Program, &Error), QOPT_USAGE);
  EXPECT_EQ(qopt_error_status(Error), QOPT_USAGE);
  qopt_error_free(Error);
  qopt_options Options{};
  EXPECT_EQ(qopt_program_load("x", &Options, &Program, nullptr), QOPT_USAGE);
  EXPECT_EQ(qopt_session_create(nullptr, 1, nullptr, nullptr), QOPT_USAGE);
  EXPECT_EQ(qopt_session_decode(nullptr, nullptr, 0, 0, nullptr, 0, nullptr, nullptr), QOPT_USAGE);
  EXPECT_EQ(qopt_session_run(nullptr, nullptr, 1, nullptr, 0, nullptr), QOPT_USAGE);
  EXPECT_EQ(qopt_session_length(nullptr, 0), -1);
  EXPECT_EQ(qopt_session_profile(nullptr, 0), nullptr);
  EXPECT_STREQ(qopt_error_message(nullptr), "");
  qopt_error_free(nullptr);
  qopt_program_free(nullptr);
  qopt_session_free(nullptr);
  qopt_sampler_free(nullptr);
  EXPECT_EQ(qopt_abi_version(), uint32_t(QOPT_ABI_VERSION));
}

TEST(CInterface, ShowsWhatAProgramIs) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), graphTable(), graphManifest());
  qopt_program *Program = nullptr;
  ASSERT_EQ(qopt_program_load(T.path("m").c_str(), nullptr, &Program, nullptr), QOPT_OK);
  EXPECT_STREQ(qopt_program_name(Program), "scale");
  EXPECT_EQ(std::string(qopt_program_manifest(Program)), readAll(T.path("m/manifest.json")));
  qopt_value_info Value;
  ASSERT_EQ(qopt_program_input(Program, 0, &Value, nullptr), QOPT_OK);
  EXPECT_STREQ(Value.name, "x");
  EXPECT_EQ(Value.max_shape[1], 100);
  ASSERT_EQ(qopt_program_output(Program, 1, &Value, nullptr), QOPT_OK);
  EXPECT_EQ(Value.type, QOPT_I64);
  EXPECT_EQ(Value.max_shape[0], 300);
  EXPECT_EQ(qopt_program_output(Program, 2, &Value, nullptr), QOPT_USAGE);
  qopt_session *Session = nullptr;
  ASSERT_EQ(qopt_session_create(Program, 1, &Session, nullptr), QOPT_OK);
  qopt_memory Memory;
  Memory.struct_size = sizeof(Memory);
  ASSERT_EQ(qopt_session_memory(Session, &Memory, nullptr), QOPT_OK);
  EXPECT_EQ(Memory.state, 64);
  EXPECT_GT(Memory.weights_mapped, 0);
  qopt_session_set_profiling(Session, 1);
  ASSERT_NE(qopt_session_profile(Session, 0), nullptr);
  EXPECT_STREQ(qopt_session_profile(Session, 0)->kernel, "scale");
  EXPECT_EQ(qopt_session_profile(Session, 1), nullptr);
  qopt_session_free(Session);
  qopt_program_free(Program);
}
