// cp.async and the races that missing waits and barriers are.
#include "Device.h"

#include <numeric>

namespace qopt::ptxsim::test {
namespace {

/// Each of 64 threads copies 16 bytes to shared memory; after `Order`, each reads its neighbour's
/// from the other warp.
std::string copyKernel(const std::string &Copy, const std::string &Order) {
  return kernelText(
      "u64 in, u64 out",
      ".reg .b32 %r<16>; .reg .b64 %rd<8>; .reg .pred %p; .shared .align 16 .b8 tile[1024];\n"
      "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r0, %tid.x; mov.u32 %r1, tile; "
      "shl.b32 %r2, %r0, 4;\n"
      "add.u32 %r3, %r1, %r2; cvt.u64.u32 %rd3, %r2; add.u64 %rd4, %rd1, %rd3; add.u64 %rd5, %rd2, "
      "%rd3;\n"
      "xor.b32 %r4, %r2, 512; add.u32 %r4, %r4, %r1; setp.lt.u32 %p, %r0, 8;\n" +
          Copy + "\n" + Order +
          "\nld.shared.v4.u32 {%r5,%r6,%r7,%r8}, [%r4]; st.global.v4.u32 [%rd5], "
          "{%r5,%r6,%r7,%r8};",
      "sm_80");
}

struct Outcome {
  Status S;
  std::vector<uint32_t> Values;
  std::vector<Report> Reports;
};
Outcome run(const std::string &Text, uint64_t Seed = 1) {
  SimulatorOptions Options;
  Options.Seed = Seed;
  Device D(Options);
  std::vector<uint32_t> Values(256);
  std::iota(Values.begin(), Values.end(), 1);
  uint64_t In = D.put(Values), Out = D.put(std::vector<uint32_t>(256));
  Outcome O;
  O.S = D.run(Text, {1, 1, 1}, {64, 1, 1}, 0, In, Out);
  if (O.S.ok())
    O.Values = D.get<uint32_t>(Out, 256);
  O.Reports = D.Sim->reports();
  return O;
}

const char *Copy = "cp.async.cg.shared.global [%r3], [%rd4], 16; cp.async.commit_group;";

TEST(Copy, ArrivesAfterWaitAndBarrier) {
  for (uint64_t Seed = 0; Seed < 8; ++Seed) {
    Outcome O = run(copyKernel(Copy, "cp.async.wait_group 0; bar.sync 0;"), Seed);
    ASSERT_TRUE(O.S.ok()) << O.S.message();
    for (uint32_t N = 0; N < 256; ++N)
      ASSERT_EQ(O.Values[N], (N ^ 128) + 1);
  }
}

TEST(Copy, MissingWaitIsARaceWithEverySeed) {
  for (uint64_t Seed = 0; Seed < 16; ++Seed) {
    for (const char *Order : {"bar.sync 0;", "cp.async.wait_group 1; bar.sync 0;"}) {
      Outcome O = run(copyKernel(Copy, Order), Seed);
      ASSERT_EQ(O.Reports.size(), 1u);
      EXPECT_EQ(O.Reports[0].Kind, FaultKind::Race);
    }
  }
}

TEST(Copy, MissingBarrierIsARaceWithEverySeed) {
  for (uint64_t Seed = 0; Seed < 16; ++Seed) {
    Outcome O = run(copyKernel(Copy, "cp.async.wait_group 0;"), Seed);
    ASSERT_EQ(O.Reports.size(), 1u);
    // The other warp has copied, or not even begun to.
    EXPECT_TRUE(O.Reports[0].Kind == FaultKind::Race ||
                O.Reports[0].Kind == FaultKind::Uninitialised)
        << O.Reports[0].text();
  }
}

TEST(Copy, FillsWithZeros) {
  Outcome O = run(copyKernel(
      "mov.u32 %r9, 16; @%p mov.u32 %r9, 4; cp.async.cg.shared.global [%r3], [%rd4], 16, %r9;",
      "cp.async.wait_all; bar.sync 0;"));
  ASSERT_TRUE(O.S.ok()) << O.S.message();
  EXPECT_EQ(O.Values[128], 1u);
  EXPECT_EQ(O.Values[129], 0u);
  EXPECT_EQ(O.Values[128 + 33], 34u);
  O = run(copyKernel("cp.async.ca.shared.global [%r3], [%rd4], 8, %p; cp.async.ca.shared.global "
                     "[%r3+8], [%rd4+8], 8, !%p;",
                     "cp.async.wait_all; bar.sync 0;"));
  ASSERT_TRUE(O.S.ok()) << O.S.message();
  EXPECT_EQ(O.Values[128], 0u);
  EXPECT_EQ(O.Values[130], 3u);
  EXPECT_EQ(O.Values[128 + 32], 33u);
  EXPECT_EQ(O.Values[128 + 34], 0u);
}

TEST(Copy, BoundsAndAlignment) {
  Outcome O = run(copyKernel("cp.async.cg.shared.global [%r3], [%rd4+16], 16;",
                             "cp.async.wait_all; bar.sync 0;"));
  ASSERT_EQ(O.Reports.size(), 1u);
  EXPECT_EQ(O.Reports[0].Kind, FaultKind::OutOfBounds);
  EXPECT_EQ(O.Reports[0].Thread[0], 63u);
  O = run(copyKernel("cp.async.cg.shared.global [%r3], [%rd4+8], 16;",
                     "cp.async.wait_all; bar.sync 0;"));
  ASSERT_EQ(O.Reports.size(), 1u);
  EXPECT_EQ(O.Reports[0].Kind, FaultKind::Misaligned);
  O = run(copyKernel("cp.async.cg.shared.global [%r3+16], [%rd4], 16;",
                     "cp.async.wait_all; bar.sync 0;"));
  ASSERT_EQ(O.Reports.size(), 1u);
  EXPECT_EQ(O.Reports[0].Kind, FaultKind::OutOfBounds);
}

TEST(Copy, MbarrierAnnouncesTheEnd) {
  std::string Start = ".shared .align 8 .b64 bar; .reg .pred %q; setp.eq.u32 %q, %r0, 0; @%q "
                      "mbarrier.init.shared.b64 [bar], 64; bar.sync 0;\n";
  std::string Wait = "$wait: mbarrier.test_wait.parity.shared.b64 %q, [bar], 0; @!%q bra $wait;";
  for (uint64_t Seed = 0; Seed < 8; ++Seed) {
    Outcome O = run(copyKernel(Start + "cp.async.cg.shared.global [%r3], [%rd4], 16; "
                                       "cp.async.mbarrier.arrive.noinc.shared.b64 [bar];",
                               Wait),
                    Seed);
    ASSERT_TRUE(O.S.ok()) << O.S.message();
    EXPECT_EQ(O.Values[0], 129u);
    O = run(copyKernel(Start + "cp.async.cg.shared.global [%r3], [%rd4], 16; "
                               "cp.async.mbarrier.arrive.shared.b64 [bar];\n"
                               ".reg .b64 %state; mbarrier.arrive.shared.b64 %state, [bar];",
                       Wait),
            Seed);
    ASSERT_TRUE(O.S.ok()) << O.S.message();
    O = run(copyKernel(Start + "cp.async.cg.shared.global [%r3], [%rd4], 16; "
                               "cp.async.mbarrier.arrive.noinc.shared.b64 [bar];",
                       ""),
            Seed);
    ASSERT_EQ(O.Reports.size(), 1u);
    EXPECT_TRUE(O.Reports[0].Kind == FaultKind::Race ||
                O.Reports[0].Kind == FaultKind::Uninitialised)
        << O.Reports[0].text();
  }
}

TEST(Races, SharedMemoryBetweenWarps) {
  std::string Store = "st.shared.v4.u32 [%r3], {%r0,%r0,%r0,%r0};";
  EXPECT_TRUE(run(copyKernel(Store, "bar.sync 0;")).S.ok());
  for (uint64_t Seed = 0; Seed < 16; ++Seed) {
    Outcome O = run(copyKernel(Store + "bar.sync 0; st.shared.u32 [%r3], 5;", ""), Seed);
    ASSERT_EQ(O.Reports.size(), 1u) << "a read after an unordered write";
    EXPECT_EQ(O.Reports[0].Kind, FaultKind::Race);
    O = run(copyKernel(
                Store + "bar.sync 0; ld.shared.u32 %r9, [%r4]; st.shared.u32 [%r3], 5; bar.sync 0;",
                ""),
            Seed);
    ASSERT_EQ(O.Reports.size(), 1u) << "a write after an unordered read";
    EXPECT_EQ(O.Reports[0].Kind, FaultKind::Race);
    O = run(copyKernel("st.shared.u32 [tile], %r0; " + Store + "bar.sync 0;", ""), Seed);
    ASSERT_EQ(O.Reports.size(), 1u) << "two unordered writes";
    EXPECT_EQ(O.Reports[0].Kind, FaultKind::Race);
  }
}

TEST(Races, NeighbouringBytesAreNoRace) {
  Outcome O = run(copyKernel(
      "shl.b32 %r9, %r0, 0; add.u32 %r9, %r9, %r1; st.shared.u8 [%r9+960], %r0; bar.sync 0;\n"
      "st.shared.v4.u32 [%r3], {%r0,%r0,%r0,%r0}; bar.sync 0;",
      ""));
  EXPECT_TRUE(O.S.ok()) << O.S.message();
}

TEST(Races, AtomicsOrderWhatIsAroundThem) {
  // Warp 0 writes, raises a flag; warp 1 waits for the flag, then reads.
  std::string Body = ".shared .align 4 .b32 flag; .reg .pred %q; setp.eq.u32 %q, %r0, 0; @%q "
                     "st.shared.u32 [flag], 0; bar.sync 0;\n"
                     "setp.ge.u32 %p, %r0, 32; @%p bra $reader; st.shared.v4.u32 [%r3], "
                     "{%r0,%r0,%r0,%r0}; bar.warp.sync -1; membar.cta;\n"
                     "FLAG bra $end;\n"
                     "$reader: $wait: ld.acquire.cta.shared.u32 %r9, [flag]; setp.eq.u32 %q, %r9, "
                     "0; @%q bra $wait;\n"
                     "ld.shared.v4.u32 {%r5,%r6,%r7,%r8}, [%r4]; st.shared.v4.u32 [%r3], "
                     "{%r0,%r0,%r0,%r0}; $end: bar.sync 0;";
  auto With = [&](const std::string &Flag) {
    std::string Text = Body;
    Text.replace(Text.find("FLAG"), 4, Flag);
    return run(copyKernel(Text, ""));
  };
  Outcome O = With("@%q red.shared.add.u32 [flag], 1;");
  EXPECT_TRUE(O.S.ok()) << O.S.message();
  O = With("@%q st.release.cta.shared.u32 [flag], 1;");
  EXPECT_TRUE(O.S.ok()) << O.S.message();
  O = With("");
  ASSERT_EQ(O.Reports.size(), 1u); // nobody raises the flag
  EXPECT_EQ(O.Reports[0].Kind, FaultKind::Deadlock);
}

} // namespace
} // namespace qopt::ptxsim::test
