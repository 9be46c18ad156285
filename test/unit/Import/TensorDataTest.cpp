#include "TensorData.h"
#include "WireFormat.h"
#include "onnx/onnx-ml.pb.h"

#include "mlir/IR/MLIRContext.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::onnx_import;
using onnx::TensorProto;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

/// A model file with one tensor, and files beside it.
class TensorDataTest : public testing::Test {
protected:
  void SetUp() override {
    std::string Template = (fs::temp_directory_path() / "qopt-tensor-XXXXXX").string();
    ASSERT_NE(mkdtemp(Template.data()), nullptr);
    Root = Template;
  }
  void TearDown() override { fs::remove_all(Root); }

  void write(const std::string &Name, const std::string &Bytes) {
    std::ofstream(Root / Name, std::ios::binary) << Bytes;
  }

  /// Writes the model, reads it as the importer does, and locates the tensor.
  Result<FileTensor> locate(const TensorProto &Tensor, bool ShapeOnly = false) {
    onnx::ModelProto Model;
    *Model.mutable_graph()->add_initializer() = Tensor;
    write("m.onnx", Model.SerializeAsString());
    auto Opened = ModelFolder::open((Root / "m.onnx").string());
    EXPECT_TRUE(Opened.ok());
    Folder = std::move(*Opened);
    auto Stripped = stripTensorData((*Folder->map("m.onnx"))->text());
    if (!Stripped)
      return Stripped.status();
    onnx::ModelProto Parsed;
    EXPECT_TRUE(Parsed.ParseFromString(*Stripped));
    return locateTensor(Parsed.graph().initializer(0), *Folder, &Context, ShapeOnly);
  }

  static TensorProto tensor(int Type, std::vector<int64_t> Dims) {
    TensorProto Tensor;
    Tensor.set_name("t");
    Tensor.set_data_type(Type);
    for (int64_t Dim : Dims)
      Tensor.add_dims(Dim);
    return Tensor;
  }
  static TensorProto raw(int Type, std::vector<int64_t> Dims, const std::string &Bytes) {
    TensorProto Tensor = tensor(Type, Dims);
    Tensor.set_raw_data(Bytes);
    return Tensor;
  }
  static TensorProto external(std::vector<std::pair<std::string, std::string>> Entries) {
    TensorProto Tensor = tensor(TensorProto::FLOAT, {2});
    Tensor.set_data_location(TensorProto::EXTERNAL);
    for (auto &[Key, Value] : Entries) {
      auto *Entry = Tensor.add_external_data();
      Entry->set_key(Key);
      Entry->set_value(Value);
    }
    return Tensor;
  }

  llvm::SmallVector<int64_t> integers(const TensorProto &Tensor) {
    auto Found = locate(Tensor);
    EXPECT_TRUE(Found.ok()) << Found.status().message();
    return Found ? readIntegers(*Found) : llvm::SmallVector<int64_t>();
  }
  std::vector<double> floats(const TensorProto &Tensor) {
    auto Found = locate(Tensor);
    EXPECT_TRUE(Found.ok()) << Found.status().message();
    std::vector<double> Values;
    if (!Found)
      return Values;
    for (llvm::APFloat Value : readTensor(*Found).getValues<llvm::APFloat>()) {
      bool Loses;
      Value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &Loses);
      Values.push_back(Value.convertToDouble());
    }
    return Values;
  }
  void expectRefused(const TensorProto &Tensor, const std::string &Message,
                     StatusCode Code = StatusCode::BadInput) {
    auto Found = locate(Tensor);
    ASSERT_FALSE(Found.ok());
    EXPECT_EQ(Found.status().code(), Code);
    EXPECT_THAT(Found.status().message(), HasSubstr(Message));
  }

  mlir::MLIRContext Context;
  fs::path Root;
  std::unique_ptr<ModelFolder> Folder;
};

template <typename T> std::string bytesOf(std::vector<T> Values) {
  return std::string(reinterpret_cast<const char *>(Values.data()), Values.size() * sizeof(T));
}

