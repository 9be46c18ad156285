#include "qopt/Support/ModelFolder.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qopt;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

class ModelFolderTest : public testing::Test {
protected:
  void SetUp() override {
    std::string Template = (fs::temp_directory_path() / "qopt-folder-XXXXXX").string();
    ASSERT_NE(mkdtemp(Template.data()), nullptr);
    Root = Template;
    fs::create_directories(Root / "model");
    write("model/m.onnx", "model");
    write("model/data.bin", "data");
    write("secret.bin", "secret");
  }
  void TearDown() override { fs::remove_all(Root); }

  void write(const std::string &Name, const std::string &Text) {
    fs::create_directories((Root / Name).parent_path());
    std::ofstream(Root / Name) << Text;
  }
  void link(const std::string &Target, const std::string &Name) {
    fs::create_directories((Root / Name).parent_path());
    fs::create_symlink(Target, Root / Name);
  }
  std::unique_ptr<ModelFolder> open(const std::string &Name) {
    auto Folder = ModelFolder::open((Root / Name).string());
    EXPECT_TRUE(Folder.ok()) << Folder.status().message();
    return Folder ? std::move(*Folder) : nullptr;
  }
  static std::string read(ModelFolder &Folder, const std::string &Name) {
    auto File = Folder.map(Name);
    return File ? std::string((*File)->text()) : "refused: " + File.status().message();
  }
  static void expectRefused(ModelFolder &Folder, const std::string &Name,
                            const std::string &Message) {
    auto File = Folder.map(Name);
    ASSERT_FALSE(File.ok()) << Name;
    EXPECT_EQ(File.status().code(), StatusCode::BadInput);
    EXPECT_THAT(File.status().message(), HasSubstr(Message));
  }

  fs::path Root;
};

TEST_F(ModelFolderTest, FilesBesideTheModel) {
  write("model/sub/more.bin", "more");
  auto Folder = open("model/m.onnx");
  EXPECT_EQ(Folder->modelFileName(), "m.onnx");
  EXPECT_EQ(read(*Folder, "m.onnx"), "model");
  EXPECT_EQ(read(*Folder, "data.bin"), "data");
  EXPECT_EQ(read(*Folder, "./sub//more.bin"), "more");
  EXPECT_EQ(*Folder->map("data.bin"), *Folder->map("data.bin"));
  EXPECT_TRUE(Folder->takeWarnings().empty());
}

TEST_F(ModelFolderTest, AFolderStandsForItsModel) {
  EXPECT_EQ(open("model")->modelFileName(), "m.onnx");
  write("model/other.onnx", "");
  auto Two = ModelFolder::open((Root / "model").string());
  EXPECT_THAT(Two.status().message(), HasSubstr("holds 2 .onnx files"));
  write("model/model.onnx", "");
  EXPECT_EQ(open("model")->modelFileName(), "model.onnx");
  fs::create_directories(Root / "empty");
  EXPECT_EQ(ModelFolder::open((Root / "empty").string()).status().code(), StatusCode::BadInput);
  EXPECT_EQ(ModelFolder::open((Root / "nothing").string()).status().code(), StatusCode::BadInput);
}

TEST_F(ModelFolderTest, NothingOutsideIsOpened) {
  link("../secret.bin", "model/link.bin");
  link("data.bin", "model/inner.bin");
  link("..", "model/up");
  link(".", "model/here");
  auto Folder = open("model/m.onnx");
  expectRefused(*Folder, "../secret.bin", "leads out");
  expectRefused(*Folder, "sub/../../secret.bin", "leads out");
  expectRefused(*Folder, (Root / "secret.bin").string(), "must be relative");
  expectRefused(*Folder, "link.bin", "symbolic link");
  expectRefused(*Folder, "inner.bin", "symbolic link");
  expectRefused(*Folder, "up/secret.bin", "symbolic link");
  expectRefused(*Folder, "here/data.bin", "symbolic link");
  expectRefused(*Folder, std::string("data.bin\0x", 10), "must be relative");
  expectRefused(*Folder, "", "empty path");
  expectRefused(*Folder, ".", "names a folder");
  expectRefused(*Folder, "missing.bin", "no such file");
}

TEST_F(ModelFolderTest, RegularFilesOnly) {
  fs::create_directories(Root / "model/folder.bin");
  ASSERT_EQ(mkfifo((Root / "model/pipe.bin").c_str(), 0600), 0);
  auto Folder = open("model/m.onnx");
  expectRefused(*Folder, "folder.bin", "not a regular file");
  expectRefused(*Folder, "pipe.bin", "not a regular file");
  EXPECT_FALSE(ModelFolder::open((Root / "model/pipe.bin").string()).ok());
}

TEST_F(ModelFolderTest, HardLinksAreWarnedOf) {
  fs::create_hard_link(Root / "secret.bin", Root / "model/hard.bin");
  auto Folder = open("model/m.onnx");
  EXPECT_EQ(read(*Folder, "hard.bin"), "secret");
  EXPECT_THAT(Folder->takeWarnings(), testing::ElementsAre(HasSubstr("2 hard links")));
  EXPECT_EQ(read(*Folder, "hard.bin"), "secret");
  EXPECT_TRUE(Folder->takeWarnings().empty());
}

// snapshots/<revision>/ holds links into blobs/, where files are named by their hash.
TEST_F(ModelFolderTest, HubCache) {
  write("hub/blobs/aaaa", "model");
  write("hub/blobs/bbbb", "data");
  write("hub/blobs/beside.bin", "beside");
  link("../../blobs/aaaa", "hub/snapshots/1/model.onnx");
  link("../../blobs/bbbb", "hub/snapshots/1/model.onnx_data");
  auto Folder = open("hub/snapshots/1");
  EXPECT_EQ(Folder->modelFileName(), "model.onnx");
  EXPECT_EQ(read(*Folder, "model.onnx"), "model");
  EXPECT_EQ(read(*Folder, "model.onnx_data"), "data");
  EXPECT_EQ(read(*Folder, "beside.bin"), "beside");
}

TEST_F(ModelFolderTest, HubCacheThatEscapes) {
  write("hub/blobs/aaaa", "model");
  link("../../../secret.bin", "hub/blobs/link");
  link("../../blobs/aaaa", "hub/snapshots/1/model.onnx");
  link("../../../secret.bin", "hub/snapshots/1/out.bin");
  link((Root / "secret.bin").string(), "hub/snapshots/1/absolute.bin");
  link("../../blobs/link", "hub/snapshots/1/chain.bin");
  link("../../blobs/..", "hub/snapshots/1/parent.bin");
  link("../../blobs", "hub/snapshots/1/folder");
  auto Folder = open("hub/snapshots/1");
  for (const char *Name : {"out.bin", "absolute.bin", "chain.bin", "parent.bin"})
    expectRefused(*Folder, Name, "symbolic link");
  expectRefused(*Folder, "folder/aaaa", "");
  expectRefused(*Folder, "../../blobs/aaaa", "leads out");
}

TEST_F(ModelFolderTest, AnEmptyFileHasNoBytes) {
  write("model/empty.bin", "");
  EXPECT_EQ(read(*open("model/m.onnx"), "empty.bin"), "");
}

} // namespace
