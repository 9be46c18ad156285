// mbarriers: phases, tokens, transactions, parity.
#include "Device.h"

namespace qopt::ptxsim::test {
namespace {

std::string kernel(const std::string &Body) {
  return kernelText(
      "u64 out",
      ".reg .b32 %r<16>; .reg .b64 %rd<8>; .reg .pred %p<4>; .shared .align 8 .b64 bar[2]; .shared "
      ".b32 word;\n"
      "ld.param.u64 %rd1, [out]; mov.u32 %r0, %tid.x; setp.eq.u32 %p0, %r0, 0; mov.u32 %r3, 0; "
      "mov.u32 %r1, bar;\n" +
          Body +
          "\nmul.wide.u32 %rd2, %r0, 4; add.u64 %rd2, %rd1, %rd2; st.global.u32 [%rd2], %r3;");
}

struct Outcome {
  Status S;
  std::vector<uint32_t> Values;
  std::vector<Report> Reports;
};
Outcome run(const std::string &Body, uint32_t Threads, uint64_t Seed = 1) {
  SimulatorOptions Options;
  Options.Seed = Seed;
  Device D(Options);
  uint64_t Out = D.put(std::vector<uint32_t>(Threads));
  Outcome O;
  O.S = D.run(kernel(Body), {1, 1, 1}, {Threads, 1, 1}, 0, Out);
  if (O.S.ok())
    O.Values = D.get<uint32_t>(Out, Threads);
  O.Reports = D.Sim->reports();
  return O;
}

TEST(Phase, FreshBarrier) {
  // Parity 1 has ended, so to say; parity 0 has not.
  Outcome O =
      run("mbarrier.init.shared.b64 [bar], 2; mbarrier.test_wait.parity.shared.b64 %p1, [bar], 1;\n"
          "mbarrier.test_wait.parity.shared.b64 %p2, [bar], 0; selp.u32 %r3, 1, 0, %p1; @%p2 "
          "add.u32 %r3, %r3, 2;",
          1);
  ASSERT_TRUE(O.S.ok()) << O.S.message();
  EXPECT_EQ(O.Values[0], 1u);
}

TEST(Phase, ArrivalsAndBytesEndIt) {
  std::string Test = "mbarrier.test_wait.parity.shared::cta.b64 %p1, [%r1], 0; shl.b32 %r3, %r3, "
                     "1; @%p1 or.b32 %r3, %r3, 1;\n";
  Outcome O = run("mbarrier.init.shared::cta.b64 [%r1], 2;\n" + Test +
                      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r1], 64;\n" + Test +
                      "mbarrier.arrive.release.cta.shared::cta.b64 _, [%r1];\n" + Test +
                      "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r1], 48;\n" + Test +
                      "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r1], 16;\n" + Test,
                  1);
  ASSERT_TRUE(O.S.ok()) << O.S.message();
  EXPECT_EQ(O.Values[0], 1u);
}

TEST(Phase, TokensOfTheCurrentAndThePreviousPhase) {
  std::string Test = "mbarrier.test_wait.shared.b64 %p1, [bar], %rd3; shl.b32 %r3, %r3, 1; @%p1 "
                     "or.b32 %r3, %r3, 1;\n";
  Outcome O = run("mbarrier.init.shared.b64 [bar], 2; mbarrier.arrive.shared.b64 %rd3, [bar];\n" +
                      Test + "mbarrier.arrive.shared.b64 %rd4, [bar];\n" + Test +
                      "mbarrier.arrive.shared.b64 %rd3, [bar], 1;\n" + Test,
                  1);
  ASSERT_TRUE(O.S.ok()) << O.S.message();
  EXPECT_EQ(O.Values[0], 2u);
  O = run("mbarrier.init.shared.b64 [bar], 1; mbarrier.arrive.shared.b64 %rd3, [bar]; "
          "mbarrier.arrive.shared.b64 %rd4, [bar];\n" +
              Test,
          1);
  EXPECT_FALSE(O.S.ok());
}

/// Warp 0 produces, warp 1 consumes, through a word and two barriers ("full", "empty"); eight
/// rounds.
std::string ring(const std::string &ProducerParity, const std::string &ConsumerParity,
                 const std::string &Release) {
  return "@%p0 mbarrier.init.shared.b64 [bar], 1; @%p0 mbarrier.init.shared.b64 [bar+8], 1; "
         "bar.sync 0; mov.u32 %r4, 0; mov.u32 %r5, 0;\n"
         "setp.ge.u32 %p1, %r0, 32; and.b32 %r7, %r0, 31; setp.eq.u32 %p3, %r7, 0; @%p1 bra "
         "$consumer;\n"
         "$produce: and.b32 %r6, %r4, 1; " +
         ProducerParity +
         "$w1: mbarrier.try_wait.parity.shared::cta.b64 %p2, [bar+8], %r6; @!%p2 bra $w1;\n"
         "@%p3 st.shared.u32 [word], %r4; @%p3 mbarrier.arrive.shared.b64 %rd3, [bar]; add.u32 "
         "%r4, %r4, 1; setp.lt.u32 %p2, %r4, 8; @%p2 bra $produce;\n"
         "bra $end;\n"
         "$consumer: and.b32 %r6, %r4, 1; " +
         ConsumerParity +
         "$w2: mbarrier.try_wait.parity.shared::cta.b64 %p2, [bar], %r6, 0x989680; @!%p2 bra $w2;\n"
         "ld.shared.u32 %r5, [word]; add.u32 %r3, %r3, %r5; shl.b32 %r3, %r3, 1; bar.warp.sync "
         "-1; " +
         Release + " add.u32 %r4, %r4, 1; setp.lt.u32 %p2, %r4, 8; @%p2 bra $consumer; $end:";
}
const char *Flip = "xor.b32 %r6, %r6, 1;";
const char *Free = "@%p3 mbarrier.arrive.shared.b64 %rd3, [bar+8];";

TEST(Phase, RingThatWraps) {
  uint32_t Expected = 0;
  for (uint32_t N = 0; N < 8; ++N)
    Expected = (Expected + N) * 2;
  for (uint64_t Seed = 0; Seed < 16; ++Seed) {
    Outcome O = run(ring(Flip, "", Free), 64, Seed);
    ASSERT_TRUE(O.S.ok()) << O.S.message();
    EXPECT_EQ(O.Values[40], Expected);
  }
}

TEST(Phase, PlantedMistakesAreSeenWithEverySeed) {
  for (uint64_t Seed = 0; Seed < 16; ++Seed) {
    EXPECT_FALSE(run(ring("", "", Free), 64, Seed).S.ok())
        << "the producer waits for the wrong parity";
    EXPECT_FALSE(run(ring(Flip, Flip, Free), 64, Seed).S.ok())
        << "the consumer waits for the wrong parity";
    EXPECT_FALSE(run(ring(Flip, "", ""), 64, Seed).S.ok()) << "nobody frees the word";
  }
  EXPECT_EQ(run(ring("", "", Free), 64).Reports.at(0).Kind, FaultKind::Deadlock);
}

TEST(Phase, Misuse) {
  EXPECT_EQ(run("mbarrier.arrive.shared.b64 %rd3, [bar];", 1).Reports.at(0).Kind,
            FaultKind::Uninitialised);
  EXPECT_EQ(run("mbarrier.init.shared.b64 [bar+4], 1;", 1).Reports.at(0).Kind,
            FaultKind::Misaligned);
  EXPECT_EQ(run("mbarrier.init.shared.b64 [bar], 0;", 1).Reports.at(0).Kind, FaultKind::BadOperand);
  EXPECT_EQ(run("mbarrier.init.shared.b64 [bar], 1; st.shared.u32 [bar], 7; "
                "mbarrier.arrive.shared.b64 %rd3, [bar];",
                1)
                .Reports.at(0)
                .Kind,
            FaultKind::BadOperand);
  EXPECT_EQ(run("mbarrier.init.shared.b64 [bar], 1; mbarrier.inval.shared.b64 [bar]; "
                "mbarrier.arrive.shared.b64 %rd3, [bar];",
                1)
                .Reports.at(0)
                .Kind,
            FaultKind::Uninitialised);
  for (uint64_t Seed = 0; Seed < 8; ++Seed) // no barrier after the initialisation
    EXPECT_FALSE(run("@%p0 mbarrier.init.shared.b64 [bar], 64; bar.warp.sync -1; "
                     "mbarrier.arrive.shared.b64 %rd3, [bar];",
                     64, Seed)
                     .S.ok());
}

} // namespace
} // namespace qopt::ptxsim::test
