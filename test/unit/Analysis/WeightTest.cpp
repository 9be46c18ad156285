// Weights: what their steps read, and where their bytes go.
#include "qopt/Analysis/WeightPacker.h"
#include "qopt/Base/NumberFormats.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <mutex>
#include <numeric>

using namespace mlir;
using namespace qopt;

namespace {

class WeightTest : public ::testing::Test {
protected:
  WeightTest() {
    Context.loadDialect<QOptDialect, qkernel::QKernelDialect>();
    registerAllSchemes(Schemes);
    Values.resize(4096);
    std::iota(Values.begin(), Values.end(), 0.0f);
  }

  WeightOp parse(const std::string &Text) {
    Module = parseSourceString<ModuleOp>(Text, &Context);
    EXPECT_TRUE(Module);
    return *Module->getOps<WeightOp>().begin();
  }

  SourceBytes sources() {
    return [this](StringRef) -> Result<ArrayRef<char>> {
      return ArrayRef<char>(reinterpret_cast<const char *>(Values.data()), Values.size() * 4);
    };
  }

  std::vector<float> readAll(WeightOp Weight) {
    auto Reader = WeightReader::open(Weight, sources());
    EXPECT_TRUE(Reader.ok());
    std::vector<float> Out(Reader->getRows() * Reader->getColumns());
    Reader->readRows(0, Reader->getRows(), Out.data());
    return Out;
  }

  Result<std::string> pack(WeightOp Weight, unsigned Threads) {
    auto Layout = cast<qkernel::WeightLayoutInterface>(*Weight.getLayout());
    std::string Bytes(Layout.getByteSize(cast<RankedTensorType>(Weight.getType())), '\xAA');
    std::mutex Mutex;
    Status Error = packWeight(Weight, Layout, Schemes, sources(), Threads,
                              [&](int64_t Offset, ArrayRef<char> Piece) {
                                std::lock_guard<std::mutex> Lock(Mutex);
                                EXPECT_LE(Offset + Piece.size(), Bytes.size());
                                std::memcpy(&Bytes[Offset], Piece.data(), Piece.size());
                                return Status();
                              });
    if (!Error.ok())
      return Error;
    return Bytes;
  }