TEST_F(TensorDataTest, FloatTypes) {
  EXPECT_THAT(floats(raw(TensorProto::FLOAT, {2}, bytesOf<float>({1.5f, -2.0f}))),
              ElementsAre(1.5, -2.0));
  EXPECT_THAT(floats(raw(TensorProto::DOUBLE, {1, 2}, bytesOf<double>({1e300, 3.0}))),
              ElementsAre(1e300, 3.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT16, {2}, bytesOf<uint16_t>({0x3c00, 0xc000}))),
              ElementsAre(1.0, -2.0));
  EXPECT_THAT(floats(raw(TensorProto::BFLOAT16, {2}, bytesOf<uint16_t>({0x3f80, 0xc000}))),
              ElementsAre(1.0, -2.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT8E4M3FN, {3}, "\x38\xb8\x7e")),
              ElementsAre(1.0, -1.0, 448.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT8E4M3FNUZ, {2}, "\x40\x7f")), ElementsAre(1.0, 240.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT8E5M2, {2}, "\x3c\x7b")), ElementsAre(1.0, 57344.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT8E5M2FNUZ, {2}, "\x40\x7f")), ElementsAre(1.0, 57344.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT8E8M0, {2}, "\x7f\x80")), ElementsAre(1.0, 2.0));
}

TEST_F(TensorDataTest, PackedFloatTypes) {
  // Codes 1, 7, 10, 2 and 5: the last byte has a spare half.
  EXPECT_THAT(floats(raw(TensorProto::FLOAT4E2M1, {5}, "\x71\x2a\x05")),
              ElementsAre(0.5, 6.0, -1.0, 1.0, 3.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT6E2M3, {5}, std::string("\x01\xf2\xc1\x00", 4))),
              ElementsAre(0.125, 1.0, 7.5, -2.0, 0.0));
  EXPECT_THAT(floats(raw(TensorProto::FLOAT6E3M2, {2}, std::string("\xcc\x07", 2))),
              ElementsAre(1.0, 28.0));
}

TEST_F(TensorDataTest, IntegerTypes) {
  EXPECT_THAT(integers(raw(TensorProto::INT64, {2}, bytesOf<int64_t>({INT64_MIN, 7}))),
              ElementsAre(INT64_MIN, 7));
  EXPECT_THAT(integers(raw(TensorProto::UINT64, {1}, bytesOf<uint64_t>({UINT64_MAX}))),
              ElementsAre(-1));
  EXPECT_THAT(integers(raw(TensorProto::INT32, {2}, bytesOf<int32_t>({-5, 6}))),
              ElementsAre(-5, 6));
  EXPECT_THAT(integers(raw(TensorProto::UINT32, {1}, bytesOf<uint32_t>({UINT32_MAX}))),
              ElementsAre(UINT32_MAX));
  EXPECT_THAT(integers(raw(TensorProto::INT16, {1}, bytesOf<int16_t>({-300}))), ElementsAre(-300));
  EXPECT_THAT(integers(raw(TensorProto::UINT16, {1}, bytesOf<uint16_t>({65000}))),
              ElementsAre(65000));
  EXPECT_THAT(integers(raw(TensorProto::INT8, {2}, "\xff\x02")), ElementsAre(-1, 2));
  EXPECT_THAT(integers(raw(TensorProto::UINT8, {2}, "\xff\x02")), ElementsAre(255, 2));
  EXPECT_THAT(integers(raw(TensorProto::BOOL, {3}, std::string("\x01\x00\x02", 3))),
              ElementsAre(1, 0, 1));
  EXPECT_THAT(integers(raw(TensorProto::INT4, {3}, "\x8f\x07")), ElementsAre(-1, -8, 7));
  EXPECT_THAT(integers(raw(TensorProto::UINT4, {3}, "\x8f\x07")), ElementsAre(15, 8, 7));
  EXPECT_THAT(integers(raw(TensorProto::INT2, {5}, "\xe4\x02")), ElementsAre(0, 1, -2, -1, -2));
  EXPECT_THAT(integers(raw(TensorProto::UINT2, {5}, "\xe4\x02")), ElementsAre(0, 1, 2, 3, 2));
}

