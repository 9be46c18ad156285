// wgmma: descriptors of all swizzles, majors and types. Shared memory is filled by the rules of the
// ISA's canonical layouts, restated here in terms of 8x16-byte core matrices.
#include "Device.h"
#include "qopt/Base/NumberFormats.h"

#include <cmath>

namespace qopt::ptxsim::test {
namespace {

struct Type {
  std::string Name;
  int Bytes;
  uint32_t (*Encode)(int);
};
uint32_t half(int X) { return halfFromFloat(static_cast<float>(X)); }
uint32_t bfloat(int X) { return bfloatFromFloat(static_cast<float>(X)); }
uint32_t single(int X) { return bitsOfFloat(static_cast<float>(X)); }
uint32_t byte(int X) { return static_cast<uint8_t>(X); }
uint32_t smallFloat(int X, int MantissaBits, int Bias) {
  if (X == 0)
    return 0;
  int Exponent = std::ilogb(X);
  auto Mantissa = static_cast<uint32_t>(std::ldexp(std::abs(X), MantissaBits - Exponent)) &
                  ((1u << MantissaBits) - 1);
  return (X < 0 ? 0x80u : 0u) | static_cast<uint32_t>(Exponent + Bias) << MantissaBits | Mantissa;
}
uint32_t e4m3(int X) { return smallFloat(X, 3, 7); }
uint32_t e5m2(int X) { return smallFloat(X, 2, 15); }

/// Where a tile lies: rows (M or N) by K elements; the tile's first element is at Base.
struct Layout {
  int SwizzleBytes = 0; ///< 0, 32, 64, 128
  bool KMajor = true;
  int Bytes = 2, Rows = 64, K = 16;
  uint32_t Leading = 0, Stride = 0;

  /// Rows of `contiguous` elements are cut into pieces of the swizzle's width; eight of the others
  /// make an atom.
  void dense() {
    int Width = SwizzleBytes ? SwizzleBytes : 16;
    int Contiguous = (KMajor ? K : Rows) * Bytes, Others = KMajor ? Rows : K;
    uint32_t Atom = 8 * Width;
    uint32_t NextOther = Atom, NextPiece = Atom * static_cast<uint32_t>(Others / 8);
    if (KMajor) {
      Stride = NextOther;
      Leading = SwizzleBytes ? 16 : NextPiece;
    } else if (SwizzleBytes) {
      Leading = NextPiece;
      Stride = NextOther;
    } else {
      Stride = NextPiece;
      Leading = NextOther;
    }
    Size = NextPiece * static_cast<uint32_t>((Contiguous + Width - 1) / Width);
  }
  uint32_t Size = 0;

