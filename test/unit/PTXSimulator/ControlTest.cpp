// Divergence, barriers, warp-wide instructions, deadlocks.
#include "Device.h"

namespace qopt::ptxsim::test {
namespace {

const char *Start = ".reg .b32 %r<16>; .reg .b64 %rd<8>; .reg .pred %p<6>;\n"
                    "ld.param.u64 %rd1, [out]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; "
                    "add.s64 %rd3, %rd1, %rd2;\n"
                    "mov.u32 %r2, %laneid; mov.u32 %r3, 0;\n";
const char *End = "\nst.global.u32 [%rd3], %r3;";

std::vector<uint32_t> run(const std::string &Body, uint32_t Threads, Device &D, Status &S) {
  uint64_t Out = D.put(std::vector<uint32_t>(Threads, 0xdead));
  S = D.run(kernelText("u64 out", Start + Body + End), {1, 1, 1}, {Threads, 1, 1}, 0, Out);
  return S.ok() ? D.get<uint32_t>(Out, Threads) : std::vector<uint32_t>();
}
std::vector<uint32_t> runOk(const std::string &Body, uint32_t Threads = 32) {
  Device D;
  Status S;
  auto R = run(Body, Threads, D, S);
  EXPECT_TRUE(S.ok()) << S.message();
  R.resize(Threads);
  return R;
}
FaultKind faultOf(const std::string &Body, uint32_t Threads = 32) {
  Device D;
  Status S;
  run(Body, Threads, D, S);
  EXPECT_FALSE(S.ok());
  EXPECT_EQ(D.Sim->reports().size(), 1u);
  return D.Sim->reports().empty() ? FaultKind::Trap : D.Sim->reports()[0].Kind;
}

TEST(Control, LoopsOfDifferentLength) {
  auto R = runOk("$loop: add.u32 %r3, %r3, 2; setp.lt.u32 %p1, %r3, %r1; @%p1 bra $loop;\n"
                 "shfl.sync.bfly.b32 %r4, %r3, 1, 31, -1; mov.u32 %r3, %r4;");
  for (uint32_t N = 0; N < 32; ++N) {
    uint32_t M = N ^ 1;
    ASSERT_EQ(R[N], M < 2 ? 2 : M + (M & 1));
  }
}

TEST(Control, NestedDivergenceMeetsAgain) {
  auto R = runOk("and.b32 %r4, %r1, 1; setp.eq.u32 %p1, %r4, 0; @%p1 bra $even;\n"
                 "setp.lt.u32 %p2, %r1, 9; @%p2 bra $small; mov.u32 %r3, 10; bra $join;\n"
                 "$small: mov.u32 %r3, 20; bra $join;\n $even: mov.u32 %r3, 30;\n"
                 "$join: activemask.b32 %r5; popc.b32 %r5, %r5; add.u32 %r3, %r3, %r5;");
  for (uint32_t N = 0; N < 32; ++N)
    ASSERT_EQ(R[N], 32u + (N % 2 == 0 ? 30 : N < 9 ? 20 : 10));
}

TEST(Control, LaneThatHoldsALockGoesOn) {
  // Each lane takes the lock in turn; the others poll. With the lowest program counter first nobody
  // would ever release.
  auto R = runOk(
      ".shared .b32 lock; .shared .b32 sum; setp.eq.u32 %p1, %r1, 0; @%p1 st.shared.u32 [lock], "
      "0;\n"
      "@%p1 st.shared.u32 [sum], 0; bar.sync 0; $again: atom.shared.cas.b32 %r4, [lock], 0, 1;\n"
      "setp.ne.u32 %p2, %r4, 0; @%p2 bra $again; ld.volatile.shared.u32 %r5, [sum]; add.u32 %r5, "
      "%r5, %r1;\n"
      "st.volatile.shared.u32 [sum], %r5; membar.cta; atom.shared.exch.b32 %r4, [lock], 0; "
      "bar.sync 0;\n"
      "ld.shared.u32 %r3, [sum];",
      64);
  for (uint32_t N = 0; N < 64; ++N)
    ASSERT_EQ(R[N], 2016u);
}

TEST(Control, BranchTable) {
  auto R = runOk(
      "and.b32 %r4, %r1, 3; $table: .branchtargets $a, $b, $c, $b; brx.idx %r4, $table;\n"
      "$a: mov.u32 %r3, 1; bra $out; $b: mov.u32 %r3, 2; bra $out; $c: mov.u32 %r3, 3; $out:");
  for (uint32_t N = 0; N < 32; ++N)
    ASSERT_EQ(R[N], N % 4 == 0 ? 1u : N % 4 == 2 ? 3u : 2u);
}

TEST(Control, LabelsOfInnerScopes) {
  std::string Block =
      "{ .reg .pred q; L: add.u32 %r3, %r3, 1; setp.lt.u32 q, %r3, 4; @q bra L; }\n";
  EXPECT_EQ(runOk(Block + "add.u32 %r3, %r3, 100; { .reg .pred q; L: add.u32 %r3, %r3, 1; "
                          "setp.lt.u32 q, %r3, 200; @q bra L; }")[5],
            200u);
}

TEST(Barriers, NamedWithThreadCounts) {
  // Warps 2 and 3 produce, warps 0 and 1 wait; 128 threads take part.
  auto R = runOk(".shared .b32 word[128]; setp.lt.u32 %p1, %r1, 64; shl.b32 %r4, %r1, 2; mov.u32 "
                 "%r5, word; add.u32 %r5, %r5, %r4;\n"
                 "@%p1 bra $consumer; st.shared.u32 [%r5], %r1; bar.arrive 1, 128; bra $end;\n"
                 "$consumer: bar.sync 1, 128; ld.shared.u32 %r3, [%r5+256]; $end:",
                 128);
  for (uint32_t N = 0; N < 64; ++N)
    ASSERT_EQ(R[N], N + 64);
}

TEST(Barriers, Reduction) {
  auto R = runOk("setp.lt.u32 %p1, %r1, 10; bar.red.popc.u32 %r3, 0, %p1; bar.red.or.pred %p2, 0, "
                 "!%p1; selp.u32 %r4, 100, 0, %p2;\n"
                 "add.u32 %r3, %r3, %r4; bar.red.and.pred %p2, 0, %p1; selp.u32 %r4, 1000, 0, %p2; "
                 "add.u32 %r3, %r3, %r4;",
                 64);
  EXPECT_EQ(R[63], 110u);
}

TEST(Barriers, ExitedThreadsDoNotBlock) {
  auto R = runOk("setp.ge.u32 %p1, %r1, 40; @%p1 exit; bar.sync 0; mov.u32 %r3, 1;", 96);
  EXPECT_EQ(R[39], 1u);
  EXPECT_EQ(R[40], 0xdeadu);
}

TEST(Faults, Deadlock) {
  EXPECT_EQ(
      faultOf(
          "setp.lt.u32 %p1, %r1, 32; @%p1 bra $one; bar.sync 1; bra $end; $one: bar.sync 2; $end:",
          64),
      FaultKind::Deadlock);
  EXPECT_EQ(faultOf("bar.sync 1, 128;", 64), FaultKind::Deadlock);
}

TEST(Faults, Endless) {
  // Nothing waits, and nothing polls.
  SimulatorOptions Options;
  Options.MaxInstructions = 100000;
  Device D(Options);
  EXPECT_FALSE(D.run(kernelText("", "$loop: bra $loop;"), {1, 1, 1}, {64, 1, 1}, 0).ok());
  EXPECT_EQ(D.Sim->reports().at(0).Kind, FaultKind::Endless);
}

TEST(Faults, DivergenceAtBarrier) {
  EXPECT_EQ(faultOf("setp.lt.u32 %p1, %r1, 16; @%p1 bar.sync 0;"), FaultKind::Divergence);
  EXPECT_EQ(
      faultOf(
          "setp.lt.u32 %p1, %r1, 16; @%p1 bra $one; bar.sync 0; bra $end; $one: bar.sync 0; $end:"),
      FaultKind::Divergence);
}

TEST(Faults, ShuffleWithoutItsLanes) {
  EXPECT_EQ(faultOf("setp.lt.u32 %p1, %r1, 16; @%p1 shfl.sync.bfly.b32 %r3, %r1, 1, 31, -1;"),
            FaultKind::Divergence);
  EXPECT_EQ(faultOf("shfl.sync.bfly.b32 %r3, %r1, 1, 31, 0xffff;"), FaultKind::Divergence);
  EXPECT_EQ(faultOf("trap;"), FaultKind::Trap);
}

TEST(WarpOps, Shuffles) {
  EXPECT_EQ(runOk("shfl.sync.up.b32 %r3|%p1, %r1, 3, 0, -1; @!%p1 add.u32 %r3, %r3, 100;")[1],
            101u);
  EXPECT_EQ(runOk("shfl.sync.up.b32 %r3|%p1, %r1, 3, 0, -1; @!%p1 add.u32 %r3, %r3, 100;")[9], 6u);
  EXPECT_EQ(runOk("shfl.sync.down.b32 %r3, %r1, 4, 31, -1;")[27], 31u);
  EXPECT_EQ(runOk("shfl.sync.down.b32 %r3, %r1, 4, 31, -1;")[30], 30u);
  EXPECT_EQ(runOk("shfl.sync.idx.b32 %r3, %r1, 5, 31, -1;")[30], 5u);
  // Segments of eight lanes: c is 0x1807.
  EXPECT_EQ(runOk("shfl.sync.idx.b32 %r3, %r1, 5, 0x1807, -1;")[18], 21u);
  EXPECT_EQ(runOk("shfl.sync.down.b32 %r3, %r1, 4, 0x1807, -1;")[21], 21u);
}

TEST(WarpOps, VotesAndMatches) {
  EXPECT_EQ(runOk("setp.lt.u32 %p1, %r1, 5; vote.sync.ballot.b32 %r3, %p1, -1;")[7], 31u);
  EXPECT_EQ(
      runOk(
          "setp.lt.u32 %p1, %r1, 5; vote.sync.any.pred %p2, !%p1, -1; selp.u32 %r3, 1, 0, %p2;")[7],
      1u);
  EXPECT_EQ(
      runOk(
          "setp.lt.u32 %p1, %r1, 5; vote.sync.all.pred %p2, %p1, -1; selp.u32 %r3, 1, 0, %p2;")[7],
      0u);
  EXPECT_EQ(runOk("and.b32 %r4, %r1, 3; match.any.sync.b32 %r3, %r4, -1;")[6], 0x44444444u);
  EXPECT_EQ(runOk("match.all.sync.b32 %r3|%p1, %r1, -1;")[6], 0u);
  EXPECT_EQ(runOk("redux.sync.add.u32 %r3, %r1, -1;")[6], 496u);
  EXPECT_EQ(runOk("sub.s32 %r4, 5, %r1; redux.sync.min.s32 %r3, %r4, -1;")[6],
            static_cast<uint32_t>(-26));
  auto R = runOk(
      "setp.ge.u32 %p2, %r1, 4; @%p2 elect.sync %r4|%p1, 0xfffffff0; @%p2 selp.u32 %r3, 1, 0, %p1;",
      32);
  EXPECT_EQ(R[4], 1u);
}

} // namespace
} // namespace qopt::ptxsim::test