TEST_F(TensorDataTest, NumbersSpelledOut) {
  TensorProto Tensor = tensor(TensorProto::INT64, {2});
  Tensor.add_int64_data(-3);
  Tensor.add_int64_data(4);
  EXPECT_THAT(integers(Tensor), ElementsAre(-3, 4));
  Tensor = tensor(TensorProto::UINT32, {1});
  Tensor.add_uint64_data(4000000000);
  EXPECT_THAT(integers(Tensor), ElementsAre(4000000000));
  Tensor = tensor(TensorProto::INT8, {2});
  Tensor.add_int32_data(-1);
  Tensor.add_int32_data(5);
  EXPECT_THAT(integers(Tensor), ElementsAre(-1, 5));
  // Four bits: two elements in each entry; two bits: four.
  Tensor = tensor(TensorProto::INT4, {3});
  Tensor.add_int32_data(0x8f);
  Tensor.add_int32_data(0x07);
  EXPECT_THAT(integers(Tensor), ElementsAre(-1, -8, 7));
  Tensor = tensor(TensorProto::UINT2, {5});
  Tensor.add_int32_data(0xe4);
  Tensor.add_int32_data(0x02);
  EXPECT_THAT(integers(Tensor), ElementsAre(0, 1, 2, 3, 2));
  Tensor = tensor(TensorProto::FLOAT16, {2});
  Tensor.add_int32_data(0x3c00);
  Tensor.add_int32_data(0xc000);
  EXPECT_THAT(floats(Tensor), ElementsAre(1.0, -2.0));
  // Six bits: one element in each entry.
  Tensor = tensor(TensorProto::FLOAT6E2M3, {5});
  for (int Code : {1, 8, 31, 48, 0})
    Tensor.add_int32_data(Code);
  EXPECT_THAT(floats(Tensor), ElementsAre(0.125, 1.0, 7.5, -2.0, 0.0));
}

TEST_F(TensorDataTest, DataIsFoundInTheFile) {
  TensorProto Tensor = tensor(TensorProto::FLOAT, {3});
  for (float Value : {1.0f, 2.0f, 3.0f})
    Tensor.add_float_data(Value);
  auto Found = locate(Tensor);
  ASSERT_TRUE(Found.ok());
  EXPECT_TRUE(Found->isInFile());
  EXPECT_EQ(Found->bytes(), bytesOf<float>({1, 2, 3}));
  EXPECT_EQ((*Folder->map("m.onnx"))->text().substr(Found->Offset, Found->Length),
            bytesOf<float>({1, 2, 3}));
  TensorProto Doubles = tensor(TensorProto::DOUBLE, {1});
  Doubles.add_double_data(0.1);
  EXPECT_THAT(floats(Doubles), ElementsAre(0.1));
  EXPECT_EQ(locate(tensor(TensorProto::FLOAT, {0, 5}))->Type.getNumElements(), 0);
}

TEST_F(TensorDataTest, WrongSizes) {
  expectRefused(raw(TensorProto::FLOAT, {3}, "12345678"),
                "has 8 bytes of data, but its type needs 12");
  expectRefused(raw(TensorProto::INT4, {3}, "1"), "has 1 bytes of data, but its type needs 2");
  expectRefused(raw(TensorProto::FLOAT, {-1}, "1234"), "negative or too large");
  expectRefused(raw(TensorProto::FLOAT, {int64_t(1) << 32, int64_t(1) << 32}, "1234"),
                "negative or too large");
  expectRefused(raw(TensorProto::FLOAT, {int64_t(1) << 62}, "1234"), "negative or too large");
  expectRefused(tensor(TensorProto::INT64, {2}), "has 0 entries of data, but its type needs 2");
  expectRefused(raw(TensorProto::STRING, {1}, "1"), "type number 8", StatusCode::Unsupported);
  expectRefused(raw(999, {1}, "1"), "type number 999", StatusCode::Unsupported);
  TensorProto Twice = raw(TensorProto::FLOAT, {1}, "1234");
  Twice.add_float_data(1);
  expectRefused(Twice, "holds its data twice");
  TensorProto Large = tensor(TensorProto::INT32, {2000000});
  expectRefused(Large, "save the model with raw or external data", StatusCode::Unsupported);
}

TEST_F(TensorDataTest, ExternalData) {
  write("d.bin", "....." + bytesOf<float>({5, 6}) + ".");
  EXPECT_THAT(floats(external(
                  {{"location", "d.bin"}, {"offset", "5"}, {"length", "8"}, {"checksum", "x"}})),
              ElementsAre(5.0, 6.0));
  write("e.bin", bytesOf<float>({7, 8}));
  EXPECT_THAT(floats(external({{"location", "e.bin"}})), ElementsAre(7.0, 8.0));
  expectRefused(external({{"location", "d.bin"}, {"offset", "7"}}),
                "needs bytes 7 to 15 of 'd.bin', which has 14");
  expectRefused(external({{"location", "d.bin"}, {"offset", "9223372036854775807"}}),
                "which has 14");
  expectRefused(external({{"location", "d.bin"}, {"length", "12"}}),
                "has 12 bytes of external data, but its type needs 8");
  expectRefused(external({{"location", "d.bin"}, {"offset", "-1"}}), "a wrong offset");
  expectRefused(external({{"location", "d.bin"}, {"offset", "99999999999999999999"}}),
                "a wrong offset");
  expectRefused(external({{"location", "d.bin"}, {"offset", "1"}, {"offset", "2"}}),
                "a wrong offset");
  expectRefused(external({{"location", "d.bin"}, {"__class__", "x"}}),
                "an unknown key '__class__'");
  expectRefused(external({{"offset", "0"}}), "no location");
  expectRefused(external({{"location", "none.bin"}}), "no such file");
  expectRefused(external({{"location", "../d.bin"}}), "leads out");
  expectRefused(external({{"location", "*/_ORT_MEM_ADDR_/1"}}), "memory of the process");
  TensorProto Both = external({{"location", "e.bin"}});
  Both.set_raw_data("12345678");
  expectRefused(Both, "external data and data of its own");
  auto Missing = locate(external({{"location", "none.bin"}}), /*ShapeOnly=*/true);
  ASSERT_TRUE(Missing.ok());
  EXPECT_EQ(Missing->Mapped, nullptr);
}

