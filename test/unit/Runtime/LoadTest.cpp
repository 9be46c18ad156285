#include "TestArtefact.h"
#include "qopt/Base/Hash.h"
#include "qopt/Package/ArtefactWriter.h"
#include "qopt/Package/ManifestJson.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;
namespace fs = std::filesystem;

static Status loadStatus(const std::string &Path, const std::string &Isa = "") {
  runtime::DeviceOptions Options;
  Options.Threads = 1;
  Options.Isa = Isa;
  return runtime::Program::load(Path, Options).status();
}

static void expectRefused(const std::string &Path, StatusCode Code, const std::string &Message) {
  Status S = loadStatus(Path);
  EXPECT_EQ(S.code(), Code) << S.message();
  EXPECT_NE(S.message().find(Message), std::string::npos) << S.message();
}

static void replaceIn(const std::string &Path, const std::string &From, const std::string &To) {
  std::string Text = readAll(Path);
  size_t At = Text.find(From);
  ASSERT_NE(At, std::string::npos) << From;
  writeAll(Path, Text.replace(At, From.size(), To));
}

namespace {
class Load : public ::testing::Test {
protected:
  TemporaryFolder T;
  std::string Path = T.path("m.qopt");
  void SetUp() override { writeArtefact(Path, decoderTable(), decoderManifest()); }
};
} // namespace

TEST_F(Load, TheSameProgramGivesTheSameBytes) {
  writeArtefact(T.path("again"), decoderTable(), decoderManifest());
  for (const char *Name : {"manifest.json", "program.json", "weights.safetensors", "module.so"})
    EXPECT_EQ(readAll(Path + "/" + Name), readAll(T.path("again/") + Name)) << Name;
}

TEST_F(Load, EveryTruncationIsBadInput) {
  for (const char *Name : {"manifest.json", "program.json", "weights.safetensors", "module.so"}) {
    std::string File = Path + "/" + Name, Bytes = readAll(File);
    // Without its last newline a manifest is still the same JSON.
    size_t Last = Bytes.size() - (std::string(Name) == "manifest.json");
    size_t Stride = Bytes.size() > 8000 ? 13 : 1;
    for (size_t Size = 0; Size < Last; Size += Stride) {
      writeAll(File, Bytes.substr(0, Size));
      ASSERT_EQ(loadStatus(Path).code(), StatusCode::BadInput) << Name << " " << Size;
    }
    fs::remove(File);
    EXPECT_EQ(loadStatus(Path).code(), StatusCode::BadInput) << Name;
    writeAll(File, Bytes);
    ASSERT_TRUE(loadStatus(Path).ok());
  }
}

TEST_F(Load, EveryFlippedByteIsNoticedOrHarmless) {
  for (const char *Name : {"manifest.json", "program.json", "module.so"}) {
    std::string File = Path + "/" + Name, Bytes = readAll(File);
    size_t Stride = Bytes.size() > 8000 ? 17 : 1;
    for (size_t At = 0; At < Bytes.size(); At += Stride)
      for (int Bit : {0, 5, 7}) {
        std::string Flipped = Bytes;
        Flipped[At] ^= static_cast<char>(1 << Bit);
        writeAll(File, Flipped);
        Status S = loadStatus(Path);
        // Only the manifest has parts that describe and decide nothing, and names a target and
        // schema.
        bool Manifest = std::string(Name) == "manifest.json";
        ASSERT_TRUE(S.code() == StatusCode::BadInput ||
                    (Manifest && (S.ok() || S.code() == StatusCode::Unsupported)))
            << Name << " byte " << At << ": " << S.message();
      }
    writeAll(File, Bytes);
  }
}

TEST_F(Load, RefusesANewerSchema) {
  replaceIn(Path + "/manifest.json", "\"schema\": 1", "\"schema\": 2");
  expectRefused(Path, StatusCode::Unsupported, "has schema 2, this program reads up to schema 1");
}

TEST_F(Load, RefusesOtherPlaces) {
  expectRefused(T.path("none"), StatusCode::BadInput, "no such artefact");
  expectRefused(T.path(), StatusCode::BadInput, "manifest.json: cannot open");
  expectRefused(Path + "/module.so", StatusCode::BadInput, "manifest.json");
}

