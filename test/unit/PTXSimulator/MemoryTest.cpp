// Address spaces, vectors, atomics, and what the simulator says about wrong accesses.
#include "Device.h"

#include <algorithm>
#include <numeric>

namespace qopt::ptxsim::test {
namespace {

const char *Index =
    ".reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .f32 %f<8>; .reg .pred %p<4>;\n"
    "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x;\n"
    "mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mad.lo.s32 %r4, %r2, %r3, %r1;\n"
    "mul.wide.u32 %rd3, %r4, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;\n";

Status copyKernel(const std::string &Load, Device &D, uint64_t In, uint64_t Out, uint32_t Threads) {
  return D.run(kernelText("u64 in, u64 out", Index + Load), {1, 1, 1}, {Threads, 1, 1}, 0, In, Out);
}

TEST(Memory, GridOfThreads) {
  Device D;
  std::vector<float> Values(1000);
  std::iota(Values.begin(), Values.end(), 0.0f);
  uint64_t In = D.put(Values), Out = D.space<float>(1000);
  Status S =
      D.run(kernelText("u64 in, u64 out, u32 n",
                       std::string(Index) +
                           "ld.param.u32 %r5, [n]; setp.ge.s32 %p1, %r4, %r5; @%p1 bra $L_end;\n"
                           "ld.global.f32 %f1, [%rd4]; fma.rn.f32 %f1, %f1, 0f40000000, 1.0; "
                           "st.global.f32 [%rd5], %f1;\n"
                           "$L_end:"),
            {8, 1, 1}, {128, 1, 1}, 0, In, Out, uint32_t(1000));
  ASSERT_TRUE(S.ok()) << S.message();
  auto Result = D.get<float>(Out, 1000);
  for (int N = 0; N < 1000; ++N)
    ASSERT_EQ(Result[N], 2.0f * N + 1);
}

TEST(Memory, OutOfBoundsByOne) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>(63)), Out = D.space<uint32_t>(64);
  Status S = copyKernel("ld.global.u32 %r5, [%rd4];\nst.global.u32 [%rd5], %r5;", D, In, Out, 64);
  EXPECT_EQ(S.code(), StatusCode::Failed);
  ASSERT_EQ(D.Sim->reports().size(), 1u);
  const Report &R = D.Sim->reports()[0];
  EXPECT_EQ(R.Kind, FaultKind::OutOfBounds);
  EXPECT_EQ(R.Thread[0], 63u);
  EXPECT_EQ(R.Address, In + 252);
  EXPECT_EQ(R.Kernel, "k");
  EXPECT_EQ(R.Instruction, "ld.global.u32");
  EXPECT_EQ(R.Line, 12u);
}

TEST(Memory, MisalignedVector) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>(64)), Out = D.space<uint32_t>(64);
  EXPECT_TRUE(copyKernel("ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd4+0];", D, In, Out, 1).ok());
  EXPECT_FALSE(copyKernel("ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd4+4];", D, In, Out, 1).ok());
  ASSERT_EQ(D.Sim->reports().size(), 1u);
  EXPECT_EQ(D.Sim->reports()[0].Kind, FaultKind::Misaligned);
  EXPECT_EQ(D.Sim->reports()[0].Address, In + 4);
}

TEST(Memory, NarrowLoadsExtend) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>{0x80ff7f81}), Out = D.space<uint32_t>(8);
  Status S =
      copyKernel("ld.global.s8 %r1, [%rd1]; st.global.u32 [%rd2], %r1;\n"
                 "ld.global.u8 %r1, [%rd1]; st.global.u32 [%rd2+4], %r1;\n"
                 "ld.global.s16 %r1, [%rd1+2]; st.global.u32 [%rd2+8], %r1;\n"
                 "ld.global.s8 %rd3, [%rd1+3]; st.global.u64 [%rd2+16], %rd3;\n"
                 "ld.global.v2.u16 {%r1, %r2}, [%rd1]; st.global.v2.u8 [%rd2+12], {%r2, %r1};",
                 D, In, Out, 1);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint32_t>(Out, 6);
  EXPECT_EQ(R[0], 0xffffff81u);
  EXPECT_EQ(R[1], 0x81u);
  EXPECT_EQ(R[2], 0xffff80ffu);
  EXPECT_EQ(R[3] & 0xffff, 0x81ffu);
  EXPECT_EQ(R[4], 0xffffff80u);
  EXPECT_EQ(R[5], 0xffffffffu);
}

