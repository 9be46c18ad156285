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
    Status Error = packWeight(Weight, Layout, Schemes, sources(), Threads, [&](int64_t Offset, ArrayRef<char> Piece) {
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
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<2x3xf32> from [#qopt.source<"f", offset = 0, length = 48, type = tensor<3x4xf32>, hash = 0>]
    steps [#qopt.transpose<[1, 0]>, #qopt.slice<axis = 0, offset = 1, size = 2>])");
  EXPECT_EQ(readAll(Weight), (std::vector<float>{1, 5, 9, 2, 6, 10}));
}

TEST_F(WeightTest, ReshapeOfATransposedMatrix) {
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<4x3xf32> from [#qopt.source<"f", offset = 0, length = 48, type = tensor<2x6xf32>, hash = 0>]
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
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<1x1xf16> from [#qopt.source<"f", offset = 0, length = 4, type = tensor<1x1xf32>, hash = 0>]
    steps [#qopt.scale<2.0 : f32>, #qopt.cast<f16>])");
  EXPECT_EQ(readAll(Weight), (std::vector<float>{2.0f}));
}

TEST_F(WeightTest, SourceBeyondItsFile) {
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<4xf32> from [#qopt.source<"f", offset = 16380, length = 16, type = tensor<4xf32>, hash = 0>])");
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
      EXPECT_EQ(float(Code) * floatFromHalf(Scale), Expected.read(Stored, Row, Column)) << Row << ", " << Column;
    }
}

TEST_F(WeightTest, AnyNumberOfThreadsGivesTheSameBytes) {
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<100x40x!qopt.packed<i8, group = 0, scale = f16, asymmetric>>
    from [#qopt.source<"f", offset = 0, length = 16000, type = tensor<40x100xf32>, hash = 0>] steps [#qopt.transpose<[1, 0]>] scheme "rtn" layout #qkernel.panels<32>)");
  auto One = pack(Weight, 1), Three = pack(Weight, 3);
  ASSERT_TRUE(One.ok() && Three.ok());
  EXPECT_EQ(*One, *Three);
}

TEST_F(WeightTest, PlainRowsKeepTheirOrder) {
  WeightOp Weight = parse(R"(qopt.weight @w : tensor<3x2xf32> from [#qopt.source<"f", offset = 4, length = 24, type = tensor<3x2xf32>, hash = 0>] layout #qkernel.plain)");
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
  EXPECT_NE(Bytes.status().message().find("'w': element [1, 1] is nan"), std::string::npos) << Bytes.status().message();
}

} // namespace