//===- the wire format ------------------------------------------------------------------------===//

TEST(WireFormat, EveryTruncationIsRefusedOrHarmless) {
  onnx::ModelProto Model;
  Model.set_ir_version(10);
  auto *Tensor = Model.mutable_graph()->add_initializer();
  Tensor->set_name("t");
  Tensor->set_raw_data(std::string(40, 'x'));
  auto *Attribute = Model.mutable_graph()->add_node()->add_attribute();
  Attribute->mutable_g()->add_node()->add_attribute()->mutable_t()->set_raw_data("inner");
  std::string Bytes = Model.SerializeAsString();
  for (size_t Size = 0; Size < Bytes.size(); ++Size) {
    auto Stripped = stripTensorData(std::string_view(Bytes).substr(0, Size));
    onnx::ModelProto Parsed;
    if (Stripped)
      Parsed.ParseFromString(*Stripped);
    else
      EXPECT_EQ(Stripped.status().code(), StatusCode::BadInput);
  }
  auto Whole = stripTensorData(Bytes);
  ASSERT_TRUE(Whole.ok());
  onnx::ModelProto Parsed;
  ASSERT_TRUE(Parsed.ParseFromString(*Whole));
  FileRange Outer = decodeFileRange(Parsed.graph().initializer(0).raw_data());
  EXPECT_EQ(Bytes.substr(Outer.Offset, Outer.Length), std::string(40, 'x'));
  FileRange Inner =
      decodeFileRange(Parsed.graph().node(0).attribute(0).g().node(0).attribute(0).t().raw_data());
  EXPECT_EQ(Bytes.substr(Inner.Offset, Inner.Length), "inner");
}

TEST(WireFormat, EveryChangedByteIsSurvived) {
  onnx::ModelProto Model;
  auto *Tensor = Model.mutable_graph()->add_initializer();
  Tensor->set_name("t");
  Tensor->add_dims(2);
  Tensor->set_raw_data("abcdefgh");
  std::string Bytes = Model.SerializeAsString();
  for (size_t At = 0; At < Bytes.size(); ++At)
    for (int Change = 1; Change < 256; ++Change) {
      std::string Damaged = Bytes;
      Damaged[At] = char(Damaged[At] ^ Change);
      auto Stripped = stripTensorData(Damaged);
      onnx::ModelProto Parsed;
      if (!Stripped || !Parsed.ParseFromString(*Stripped))
        continue;
      for (const auto &Found : Parsed.graph().initializer())
        if (Found.has_raw_data()) {
          FileRange Range = decodeFileRange(Found.raw_data());
          EXPECT_LE(Range.Offset + Range.Length, Damaged.size());
        }
    }
}

TEST(WireFormat, DeepNestingIsRefused) {
  // A graph in an attribute of a node of a graph, again and again.
  std::string Bytes;
  auto Wrap = [](int Field, const std::string &Body) {
    std::string Head(1, char(Field << 3 | 2)), Length;
    for (uint64_t Size = Body.size();; Size >>= 7) {
      Length.push_back(char(Size >= 0x80 ? Size | 0x80 : Size));
      if (Size < 0x80)
        break;
    }
    return Head + Length + Body;
  };
  for (int I = 0; I < 100; ++I)
    Bytes = Wrap(1, Wrap(5, Wrap(6, Bytes)));
  auto Stripped = stripTensorData(Wrap(7, Bytes));
  ASSERT_FALSE(Stripped.ok());
  EXPECT_THAT(Stripped.status().message(), HasSubstr("nested too deeply"));
}

} // namespace
