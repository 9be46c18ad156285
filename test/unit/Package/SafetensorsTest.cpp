#include "qopt/Package/Safetensors.h"
#include "TemporaryFolder.h"
#include "qopt/Package/SafetensorsWriter.h"

#include <cstring>
#include <gtest/gtest.h>
#include <thread>

using namespace qopt;
using namespace qopt::test;

static std::string file(const std::string &Header, const std::string &Data) {
  uint64_t Size = Header.size();
  std::string Bytes(8, '\0');
  std::memcpy(Bytes.data(), &Size, 8);
  return Bytes + Header + Data;
}

TEST(Safetensors, ReadsWhatTheWriterWrote) {
  TemporaryFolder T;
  Result<SafetensorsWriter> W =
      SafetensorsWriter::create(T.path("w"), {{"a", 3}, {"empty", 0}, {"b\"\xc3\xa9", 100}});
  ASSERT_TRUE(W) << W.status().message();
  std::string B(100, 'b');
  ASSERT_TRUE(W->write(2, 50, B.data(), 50).ok());
  ASSERT_TRUE(W->write(0, 0, "xyz", 3).ok());
  ASSERT_TRUE(W->write(2, 0, B.data(), 50).ok());
  int64_t Bytes = W->fileBytes();
  ASSERT_TRUE(W->commit().ok());

  Result<SafetensorsFile> F = SafetensorsFile::open(T.path("w"));
  ASSERT_TRUE(F) << F.status().message();
  EXPECT_EQ(F->size(), static_cast<size_t>(Bytes));
  EXPECT_EQ(F->entries().size(), 3u);
  for (const auto &[Name, Entry] : F->entries()) {
    EXPECT_EQ((Entry.Data - F->data()) % 64, 0) << Name;
    EXPECT_EQ(Entry.Bytes % 64, 0) << Name;
  }
  EXPECT_EQ(std::string(F->find("a")->Data, 4), std::string("xyz\0", 4));
  EXPECT_EQ(std::string(F->find("b\"\xc3\xa9")->Data, 100), B);
  EXPECT_EQ(F->find("none"), nullptr);
}

TEST(Safetensors, WriterWantsEveryByteOnce) {
  TemporaryFolder T;
  EXPECT_FALSE(SafetensorsWriter::create(T.path("w"), {{"a", 3}, {"a", 3}}));
  EXPECT_FALSE(SafetensorsWriter::create(T.path("w"), {{"a", INT64_MAX}}));
  {
    Result<SafetensorsWriter> W = SafetensorsWriter::create(T.path("w"), {{"a", 3}});
    EXPECT_FALSE(W->write(0, 1, "xyz", 3).ok());
    EXPECT_FALSE(W->write(0, -1, "x", 1).ok());
    EXPECT_FALSE(W->write(1, 0, "x", 1).ok());
    EXPECT_TRUE(W->write(0, 1, "xy", 2).ok());
    Status S = W->commit();
    EXPECT_EQ(S.code(), StatusCode::Internal);
    EXPECT_NE(S.message().find("got 2 of its 3 bytes"), std::string::npos) << S.message();
  }
  EXPECT_EQ(T.entries(), 0u);
}

TEST(Safetensors, ThreadsMayWriteAtOnce) {
  TemporaryFolder T;
  constexpr int64_t Size = 100000;
  Result<SafetensorsWriter> W = SafetensorsWriter::create(T.path("w"), {{"a", Size}, {"b", Size}});
  std::string A(Size, 'a'), B(Size, 'b');
  auto fill = [&](size_t Tensor, const std::string &Text) {
    for (int64_t At = 0; At < Size; At += 1000)
      ASSERT_TRUE(W->write(Tensor, At, Text.data() + At, 1000).ok());
  };
  std::thread Other([&] { fill(1, B); });
  fill(0, A);
  Other.join();
  ASSERT_TRUE(W->commit().ok());
  Result<SafetensorsFile> F = SafetensorsFile::open(T.path("w"));
  EXPECT_EQ(std::string(F->find("a")->Data, Size), A);
  EXPECT_EQ(std::string(F->find("b")->Data, Size), B);
}

