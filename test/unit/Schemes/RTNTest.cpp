// Round to nearest, by hand, on the edges of the code range.
#include "qopt/Analysis/Scheme.h"

#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace qopt;

namespace {

class RTNTest : public ::testing::Test {
protected:
  RTNTest() {
    Context.loadDialect<QOptDialect>();
    registerAllSchemes(Schemes);
  }

  QuantizedRows quantize(unsigned Bits, int64_t Group, bool Asymmetric, std::vector<float> Values,
                         int64_t Rows = 1) {
    Stored = PackedType::get(&Context, IntegerType::get(&Context, Bits), Group,
                             Float32Type::get(&Context), Asymmetric);
    QuantizedRows Result;
    Schemes.find("rtn")->quantizeRows(Stored, Values.data(), Rows, Values.size() / Rows, Result);
    return Result;
  }

  MLIRContext Context;
  SchemeRegistry Schemes;
  StoredTypeInterface Stored;
};

TEST_F(RTNTest, TheSignedExtremeIsExact) {
  // -8 has no counterpart: the scale takes the sign of the extreme, so that 4 is the code -8 times
  // -0.5.
  QuantizedRows Rows = quantize(4, 0, false, {4.0f, -3.5f, 0.0f, 1.0f});
  EXPECT_EQ(Rows.Scales[0], -0.5f);
  EXPECT_EQ(Rows.Codes, (std::vector<int16_t>{-8, 7, 0, -2}));
  EXPECT_EQ(Rows.read(Stored, 0, 0), 4.0f);
}

TEST_F(RTNTest, SaturatesOnTheOtherSide) {
  // The largest code is 7: -4 would need 8.
  QuantizedRows Rows = quantize(4, 0, false, {4.0f, -4.0f});
  EXPECT_EQ(Rows.Codes, (std::vector<int16_t>{-8, 7}));
}

TEST_F(RTNTest, FloatCodes) {
  // The largest magnitude is 448, and codes are bits: 1.0 is 0x38; 17 lies between 16 and 18.
  Stored =
      ScaledType::get(&Context, Float8E4M3FNType::get(&Context), 3, Float32Type::get(&Context));
  std::vector<float> Values = {-896.0f, 2.0f, 34.0f, 0.0f, 0.0f};
  QuantizedRows Rows;
  Schemes.find("rtn")->quantizeRows(Stored, Values.data(), 1, 5, Rows);
  EXPECT_EQ(Rows.Scales, (std::vector<float>{2.0f, 0.0f}));
  EXPECT_EQ(Rows.Codes, (std::vector<int16_t>{0xfe, 0x38, 0x58, 0, 0}));
  EXPECT_EQ(Rows.read(Stored, 0, 0), -896.0f);
  EXPECT_EQ(Rows.read(Stored, 0, 2), 32.0f);
}

TEST_F(RTNTest, TiesGoToEven) {
  QuantizedRows Rows = quantize(4, 0, false, {-8.0f, 0.5f, 1.5f, 2.5f, -0.5f});
  EXPECT_EQ(Rows.Scales[0], 1.0f);
  EXPECT_EQ(Rows.Codes, (std::vector<int16_t>{-8, 0, 2, 2, 0}));
}

TEST_F(RTNTest, ZerosHaveScaleZero) {
  QuantizedRows Rows = quantize(4, 2, false, {0.0f, -0.0f, 1.0f, 0.0f});
  EXPECT_EQ(Rows.Scales[0], 0.0f);
  EXPECT_EQ(Rows.Codes[0], 0);
  EXPECT_EQ(Rows.read(Stored, 0, 1), 0.0f);
}

TEST_F(RTNTest, TheLastGroupMayBeShorter) {
  QuantizedRows Rows = quantize(8, 2, false, {-128.0f, 1.0f, -64.0f, 2.0f, -256.0f});
  EXPECT_EQ(Rows.Groups, 3);
  EXPECT_EQ(Rows.Scales, (std::vector<float>{1.0f, 0.5f, 2.0f}));
  EXPECT_EQ(Rows.Codes, (std::vector<int16_t>{-128, 1, -128, 4, -128}));
}

TEST_F(RTNTest, AsymmetricHoldsZeroAndBothEnds) {
  QuantizedRows Rows = quantize(4, 0, true, {-5.0f, 10.0f, 0.0f, 1.4f});
  EXPECT_EQ(Rows.Scales[0], 1.0f);
  EXPECT_EQ(Rows.ZeroPoints[0], 5);
  EXPECT_EQ(Rows.Codes, (std::vector<int16_t>{0, 15, 5, 6}));
  EXPECT_EQ(Rows.read(Stored, 0, 2), 0.0f);
}

TEST_F(RTNTest, AsymmetricRangeIsWidenedToZero) {
  QuantizedRows Rows = quantize(4, 0, true, {15.0f, 30.0f});
  EXPECT_EQ(Rows.ZeroPoints[0], 0);
  EXPECT_EQ(Rows.Scales[0], 2.0f);
}

TEST_F(RTNTest, RowsAreIndependent) {
  QuantizedRows Both = quantize(4, 0, false, {1.0f, 2.0f, -16.0f, 4.0f}, 2);
  EXPECT_EQ(Both.Scales, (std::vector<float>{-0.25f, 2.0f}));
}

} // namespace
