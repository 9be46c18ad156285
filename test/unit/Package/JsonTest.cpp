#include "SampleProgram.h"
#include "qopt/Package/ManifestJson.h"
#include "qopt/Package/ProgramJson.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

static std::string replaced(std::string Text, const std::string &From, const std::string &To) {
  size_t At = Text.find(From);
  EXPECT_NE(At, std::string::npos) << From;
  return Text.replace(At, From.size(), To);
}

TEST(ProgramJson, RoundTripGivesTheSameBytes) {
  std::string Text = printProgram(sampleProgram());
  Result<artefact::Program> Read = parseProgram(Text, "program.json");
  ASSERT_TRUE(Read) << Read.status().message();
  EXPECT_EQ(printProgram(*Read), Text);
  EXPECT_EQ(Read->Buffers[7].Bytes, sampleProgram().Buffers[7].Bytes);
  EXPECT_EQ(Read->Launches[0].When[0].Value, Expression::symbol(1));
  EXPECT_FALSE(Read->Launches[0].Continues);
  EXPECT_TRUE(Read->Launches[1].Continues);
}

TEST(ManifestJson, RoundTripGivesTheSameBytes) {
  std::string Text = printManifest(sampleManifest());
  Result<artefact::Manifest> Read = parseManifest(Text, "manifest.json");
  ASSERT_TRUE(Read) << Read.status().message();
  EXPECT_EQ(printManifest(*Read), Text);
}

TEST(ManifestJson, IgnoresWhatItDoesNotKnow) {
  std::string Text =
      replaced(printManifest(sampleManifest()), "\"kind\"", "\"new\": [1], \"kind\"");
  EXPECT_TRUE(parseManifest(Text, "manifest.json"));
}

TEST(ProgramJson, RefusesANewerSchemaWithBothNumbers) {
  for (bool Manifest : {false, true}) {
    std::string Text = Manifest ? printManifest(sampleManifest()) : printProgram(sampleProgram());
    Text = replaced(Text, "\"schema\": 1", "\"schema\": 7");
    Status S = Manifest ? parseManifest(Text, "f").status() : parseProgram(Text, "f").status();
    EXPECT_EQ(S.code(), StatusCode::Unsupported);
    EXPECT_NE(S.message().find("schema 7"), std::string::npos) << S.message();
    EXPECT_NE(S.message().find("schema 1"), std::string::npos) << S.message();
  }
}

TEST(ProgramJson, NamesThePlaceOfEachProblem) {
  const char *Changes[][3] = {
      {"\"kernel\":0", "\"kernel\":0.5", "program.json.launches[0].kernel: expected an integer"},
      {"\"kernel\":0", "\"kernel\":99999999999999999999", "expected an integer"},
      {"\"arena_bytes\": 192", "\"arena_bytes\": -1", "arena_bytes: -1 is not in"},
      {"[\"max\",", "[\"pow\",", "unknown operator \"pow\""},
      {"[\"max\",\"tokens\",2]", "[\"max\",\"tokens\"]", "[operator, a, b, ...]"},
      {"[\"max\",\"tokens\",2]", "[\"max\",\"nobody\",2]", "unknown symbol \"nobody\""},
      {"\"i64\"", "\"i63\"", "unknown element type \"i63\""},
      {"\"kind\":\"state\"", "\"kind\":\"stat\"", "unknown buffer kind \"stat\""},
      {"\"row_bytes\":128", "\"row_bytes\":128,\"x\":1", "unknown member \"x\""},
      {"\"name\":\"w\",", "", "buffers[5]: \"name\" is missing"},
      {"\"range\":[0,9]", "\"range\":[9,0]", "the range is empty"},
      {"\"min\":1,\"max\":2", "\"min\":3,\"max\":2", "is not in [3,"},
      {"\"kernels\": [", "\"kernel\": [", "unknown member \"kernel\""},
      {"\"arena_bytes\": 192", "\"arena_bytes\": 1, \"arena_bytes\": 192", "occurs twice"},
  };
  std::string Text = printProgram(sampleProgram());
  for (auto [From, To, Message] : Changes) {
    Status S = parseProgram(replaced(Text, From, To), "program.json").status();
    EXPECT_EQ(S.code(), StatusCode::BadInput) << To;
    EXPECT_NE(S.message().find(Message), std::string::npos) << S.message();
  }
}

TEST(ProgramJson, EveryTruncationIsAnError) {
  for (const std::string &Text : {printProgram(sampleProgram()), printManifest(sampleManifest())})
    for (size_t Size = 0; Size + 1 < Text.size(); ++Size) {
      ASSERT_EQ(parseProgram(Text.substr(0, Size), "f").status().code(), StatusCode::BadInput);
      ASSERT_EQ(parseManifest(Text.substr(0, Size), "f").status().code(), StatusCode::BadInput);
    }
}

TEST(ProgramJson, DepthIsBounded) {
  std::string Deep(100000, '[');
  EXPECT_EQ(parseProgram(Deep, "f").status().code(), StatusCode::BadInput);
  std::string Closed = Deep + std::string(100000, ']');
  EXPECT_EQ(parseManifest(Closed, "f").status().code(), StatusCode::BadInput);
}