TEST_F(Load, CodeIsNotFollowedThroughLinks) {
  fs::rename(Path + "/module.so", T.path("elsewhere.so"));
  fs::create_symlink(T.path("elsewhere.so"), Path + "/module.so");
  expectRefused(Path, StatusCode::BadInput, "symbolic link");
  fs::remove(Path + "/module.so");
  fs::create_directory(Path + "/module.so");
  expectRefused(Path, StatusCode::BadInput, "not a regular file");
}

TEST_F(Load, FileNamesStayInTheFolder) {
  writeAll(T.path("module.so"), readAll(Path + "/module.so"));
  for (const char *Name : {"../module.so", "/etc/passwd", "", ".", ".."}) {
    TemporaryFolder Own;
    fs::copy(Path, Own.path("m"));
    replaceIn(Own.path("m/manifest.json"), "\"module.so\"", "\"" + std::string(Name) + "\"");
    expectRefused(Own.path("m"), StatusCode::BadInput, "is no name of a file in the folder");
  }
}

TEST_F(Load, AnArtefactBehindALinkIsFine) {
  fs::create_directory_symlink(Path, T.path("link"));
  EXPECT_TRUE(loadStatus(T.path("link")).ok());
}

TEST_F(Load, CodeMayAskForNothing) {
  writeArtefact(T.path("needy"), decoderTable(), decoderManifest(), readAll(QOPT_TEST_NEEDY));
  expectRefused(T.path("needy"), StatusCode::BadInput, "asks for another library");
}

TEST_F(Load, CodeMustBeCode) {
  std::string Kernels = readAll(QOPT_TEST_KERNELS), Other = Kernels;
  Other[18] = 40; // ARM, 32 bits
  writeArtefact(T.path("text"), decoderTable(), decoderManifest(), "#!/bin/sh\n");
  writeArtefact(T.path("cut"), decoderTable(), decoderManifest(), Kernels.substr(0, 3000));
  writeArtefact(T.path("arm"), decoderTable(), decoderManifest(), Other);
  expectRefused(T.path("text"), StatusCode::BadInput, "no 64-bit ELF shared object");
  expectRefused(T.path("cut"), StatusCode::BadInput, "truncated");
  expectRefused(T.path("arm"), StatusCode::Unsupported, "another processor architecture");
}

TEST_F(Load, KernelsMustExist) {
  artefact::Program Table = decoderTable();
  Table.Kernels[0].Variants[0].Symbol = "nowhere";
  writeArtefact(T.path("m"), Table, decoderManifest());
  expectRefused(T.path("m"), StatusCode::BadInput, "has no kernel \"nowhere\"");
}

TEST_F(Load, OtherTargetsAreNamed) {
  artefact::Manifest M = decoderManifest();
  M.Target = "npu";
  writeArtefact(T.path("m"), decoderTable(), M);
  expectRefused(T.path("m"), StatusCode::Unsupported,
                "is built for npu, this runtime runs cpu, sm80");
}

TEST_F(Load, WeightsMustBeThere) {
  artefact::Program Table = decoderTable();
  Table.Buffers[5].Tensor = "others";
  Result<ArtefactWriter> W = ArtefactWriter::create(T.path("m"), FolderWriter::Existing::Refuse);
  Status S = W->commit(Table, decoderManifest());
  EXPECT_EQ(S.code(), StatusCode::Internal);
  EXPECT_NE(S.message().find("has no tensor \"others\""), std::string::npos) << S.message();
  W = Status(StatusCode::Failed, "done with it");
  EXPECT_EQ(T.entries(), 1u);
}

TEST_F(Load, TheInstructionSetCanBeForced) {
  EXPECT_EQ(loadStatus(Path, "sse9").code(), StatusCode::Usage);
  setenv("QOPT_ISA", "nonsense", 1);
  expectRefused(Path, StatusCode::Usage, "unknown instruction set \"nonsense\"");
  setenv("QOPT_ISA", "generic", 1);
  auto Program = load(Path);
  EXPECT_EQ(Program->device().isa(), "generic");
  unsetenv("QOPT_ISA");
}
