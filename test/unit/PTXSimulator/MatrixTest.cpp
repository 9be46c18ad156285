// mma.sync, ldmatrix, stmatrix, movmatrix. Fragments are laid out here as the tables of the PTX ISA
// say.
#include "Device.h"
#include "qopt/Base/NumberFormats.h"

#include <cmath>
#include <functional>

namespace qopt::ptxsim::test {
namespace {

struct Position {
  int Row, Column;
};

/// The ISA's tables: element i of a lane, groupID = lane / 4, threadID_in_group = lane % 4.
Position a16816(int Lane, int I) {
  int Group = Lane >> 2, Thread = Lane % 4;
  bool Upper = (I >= 0 && I < 2) || (I >= 4 && I < 6);
  return {Upper ? Group : Group + 8, Thread * 2 + (I & 1) + (I < 4 ? 0 : 8)};
}
Position b16816(int Lane, int I) { return {(Lane % 4) * 2 + (I & 1) + (I < 2 ? 0 : 8), Lane >> 2}; }
Position a1688(int Lane, int I) {
  return {(Lane >> 2) + (I < 2 ? 0 : 8), (Lane % 4) * 2 + (I & 1)};
}
Position b1688(int Lane, int I) { return {(Lane % 4) * 2 + I, Lane >> 2}; }
Position a16832(int Lane, int I) {
  int Group = Lane >> 2, Thread = Lane % 4;
  bool Upper = (I >= 0 && I < 4) || (I >= 8 && I < 12);
  return {Upper ? Group : Group + 8, Thread * 4 + (I & 3) + (I < 8 ? 0 : 16)};
}
Position b16832(int Lane, int I) {
  return {(Lane % 4) * 4 + (I & 3) + (I < 4 ? 0 : 16), Lane >> 2};
}
Position aTf32(int Lane, int I) {
  return {(Lane >> 2) + (I == 0 || I == 2 ? 0 : 8), Lane % 4 + (I < 2 ? 0 : 4)};
}
Position bTf32(int Lane, int I) { return {Lane % 4 + 4 * I, Lane >> 2}; }
Position cFragment(int Lane, int I) {
  return {(Lane >> 2) + (I < 2 ? 0 : 8), (Lane % 4) * 2 + (I & 1)};
}

struct Form {
  std::string Opcode; ///< after mma.sync.aligned.
  int K, ElementBits;
  Position (*A)(int, int);
  Position (*B)(int, int);
  std::function<uint32_t(double)> Encode;
  bool IntegerResult = false, HalfResult = false;
};

double matrixA(int Row, int Column) { return (Row * 7 + Column * 3) % 11 - 5; }
double matrixB(int Row, int Column) { return (Row * 5 + Column) % 9 - 4; }
double matrixC(int Row, int Column) { return Row * 8 + Column; }

void checkForm(const Form &F) {
  SCOPED_TRACE(F.Opcode);
  int Per = 32 / F.ElementBits, CountA = 16 * F.K / 32, CountB = 8 * F.K / 32;
  std::vector<uint32_t> Data;
  int RegistersC = F.HalfResult ? 2 : 4;
  auto Half = [](double X) { return uint32_t(halfFromFloat(static_cast<float>(X))); };
  for (int Lane = 0; Lane < 32; ++Lane) {
    auto Pack = [&](int Count, Position (*At)(int, int), double (*Value)(int, int)) {
      for (int R = 0; R < Count / Per; ++R) {
        uint32_t Word = 0;
        for (int N = 0; N < Per; ++N) {
          Position P = At(Lane, R * Per + N);
          Word |= F.Encode(Value(P.Row, P.Column)) << (N * F.ElementBits);
        }
        Data.push_back(Word);
      }
    };
    Pack(CountA, F.A, matrixA);
    Pack(CountB, F.B, matrixB);
    for (int R = 0; R < RegistersC; ++R) {
      auto C = [&](int I) {
        Position P = cFragment(Lane, I);
        return matrixC(P.Row, P.Column);
      };
      Data.push_back(F.HalfResult      ? Half(C(2 * R)) | Half(C(2 * R + 1)) << 16
                     : F.IntegerResult ? static_cast<uint32_t>(static_cast<int32_t>(C(R)))
                                       : bitsOfFloat(static_cast<float>(C(R))));
    }
  }
  int RegistersA = CountA / Per, RegistersB = CountB / Per,
      All = RegistersA + RegistersB + RegistersC;
  std::string Body = ".reg .b32 %r<32>; .reg .b64 %rd<8>; ld.param.u64 %rd1, [in]; ld.param.u64 "
                     "%rd2, [out]; mov.u32 %r31, %laneid;\n"
                     "mul.wide.u32 %rd3, %r31, " +
                     std::to_string(4 * All) +
                     "; add.u64 %rd1, %rd1, %rd3; mul.wide.u32 %rd3, %r31, " +
                     std::to_string(4 * RegistersC) + "; add.u64 %rd2, %rd2, %rd3;\n";
  auto List = [](int First, int Count) {
    std::string Text = "{";
    for (int N = 0; N < Count; ++N)
      Text += (N ? ", %r" : "%r") + std::to_string(First + N);
    return Text + "}";
  };
  for (int N = 0; N < All; ++N)
    Body += "ld.global.u32 %r" + std::to_string(N) + ", [%rd1+" + std::to_string(4 * N) + "];\n";
  int FirstC = RegistersA + RegistersB;
  Body += "mma.sync.aligned." + F.Opcode + "\n  " + List(16, RegistersC) + ",\n  " +
          List(0, RegistersA) + ", " + List(RegistersA, RegistersB) + ", " +
          List(FirstC, RegistersC) + ";\n";
  for (int N = 0; N < RegistersC; ++N)
    Body +=
        "st.global.u32 [%rd2+" + std::to_string(4 * N) + "], %r" + std::to_string(16 + N) + ";\n";
  Device D;
  uint64_t In = D.put(Data), Out = D.space<uint32_t>(32 * RegistersC);
  Status S = D.run(kernelText("u64 in, u64 out", Body), {1, 1, 1}, {32, 1, 1}, 0, In, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto Result = D.get<uint32_t>(Out, 32 * RegistersC);
  for (int Lane = 0; Lane < 32; ++Lane)
    for (int I = 0; I < 4; ++I) {
      Position P = cFragment(Lane, I);
      double Expected = matrixC(P.Row, P.Column);
      for (int K = 0; K < F.K; ++K)
        Expected += matrixA(P.Row, K) * matrixB(K, P.Column);
      uint32_t Word = Result[Lane * RegistersC + (F.HalfResult ? I / 2 : I)];
      double Value = F.HalfResult      ? floatFromHalf(static_cast<uint16_t>(Word >> (I % 2 * 16)))
                     : F.IntegerResult ? static_cast<int32_t>(Word)
                                       : floatOfBits(Word);
      ASSERT_EQ(Value, Expected) << "row " << P.Row << " column " << P.Column;
    }
}

uint32_t half(double X) { return halfFromFloat(static_cast<float>(X)); }
uint32_t bfloat(double X) { return bfloatFromFloat(static_cast<float>(X)); }
uint32_t single(double X) { return bitsOfFloat(static_cast<float>(X)); }
uint32_t byte(double X) { return static_cast<uint8_t>(static_cast<int8_t>(X)); }
/// Small whole numbers as 8-bit floats.
uint32_t smallFloat(double X, int MantissaBits, int Bias) {
  if (X == 0)
    return 0;
  int Exponent = std::ilogb(X);
  auto Mantissa = static_cast<uint32_t>(std::ldexp(std::fabs(X), MantissaBits - Exponent)) &
                  ((1u << MantissaBits) - 1);
  return (X < 0 ? 0x80u : 0u) | static_cast<uint32_t>(Exponent + Bias) << MantissaBits | Mantissa;
}
uint32_t e4m3(double X) { return smallFloat(X, 3, 7); }
uint32_t e5m2(double X) { return smallFloat(X, 2, 15); }

TEST(Matrix, Products) {
  checkForm({"m16n8k16.row.col.f32.f16.f16.f32", 16, 16, a16816, b16816, half});
  checkForm({"m16n8k16.row.col.f32.bf16.bf16.f32", 16, 16, a16816, b16816, bfloat});
  checkForm({"m16n8k16.row.col.f16.f16.f16.f16", 16, 16, a16816, b16816, half, false, true});
  checkForm({"m16n8k8.row.col.f32.f16.f16.f32", 8, 16, a1688, b1688, half});
  checkForm({"m16n8k8.row.col.f32.bf16.bf16.f32", 8, 16, a1688, b1688, bfloat});
  checkForm({"m16n8k8.row.col.f32.tf32.tf32.f32", 8, 32, aTf32, bTf32, single});
  checkForm({"m16n8k32.row.col.s32.s8.s8.s32", 32, 8, a16832, b16832, byte, true});
  checkForm({"m16n8k32.row.col.satfinite.s32.s8.s8.s32", 32, 8, a16832, b16832, byte, true});
  checkForm({"m16n8k32.row.col.f32.e4m3.e4m3.f32", 32, 8, a16832, b16832, e4m3});
  checkForm({"m16n8k32.row.col.f32.e5m2.e5m2.f32", 32, 8, a16832, b16832, e5m2});
}

TEST(Matrix, UnsignedAndSaturation) {
  // 255 * 127 * 32 in each element.
  std::string Body =
      ".reg .b32 %r<16>; .reg .b64 %rd<4>; ld.param.u64 %rd1, [out]; mov.b32 %r0, 0xffffffff; "
      "mov.b32 %r1, 0x7f7f7f7f;\n"
      "mov.b32 %r2, 0x7fffff00; mov.b32 %r3, 0;\n"
      "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%r4,%r5,%r6,%r7}, {%r0,%r0,%r0,%r0}, "
      "{%r1,%r1}, {%r3,%r3,%r3,%r3};\n"
      "mma.sync.aligned.m16n8k32.row.col.satfinite.s32.u8.s8.s32 {%r8,%r9,%r10,%r11}, "
      "{%r0,%r0,%r0,%r0}, {%r1,%r1}, "
      "{%r2,%r2,%r2,%r2};\n"
      "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%r12,%r13,%r14,%r15}, {%r0,%r0,%r0,%r0}, "
      "{%r1,%r1}, "
      "{%r2,%r2,%r2,%r2};\n"
      "st.global.u32 [%rd1], %r4; st.global.u32 [%rd1+4], %r9; st.global.u32 [%rd1+8], %r15;";
  Device D;
  uint64_t Out = D.space<uint32_t>(3);
  Status S = D.run(kernelText("u64 out", Body, "sm_80"), {1, 1, 1}, {32, 1, 1}, 0, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint32_t>(Out, 3);
  EXPECT_EQ(R[0], 255u * 127 * 32);
  EXPECT_EQ(R[1], 0x7fffffffu);
  EXPECT_EQ(R[2], 0x7fffff00u + 255u * 127 * 32);
}

TEST(Matrix, Tf32DropsLowBits) {
  std::string Body = ".reg .b32 %r<16>; .reg .b64 %rd<4>; ld.param.u64 %rd1, [out]; mov.b32 %r0, "
                     "0x3f801fff; mov.b32 %r1, 0x3f800000;\n"
                     "mov.b32 %r3, 0;\n"
                     "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r4,%r5,%r6,%r7}, "
                     "{%r0,%r0,%r0,%r0}, {%r1,%r1}, {%r3,%r3,%r3,%r3};\n"
                     "st.global.u32 [%rd1], %r4;";
  Device D;
  uint64_t Out = D.space<uint32_t>(1);
  Status S = D.run(kernelText("u64 out", Body, "sm_80"), {1, 1, 1}, {32, 1, 1}, 0, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  EXPECT_EQ(D.get<float>(Out, 1)[0], 8.0f);
}

// A warp loads matrices from shared memory, where element e of the 16-bit data has the value e.
std::vector<uint16_t> loadedMatrices(const std::string &Form, int Count) {
  std::string Registers = Count == 4 ? "{%r4,%r5,%r6,%r7}" : Count == 2 ? "{%r4,%r5}" : "{%r4}";
  std::string Body = ".reg .b32 %r<16>; .reg .b64 %rd<8>; .reg .pred %p; .shared .align 16 .b16 "
                     "tile[256]; ld.param.u64 %rd1, [out];\n"
                     "mov.u32 %r0, %tid.x; mov.u32 %r1, tile; mov.u32 %r2, %r0;\n"
                     "$fill: shl.b32 %r3, %r2, 1; add.u32 %r3, %r3, %r1; st.shared.u16 [%r3], %r2; "
                     "add.u32 %r2, %r2, 32;\n"
                     "setp.lt.u32 %p, %r2, 256; @%p bra $fill; bar.sync 0; shl.b32 %r3, %r0, 4; "
                     "add.u32 %r3, %r3, %r1;\n" +
                     Form + " " + Registers +
                     ", [%r3];\n mul.wide.u32 %rd2, %r0, 16; add.u64 %rd2, %rd1, %rd2;\n";
  for (int N = 0; N < Count; ++N)
    Body +=
        "st.global.u32 [%rd2+" + std::to_string(4 * N) + "], %r" + std::to_string(4 + N) + ";\n";
  Device D;
  uint64_t Out = D.put(std::vector<uint16_t>(256));
  Status S = D.run(kernelText("u64 out", Body), {1, 1, 1}, {32, 1, 1}, 0, Out);
  EXPECT_TRUE(S.ok()) << S.message();
  return D.get<uint16_t>(Out, 256);
}

TEST(Matrix, LoadMatrix) {
  // Lane l's address is row l of 8 elements: matrix m has rows 8m to 8m+7. Thread t holds row t/4,
  // columns 2(t%4) and the next.
  auto Plain = loadedMatrices("ldmatrix.sync.aligned.m8n8.x4.shared.b16", 4);
  auto Turned = loadedMatrices("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16", 4);
  for (int T = 0; T < 32; ++T)
    for (int M = 0; M < 4; ++M)
      for (int E = 0; E < 2; ++E) {
        ASSERT_EQ(Plain[T * 8 + M * 2 + E], (8 * M + T / 4) * 8 + 2 * (T % 4) + E);
        ASSERT_EQ(Turned[T * 8 + M * 2 + E], (8 * M + 2 * (T % 4) + E) * 8 + T / 4);
      }
  auto One = loadedMatrices("ldmatrix.sync.aligned.m8n8.x1.shared.b16", 1);
  EXPECT_EQ(One[31 * 8], 7 * 8 + 6);
}

TEST(Matrix, StoreAndTranspose) {
  // Registers are stored as a matrix that is then read row by row; the transposed register goes
  // through a second one.
  std::string Body =
      ".reg .b32 %r<16>; .reg .b64 %rd<8>; .shared .align 16 .b8 tile[256]; ld.param.u64 %rd1, "
      "[out]; mov.u32 %r0, %tid.x;\n"
      "mov.u32 %r1, tile; shl.b32 %r2, %r0, 1; add.u32 %r3, %r2, 1; shl.b32 %r3, %r3, 16; or.b32 "
      "%r4, %r2, %r3;\n"
      "movmatrix.sync.aligned.m8n8.trans.b16 %r5, %r4; and.b32 %r6, %r0, 7; shl.b32 %r6, %r6, 4; "
      "add.u32 %r6, %r6, %r1;\n"
      "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r6], {%r4}; add.u32 %r7, %r6, 128;\n"
      "stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%r7], {%r4}; bar.sync 0; shl.b32 %r8, %r0, "
      "2; add.u32 %r8, %r8, %r1;\n"
      "ld.shared.u32 %r9, [%r8]; ld.shared.u32 %r10, [%r8+128]; mul.wide.u32 %rd2, %r0, 4; add.u64 "
      "%rd2, %rd1, %rd2;\n"
      "st.global.u32 [%rd2], %r9; st.global.u32 [%rd2+128], %r10; st.global.u32 [%rd2+256], %r5;";
  Device D;
  uint64_t Out = D.space<uint16_t>(192);
  Status S = D.run(kernelText("u64 out", Body), {1, 1, 1}, {32, 1, 1}, 0, Out);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = D.get<uint16_t>(Out, 192);
  for (int N = 0; N < 64; ++N) {
    ASSERT_EQ(R[N], N); // lane t holds elements 2t and 2t+1 of the matrix
    ASSERT_EQ(R[64 + N], N % 8 * 8 + N / 8);
    ASSERT_EQ(R[128 + N], N % 8 * 8 + N / 8);
  }
}

TEST(Matrix, NeedsAllLanes) {
  std::string Body = ".reg .b32 %r<16>; .reg .pred %p; mov.b32 %r0, 0; mov.u32 %r1, %tid.x; "
                     "setp.lt.u32 %p, %r1, 31;\n"
                     "@%p mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r4,%r5,%r6,%r7}, "
                     "{%r0,%r0,%r0,%r0}, {%r0,%r0}, "
                     "{%r0,%r0,%r0,%r0};";
  Device D;
  EXPECT_FALSE(
      D.run(kernelText("u64 out", Body, "sm_80"), {1, 1, 1}, {32, 1, 1}, 0, uint64_t(0)).ok());
  ASSERT_EQ(D.Sim->reports().size(), 1u);
  EXPECT_EQ(D.Sim->reports()[0].Kind, FaultKind::Divergence);
}

} // namespace
} // namespace qopt::ptxsim::test