TEST(Memory, SharedExchange) {
  Device D;
  std::vector<uint32_t> Values(128);
  std::iota(Values.begin(), Values.end(), 100);
  uint64_t In = D.put(Values), Out = D.space<uint32_t>(128);
  std::string Body =
      std::string(Index) +
      ".shared .align 16 .b8 tile[512]; mov.u32 %r5, tile; shl.b32 %r6, %r1, 2; add.u32 %r6, %r5, "
      "%r6;\n"
      "ld.global.u32 %r7, [%rd4]; st.shared.u32 [%r6], %r7; bar.sync 0;\n"
      "mov.u32 %r7, 508; sub.u32 %r7, %r7, %r6; add.u32 %r7, %r7, %r5; add.u32 %r7, %r7, %r5;\n"
      "ld.shared.u32 %r7, [%r7]; st.global.u32 [%rd5], %r7;";
  Status S = D.run(kernelText("u64 in, u64 out", Body), {1, 1, 1}, {128, 1, 1}, 0, In, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint32_t>(Out, 128);
  for (int N = 0; N < 128; ++N)
    ASSERT_EQ(R[N], 227u - N);
}

TEST(Memory, DynamicSharedHasTheSizeOfTheLaunch) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>(32)), Out = D.space<uint32_t>(32);
  std::string Text = kernelText(
      "u64 in, u64 out",
      std::string(Index) + "mov.u32 %r5, buffer; shl.b32 %r6, %r1, 2; add.u32 %r6, %r5, %r6;\n"
                           "st.shared.u32 [%r6], %r1;",
      "sm_90a", "", ".extern .shared .align 16 .b8 buffer[];");
  EXPECT_TRUE(D.run(Text, {1, 1, 1}, {32, 1, 1}, 128, In, Out).ok());
  EXPECT_FALSE(D.run(Text, {1, 1, 1}, {32, 1, 1}, 124, In, Out).ok());
  ASSERT_EQ(D.Sim->reports().size(), 1u);
  EXPECT_EQ(D.Sim->reports()[0].Kind, FaultKind::OutOfBounds);
  EXPECT_EQ(D.Sim->reports()[0].Thread[0], 31u);
}

TEST(Memory, UninitialisedShared) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>(32)), Out = D.space<uint32_t>(32);
  std::string Body =
      std::string(Index) +
      ".shared .b32 one; .shared .b32 two; st.shared.b8 [one], %r1; ld.shared.b8 %r5, [one];\n"
      "ld.shared.b16 %r5, [one];";
  EXPECT_FALSE(D.run(kernelText("u64 in, u64 out", Body), {1, 1, 1}, {1, 1, 1}, 0, In, Out).ok());
  ASSERT_EQ(D.Sim->reports().size(), 1u);
  EXPECT_EQ(D.Sim->reports()[0].Kind, FaultKind::Uninitialised);
  EXPECT_EQ(D.Sim->reports()[0].Instruction, "ld.shared.b16");
}

TEST(Memory, UninitialisedGlobalWhenAskedFor) {
  SimulatorOptions Options;
  Options.CheckUninitialisedGlobal = true;
  Device D(Options);
  uint64_t In = D.space<uint32_t>(32), Out = D.space<uint32_t>(32);
  EXPECT_FALSE(
      copyKernel("ld.global.u32 %r5, [%rd4];\nst.global.u32 [%rd5], %r5;", D, In, Out, 32).ok());
  ASSERT_EQ(D.Sim->reports().size(), 1u);
  EXPECT_EQ(D.Sim->reports()[0].Kind, FaultKind::Uninitialised);
}

TEST(Memory, GenericAddressesLocalAndConstant) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>(32)), Out = D.space<uint32_t>(64);
  std::string Body =
      std::string(Index) +
      ".shared .b32 word; .local .align 8 .b8 depot[16];\n"
      "mov.u64 %rd6, word; cvta.shared.u64 %rd6, %rd6; st.u32 [%rd6], 7; ld.shared.u32 %r5, "
      "[word];\n"
      "st.global.u32 [%rd2], %r5; mov.u64 %rd6, depot; cvta.local.u64 %rd6, %rd6; st.u32 "
      "[%rd6+12], %r4;\n"
      "ld.local.u32 %r5, [depot+12]; st.global.u32 [%rd2+4], %r5; ld.const.u32 %r5, [table+8];\n"
      "st.global.u32 [%rd2+8], %r5; isspacep.shared %p1, %rd6; isspacep.local %p2, %rd6;\n"
      "selp.u32 %r5, 1, 0, %p1; selp.u32 %r6, 1, 0, %p2; st.global.v2.u32 [%rd2+16], {%r5, %r6};";
  Status S = D.run(kernelText("u64 in, u64 out", Body, "sm_80", "",
                              ".const .align 4 .u32 table[4] = {1, 2, 0x33, 4};"),
                   {1, 1, 1}, {1, 1, 1}, 0, In, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint32_t>(Out, 6);
  EXPECT_EQ(R, (std::vector<uint32_t>{7, 0, 0x33, R[3], 0, 1}));
}

