// Floating-point instructions and conversions; expected bits come from the formats' definitions.
#include "Device.h"

#include <cmath>
#include <limits>

namespace qopt::ptxsim::test {
namespace {

float eval(const std::string &Instructions, std::vector<float> Operands) {
  std::vector<uint64_t> Bits;
  for (float F : Operands)
    Bits.push_back(bits(F));
  return asFloat(eval32(Instructions, Bits));
}

TEST(Float, Rounding) {
  EXPECT_EQ(eval("add.f32 %d, %a, %b;", {1, 0x1p-24f}), 1.0f);
  EXPECT_EQ(eval("add.rp.f32 %d, %a, %b;", {1, 0x1p-24f}), 1.0f + 0x1p-23f);
  EXPECT_EQ(eval("add.rz.f32 %d, %a, %b;", {1, -0x1p-30f}), 1.0f - 0x1p-24f);
  EXPECT_EQ(eval("add.rm.f32 %d, %a, %b;", {-1, -0x1p-60f}), -1.0f - 0x1p-23f);
  EXPECT_EQ(eval("mul.rz.f32 %d, %a, %b;", {1.0f + 0x1p-23f, 1.0f - 0x1p-24f}), 1.0f);
  EXPECT_EQ(eval("fma.rn.f32 %d, %a, %b, %c;", {1.0f + 0x1p-12f, 1.0f + 0x1p-12f, -1.0f}),
            0x1p-11f + 0x1p-24f);
  EXPECT_EQ(eval("div.rn.f32 %d, %a, %b;", {1, 3}), 1.0f / 3.0f);
  EXPECT_EQ(eval("div.rz.f32 %d, %a, %b;", {1, 3}), std::nextafter(1.0f / 3.0f, 0.0f));
  EXPECT_EQ(eval("sqrt.rp.f32 %d, %a;", {2}), std::nextafter(std::sqrt(2.0f), 2.0f));
  EXPECT_EQ(eval("mul.rz.f32 %d, %a, %b;", {3e38f, 3e38f}), std::numeric_limits<float>::max());
}

TEST(Float, Pairs) {
  auto Pair = [](float Low, float High) { return bits(Low) | uint64_t(bits(High)) << 32; };
  EXPECT_EQ(eval64("add.rn.f32x2 %d, %a, %b;", {Pair(1, 2), Pair(3, -0.5f)}), Pair(4, 1.5f));
  EXPECT_EQ(eval64("sub.f32x2 %d, %a, %b;", {Pair(1, 2), Pair(3, -0.5f)}), Pair(-2, 2.5f));
  EXPECT_EQ(
      eval64("mul.rz.f32x2 %d, %a, %b;", {Pair(1.0f + 0x1p-23f, 3), Pair(1.0f - 0x1p-24f, 5)}),
      Pair(1, 15));
  EXPECT_EQ(eval64("fma.rn.f32x2 %d, %a, %b, %c;",
                   {Pair(1.0f + 0x1p-12f, 2), Pair(1.0f + 0x1p-12f, 3), Pair(-1, 4)}),
            Pair(0x1p-11f + 0x1p-24f, 10));
  EXPECT_EQ(eval64("add.ftz.f32x2 %d, %a, %b;", {Pair(0x1p-140f, 1), Pair(0x1p-140f, 1)}),
            Pair(0, 2));
}

TEST(Float, SubnormalsAndSaturation) {
  EXPECT_EQ(eval("add.f32 %d, %a, %b;", {0x1p-140f, 0x1p-140f}), 0x1p-139f);
  EXPECT_EQ(eval32("add.ftz.f32 %d, %a, %b;", {bits(-0x1p-140f), bits(-0x1p-140f)}), 0x80000000u);
  EXPECT_EQ(eval("add.sat.f32 %d, %a, %b;", {0.75f, 0.75f}), 1.0f);
  EXPECT_EQ(eval32("add.sat.f32 %d, %a, %b;", {0x7fc00000, 0}), 0u);
  EXPECT_EQ(eval32("add.f32 %d, %a, %b;", {0x7f800000, 0xff800000}), 0x7fffffffu);
}

TEST(Float, MinMax) {
  EXPECT_EQ(eval("min.f32 %d, %a, %b;", {std::nanf(""), 2}), 2.0f);
  EXPECT_EQ(eval32("min.NaN.f32 %d, %a, %b;", {0x7fc00000, bits(2.0f)}), 0x7fffffffu);
  EXPECT_EQ(eval32("min.f32 %d, %a, %b;", {0, 0x80000000}), 0x80000000u);
  EXPECT_EQ(eval32("max.f32 %d, %a, %b;", {0x80000000, 0}), 0u);
  EXPECT_EQ(eval("max.xorsign.abs.f32 %d, %a, %b;", {-3, 2}), -3.0f);
}

TEST(Float, Functions) {
  EXPECT_EQ(eval("ex2.approx.f32 %d, %a;", {3}), 8.0f);
  EXPECT_EQ(eval("ex2.approx.ftz.f32 %d, %a;", {-std::numeric_limits<float>::infinity()}), 0.0f);
  EXPECT_EQ(eval("lg2.approx.f32 %d, %a;", {0}), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(eval32("lg2.approx.f32 %d, %a;", {bits(-1.0f)}), 0x7fffffffu);
  EXPECT_EQ(eval("rcp.approx.ftz.f32 %d, %a;", {-0.0f}), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(eval("rsqrt.approx.f32 %d, %a;", {0.25f}), 2.0f);
  EXPECT_NEAR(eval("tanh.approx.f32 %d, %a;", {0.5f}), 0.46211716, 1e-6);
  EXPECT_NEAR(eval("sin.approx.f32 %d, %a;", {1}), 0.84147098, 1e-6);
  EXPECT_NEAR(eval("cos.approx.f32 %d, %a;", {1}), 0.54030231, 1e-6);
}

TEST(Half, Arithmetic) {
  // 0x3c00 is 1, 0x3c01 the next: their sum is 2 + 2^-10, a tie, rounded to even.
  EXPECT_EQ(eval16("add.f16 %d, %a, %b;", {0x3c00, 0x3c01}), 0x4000u);
  EXPECT_EQ(eval16("mul.f16 %d, %a, %b;", {0x7bff, 0x4000}), 0x7c00u);
  // 2049 is a tie between 2048 and 2050; 2^-20 more decides it, which a sum rounded twice would
  // miss.
  EXPECT_EQ(eval16("fma.rn.f16 %d, %a, %b, %c;", {0x1400, 0x1400, 0x6800}), 0x6800u);
  EXPECT_EQ(eval32("fma.rn.f16x2 %d, %a, %b, %c;", {0x3c004000, 0x40004200, 0x3c003c00}),
            0x42004700u);
  EXPECT_EQ(eval32("fma.rn.relu.f16x2 %d, %a, %b, %c;", {0xbc004000, 0x40004200, 0x3c003c00}),
            0x00004700u);
  EXPECT_EQ(eval32("max.bf16x2 %d, %a, %b;", {0x3f80bf80, 0x40003f00}), 0x40003f00u);
  EXPECT_EQ(eval32("fma.rn.bf16x2 %d, %a, %b, %c;", {0x3f803f80, 0x40004040, 0x3f803f80}),
            0x40404080u);
  EXPECT_EQ(eval16("abs.bf16 %d, %a;", {0xbf80}), 0x3f80u);
  EXPECT_EQ(eval32("neg.f16x2 %d, %a;", {0x3c00bc00}), 0xbc003c00u);
  EXPECT_EQ(eval16("max.NaN.f16 %d, %a, %b;", {0x7e00, 0}), 0x7fffu);
  EXPECT_EQ(eval16("ex2.approx.f16 %d, %a;", {0x4200}), 0x4800u);
}

TEST(Half, FmaRoundsOnce) {
  // a*b = 1 + 2^-10 + 2^-22..., c = 2^-11: just above a tie of f16.
  uint16_t A = 0x3c01; // 1 + 2^-10
  // a*a = 1 + 2^-9 + 2^-20; with c = 2^-11 the sum lies 2^-20 above the tie 1 + 2^-9 + 2^-11.
  EXPECT_EQ(eval16("fma.rn.f16 %d, %a, %b, %c;", {A, A, 0x1000}), 0x3c03u);
}

TEST(Convert, HalfAndBfloat) {
  EXPECT_EQ(eval32("cvt.rn.f16x2.f32 %d, %a, %b;", {bits(1.0f), bits(2.0f)}), 0x3c004000u);
  EXPECT_EQ(eval32("cvt.rn.bf16x2.f32 %d, %a, %b;", {bits(1.0f), bits(2.0f)}), 0x3f804000u);
  EXPECT_EQ(eval32("cvt.rn.relu.bf16x2.f32 %d, %a, %b;", {bits(-1.0f), bits(2.0f)}), 0x00004000u);
  EXPECT_EQ(evaluate("cvt.rz.f16.f32 %d, %a;", "b32", "b16", {bits(65519.0f)}), 0x7bffu);
  EXPECT_EQ(evaluate("cvt.rn.f16.f32 %d, %a;", "b32", "b16", {bits(65520.0f)}), 0x7c00u);
  EXPECT_EQ(evaluate("cvt.rn.satfinite.f16.f32 %d, %a;", "b32", "b16", {bits(1e9f)}), 0x7bffu);
  EXPECT_EQ(evaluate("cvt.rn.bf16.f32 %d, %a;", "b32", "b16", {0x3f808000}), 0x3f80u);
  EXPECT_EQ(evaluate("cvt.rn.bf16.f32 %d, %a;", "b32", "b16", {0x3f818000}), 0x3f82u);
  EXPECT_EQ(evaluate("cvt.f32.f16 %d, %a;", "b16", "b32", {0x0001}), bits(0x1p-24f));
  EXPECT_EQ(evaluate("cvt.f32.bf16 %d, %a;", "b16", "b32", {0x3f80}), bits(1.0f));
  EXPECT_EQ(eval32("cvt.rna.tf32.f32 %d, %a;", {0x3f801000}), 0x3f802000u);
  EXPECT_EQ(evaluate("cvt.f64.f32 %d, %a;", "b32", "b64", {bits(1.5f)}), bits(1.5));
  EXPECT_EQ(evaluate("cvt.rn.f32.f64 %d, %a;", "b64", "b32", {bits(1.0 + 0x1p-25)}), bits(1.0f));
}

TEST(Convert, EightBitFloats) {
  auto E4 = [](float X) {
    return evaluate("cvt.rn.satfinite.e4m3x2.f32 %d, %a, %b;", "b32", "b16", {0, bits(X)});
  };
  auto E5 = [](float X) {
    return evaluate("cvt.rn.satfinite.e5m2x2.f32 %d, %a, %b;", "b32", "b16", {0, bits(X)});
  };
  EXPECT_EQ(E4(448), 0x7eu);
  EXPECT_EQ(E4(1e30f), 0x7eu);
  EXPECT_EQ(E4(-1e30f), 0xfeu);
  EXPECT_EQ(E4(std::nanf("")), 0x7fu);
  EXPECT_EQ(E4(0x1p-6f), 0x08u);
  EXPECT_EQ(E4(0x1p-9f), 0x01u);
  EXPECT_EQ(E4(0x1p-10f), 0x00u);             // a tie, to even
  EXPECT_EQ(E4(0x1.8p-10f + 0x1p-9f), 0x02u); // 1.75 steps
  EXPECT_EQ(E4(1.0625f), 0x38u);              // a tie between 1 and 1.125
  EXPECT_EQ(E4(1.1875f), 0x3au);              // a tie between 1.125 and 1.25
  EXPECT_EQ(E5(57344), 0x7bu);
  EXPECT_EQ(E5(std::numeric_limits<float>::infinity()), 0x7bu);
  EXPECT_EQ(E5(0x1p-16f), 0x01u);
  EXPECT_EQ(E5(1.125f), 0x3cu);
  EXPECT_EQ(
      evaluate("cvt.rn.satfinite.e4m3x2.f32 %d, %a, %b;", "b32", "b16", {bits(1.0f), bits(2.0f)}),
      0x3840u);
  EXPECT_EQ(evaluate("cvt.rn.f16x2.e4m3x2 %d, %a;", "b16", "b32", {0x387e}), 0x3c005f00u);
  EXPECT_EQ(evaluate("cvt.rn.f16x2.e5m2x2 %d, %a;", "b16", "b32", {0x7c01}), 0x7c000100u);
  EXPECT_EQ(evaluate("cvt.rn.satfinite.e4m3x2.f16x2 %d, %a;", "b32", "b16", {0x3c004000}), 0x3840u);
}

TEST(Convert, EightBitFloatsAreNearest) {
  // Every e4m3 value comes back; between two neighbours the middle goes to the even one.
  for (unsigned Code = 0; Code < 0x7e; ++Code) {
    auto Value = [](unsigned C) {
      unsigned E = C >> 3, M = C & 7;
      return E ? std::ldexp(8.0f + M, static_cast<int>(E) - 10)
               : std::ldexp(static_cast<float>(M), -9);
    };
    float Middle = (Value(Code) + Value(Code + 1)) / 2;
    uint64_t Both = evaluate("cvt.rn.satfinite.e4m3x2.f32 %d, %a, %b;", "b32", "b16",
                             {bits(Middle), bits(Value(Code))});
    EXPECT_EQ(Both & 0xff, Code);
    EXPECT_EQ(Both >> 8, Code + (Code & 1));
  }
}

TEST(Convert, Integers) {
  EXPECT_EQ(eval32("cvt.rni.s32.f32 %d, %a;", {bits(2.5f)}), 2u);
  EXPECT_EQ(eval32("cvt.rzi.s32.f32 %d, %a;", {bits(-2.9f)}), 0xfffffffeu);
  EXPECT_EQ(eval32("cvt.rmi.s32.f32 %d, %a;", {bits(-2.1f)}), 0xfffffffdu);
  EXPECT_EQ(eval32("cvt.rzi.s32.f32 %d, %a;", {bits(3e9f)}), 0x7fffffffu);
  EXPECT_EQ(eval32("cvt.rzi.s32.f32 %d, %a;", {bits(-3e9f)}), 0x80000000u);
  EXPECT_EQ(eval32("cvt.rzi.u32.f32 %d, %a;", {bits(-1.0f)}), 0u);
  EXPECT_EQ(eval32("cvt.rzi.s32.f32 %d, %a;", {0x7fc00000}), 0u);
  EXPECT_EQ(evaluate("cvt.rzi.s64.f32 %d, %a;", "b32", "b64", {0x7fc00000}), 0x8000000000000000ull);
  EXPECT_EQ(evaluate("cvt.rzi.u64.f32 %d, %a;", "b32", "b64", {bits(0x1p63f)}),
            0x8000000000000000ull);
  EXPECT_EQ(eval32("cvt.rn.f32.s32 %d, %a;", {0xffffffff}), bits(-1.0f));
  EXPECT_EQ(evaluate("cvt.rn.f32.u64 %d, %a;", "b64", "b32", {0x8000008000000001}),
            bits(0x1.000002p63f));
  EXPECT_EQ(evaluate("cvt.rz.f32.u64 %d, %a;", "b64", "b32", {~0ull}), bits(0x1.fffffep63f));
  EXPECT_EQ(eval32("cvt.sat.s8.s32 %d, %a;", {300}), 127u);
  EXPECT_EQ(eval32("cvt.s8.s32 %d, %a;", {0x80}), 0xffffff80u);
  EXPECT_EQ(eval32("cvt.u8.u32 %d, %a;", {0x1ff}), 0xffu);
  EXPECT_EQ(evaluate("cvt.s64.s32 %d, %a;", "b32", "b64", {0xffffffff}), ~0ull);
  EXPECT_EQ(evaluate("cvt.u64.u32 %d, %a;", "b32", "b64", {0xffffffff}), 0xffffffffull);
  EXPECT_EQ(evaluate("cvt.rn.f16.s32 %d, %a;", "b32", "b16", {2049}), 0x6800u);
  EXPECT_EQ(eval("cvt.rni.f32.f32 %d, %a;", {2.5f}), 2.0f);
  EXPECT_EQ(eval("cvt.sat.f32.f32 %d, %a;", {2.5f}), 1.0f);
}

} // namespace
} // namespace qopt::ptxsim::test