  uint32_t offset(int Row, int Column) const {
    int Width = SwizzleBytes ? SwizzleBytes : 16;
    int Contiguous = (KMajor ? Column : Row) * Bytes, Other = KMajor ? Row : Column;
    uint32_t NextOther = 8 * Width,
             NextPiece = NextOther * static_cast<uint32_t>((KMajor ? Rows : K) / 8);
    uint32_t Chunk = Contiguous % Width / 16;
    // Row r of an atom of 8 rows: chunk c lies at c ^ r, c ^ r/2, c ^ r/4 for 128, 64 and 32 bytes.
    if (SwizzleBytes)
      Chunk ^= static_cast<uint32_t>(Other % 8) / (128 / SwizzleBytes);
    return static_cast<uint32_t>(Contiguous / Width) * NextPiece +
           static_cast<uint32_t>(Other / 8) * NextOther + static_cast<uint32_t>(Other % 8 * Width) +
           Chunk * 16 + static_cast<uint32_t>(Contiguous % 16);
  }
  uint64_t descriptor() const {
    uint64_t Mode = SwizzleBytes == 128 ? 1 : SwizzleBytes == 64 ? 2 : SwizzleBytes == 32 ? 3 : 0;
    return Mode << 62 | uint64_t(Stride >> 4) << 32 | uint64_t(Leading >> 4) << 16;
  }
};

int valueA(int Row, int K) { return (Row * 3 + K * 5) % 7 - 3; }
int valueB(int Column, int K) { return (Column * 5 + K * 3) % 9 - 4; }

struct Case {
  Type A;
  std::string Result = "f32";
  int N = 16;
  int SwizzleA = 128, SwizzleB = 128;
  bool KMajorA = true, KMajorB = true, RegistersA = false;
};

struct Built {
  std::string Text;
  std::vector<uint8_t> Image; ///< of shared memory: A at 0, B at 32768
  std::vector<uint32_t> Fragments;
};

Built build(const Case &C, const std::string &Before, const std::string &After) {
  int K = 32 / C.A.Bytes;
  Layout A, B;
  A.SwizzleBytes = C.SwizzleA, A.KMajor = C.KMajorA, A.Bytes = C.A.Bytes, A.Rows = 64, A.K = K;
  B.SwizzleBytes = C.SwizzleB, B.KMajor = C.KMajorB, B.Bytes = C.A.Bytes, B.Rows = C.N, B.K = K;
  // A swizzled K-major row is as wide as the swizzle even where one step of K is narrower.
  for (Layout *L : {&A, &B})
    L->dense();
  Built X;
  X.Image.assign(65536, 0);
  auto Put = [&](uint32_t At, uint32_t Bits, int Bytes) {
    std::memcpy(&X.Image[At], &Bits, Bytes);
  };
  for (int R = 0; R < 64; ++R)
    for (int Kk = 0; Kk < K; ++Kk)
      Put(A.offset(R, Kk), C.A.Encode(valueA(R, Kk)), C.A.Bytes);
  for (int R = 0; R < C.N; ++R)
    for (int Kk = 0; Kk < K; ++Kk)
      Put(32768 + B.offset(R, Kk), C.A.Encode(valueB(R, Kk)), C.A.Bytes);
  int Per = 4 / C.A.Bytes;
  for (int T = 0; T < 128; ++T)
    for (int R = 0; R < 4; ++R) {
      uint32_t Word = 0;
      for (int E = 0; E < Per;
           ++E) // rows g and g+8 of the warp's sixteen, then the upper half of K
        Word |= C.A.Encode(valueA(16 * (T / 32) + T % 32 / 4 + 8 * (R & 1),
                                  Per * (T % 4) + E + 4 * Per * (R >> 1)))
                << (8 * C.A.Bytes * E);
      X.Fragments.push_back(Word);
    }
  int Registers = C.N / (C.Result == "f16" ? 4 : 2);
  std::string List;
  for (int R = 0; R < Registers; ++R)
    List += (R ? ", %d" : "%d") + std::to_string(R);
  bool Integer = C.Result == "s32";
  std::string Body =
      ".reg .b32 %r<16>, %d<" + std::to_string(Registers) +
      ">; .reg .b64 %rd<16>; .reg .pred %p, %no;\n"
      "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; ld.param.u64 %rd3, [frag]; mov.u32 %r0, "
      "%tid.x; shl.b32 %r1, %r0, 4;\n"
      "mov.u32 %r2, buffer; cvt.u64.u32 %rd4, %r1; add.u64 %rd4, %rd1, %rd4; add.u32 %r3, %r2, "
      "%r1; mov.u32 %r4, 0;\n"
      "$fill: ld.global.v4.u32 {%r5,%r6,%r7,%r8}, [%rd4]; st.shared.v4.u32 [%r3], "
      "{%r5,%r6,%r7,%r8}; add.u64 %rd4, %rd4, 2048;\n"
      "add.u32 %r3, %r3, 2048; add.u32 %r4, %r4, 1; setp.lt.u32 %p, %r4, 32; @%p bra $fill;\n"
      "cvt.u64.u32 %rd5, %r1; add.u64 %rd5, %rd3, %rd5; ld.global.v4.u32 {%r5,%r6,%r7,%r8}, "
      "[%rd5];\n"
      "shr.u32 %r9, %r2, 4; cvt.u64.u32 %rd6, %r9; add.u64 %rd7, %rd6, 2048; or.b64 %rd8, %rd6, " +
      std::to_string(A.descriptor()) + "; or.b64 %rd9, %rd7, " + std::to_string(B.descriptor()) +
      "; setp.ne.u32 %no, %r0, %r0;\n";
  for (int R = 0; R < Registers; ++R)
    Body += "mov.b32 %d" + std::to_string(R) + ", 0;\n";
  std::string Product = "wgmma.mma_async.sync.aligned.m64n" + std::to_string(C.N) + "k" +
                        std::to_string(K) + "." + C.Result + "." + C.A.Name + "." + C.A.Name +
                        " {" + List + "}, " + (C.RegistersA ? "{%r5,%r6,%r7,%r8}" : "%rd8") +
                        ", %rd9, ";
  std::string Rest = Integer ? "" : ", 1, 1";
  if (C.A.Bytes == 2)
    Rest += std::string(C.RegistersA ? ""
                        : C.KMajorA  ? ", 0"
                                     : ", 1") +
            (C.KMajorB ? ", 0" : ", 1");
  Body += Before + Product + "%no" + Rest + ";\n" + Product + "1" + Rest + ";\n" + After;
  Body += "mad.lo.u32 %r10, %r0, " + std::to_string(4 * Registers) +
          ", 0; cvt.u64.u32 %rd10, %r10; add.u64 %rd10, %rd2, %rd10;\n";
  for (int R = 0; R < Registers; ++R)
    Body += "st.global.u32 [%rd10+" + std::to_string(4 * R) + "], %d" + std::to_string(R) + ";\n";
  X.Text = kernelText("u64 in, u64 out, u64 frag", Body, "sm_90a", "",
                      ".extern .shared .align 1024 .b8 buffer[];");
  return X;
}

const char *Before = "fence.proxy.async.shared::cta; bar.sync 0; wgmma.fence.sync.aligned;\n";
const char *After = "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n";

Status run(const Case &C, const Built &X, uint64_t Seed, std::vector<uint32_t> &Result,
           std::vector<Report> &Reports) {
  SimulatorOptions Options;
  Options.Seed = Seed;
  Device D(Options);
  int Registers = C.N / (C.Result == "f16" ? 4 : 2);
  uint64_t In = D.put(X.Image), Out = D.space<uint32_t>(128 * Registers),
           Fragments = D.put(X.Fragments);
  Status S = D.run(X.Text, {1, 1, 1}, {128, 1, 1}, 65536, In, Out, Fragments);
  if (S.ok())
    Result = D.get<uint32_t>(Out, 128 * Registers);
  Reports = D.Sim->reports();
  return S;
}

void check(const Case &C) {
  SCOPED_TRACE(C.A.Name + " n" + std::to_string(C.N) + " " + std::to_string(C.SwizzleA) + "/" +
               std::to_string(C.SwizzleB) + (C.KMajorA ? " K" : " MN") +
               (C.KMajorB ? " K" : " MN") + (C.RegistersA ? " registers" : ""));
  std::vector<uint32_t> Result;
  std::vector<Report> Reports;
  Status S = run(C, build(C, Before, After), 3, Result, Reports);
  ASSERT_TRUE(S.ok()) << S.message();
  int Registers = C.N / (C.Result == "f16" ? 4 : 2), K = 32 / C.A.Bytes;
  for (int T = 0; T < 128; ++T)
    for (int I = 0; I < C.N / 2; ++I) {
      int Row = 16 * (T / 32) + T % 32 / 4 + 8 * ((I >> 1) & 1),
          Column = 8 * (I >> 2) + 2 * (T % 4) + (I & 1);
      int Expected = 0;
      for (int Kk = 0; Kk < K; ++Kk)
        Expected += 2 * valueA(Row, Kk) * valueB(Column, Kk);
      uint32_t Word = Result[T * Registers + (C.Result == "f16" ? I / 2 : I)];
      float Value = C.Result == "f16"   ? floatFromHalf(static_cast<uint16_t>(Word >> (I % 2 * 16)))
                    : C.Result == "s32" ? static_cast<float>(static_cast<int32_t>(Word))
                                        : floatOfBits(Word);
      ASSERT_EQ(Value, static_cast<float>(Expected)) << "row " << Row << " column " << Column;
    }
}

const Type F16{"f16", 2, half}, BF16{"bf16", 2, bfloat}, TF32{"tf32", 4, single},
    E4{"e4m3", 1, e4m3}, E5{"e5m2", 1, e5m2}, S8{"s8", 1, byte};

TEST(Wgmma, TypesAndShapes) {
  check({F16});
  check({BF16, "f32", 256});
  check({F16, "f16", 64});
  check({TF32, "f32", 8});
  check({E4, "f32", 128});
  check({E5, "f32", 24});
  check({S8, "s32", 48});
}

TEST(Wgmma, SwizzlesOfKMajorTiles) {
  // One K step is 32 bytes: exactly the row of the 32-byte swizzle; wider ones are tested below
  // with several steps.
  for (int Swizzle : {0, 32})
    for (const Type &T : {F16, TF32, E4})
      check({T, "f32", 32, Swizzle, Swizzle});
  check({F16, "f32", 32, 64, 128});
}

TEST(Wgmma, MnMajorTiles) {
  for (int Swizzle : {0, 32, 64, 128}) {
    check({F16, "f32", 64, Swizzle, Swizzle, false, false});
    check({BF16, "f32", 128, 128, Swizzle, true, false});
    check({BF16, "f32", 64, Swizzle, 32, false, true});
  }
}

TEST(Wgmma, AInRegisters) {
  for (const Type &T : {F16, TF32, E4})
    check({T, "f32", 32, 0, 32, true, true, true});
  check({BF16, "f32", 64, 0, 64, true, false, true});
  check({S8, "s32", 32, 0, 0, true, true, true});
}

TEST(Wgmma, MistakesAreSeenWithEverySeed) {
  Case C{F16};
  std::vector<uint32_t> Result;
  std::vector<Report> Reports;
  for (uint64_t Seed = 0; Seed < 6; ++Seed) {
    auto Fault = [&](const Case &Which, const std::string &First, const std::string &Last) {
      EXPECT_FALSE(run(Which, build(Which, First, Last), Seed, Result, Reports).ok());
      return Reports.empty() ? FaultKind::Trap : Reports[0].Kind;
    };
    EXPECT_EQ(Fault(C, "bar.sync 0; wgmma.fence.sync.aligned;\n", After), FaultKind::Race)
        << "no proxy fence";
    FaultKind NoBarrier =
        Fault(C, "fence.proxy.async.shared::cta; wgmma.fence.sync.aligned;\n", After);
    EXPECT_TRUE(NoBarrier == FaultKind::Race || NoBarrier == FaultKind::Uninitialised)
        << "no barrier";
    EXPECT_EQ(Fault(C, "fence.proxy.async.shared::cta; bar.sync 0;\n", After), FaultKind::Race)
        << "no wgmma.fence";
    EXPECT_EQ(Fault(C, Before, "wgmma.commit_group.sync.aligned;\n"), FaultKind::Race) << "no wait";
    EXPECT_EQ(
        Fault(C, Before, "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 1;\n"),
        FaultKind::Race)
        << "waits for too little";
    EXPECT_EQ(Fault(C, Before,
                    "wgmma.commit_group.sync.aligned; st.shared.u32 [%r2], %r0; "
                    "wgmma.wait_group.sync.aligned 0;\n"),
              FaultKind::Race)
        << "a tile is overwritten";
    Case Registers{F16, "f32", 16, 0, 32, true, true, true};
    EXPECT_EQ(
        Fault(
            Registers, Before,
            "wgmma.commit_group.sync.aligned; mov.b32 %r5, 0; wgmma.wait_group.sync.aligned 0;\n"),
        FaultKind::Race)
        << "A is overwritten";
  }
}

TEST(Wgmma, SeveralStepsOfASwizzledRow) {
  // A row of 128 bytes holds 64 f16 elements of K: four steps, each 32 bytes further, with the tile
  // written by TMA's rule (chunk c of row r at c ^ r % 8). With A and B both the identity's rows, D
  // is their product.
  const int N = 64;
  std::vector<uint8_t> Image(65536);
  for (int R = 0; R < 64; ++R)
    for (int K = 0; K < 64; ++K) {
      uint32_t At = static_cast<uint32_t>(R) * 128 + static_cast<uint32_t>((K / 8) ^ (R % 8)) * 16 +
                    static_cast<uint32_t>(K % 8) * 2;
      uint16_t A = halfFromFloat(static_cast<float>(valueA(R, K))),
               B = halfFromFloat(static_cast<float>(valueB(R, K)));
      std::memcpy(&Image[At], &A, 2);
      std::memcpy(&Image[32768 + At], &B, 2);
    }
  Built X = build({F16, "f32", N}, Before, After);
  X.Image = Image;
  std::string &T = X.Text;
  size_t First = T.find("wgmma.mma_async"), Second = T.find("wgmma.mma_async", First + 1),
         End = T.find(";\n", Second) + 2;
  std::string Product = T.substr(Second, End - Second), All = T.substr(First, Second - First);
  // The first one does not accumulate and takes step 0; steps 1 to 3 follow.
  for (int Step = 1; Step < 4; ++Step)
    All += "add.u64 %rd8, %rd8, 2; add.u64 %rd9, %rd9, 2;\n" + Product;
  T.replace(First, End - First, All);
  std::vector<uint32_t> Result;
  std::vector<Report> Reports;
  Status S = run({F16, "f32", N}, X, 5, Result, Reports);
  ASSERT_TRUE(S.ok()) << S.message();
  for (int Thread = 0; Thread < 128; ++Thread)
    for (int I = 0; I < N / 2; ++I) {
      int Row = 16 * (Thread / 32) + Thread % 32 / 4 + 8 * ((I >> 1) & 1),
          Column = 8 * (I >> 2) + 2 * (Thread % 4) + (I & 1);
      int Expected = 0;
      for (int K = 0; K < 64; ++K)
        Expected += valueA(Row, K) * valueB(Column, K);
      ASSERT_EQ(floatOfBits(Result[Thread * (N / 2) + I]), static_cast<float>(Expected));
    }
}

} // namespace
} // namespace qopt::ptxsim::test