TEST(Atomics, IntegersAndFloats) {
  Device D;
  std::vector<uint32_t> Start = {0, 0xffffffff, 0, 0, 0, 0x3c003c00, 0, 0};
  uint64_t In = D.put(std::vector<uint32_t>(1)), Out = D.put(Start);
  std::string Body =
      std::string(Index) +
      "atom.global.add.u32 %r5, [%rd2], 1; red.global.min.u32 [%rd2+4], %r4;\n"
      "atom.global.gpu.acq_rel.max.s32 %r6, [%rd2+8], %r4; atom.inc.u32 %r6, [%rd2+12], 9;\n"
      "red.global.add.f32 [%rd2+16], 0f3f000000; red.global.add.noftz.f16x2 [%rd2+20], "
      "0x3c004000;\n"
      "setp.eq.s32 %p1, %r4, 0; @%p1 atom.global.cas.b32 %r6, [%rd2+24], 0, 5;\n"
      "@%p1 atom.global.exch.b32 %r6, [%rd2+28], %r6;";
  Status S = D.run(kernelText("u64 in, u64 out", Body), {2, 1, 1}, {64, 1, 1}, 0, In, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint32_t>(Out, 8);
  EXPECT_EQ(R[0], 128u);
  EXPECT_EQ(R[1], 0u);
  EXPECT_EQ(R[2], 127u);
  EXPECT_EQ(R[3], 128u % 10);
  EXPECT_EQ(asFloat(R[4]), 64.0f);
  EXPECT_EQ(R[5], 0x58085c04u); // 129 and 257
  EXPECT_EQ(R[6], 5u);
}

TEST(Memory, CallsAreInlined) {
  Device D;
  uint64_t In = D.put(std::vector<uint32_t>(1)), Out = D.space<uint32_t>(32);
  std::string Function =
      ".func (.param .b32 result) twice(.param .b32 x, .param .b32 y) { .reg .b32 %r<4>; .reg "
      ".pred %p;\n"
      "ld.param.b32 %r1, [x]; ld.param.b32 %r2, [y]; setp.gt.u32 %p, %r1, 15; @%p bra big;\n"
      "add.u32 %r3, %r1, %r2; st.param.b32 [result], %r3; ret;\n"
      "big: st.param.b32 [result], %r2; ret; }";
  std::string Body =
      std::string(Index) +
      "{ .param .b32 p0; .param .b32 p1; .param .b32 r0; st.param.b32 [p0], %r4; st.param.b32 "
      "[p1], 1000;\n"
      "call.uni (r0), twice, (p0, p1); ld.param.b32 %r5, [r0]; } st.global.u32 [%rd5], %r5;";
  Status S = D.run(kernelText("u64 in, u64 out", Body, "sm_80", "", Function), {1, 1, 1},
                   {32, 1, 1}, 0, In, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint32_t>(Out, 32);
  for (uint32_t N = 0; N < 32; ++N)
    ASSERT_EQ(R[N], N > 15 ? 1000 : 1000 + N);
}

TEST(Driver, RefusesWhatDoesNotFit) {
  SimulatorOptions Options;
  Options.Chip = "sm120";
  Device D(Options);
  Status S = D.run(kernelText("u64 a", ""), {1, 1, 1}, {1, 1, 1}, 0, uint64_t(0));
  EXPECT_EQ(S.code(), StatusCode::Unsupported);
  EXPECT_NE(S.message().find("sm_90a"), std::string::npos);
  EXPECT_TRUE(D.run(kernelText("u64 a", "", "sm_80"), {1, 1, 1}, {1, 1, 1}, 0, uint64_t(0)).ok());
  EXPECT_EQ(D.run(kernelText("u64 a", "", "sm_80", ".reqntid 64, 1, 1"), {1, 1, 1}, {1, 1, 1}, 0,
                  uint64_t(0))
                .code(),
            StatusCode::BadInput);
  EXPECT_EQ(D.Sim->allocate(int64_t(1) << 50).status().code(), StatusCode::ResourceLimit);
  Options.Chip = "sm_70";
  EXPECT_EQ(Simulator::create(Options).status().code(), StatusCode::Unsupported);
}

} // namespace
} // namespace qopt::ptxsim::test