  MLIRContext Context;
  SchemeRegistry Schemes;
  OwningOpRef<ModuleOp> Module;
  std::vector<float> Values;
};

TEST_F(WeightTest, TransposeAndSlice) {
  WeightOp Weight = parse(
      R"(qopt.weight @w : tensor<2x3xf32> from [#qopt.source<"f", offset = 0, length = 48, type = tensor<3x4xf32>, hash = 0>]
    steps [#qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 1, size = 2>])");
  EXPECT_EQ(readAll(Weight), (std::vector<float>{1, 5, 9, 2, 6, 10}));
}

TEST_F(WeightTest, ReshapeOfATransposedMatrix) {
  WeightOp Weight = parse(
      R"(qopt.weight @w : tensor<4x3xf32> from [#qopt.source<"f", offset = 0, length = 48, type = tensor<2x6xf32>, hash = 0>]
    steps [#qopt.transpose<[1, 0]>, #qopt.reshape<[4, 3]>])");
  EXPECT_EQ(readAll(Weight), (std::vector<float>{0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11}));
}

TEST_F(WeightTest, SourcesAreConcatenated) {
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<3x2xf32> from [
    #qopt.source<"f", offset = 80, length = 8, type = tensor<1x2xf32>, hash = 0>, #qopt.source<"f", offset = 0, length = 16, type = tensor<2x2xf32>, hash = 0>])");
  EXPECT_EQ(readAll(Weight), (std::vector<float>{20, 21, 0, 1, 2, 3}));
}

TEST_F(WeightTest, ScaleAndCastApplyInOrder) {
  Values[0] = 1.0f + 0x1p-11f;
  WeightOp Weight = parse(
      R"(qopt.weight @w : tensor<1x1xf16> from [#qopt.source<"f", offset = 0, length = 4, type = tensor<1x1xf32>, hash = 0>]
    steps [#qopt.scale<2.0 : f32>, #qopt.cast<f16>])");
  EXPECT_EQ(readAll(Weight), (std::vector<float>{2.0f}));
}

TEST_F(WeightTest, SourceBeyondItsFile) {
  WeightOp Weight = parse(
      R"(qopt.weight @w : tensor<4xf32> from [#qopt.source<"f", offset = 16380, length = 16, type = tensor<4xf32>, hash = 0>])");
  auto Reader = WeightReader::open(Weight, sources());
  ASSERT_FALSE(Reader.ok());
  EXPECT_EQ(Reader.status().code(), StatusCode::BadInput);
}

TEST_F(WeightTest, FourBitPanelsHoldWhatTheyShould) {
  // 33 rows (two panels), 10 inputs in groups of 8: one whole word and one of two inputs.
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<33x10x!qopt.packed<i4, group = 8, scale = f16>>
    from [#qopt.source<"f", offset = 0, length = 1320, type = tensor<33x10xf32>, hash = 0>] scheme "rtn" layout #qkernel.panels<32>)");
  auto Bytes = pack(Weight, 1);
  ASSERT_TRUE(Bytes.ok());
  QuantizedRows Expected;
  StoredTypeInterface Stored = getStoredElementType(Weight.getType());
  Schemes.find("rtn")->quantizeRows(Stored, Values.data(), 33, 10, Expected);
  int64_t GroupBytes = 32 * (4 + 2), PanelBytes = 2 * GroupBytes;
  ASSERT_EQ(int64_t(Bytes->size()), 2 * PanelBytes);
  for (int64_t Row = 0; Row < 33; ++Row)
    for (int64_t Column = 0; Column < 10; ++Column) {
      const char *Group = Bytes->data() + Row / 32 * PanelBytes + Column / 8 * GroupBytes;
      uint32_t Word;
      std::memcpy(&Word, Group + Row % 32 * 4, 4);
      int64_t Code = int64_t((Word >> (Column % 8 * 4)) & 15);
      Code = Code >= 8 ? Code - 16 : Code;
      uint16_t Scale;
      std::memcpy(&Scale, Group + 32 * 4 + Row % 32 * 2, 2);
      EXPECT_EQ(float(Code) * floatFromHalf(Scale), Expected.read(Stored, Row, Column))
          << Row << ", " << Column;
    }
}

TEST_F(WeightTest, SwizzledTilesHoldWhatTheyShould) {
  // Two panels of outputs, the second of which has two rows, and two tiles of inputs.
  Values.resize(130 * 150);
  for (size_t I = 0; I < Values.size(); ++I)
    Values[I] = float(I * 7919 % 255) - 127;
  WeightOp Weight =
      parse(R"(qopt.weight @w : tensor<130x150x!qopt.packed<i8, group = 0, scale = f16>>
    from [#qopt.source<"f", offset = 0, length = 78000, type = tensor<130x150xf32>, hash = 0>] scheme "rtn" layout #qkernel.swizzled_tiles)");
  auto Bytes = pack(Weight, 2);
  ASSERT_TRUE(Bytes.ok());
  constexpr int64_t TileBytes = 128 * 128, PanelBytes = 2 * TileBytes + 128 * 2;
  ASSERT_EQ(int64_t(Bytes->size()), 2 * PanelBytes);
  QuantizedRows Expected;
  StoredTypeInterface Stored = getStoredElementType(Weight.getType());
  Schemes.find("rtn")->quantizeRows(Stored, Values.data(), 130, 150, Expected);
  // What the swizzle of 128 bytes does to an address: bits 4 to 6 change by bits 7 to 9.
  auto Swizzle = [](int64_t Address) { return Address ^ ((Address >> 7 & 7) << 4); };
  for (int64_t Row = 0; Row < 256; ++Row) {
    const char *Panel = Bytes->data() + Row / 128 * PanelBytes;
    uint16_t Scale;
    std::memcpy(&Scale, Panel + 2 * TileBytes + Row % 128 * 2, 2);
    for (int64_t Column = 0; Column < 256; ++Column) {
      int64_t Place = Swizzle(Row % 128 * 128 + Column % 128);
      auto Code = int8_t(Panel[Column / 128 * TileBytes + Place]);
      bool IsInside = Row < 130 && Column < 150;
      ASSERT_EQ(float(Code) * floatFromHalf(Scale),
                IsInside ? Expected.read(Stored, Row, Column) : 0.0f)
          << Row << ", " << Column;
    }
  }
}

TEST_F(WeightTest, FragmentsHoldWhatTheyShould) {
  // 33 rows (two panels), 150 inputs (two tiles) in groups of 96, whose scale stands at each 32.
  Values.resize(33 * 150);
  for (size_t I = 0; I < Values.size(); ++I)
    Values[I] = std::sin(float(I)) * float(I % 97);
  for (const char *Form : {"", ", asymmetric"}) {
    WeightOp Weight = parse("qopt.weight @w : tensor<33x150x!qopt.packed<i4, group = 96, scale = "
                            "f16" +
                            std::string(Form) +
                            ">> from [#qopt.source<\"f\", offset = 0, length = 19800, type = "
                            "tensor<33x150xf32>, hash = 0>] scheme \"rtn\" layout "
                            "#qkernel.fragments");
    auto Bytes = pack(Weight, 2);
    ASSERT_TRUE(Bytes.ok());
    QuantizedRows Expected;
    StoredTypeInterface Stored = getStoredElementType(Weight.getType());
    Schemes.find("rtn")->quantizeRows(Stored, Values.data(), 33, 150, Expected);
    bool IsUnsigned = Stored.hasZeroPoint();
    int64_t TileBytes = 4 * 32 * 16 + 8 * 4 * 4 * (IsUnsigned ? 3 : 2);
    ASSERT_EQ(int64_t(Bytes->size()), 2 * 2 * TileBytes);
    for (int64_t Row = 0; Row < 64; ++Row)
      for (int64_t Column = 0; Column < 256; ++Column) {
        const char *Tile = Bytes->data() + (Row / 32 * 2 + Column / 128) * TileBytes;
        int64_t G = Row % 8, Of = Row % 32 / 8, Step = Column % 128 / 32;
        int64_t Lane = 4 * G + Column % 32 / 8;
        uint32_t Word;
        std::memcpy(&Word, Tile + (Step * 32 + Lane) * 16 + Of * 4, 4);
        int64_t Code = int64_t((Word >> (Column % 8 * 4)) & 15);
        Code = !IsUnsigned && Code >= 8 ? Code - 16 : Code;
        int64_t InTile = (G * 4 + Step) * 4 + Of;
        uint16_t Scale;
        std::memcpy(&Scale, Tile + 2048 + InTile * 2, 2);
        if (IsUnsigned)
          Code -= uint8_t(Tile[2048 + 256 + InTile]);
        if (Row < 33 && Column < 150) {
          EXPECT_EQ(float(Code) * floatFromHalf(Scale), Expected.read(Stored, Row, Column))
              << Row << ", " << Column;
        } else if (Row >= 33) {
          EXPECT_EQ(float(Code) * floatFromHalf(Scale), 0.0f) << Row << ", " << Column;
        }
      }
  }
}

TEST_F(WeightTest, FragmentsOfATypeThatTheyDoNotTake) {
  for (const char *Type : {"f32", "!qopt.packed<i8, group = 32, scale = f16>",
                           "!qopt.packed<i4, group = 16, scale = f16>",
                           "!qopt.packed<i4, group = 32, scale = f16, asymmetric = f16>"}) {
    std::string Scheme = std::string(Type) == "f32" ? "" : " scheme \"rtn\"";
    WeightOp Weight = parse("qopt.weight @w : tensor<2x64x" + std::string(Type) +
                            "> from [#qopt.source<\"f\", offset = 0, length = 512, type = "
                            "tensor<2x64xf32>, hash = 0>]" +
                            Scheme + " layout #qkernel.fragments");
    auto Bytes = pack(Weight, 1);
    ASSERT_FALSE(Bytes.ok()) << Type;
    EXPECT_EQ(Bytes.status().code(), StatusCode::Internal) << Type;
  }
}

TEST_F(WeightTest, AnyNumberOfThreadsGivesTheSameBytes) {
  WeightOp Weight =
      parse(R"(qopt.weight @w : tensor<100x40x!qopt.packed<i8, group = 0, scale = f16, asymmetric>>
    from [#qopt.source<"f", offset = 0, length = 16000, type = tensor<40x100xf32>, hash = 0>] steps [#qopt.transpose<[1, 0]>] scheme "rtn" layout #qkernel.panels<32>)");
  auto One = pack(Weight, 1), Three = pack(Weight, 3);
  ASSERT_TRUE(One.ok() && Three.ok());
  EXPECT_EQ(*One, *Three);
}

TEST_F(WeightTest, PlainRowsKeepTheirOrder) {
  WeightOp Weight = parse(
      R"(qopt.weight @w : tensor<3x2xf32> from [#qopt.source<"f", offset = 4, length = 24, type = tensor<3x2xf32>, hash = 0>] layout #qkernel.plain)");
  auto Bytes = pack(Weight, 2);
  ASSERT_TRUE(Bytes.ok());
  EXPECT_EQ(std::memcmp(Bytes->data(), Values.data() + 1, 24), 0);
}

TEST_F(WeightTest, WhatNoCodeHoldsIsRefused) {
  Values[5] = NAN;
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<2x4x!qopt.packed<i8, group = 0, scale = f16>>
    from [#qopt.source<"f", offset = 0, length = 32, type = tensor<2x4xf32>, hash = 0>] scheme "rtn" layout #qkernel.panels<32>)");
  auto Bytes = pack(Weight, 1);
  ASSERT_FALSE(Bytes.ok());
  EXPECT_NE(Bytes.status().message().find("'w': element [1, 1] is nan"), std::string::npos)
      << Bytes.status().message();
}

//===- Codes of the file ----------------------------------------------------------------------===//

class StoredWeightTest : public WeightTest {
protected:
  /// Bytes of the file that all sources of a test name.
  std::vector<char> File;

  template <typename T> int64_t put(std::initializer_list<T> Numbers) {
    int64_t Offset = File.size();
    for (T Number : Numbers)
      File.insert(File.end(), reinterpret_cast<const char *>(&Number),
                  reinterpret_cast<const char *>(&Number + 1));
    return Offset;
  }

  SourceBytes sources() {
    return [this](StringRef) -> Result<ArrayRef<char>> { return ArrayRef<char>(File); };
  }

  std::string source(int64_t Offset, int64_t Length, const std::string &Type) {
    return "#qopt.source<\"f\", offset = " + std::to_string(Offset) +
           ", length = " + std::to_string(Length) + ", type = tensor<" + Type + ">, hash = 0>";
  }
  std::string codes(int64_t Offset, int64_t Length, const std::string &Type) {
    return source(Offset, Length, Type).substr(12);
  }

  std::vector<float> readAll(WeightOp Weight) {
    auto Reader = WeightReader::open(Weight, sources());
    EXPECT_TRUE(Reader.ok());
    std::vector<float> Out(Reader->getRows() * Reader->getColumns());
    Reader->readRows(0, Reader->getRows(), Out.data());
    return Out;
  }
  /// Codes, scales and zero points as numbers that they mean.
  std::vector<float> readKept(WeightOp Weight) {
    auto Reader = WeightReader::open(Weight, sources());
    EXPECT_TRUE(Reader.ok());
    QuantizedRows Kept;
    std::vector<float> Out;
    for (int64_t Row = 0; Row < Reader->getRows(); ++Row) {
      Reader->readCodes(Row, 1, Kept);
      for (int64_t Column = 0; Column < Reader->getColumns(); ++Column)
        Out.push_back(Kept.read(getStoredElementType(Weight.getType()), 0, Column));
    }
    return Out;
  }
};

TEST_F(StoredWeightTest, PaddedBlocksOfFourBits) {
  // Two rows of three codes in blocks of two: each row takes four codes, and a byte for its two
  // zero points.
  int64_t Codes = put<uint8_t>({0x21, 0xF3, 0x54, 0xF6}), Scales = put<float>({1, 2, 0.5, -1}),
          Zeros = put<uint8_t>({0x21, 0x43});
  std::string Text = "qopt.weight @w : tensor<2x3xf32> from [#qopt.stored_source<tensor<2x3xf32>, "
                     "block = [1, 2], codes = " +
                     codes(Codes, 4, "2x4xui4") + ", scales = " + source(Scales, 16, "2x2xf32") +
                     " zero_points = " + source(Zeros, 2, "2x2xui4") + ">]";
  EXPECT_EQ(readAll(parse(Text)), (std::vector<float>{0, 1, 2, 0.5, 1, -2}));
}

TEST_F(StoredWeightTest, NamedGroupsAndOneZeroPoint) {
  int64_t Codes = put<int8_t>({-128, 127, 0, 5});
  std::string Text = "qopt.weight @w : tensor<1x4xf32> from [#qopt.stored_source<tensor<1x4xf32>, "
                     "block = [1, 2], codes = " +
                     codes(Codes, 4, "1x4xi8") +
                     ", scales = dense<[[1.0, 10.0]]> : tensor<1x2xf32> zero = -1 groups = "
                     "dense<[1, 0, 1, 0]> : tensor<4xi32>>]";
  EXPECT_EQ(readAll(parse(Text)), (std::vector<float>{-1270, 128, 10, 6}));
}

TEST_F(StoredWeightTest, ReadsInTheTypeOfTheFile) {
  // 255 times the f16 next to a third is no f16.
  int64_t Codes = put<uint8_t>({255});
  std::string Text = "qopt.weight @w : tensor<1x1xf16> from [#qopt.stored_source<tensor<1x1xf16>, "
                     "block = [1, 1], codes = " +
                     codes(Codes, 1, "1x1xui8") +
                     ", scales = dense<0.333251953125> : tensor<1x1xf16>>]";
  EXPECT_EQ(readAll(parse(Text)),
            (std::vector<float>{floatFromHalf(halfFromFloat(255 * 0.333251953125f))}));
}

TEST_F(StoredWeightTest, KeptCodesMeanTheSame) {
  // 16 inputs and 3 outputs, held [in, out] in blocks of 8 inputs; then a part of them, turned.
  for (const char *Kind : {"i8", "ui8", "i4", "ui4"}) {
    SCOPED_TRACE(Kind);
    File.clear();
    for (int I = 0; I < 48; ++I)
      put<uint8_t>({uint8_t(I * 37 + 11)});
    bool Narrow = Kind[std::strlen(Kind) - 1] == '4';
    int64_t Scales = put<float>({1, -2, 3, 0.25f, 5, 0}),
            Zeros = put<uint8_t>({3, 200, 7, 0, 1, 255});
    std::string Source = "#qopt.stored_source<tensor<16x3xf32>, block = [8, 1], codes = " +
                         codes(0, Narrow ? 24 : 48, "16x3x" + std::string(Kind)) +
                         ", scales = " + source(Scales, 24, "2x3xf32") + " zero_points = " +
                         source(Zeros, Narrow ? 3 : 6, "2x3x" + std::string(Kind)) + ">";
    std::string Steps = " steps [#qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 1, size = "
                        "2>, #qopt.slice<axis = 1, offset = 8, size = 8>]";
    std::vector<float> Meaning =
        readAll(parse("qopt.weight @w : tensor<2x8xf32> from [" + Source + "]" + Steps));
    WeightOp Kept =
        parse("qopt.weight @w : tensor<2x8x!qopt.packed<i" + std::string(Narrow ? "4" : "8") +
              ", group = 0, scale = f32, asymmetric>> from [" + Source + "]" + Steps +
              " scheme \"file\" layout #qkernel.panels<32>");
    EXPECT_EQ(readKept(Kept), Meaning);
    std::string Bytes(cast<qkernel::WeightLayoutInterface>(*Kept.getLayout())
                          .getByteSize(cast<RankedTensorType>(Kept.getType())),
                      0);
    EXPECT_TRUE(packWeight(Kept, cast<qkernel::WeightLayoutInterface>(*Kept.getLayout()), Schemes,
                           sources(), 2, [&](int64_t, ArrayRef<char>) { return Status(); })
                    .ok());
  }
}

TEST_F(StoredWeightTest, AGroupThatIsNoneIsRefused) {
  put<uint8_t>({1, 2, 3, 4});
  WeightOp Weight = parse(
      "qopt.weight @w : tensor<1x4xf32> from [#qopt.stored_source<tensor<1x4xf32>, block = [1, 2], "
      "codes = " +
      codes(0, 4, "1x4xi8") +
      ", scales = dense<1.0> : tensor<1x2xf32> groups = dense<[0, 1, 2, 0]> : tensor<4xi32>>]");
  auto Reader = WeightReader::open(Weight, sources());
  ASSERT_FALSE(Reader.ok());
  EXPECT_NE(Reader.status().message().find("element 2 is in group 2, expected 0 to 1"),
            std::string::npos);
}

TEST_F(StoredWeightTest, ReshapesOfWholeAxesKeepCodes) {
  // A convolution's weight [2, 3, 2, 2] with a scale for each output, as the matrix [2, 12].
  for (int I = 0; I < 24; ++I)
    put<int8_t>({int8_t(I * 11 - 100)});
  std::string Source = "#qopt.stored_source<tensor<2x3x2x2xf32>, block = [1, 3, 2, 2], codes = " +
                       codes(0, 24, "2x3x2x2xi8") +
                       ", scales = dense<[[[[0.5]]], [[[-3.0]]]]> : tensor<2x1x1x1xf32>>";
  std::vector<float> Meaning = readAll(parse("qopt.weight @w : tensor<2x12xf32> from [" + Source +
                                             "] steps [#qopt.reshape<[2, 12]>]"));
  WeightOp Kept =
      parse("qopt.weight @w : tensor<2x12x!qopt.packed<i8, group = 0, scale = f32>> from [" +
            Source + "] steps [#qopt.reshape<[2, 12]>] scheme \"file\"");
  EXPECT_EQ(readKept(Kept), Meaning);
}

TEST_F(StoredWeightTest, PartsBeyondTheFileAreRefused) {
  put<uint8_t>({1, 2, 3, 4});
  WeightOp Weight = parse("qopt.weight @w : tensor<1x4xf32> from "
                          "[#qopt.stored_source<tensor<1x4xf32>, block = [1, 4], codes = " +
                          codes(0, 4, "1x4xi8") + ", scales = " + source(4, 4, "1x1xf32") + ">]");
  auto Reader = WeightReader::open(Weight, sources());
  ASSERT_FALSE(Reader.ok());
  EXPECT_EQ(Reader.status().code(), StatusCode::BadInput);
}

} // namespace
