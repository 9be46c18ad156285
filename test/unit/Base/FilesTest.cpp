#include "TemporaryFolder.h"
#include "qopt/Base/FileWriter.h"
#include "qopt/Base/FolderWriter.h"
#include "qopt/Base/MappedFile.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace qopt;
using namespace qopt::test;
namespace fs = std::filesystem;

TEST(MappedFile, ReadsFilesOnly) {
  TemporaryFolder T;
  writeAll(T.path("a"), "hello");
  writeAll(T.path("empty"), "");
  fs::create_symlink("a", T.path("link"));
  ASSERT_EQ(mkfifo(T.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(T.path("a"))->text(), "hello");
  EXPECT_EQ(MappedFile::open(T.path("empty"))->size(), 0u);
  EXPECT_EQ(MappedFile::open(T.path("link"))->text(), "hello");
  for (const std::string &Bad : {T.path("none"), T.path(), T.path("pipe"), T.path("a/b")})
    EXPECT_EQ(MappedFile::open(Bad).status().code(), StatusCode::BadInput) << Bad;
  EXPECT_EQ(MappedFile::open(T.path("link"), MappedFile::Links::Refuse).status().code(),
            StatusCode::BadInput);
}

TEST(FileWriter, AppearsAtCommitOnly) {
  TemporaryFolder T;
  {
    Result<FileWriter> W = FileWriter::create(T.path("a"));
    ASSERT_TRUE(W);
    ASSERT_TRUE(W->write("lost").ok());
    EXPECT_FALSE(fs::exists(T.path("a")));
  }
  EXPECT_EQ(T.entries(), 0u);
  Result<FileWriter> W = FileWriter::create(T.path("a"));
  ASSERT_TRUE(W->write("he").ok());
  ASSERT_TRUE(W->resize(5).ok());
  ASSERT_TRUE(W->writeAt(3, "lo", 2).ok());
  ASSERT_TRUE(W->commit().ok());
  EXPECT_EQ(readAll(T.path("a")), std::string("he\0lo", 5));
  EXPECT_EQ(T.entries(), 1u);
  EXPECT_EQ(FileWriter::create(T.path("no/such")).status().code(), StatusCode::Failed);
}

TEST(FolderWriter, AppearsAtCommitOnly) {
  TemporaryFolder T;
  {
    Result<FolderWriter> W = FolderWriter::create(T.path("m.qopt"), FolderWriter::Existing::Refuse);
    ASSERT_TRUE(W);
    writeAll(W->filePath("manifest.json"), "1");
    EXPECT_FALSE(fs::exists(T.path("m.qopt")));
  }
  EXPECT_EQ(T.entries(), 0u);
  Result<FolderWriter> W = FolderWriter::create(T.path("m.qopt/"), FolderWriter::Existing::Refuse);
  writeAll(W->filePath("manifest.json"), "1");
  ASSERT_TRUE(W->commit().ok());
  EXPECT_EQ(readAll(T.path("m.qopt/manifest.json")), "1");
}

TEST(FolderWriter, ReplacesArtefactsOnly) {
  TemporaryFolder T;
  fs::create_directory(T.path("m.qopt"));
  writeAll(T.path("m.qopt/manifest.json"), "old");
  writeAll(T.path("m.qopt/other"), "old");
  fs::create_directory(T.path("home"));
  writeAll(T.path("home/thesis.tex"), "years");
  writeAll(T.path("file"), "x");
  fs::create_symlink("m.qopt", T.path("link"));
  auto create = [&](const char *Name, FolderWriter::Existing Policy) {
    return FolderWriter::create(T.path(Name), Policy).status().code();
  };
  using Existing = FolderWriter::Existing;
  EXPECT_EQ(create("m.qopt", Existing::Refuse), StatusCode::Usage);
  for (const char *Name : {"home", "file", "link"})
    EXPECT_EQ(create(Name, Existing::ReplaceArtefact), StatusCode::Usage) << Name;
  Result<FolderWriter> W = FolderWriter::create(T.path("m.qopt"), Existing::ReplaceArtefact);
  writeAll(W->filePath("manifest.json"), "new");
  ASSERT_TRUE(W->commit().ok());
  W = Status(StatusCode::Failed, "done with it");
  EXPECT_EQ(readAll(T.path("m.qopt/manifest.json")), "new");
  EXPECT_FALSE(fs::exists(T.path("m.qopt/other")));
  EXPECT_EQ(T.entries(), 4u);
}

// Someone else's folder may come while we work.
TEST(FolderWriter, ChecksAgainAtCommit) {
  TemporaryFolder T;
  Result<FolderWriter> W = FolderWriter::create(T.path("m"), FolderWriter::Existing::Refuse);
  fs::create_directory(T.path("m"));
  EXPECT_EQ(W->commit().code(), StatusCode::Usage);
}

TEST(FileWriter, NeverReplacesWhatIsNoFile) {
  TemporaryFolder T;
  ASSERT_EQ(mkfifo(T.path("pipe").c_str(), 0600), 0);
  for (const std::string &Path : {T.path("pipe"), T.path()}) {
    Status S = writeFile(Path, "text");
    EXPECT_EQ(S.code(), StatusCode::Usage) << S.message();
    EXPECT_NE(S.message().find("no regular file"), std::string::npos) << S.message();
    EXPECT_FALSE(fs::is_regular_file(Path)) << Path;
  }
}