TEST(Safetensors, ReadsOtherWritersFiles) {
  TemporaryFolder T;
  writeAll(
      T.path("f"),
      file(
          R"({"__metadata__":{"format":"pt"},"y":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},)"
          R"("x":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
          R"("z":{"dtype":"F4","shape":[3,2],"data_offsets":[8,11]}}  )",
          "01234567abc"));
  Result<SafetensorsFile> F = SafetensorsFile::open(T.path("f"));
  ASSERT_TRUE(F) << F.status().message();
  EXPECT_EQ(F->metadata().at("format"), "pt");
  EXPECT_EQ(std::string(F->find("y")->Data, 4), "4567");
}

TEST(Safetensors, RefusesWhatTheFormatForbids) {
  TemporaryFolder T;
  auto tensor = [](const char *Name, const char *Type, const char *Shape, const char *Offsets) {
    return std::string("\"") + Name + "\":{\"dtype\":\"" + Type + "\",\"shape\":" + Shape +
           ",\"data_offsets\":" + Offsets + "}";
  };
  std::string A = tensor("a", "U8", "[4]", "[0,4]");
  const std::string Headers[] = {
      "{" + A + "," + tensor("b", "U8", "[6]", "[2,8]") + "}",  // overlap
      "{" + A + "," + tensor("b", "U8", "[3]", "[5,8]") + "}",  // hole
      "{" + A + "}",                                            // bytes left over
      "{" + A + "," + tensor("b", "U8", "[8]", "[4,12]") + "}", // beyond the end
      "{" + A + "," + tensor("b", "F32", "[2]", "[4,8]") + "}", // size and type disagree
      "{" + A + "," + tensor("b", "Q3", "[4]", "[4,8]") + "}",  // unknown type
      "{" + A + "," + tensor("b", "U8", "[-4]", "[4,8]") + "}", // negative
      "{" + A + "," + tensor("b", "U8", "[4]", "[8,4]") + "}",  // backwards
      "{" + A + "," + tensor("a", "U8", "[4]", "[4,8]") + "}",  // same name
      "{" + A + "," + tensor("b", "U8", "[4294967296,4294967296]", "[4,8]") + "}", // overflow
      "{" + A + "," + tensor("b", "U8", "[4]", "[4]") + "}",
      "{" + A + ",\"b\":3}",
      "{" + A + ",\"__metadata__\":[1]," + tensor("b", "U8", "[4]", "[4,8]") + "}",
      " {" + A + "," + tensor("b", "U8", "[4]", "[4,8]") + "}", // must begin with '{'
      "[1]",
      "",
  };
  for (const std::string &Header : Headers) {
    writeAll(T.path("f"), file(Header, "01234567"));
    EXPECT_EQ(SafetensorsFile::open(T.path("f")).status().code(), StatusCode::BadInput) << Header;
  }
  std::string Huge(8, '\xff');
  writeAll(T.path("f"), Huge);
  EXPECT_EQ(SafetensorsFile::open(T.path("f")).status().code(), StatusCode::BadInput);
}

TEST(Safetensors, EveryTruncationIsAnError) {
  TemporaryFolder T;
  {
    Result<SafetensorsWriter> W = SafetensorsWriter::create(T.path("w"), {{"a", 64}, {"b", 3}});
    std::string A(64, 'a');
    ASSERT_TRUE(W->write(0, 0, A.data(), 64).ok() && W->write(1, 0, "xyz", 3).ok());
    ASSERT_TRUE(W->commit().ok());
  }
  std::string Bytes = readAll(T.path("w"));
  for (size_t Size = 0; Size < Bytes.size(); ++Size) {
    writeAll(T.path("cut"), Bytes.substr(0, Size));
    ASSERT_EQ(SafetensorsFile::open(T.path("cut")).status().code(), StatusCode::BadInput) << Size;
  }
}

// A header of many tensors must not take quadratic time.
TEST(Safetensors, ManyTensors) {
  TemporaryFolder T;
  std::vector<TensorDeclaration> Many;
  for (int I = 0; I < 50000; ++I)
    Many.push_back({"t" + std::to_string(I), 0});
  ASSERT_TRUE(SafetensorsWriter::create(T.path("w"), Many)->commit().ok());
  EXPECT_EQ(SafetensorsFile::open(T.path("w"))->entries().size(), Many.size());
}
