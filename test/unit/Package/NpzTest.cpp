#include "qopt/Package/Npz.h"
#include "TemporaryFolder.h"

#include <cstring>
#include <gtest/gtest.h>
#include <zip.h>

using namespace qopt;
using namespace qopt::test;

static NpyArray floats(std::vector<int64_t> Shape, std::vector<float> Values) {
  NpyArray A;
  A.Shape = std::move(Shape);
  const char *Bytes = reinterpret_cast<const char *>(Values.data());
  A.Data.assign(Bytes, Bytes + Values.size() * sizeof(float));
  return A;
}

static std::string npy(const std::string &Header, const std::string &Data, char Version = 1) {
  std::string Bytes = std::string("\x93NUMPY") + Version + '\0';
  Bytes += static_cast<char>(Header.size());
  Bytes += std::string(Version == 1 ? 1 : 3, '\0');
  return Bytes + Header + Data;
}

TEST(Npy, RoundTrip) {
  for (const std::vector<int64_t> &Shape :
       {std::vector<int64_t>{}, {4}, {2, 2}, {1, 1, 4}, {0, 3}}) {
    NpyArray A = floats(Shape, std::vector<float>(Shape.size() == 0 ? 1 : Shape[0] ? 4 : 0, 1.5f));
    std::string Bytes = printNpy(A);
    Result<NpyArray> B = parseNpy(Bytes, "a.npy");
    ASSERT_TRUE(B) << B.status().message();
    EXPECT_EQ(B->Shape, Shape);
    EXPECT_EQ(B->Data, A.Data);
    EXPECT_EQ((Bytes.size() - A.Data.size()) % 64, 0u);
  }
}

TEST(Npy, ReadsEveryVersionAndSpelling) {
  const char *Headers[] = {
      "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }      \n",
      "{\"shape\":(2,),\"descr\":\"<i4\",\"fortran_order\":False}",
      "{'descr':'<i4','fortran_order':True,'shape':(2,)}\n",
  };
  for (const char *Header : Headers)
    for (char Version : {1, 2, 3}) {
      Result<NpyArray> A = parseNpy(npy(Header, "12345678", Version), "a");
      ASSERT_TRUE(A) << A.status().message();
      EXPECT_EQ(A->Type, DataType::I32);
      EXPECT_EQ(A->elements(), 2);
    }
}

TEST(Npy, RefusesDamage) {
  auto code = [](const std::string &Bytes) { return parseNpy(Bytes, "a").status().code(); };
  const char *Good = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n";
  std::string Bytes = npy(Good, "12345678");
  for (size_t Size = 0; Size < Bytes.size(); ++Size)
    ASSERT_EQ(code(Bytes.substr(0, Size)), StatusCode::BadInput) << Size;
  EXPECT_EQ(code(Bytes + "9"), StatusCode::BadInput);
  EXPECT_EQ(code(npy(Good, "12345678", 4)), StatusCode::Unsupported);
  const std::pair<const char *, StatusCode> Headers[] = {
      {"{'descr': '>i4', 'fortran_order': False, 'shape': (2,)}", StatusCode::Unsupported},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", StatusCode::Unsupported},
      {"{'descr': '<i4', 'fortran_order': True, 'shape': (2,1)}", StatusCode::Unsupported},
      {"{'descr': '<i4', 'fortran_order': Perhaps, 'shape': (2,)}", StatusCode::BadInput},
      {"{'descr': '<i4', 'fortran_order': False}", StatusCode::BadInput},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (-2,)}", StatusCode::BadInput},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
       StatusCode::BadInput},
      {"{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775807,2)}",
       StatusCode::BadInput},
  };
  for (auto [Header, Code] : Headers)
    EXPECT_EQ(code(npy(Header, "12345678")), Code) << Header;
}

TEST(Npz, RoundTripIsDeterministic) {
  TemporaryFolder T;
  NpzArrays Arrays = {{"b", floats({2}, {1, 2})}, {"a/x", floats({}, {3})}};
  ASSERT_TRUE(writeNpz(T.path("1.npz"), Arrays).ok());
  ASSERT_TRUE(writeNpz(T.path("2.npz"), Arrays).ok());
  EXPECT_EQ(readAll(T.path("1.npz")), readAll(T.path("2.npz")));
  Result<NpzArrays> Read = readNpz(T.path("1.npz"));
  ASSERT_TRUE(Read) << Read.status().message();
  ASSERT_EQ(Read->size(), 2u);
  EXPECT_EQ((*Read)[0].first, "b");
  EXPECT_EQ(findArray(*Read, "a/x")->Data, Arrays[1].second.Data);
  EXPECT_EQ(findArray(*Read, "c"), nullptr);
}

TEST(Npz, ReadsDeflatedAndBoundsTheSize) {
  TemporaryFolder T;
  std::string Bytes = printNpy(floats({1000}, std::vector<float>(1000, 0.0f)));
  int Code = 0;
  zip_t *Archive = zip_open(T.path("z.npz").c_str(), ZIP_CREATE, &Code);
  ASSERT_NE(Archive, nullptr);
  zip_int64_t Index =
      zip_file_add(Archive, "z.npy", zip_source_buffer(Archive, Bytes.data(), Bytes.size(), 0), 0);
  zip_set_file_compression(Archive, static_cast<zip_uint64_t>(Index), ZIP_CM_DEFLATE, 9);
  ASSERT_EQ(zip_close(Archive), 0);
  EXPECT_LT(readAll(T.path("z.npz")).size(), 500u);
  EXPECT_EQ(findArray(*readNpz(T.path("z.npz")), "z")->elements(), 1000);
  EXPECT_EQ(readNpz(T.path("z.npz"), 4000).status().code(), StatusCode::ResourceLimit);
}

TEST(Npz, RefusesDamage) {
  TemporaryFolder T;
  ASSERT_TRUE(writeNpz(T.path("a.npz"), {{"b", floats({2}, {1, 2})}}).ok());
  std::string Bytes = readAll(T.path("a.npz"));
  for (size_t Size = 0; Size < Bytes.size(); ++Size) {
    writeAll(T.path("cut.npz"), Bytes.substr(0, Size));
    ASSERT_EQ(readNpz(T.path("cut.npz")).status().code(), StatusCode::BadInput) << Size;
  }
  EXPECT_EQ(readNpz(T.path("none.npz")).status().code(), StatusCode::BadInput);
  // A flipped bit of the data does not fit the archive's checksum.
  std::string Flipped = Bytes;
  size_t Data = Flipped.find(std::string("\0\0\x80\x3f", 4));
  ASSERT_NE(Data, std::string::npos);
  Flipped[Data] ^= 1;
  writeAll(T.path("flip.npz"), Flipped);
  EXPECT_EQ(readNpz(T.path("flip.npz")).status().code(), StatusCode::BadInput);
}
