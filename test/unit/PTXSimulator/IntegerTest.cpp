// Integer and bit instructions, as the PTX ISA defines them.
#include "Device.h"

namespace qopt::ptxsim::test {
namespace {

TEST(Integer, MultiplyAndAdd) {
  EXPECT_EQ(eval32("mul.lo.s32 %d, %a, %b;", {0xffffffff, 7}), 0xfffffff9u);
  EXPECT_EQ(eval32("mul.hi.u32 %d, %a, %b;", {0xffffffff, 0xffffffff}), 0xfffffffeu);
  EXPECT_EQ(eval32("mul.hi.s32 %d, %a, %b;", {0xffffffff, 0xffffffff}), 0u);
  EXPECT_EQ(evaluate("mul.wide.s32 %d, %a, %b;", "b32", "b64", {0xffffffff, 3}),
            0xfffffffffffffffdull);
  EXPECT_EQ(evaluate("mul.wide.u32 %d, %a, %b;", "b32", "b64", {0xffffffff, 3}), 0x2fffffffdull);
  EXPECT_EQ(eval64("mul.hi.u64 %d, %a, %b;", {~0ull, ~0ull}), ~1ull);
  EXPECT_EQ(eval32("mad.lo.s32 %d, %a, %b, %c;", {5, 0xffffffff, 7}), 2u);
  EXPECT_EQ(eval16("mul.lo.u16 %d, %a, %b;", {0x1234, 0x100}), 0x3400u);
  EXPECT_EQ(eval32("mul24.lo.s32 %d, %a, %b;", {0xffffff, 2}), 0xfffffffeu);
  EXPECT_EQ(eval32("sad.s32 %d, %a, %b, %c;", {0xfffffffe, 3, 10}), 15u);
  EXPECT_EQ(eval32("add.sat.s32 %d, %a, %b;", {0x7fffffff, 1}), 0x7fffffffu);
  EXPECT_EQ(eval32("sub.sat.s32 %d, %a, %b;", {0x80000000, 1}), 0x80000000u);
}

TEST(Integer, DivideAndCompare) {
  EXPECT_EQ(eval32("div.s32 %d, %a, %b;", {0xfffffff9, 2}), 0xfffffffdu);
  EXPECT_EQ(eval32("rem.s32 %d, %a, %b;", {0xfffffff9, 2}), 0xffffffffu);
  EXPECT_EQ(eval32("div.u32 %d, %a, %b;", {0xfffffff9, 2}), 0x7ffffffcu);
  EXPECT_EQ(eval64("rem.u64 %d, %a, %b;", {1ull << 40, 1000}), (1ull << 40) % 1000);
  EXPECT_EQ(eval32("min.s32 %d, %a, %b;", {0xffffffff, 1}), 0xffffffffu);
  EXPECT_EQ(eval32("min.u32 %d, %a, %b;", {0xffffffff, 1}), 1u);
  EXPECT_EQ(eval32("max.s16x2 %d, %a, %b;", {0x0001ffff, 0xffff0001}), 0x00010001u);
  EXPECT_EQ(eval32("abs.s32 %d, %a;", {0xfffffff0}), 16u);
  EXPECT_EQ(eval32("neg.s32 %d, %a;", {16}), 0xfffffff0u);
}

TEST(Integer, Carry) {
  EXPECT_EQ(eval32("add.cc.u32 %d, %a, %b; addc.u32 %d, %c, 0;", {0xffffffff, 1, 5}), 6u);
  EXPECT_EQ(eval32("add.cc.u32 %d, %a, %b; addc.u32 %d, %c, 0;", {0xfffffffe, 1, 5}), 5u);
  EXPECT_EQ(eval32("sub.cc.u32 %d, %a, %b; subc.u32 %d, %c, 0;", {0, 1, 5}), 4u);
  EXPECT_EQ(eval32("mad.lo.cc.u32 %d, %a, %b, %c; madc.hi.u32 %d, %a, %b, 0;", {0xffffffff, 2, 2}),
            2u);
}

TEST(Integer, DotProductsOfBytes) {
  // 1*1 + (-1)*2 + 127*3 + (-128)*4 + 1000
  EXPECT_EQ(eval32("dp4a.s32.s32 %d, %a, %b, %c;", {0x807fff01, 0x04030201, 1000}), 868u);
  EXPECT_EQ(eval32("dp4a.u32.u32 %d, %a, %b, %c;", {0xffffffff, 0xffffffff, 0}), 260100u);
  EXPECT_EQ(eval32("dp2a.lo.s32.s32 %d, %a, %b, %c;", {0x00030002, 0x00000605, 1}), 29u);
  EXPECT_EQ(eval32("dp2a.hi.s32.s32 %d, %a, %b, %c;", {0x00030002, 0x06050000, 1}), 29u);
}

TEST(Bits, Logic) {
  EXPECT_EQ(eval32("lop3.b32 %d, %a, %b, %c, 0xEA;", {0xf0f0, 0xff00, 0x000f}),
            (0xf0f0u & 0xff00u) | 0x000fu);
  EXPECT_EQ(eval32("lop3.b32 %d, %a, %b, %c, 0x96;", {0x12345678, 0x9abcdef0, 0x0f0f0f0f}),
            0x12345678u ^ 0x9abcdef0u ^ 0x0f0f0f0fu);
  EXPECT_EQ(eval32("lop3.b32 %d, %a, %b, %c, 0x01;", {0xf0f0f0f0, 0xcccccccc, 0xaaaaaaaa}),
            0x01010101u);
  EXPECT_EQ(eval32("not.b32 %d, %a;", {0xff}), 0xffffff00u);
  EXPECT_EQ(eval32("cnot.b32 %d, %a;", {0}), 1u);
  EXPECT_EQ(eval64("xor.b64 %d, %a, %b;", {~0ull, 5}), ~5ull);
}

TEST(Bits, Shifts) {
  EXPECT_EQ(eval32("shl.b32 %d, %a, %b;", {1, 31}), 0x80000000u);
  EXPECT_EQ(eval32("shl.b32 %d, %a, %b;", {1, 32}), 0u);
  EXPECT_EQ(eval32("shr.u32 %d, %a, %b;", {0x80000000, 33}), 0u);
  EXPECT_EQ(eval32("shr.s32 %d, %a, %b;", {0x80000000, 33}), 0xffffffffu);
  EXPECT_EQ(eval32("shf.l.wrap.b32 %d, %a, %b, %c;", {0x80000001, 0x00000002, 33}), 5u);
  EXPECT_EQ(eval32("shf.r.clamp.b32 %d, %a, %b, %c;", {0x80000001, 0x12345678, 40}), 0x12345678u);
  EXPECT_EQ(eval32("shf.r.wrap.b32 %d, %a, %b, %c;", {0x80000001, 0x00000003, 1}), 0xc0000000u);
}

TEST(Bits, Fields) {
  EXPECT_EQ(eval32("bfe.u32 %d, %a, %b, %c;", {0x12345678, 8, 12}), 0x456u);
  EXPECT_EQ(eval32("bfe.s32 %d, %a, %b, %c;", {0x0000f000, 12, 4}), 0xffffffffu);
  EXPECT_EQ(eval32("bfe.s32 %d, %a, %b, %c;", {0x80000000, 28, 8}), 0xfffffff8u);
  EXPECT_EQ(eval32("bfe.u32 %d, %a, %b, %c;", {0xffffffff, 8, 0}), 0u);
  EXPECT_EQ(eval32("bfi.b32 %d, %a, %b, 28, 8;", {0xab, 0x01234567}), 0xb1234567u);
  EXPECT_EQ(eval32("bfi.b32 %d, %a, %b, 4, 8;", {0xab, 0xffffffff}), 0xfffffabfu);
  EXPECT_EQ(eval32("prmt.b32 %d, %a, %b, 0x7531;", {0x33221100, 0x77665544}), 0x77553311u);
  EXPECT_EQ(eval32("prmt.b32 %d, %a, %b, 0x9810;", {0x00008000, 0}), 0xff008000u);
  EXPECT_EQ(eval32("prmt.b32.f4e %d, %a, %b, 1;", {0x33221100, 0x77665544}), 0x44332211u);
  EXPECT_EQ(eval32("prmt.b32.ecl %d, %a, %b, 2;", {0x33221100, 0x77665544}), 0x33222222u);
}

TEST(Bits, Counting) {
  EXPECT_EQ(eval32("popc.b32 %d, %a;", {0xf0f00001}), 9u);
  EXPECT_EQ(eval32("clz.b32 %d, %a;", {0}), 32u);
  EXPECT_EQ(eval32("clz.b32 %d, %a;", {1}), 31u);
  EXPECT_EQ(eval32("brev.b32 %d, %a;", {1}), 0x80000000u);
  EXPECT_EQ(eval32("bfind.u32 %d, %a;", {0x00010000}), 16u);
  EXPECT_EQ(eval32("bfind.s32 %d, %a;", {0xffffffff}), 0xffffffffu);
  EXPECT_EQ(eval32("bfind.s32 %d, %a;", {0xfffffffe}), 0u);
  EXPECT_EQ(eval32("bfind.shiftamt.u32 %d, %a;", {1}), 31u);
  EXPECT_EQ(eval32("fns.b32 %d, %a, %b, %c;", {0xaaaaaaaa, 3, 1}), 3u);
  EXPECT_EQ(eval32("fns.b32 %d, %a, %b, %c;", {0xaaaaaaaa, 3, static_cast<uint32_t>(-1)}), 3u);
  EXPECT_EQ(eval32("bmsk.clamp.b32 %d, %a, %b;", {4, 8}), 0xff0u);
  EXPECT_EQ(eval32("szext.wrap.s32 %d, %a, %b;", {0x80, 8}), 0xffffff80u);
}

TEST(Predicates, CompareAndSelect) {
  EXPECT_EQ(eval32("setp.lt.s32 %q, %a, %b; selp.b32 %d, 1, 2, %q;", {0xffffffff, 0}), 1u);
  EXPECT_EQ(eval32("setp.lt.u32 %q, %a, %b; selp.b32 %d, 1, 2, %q;", {0xffffffff, 0}), 2u);
  EXPECT_EQ(eval32("setp.lt.f32 %q|%r, %a, %b; selp.b32 %d, 1, 2, %r;", {bits(1.0f), 0x7fc00000}),
            1u);
  EXPECT_EQ(eval32("setp.ltu.f32 %q, %a, %b; selp.b32 %d, 1, 2, %q;", {bits(1.0f), 0x7fc00000}),
            1u);
  EXPECT_EQ(
      eval32("setp.eq.s32 %r, %a, %a; setp.gt.and.s32 %q, %a, %b, !%r; selp.b32 %d, 1, 2, %q;",
             {5, 1}),
      2u);
  EXPECT_EQ(eval32("set.gt.u32.s32 %d, %a, %b;", {5, 1}), 0xffffffffu);
  EXPECT_EQ(eval32("slct.b32.s32 %d, %a, %b, %c;", {5, 1, 0x80000000}), 1u);
  EXPECT_EQ(eval32("mov.pred %q, 0; @%q mov.b32 %d, %a; @!%q mov.b32 %d, %b;", {5, 1}), 1u);
  EXPECT_EQ(eval32("testp.subnormal.f32 %q, %a; selp.b32 %d, 1, 2, %q;", {1}), 1u);
}

TEST(Move, PackAndUnpack) {
  EXPECT_EQ(
      eval32("{ .reg .b16 lo, hi; mov.b32 {lo, hi}, %a; mov.b32 %d, {hi, lo}; }", {0x12345678}),
      0x56781234u);
  EXPECT_EQ(
      eval64(
          "{ .reg .b32 lo, hi; mov.b64 {_, hi}, %a; mov.b64 {lo, _}, %a; mov.b64 %d, {hi, lo}; }",
          {0x0123456789abcdef}),
      0x89abcdef01234567u);
  EXPECT_EQ(
      eval64("{ .reg .b16 x<4>; mov.b64 {x0, x1, x2, x3}, %a; mov.b64 %d, {x3, x2, x1, x0}; }",
             {0x0123456789abcdef}),
      0xcdef89ab45670123u);
}

TEST(Decoding, WhatItDoesNotKnowIsAnErrorWithNameAndLine) {
  Device D;
  Status S = D.run(kernelText("u64 a", "\n\ntcgen05.alloc.sync.b32 [%r1], 32;"), {1, 1, 1},
                   {1, 1, 1}, 0, uint64_t(0));
  EXPECT_EQ(S.code(), StatusCode::Unsupported);
  EXPECT_NE(S.message().find("tcgen05.alloc.sync.b32"), std::string::npos) << S.message();
  EXPECT_NE(S.message().find("line 10"), std::string::npos) << S.message();
  S = D.run(kernelText("u64 a", ".reg .b32 %r; add.rn.strange.f32 %r, %r, %r;"), {1, 1, 1},
            {1, 1, 1}, 0, uint64_t(0));
  EXPECT_EQ(S.code(), StatusCode::Unsupported);
  S = D.run(kernelText("u64 a", "bra nowhere;"), {1, 1, 1}, {1, 1, 1}, 0, uint64_t(0));
  EXPECT_NE(S.message().find("nowhere"), std::string::npos) << S.message();
}

} // namespace
} // namespace qopt::ptxsim::test
