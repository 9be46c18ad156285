// Bulk copies and tensor maps: boxes, bounds, swizzles, multicast, reductions.
#include "Device.h"

#include <numeric>

namespace qopt::ptxsim::test {
namespace {

using runtime::TensorElement;
using runtime::TensorMap;
using runtime::TensorMapShape;
using runtime::TensorSwizzle;

const char *Start = ".reg .b32 %r<16>; .reg .b64 %rd<8>; .reg .pred %p<4>; .shared .align 1024 .b8 "
                    "tile[8192]; .shared .align 8 .b64 bar;\n"
                    "ld.param.u64 %rd1, [out]; mov.u32 %r0, %tid.x; setp.eq.u32 %p0, %r0, 0; "
                    "mov.b64 %rd2, map; cvta.param.u64 %rd3, %rd2;\n"
                    "mov.u32 %r1, tile; mov.u32 %r2, bar; @%p0 mbarrier.init.shared::cta.b64 "
                    "[%r2], 1; bar.sync 0;\n";
const char *Wait =
    "$wait: mbarrier.try_wait.parity.shared::cta.b64 %p1, [%r2], 0; @!%p1 bra $wait;\n";
/// Shared memory to the output, 16 bytes a thread.
const char *Dump = "shl.b32 %r3, %r0, 4; add.u32 %r4, %r1, %r3; ld.shared.v4.u32 "
                   "{%r5,%r6,%r7,%r8}, [%r4]; cvt.u64.u32 %rd4, %r3;\n"
                   "add.u64 %rd4, %rd1, %rd4; st.global.v4.u32 [%rd4], {%r5,%r6,%r7,%r8};";

std::string text(const std::string &Body, const std::string &Attributes = "") {
  return kernelText("align 64 .b8 map[128], u64 out", Start + Body, "sm_90", Attributes);
}

struct Machine {
  explicit Machine(uint64_t Seed = 1) : D(options(Seed)) {}
  static SimulatorOptions options(uint64_t Seed) {
    SimulatorOptions Options;
    Options.Seed = Seed;
    return Options;
  }
  template <typename T> uint64_t tensor(size_t Count) {
    std::vector<T> Values(Count);
    std::iota(Values.begin(), Values.end(), T(1));
    return D.put(Values);
  }
  Status run(const std::string &Body, const TensorMapShape &Shape, uint32_t Threads,
             size_t OutBytes) {
    auto Map = D.Sim->encodeTensorMap(Shape);
    if (!Map)
      return Map.status();
    Out = D.put(std::vector<uint8_t>(OutBytes, 0xee));
    return D.run(text(Body), {1, 1, 1}, {Threads, 1, 1}, 0, *Map, Out);
  }
  Device D;
  uint64_t Out = 0;
};

std::string load(int Rank, const std::string &Coordinates, int Bytes) {
  return "@%p0 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], " + std::to_string(Bytes) +
         ";\n@%p0 cp.async.bulk.tensor." + std::to_string(Rank) +
         "d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%rd3, " + Coordinates +
         "], [%r2];\n";
}

TEST(Tensor, BoxesWithBounds) {
  for (uint64_t Seed = 0; Seed < 8; ++Seed) {
    Machine M(Seed);
    TensorMapShape Shape;
    Shape.Base = M.tensor<uint16_t>(24 * 10);
    Shape.Element = TensorElement::U16;
    Shape.Sizes = {20, 10};
    Shape.Strides = {48};
    Shape.Box = {16, 4};
    Status S = M.run(load(2, "{8, -1}", 128) + Wait + Dump, Shape, 8, 128);
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = M.D.get<uint16_t>(M.Out, 64);
    for (int Row = 0; Row < 4; ++Row)
      for (int Column = 0; Column < 16; ++Column) {
        int X = 8 + Column, Y = Row - 1;
        ASSERT_EQ(R[Row * 16 + Column], X < 20 && Y >= 0 ? Y * 24 + X + 1 : 0);
      }
  }
}

TEST(Tensor, Swizzles) {
  // Rows as wide as the swizzle: chunk c of row r goes to chunk c ^ (r % 8), c ^ (r / 2 % 4), c ^
  // (r / 4 % 2).
  struct Case {
    TensorSwizzle Swizzle;
    uint32_t RowBytes;
    int (*Chunk)(int, int);
  };
  for (const Case &C :
       {Case{TensorSwizzle::None, 64, [](int R, int C) { return C; }},
        Case{TensorSwizzle::Bytes32, 32, [](int R, int C) { return C ^ (R / 4 % 2); }},
        Case{TensorSwizzle::Bytes64, 64, [](int R, int C) { return C ^ (R / 2 % 4); }},
        Case{TensorSwizzle::Bytes128, 128, [](int R, int C) { return C ^ (R % 8); }}}) {
    Machine M;
    TensorMapShape Shape;
    Shape.Base = M.tensor<uint32_t>(16 * C.RowBytes / 4);
    Shape.Element = TensorElement::U32;
    Shape.Sizes = {C.RowBytes / 4, 16};
    Shape.Strides = {C.RowBytes};
    Shape.Box = {C.RowBytes / 4, 16};
    Shape.Swizzle = C.Swizzle;
    Status S =
        M.run(load(2, "{0, 0}", 16 * C.RowBytes) + Wait + Dump, Shape, C.RowBytes, 16 * C.RowBytes);
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = M.D.get<uint32_t>(M.Out, 4 * C.RowBytes);
    int Chunks = C.RowBytes / 16;
    for (int Row = 0; Row < 16; ++Row)
      for (int Chunk = 0; Chunk < Chunks; ++Chunk)
        for (int E = 0; E < 4; ++E)
          ASSERT_EQ(R[(Row * Chunks + C.Chunk(Row, Chunk)) * 4 + E],
                    uint32_t((Row * Chunks + Chunk) * 4 + E + 1));
  }
}

TEST(Tensor, StoresSkipWhatIsOutside) {
  Machine M;
  TensorMapShape Shape;
  Shape.Base = M.D.put(std::vector<float>(8 * 4, -1));
  Shape.Element = TensorElement::F32;
  Shape.Sizes = {7, 3};
  Shape.Strides = {32};
  Shape.Box = {4, 4};
  std::string Fill = "shl.b32 %r3, %r0, 4; add.u32 %r4, %r1, %r3; mov.f32 %r5, 0f40000000; "
                     "st.shared.v4.f32 [%r4], {%r5,%r5,%r5,%r5};\n";
  std::string Store = "@%p0 cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd3, {4, 1}], "
                      "[%r1];\n@%p0 cp.async.bulk.commit_group;\n"
                      "@%p0 cp.async.bulk.wait_group 0;\n";
  std::string Fence = "fence.proxy.async.shared::cta; bar.sync 0;\n";
  Status S = M.run(Fill + Fence + Store, Shape, 4, 16);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = M.D.get<float>(Shape.Base, 32);
  for (int Y = 0; Y < 4; ++Y)
    for (int X = 0; X < 8; ++X)
      ASSERT_EQ(R[Y * 8 + X], X >= 4 && X < 7 && Y >= 1 && Y < 3 ? 2.0f : -1.0f);
  std::string Add = Store;
  Add.replace(Add.find("cp.async.bulk.tensor.2d.global.shared::cta"), 42,
              "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile");
  S = M.run(Fill + Fence + Add, Shape, 4, 16);
  ASSERT_TRUE(S.ok()) << S.message();
  EXPECT_EQ(M.D.get<float>(Shape.Base, 32)[13], 4.0f);

  EXPECT_FALSE(M.run(Fill + "bar.sync 0;\n" + Store, Shape, 4, 16).ok());
  ASSERT_EQ(M.D.Sim->reports().size(), 1u) << "no proxy fence";
  EXPECT_EQ(M.D.Sim->reports()[0].Kind, FaultKind::Race);
}

TEST(Tensor, MistakesAreSeenWithEverySeed) {
  auto FaultOf = [](const std::string &Body, uint64_t Seed) {
    Machine M(Seed);
    TensorMapShape Shape;
    Shape.Base = M.tensor<uint16_t>(64 * 64);
    Shape.Element = TensorElement::U16;
    Shape.Sizes = {64, 64};
    Shape.Strides = {128};
    Shape.Box = {64, 8};
    Shape.Swizzle = TensorSwizzle::Bytes128;
    Status S = M.run(Body, Shape, 64, 1024);
    EXPECT_FALSE(S.ok());
    return M.D.Sim->reports().empty() ? FaultKind::Trap : M.D.Sim->reports()[0].Kind;
  };
  for (uint64_t Seed = 0; Seed < 12; ++Seed) {
    FaultKind Missing = FaultOf(load(2, "{0, 0}", 1024) + Dump, Seed);
    EXPECT_TRUE(Missing == FaultKind::Race || Missing == FaultKind::Uninitialised) << "no wait";
    EXPECT_EQ(FaultOf(load(2, "{0, 0}", 1040) + Wait + Dump, Seed), FaultKind::Deadlock)
        << "too many bytes expected";
    EXPECT_FALSE(FaultOf(load(2, "{0, 0}", 512) + Wait + Dump, Seed) == FaultKind::Trap)
        << "too few bytes expected";
    EXPECT_EQ(FaultOf("add.u32 %r1, %r1, 128;" + load(2, "{0, 0}", 1024) + Wait + Dump, Seed),
              FaultKind::Misaligned);
    EXPECT_EQ(FaultOf(load(3, "{0, 0, 0}", 1024) + Wait + Dump, Seed), FaultKind::BadOperand)
        << "another rank";
    // The box is loaded again while the other warp may still read it.
    std::string Again = load(2, "{0, 8}", 1024);
    FaultKind Early =
        FaultOf(load(2, "{0, 0}", 1024) + Wait + Dump + Again +
                    "$w2: mbarrier.try_wait.parity.shared::cta.b64 %p1, [%r2], 1; @!%p1 bra $w2;",
                Seed);
    EXPECT_TRUE(Early == FaultKind::Race) << "overwritten too early";
  }
}

TEST(Tensor, EncodingRefusesWhatTheDriverRefuses) {
  Machine M;
  TensorMapShape Good;
  Good.Base = M.tensor<uint16_t>(4096);
  Good.Element = TensorElement::BF16;
  Good.Sizes = {64, 64};
  Good.Strides = {128};
  Good.Box = {64, 8};
  Good.Swizzle = TensorSwizzle::Bytes128;
  EXPECT_TRUE(M.D.Sim->encodeTensorMap(Good).ok());
  auto Refused = [&](auto Change) {
    TensorMapShape Bad = Good;
    Change(Bad);
    return M.D.Sim->encodeTensorMap(Bad).status().code() == StatusCode::BadInput;
  };
  EXPECT_TRUE(Refused([](auto &S) { S.Base += 8; }));
  EXPECT_TRUE(Refused([](auto &S) { S.Strides[0] = 136; }));
  EXPECT_TRUE(Refused([](auto &S) { S.Box[1] = 257; }));
  EXPECT_TRUE(Refused([](auto &S) { S.Box[0] = 72; }));
  EXPECT_TRUE(Refused([](auto &S) { S.Box[0] = 4; }));
  EXPECT_TRUE(Refused([](auto &S) { S.Sizes[0] = 0; }));
  EXPECT_TRUE(Refused([](auto &S) { S.Strides.clear(); }));
}

TEST(Bulk, LinearBothWays) {
  for (uint64_t Seed = 0; Seed < 8; ++Seed) {
    Machine M(Seed);
    uint64_t In = M.tensor<uint32_t>(64);
    uint64_t Out = M.D.put(std::vector<uint32_t>(64));
    std::string Body =
        std::string(Start) +
        "ld.param.u64 %rd5, [in]; @%p0 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 256;\n"
        "@%p0 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%rd5], "
        "256, [%r2];\n" +
        Wait +
        "@%p0 cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r1], 128; @%p0 "
        "cp.async.bulk.commit_group;\n"
        "@%p0 cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd1+128], [%r1+128], "
        "128; @%p0 cp.async.bulk.commit_group;\n"
        "@%p0 cp.async.bulk.wait_group.read 0;";
    Status S = M.D.run(kernelText("align 64 .b8 map[128], u64 out, u64 in", Body, "sm_90"),
                       {1, 1, 1}, {32, 1, 1}, 0, TensorMap(), Out, In);
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = M.D.get<uint32_t>(Out, 64);
    for (uint32_t N = 0; N < 64; ++N)
      ASSERT_EQ(R[N], N + 1);
  }
}

TEST(Bulk, StoreThatIsNotWaitedFor) {
  for (uint64_t Seed = 0; Seed < 8; ++Seed) {
    Machine M(Seed);
    uint64_t Out = M.D.put(std::vector<uint32_t>(64));
    std::string Body = std::string(Start) +
                       "shl.b32 %r3, %r0, 2; add.u32 %r4, %r1, %r3; st.shared.u32 [%r4], %r0; "
                       "fence.proxy.async; bar.sync 0;\n"
                       "@%p0 cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r1], 128; @%p0 "
                       "cp.async.bulk.commit_group;\n";
    Status S = M.D.run(
        kernelText("align 64 .b8 map[128], u64 out",
                   Body +
                       "bar.sync 0; st.shared.u32 [%r4], 5;\n@%p0 cp.async.bulk.wait_group.read 0;",
                   "sm_90"),
        {1, 1, 1}, {32, 1, 1}, 0, TensorMap(), Out);
    EXPECT_FALSE(S.ok()) << "the source is overwritten";
    S = M.D.run(kernelText("align 64 .b8 map[128], u64 out", Body, "sm_90"), {1, 1, 1}, {32, 1, 1},
                0, TensorMap(), Out);
    EXPECT_FALSE(S.ok()) << "the CTA ends before";
  }
}

TEST(Cluster, MulticastAndRemoteArrivals) {
  // CTA 0 of each pair loads for both; each says so to its peer's barrier when it has read.
  Machine M;
  uint64_t In = M.tensor<uint32_t>(64), Out = M.D.put(std::vector<uint32_t>(4 * 64));
  std::string Body =
      std::string(Start) +
      "ld.param.u64 %rd5, [in]; mov.u32 %r9, %cluster_ctarank; setp.eq.and.u32 %p2, %r9, 0, %p0;\n"
      ".shared .align 8 .b64 done; @%p0 mbarrier.init.shared.b64 [done], 1; @%p0 "
      "fence.mbarrier_init.release.cluster;\n"
      "@%p0 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 256; "
      "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;\n"
      "@%p2 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
      "[%r1], [%rd5], 256, [%r2], 3;\n" +
      Wait +
      "xor.b32 %r10, %r9, 1; mov.u32 %r11, done; mapa.shared::cluster.u32 %r11, %r11, %r10; "
      "bar.sync 0;\n"
      "@%p0 mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r11];\n"
      "$w3: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p1, [done], 0; @!%p1 bra "
      "$w3;\n"
      "mov.u32 %r12, %ctaid.x; mad.lo.u32 %r13, %r12, 64, %r0; shl.b32 %r3, %r0, 2; add.u32 %r4, "
      "%r1, %r3; ld.shared.u32 %r5, [%r4];\n"
      "mul.wide.u32 %rd4, %r13, 4; add.u64 %rd4, %rd1, %rd4; add.u32 %r5, %r5, %r9; st.global.u32 "
      "[%rd4], %r5;\n"
      "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;";
  Status S = M.D.run(kernelText("align 64 .b8 map[128], u64 out, u64 in", Body, "sm_90",
                                ".reqnctapercluster 2, 1, 1"),
                     {4, 1, 1}, {64, 1, 1}, 0, TensorMap(), Out, In);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = M.D.get<uint32_t>(Out, 256);
  for (uint32_t N = 0; N < 256; ++N)
    ASSERT_EQ(R[N], N % 64 + 1 + (N / 64) % 2);
}

} // namespace
} // namespace qopt::ptxsim::test
