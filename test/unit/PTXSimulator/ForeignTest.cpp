// Kernels that Triton and nvcc made (test/PTXSimulator/Foreign has the scripts): the simulator must
// agree with what they compute, so it does not rest on our own reading of the manual alone.
#include "Device.h"
#include "qopt/Base/NumberFormats.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>

namespace qopt::ptxsim::test {
namespace {

std::string readPtx(const std::string &Name) {
  std::ifstream File(std::string(QOPT_TEST_FOREIGN) + "/ptx/" + Name + ".ptx");
  std::stringstream Text;
  Text << File.rdbuf();
  EXPECT_FALSE(Text.str().empty()) << Name;
  return Text.str();
}

struct Foreign {
  Foreign(const std::string &File, const std::string &Kernel, const std::string &Chip,
          uint64_t Seed = 1)
      : Text(readPtx(File)), D(options(Chip, Seed)) {
    D.Name = Kernel;
  }
  static SimulatorOptions options(const std::string &Chip, uint64_t Seed) {
    SimulatorOptions Options;
    Options.Chip = Chip;
    Options.Seed = Seed;
    return Options;
  }
  std::string Text;
  Device D;
};

/// Whole numbers that each of the formats holds, so that sums are exact in any order.
int value(int Row, int Column) { return (Row * 7 + Column * 5 + Row * Column % 3) % 9 - 4; }

struct Element {
  int Bytes;
  uint32_t (*Encode)(float);
};
uint32_t smallFloat(float X, int MantissaBits, int Bias) {
  if (X == 0)
    return 0;
  int Exponent = std::ilogb(X);
  auto Mantissa = static_cast<uint32_t>(std::ldexp(std::fabs(X), MantissaBits - Exponent)) &
                  ((1u << MantissaBits) - 1);
  return (X < 0 ? 0x80u : 0u) | static_cast<uint32_t>(Exponent + Bias) << MantissaBits | Mantissa;
}
const Element Half{2, [](float X) -> uint32_t { return halfFromFloat(X); }},
    Bfloat{2, [](float X) -> uint32_t { return bfloatFromFloat(X); }},
    Single{4, [](float X) { return bitsOfFloat(X); }},
    Byte{1, [](float X) -> uint32_t { return static_cast<uint8_t>(static_cast<int>(X)); }},
    E4{1, [](float X) { return smallFloat(X, 3, 7); }},
    E5{1, [](float X) { return smallFloat(X, 2, 15); }};

std::vector<uint8_t> matrix(int Rows, int Columns, const Element &E, int Salt) {
  std::vector<uint8_t> Bytes(static_cast<size_t>(Rows) * Columns * E.Bytes);
  for (int R = 0; R < Rows; ++R)
    for (int C = 0; C < Columns; ++C) {
      uint32_t Bits = E.Encode(static_cast<float>(value(R + Salt, C)));
      std::memcpy(&Bytes[(static_cast<size_t>(R) * Columns + C) * E.Bytes], &Bits, E.Bytes);
    }
  return Bytes;
}
int64_t product(int Row, int Column, int K) {
  int64_t Sum = 0;
  for (int N = 0; N < K; ++N)
    Sum += value(Row, N) * value(Column + 100, N);
  return Sum;
}

void checkDot(const std::string &File, const std::string &Chip, const Element &E, bool Integer,
              int M, int N, int K, uint32_t Threads, uint32_t Shared, bool ColumnMajor = false) {
  SCOPED_TRACE(File);
  for (uint64_t Seed = 0; Seed < 2; ++Seed) {
    Foreign F(File, "dot", Chip, Seed);
    uint64_t A = F.D.put(matrix(M, K, E, 0)), B = F.D.put(matrix(N, K, E, 100)),
             C = F.D.space<uint32_t>(M * N);
    Status S = F.D.run(F.Text, {1, 1, 1}, {Threads, 1, 1}, Shared, A, B, C,
                       static_cast<uint32_t>(K), uint64_t(0), uint64_t(0));
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = F.D.get<uint32_t>(C, M * N);
    for (int Row = 0; Row < M; ++Row)
      for (int Column = 0; Column < N; ++Column) {
        int64_t Got = Integer ? static_cast<int32_t>(R[Row * N + Column])
                              : static_cast<int64_t>(floatOfBits(R[Row * N + Column]));
        ASSERT_EQ(Got, product(Row, Column, K)) << Row << " " << Column;
      }
  }
}

TEST(Foreign, TritonDotOnAmpereAndAda) {
  checkDot("dot_f16_sm80", "sm80", Half, false, 64, 64, 320, 128, 16384);
  checkDot("dot_bf16_sm89", "sm89", Bfloat, false, 64, 64, 320, 128, 16384);
  checkDot("dot_s8_sm80", "sm80", Byte, true, 64, 64, 640, 128, 16384);
  checkDot("dot_e4m3_sm89", "sm89", E4, false, 64, 64, 640, 128, 16384);
  checkDot("dot_e5m2_sm80", "sm80", E5, false, 64, 64, 640, 128, 16384);
  checkDot("dot_tf32_sm80", "sm80", Single, false, 64, 64, 320, 128, 16384);
}

TEST(Foreign, TritonDotOnHopper) {
  checkDot("dot_f16_sm90", "sm90", Half, false, 64, 64, 640, 128, 49152);
  checkDot("dot_s8_sm90", "sm90", Byte, true, 64, 64, 640, 128, 24576);
  checkDot("dot_e4m3_sm90", "sm90", E4, false, 64, 64, 1280, 128, 49152);
  checkDot("dot_e5m2_sm90", "sm90", E5, false, 64, 64, 1280, 128, 49152);
  checkDot("dot_e4m3_small_sm90", "sm90", E4, false, 16, 64, 640, 32, 5120);
  checkDot("dot_tf32_sm90", "sm90", Single, false, 64, 64, 320, 128, 32768);
}

void checkDescriptors(const std::string &File, runtime::TensorSwizzle Swizzle, uint32_t BoxK,
                      uint32_t Shared) {
  SCOPED_TRACE(File);
  constexpr int M = 128, N = 128;
  int K = static_cast<int>(BoxK) * 11;
  for (uint64_t Seed = 0; Seed < 3; ++Seed) {
    Foreign F(File, "dot_descriptors", "sm90", Seed);
    uint64_t A = F.D.put(matrix(M, K, Half, 0)), B = F.D.put(matrix(N, K, Half, 100)),
             C = F.D.space<uint16_t>(M * N);
    auto Map = [&](uint64_t Base, uint64_t Columns, uint32_t Box, runtime::TensorSwizzle How) {
      runtime::TensorMapShape Shape;
      Shape.Base = Base;
      Shape.Element = runtime::TensorElement::F16;
      Shape.Sizes = {Columns, 128};
      Shape.Strides = {2 * Columns};
      Shape.Box = {Box, 128};
      Shape.Swizzle = How;
      return *F.D.Sim->encodeTensorMap(Shape);
    };
    uint32_t Rows = 128, Columns = static_cast<uint32_t>(K);
    uint64_t Stride = Columns, One = 1;
    Status S = F.D.run(F.Text, {1, 1, 1}, {256, 1, 1}, Shared, Map(A, K, BoxK, Swizzle), Rows,
                       Columns, Stride, One, Map(B, K, BoxK, Swizzle), Rows, Columns, Stride, One,
                       Map(C, N, 64, runtime::TensorSwizzle::Bytes128), Rows, uint32_t(N),
                       uint64_t(N), One, Columns, uint64_t(0), uint64_t(0));
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = F.D.get<uint16_t>(C, M * N);
    for (int Row = 0; Row < M; ++Row)
      for (int Column = 0; Column < N; ++Column)
        ASSERT_EQ(R[Row * N + Column], halfFromFloat(static_cast<float>(product(Row, Column, K))))
            << Row << " " << Column;
  }
}

TEST(Foreign, TritonTensorDescriptors) {
  checkDescriptors("tma_swizzle128_sm90", runtime::TensorSwizzle::Bytes128, 64, 98328);
  checkDescriptors("tma_swizzle64_sm90", runtime::TensorSwizzle::Bytes64, 32, 49176);
  checkDescriptors("tma_swizzle32_sm90", runtime::TensorSwizzle::Bytes32, 16, 32768);
}

void checkSoftmax(const std::string &File, const std::string &Chip, int Columns, uint32_t Threads,
                  uint32_t Shared) {
  SCOPED_TRACE(File);
  constexpr int Rows = 5;
  std::vector<float> X(Rows * Columns);
  for (int N = 0; N < Rows * Columns; ++N)
    X[N] = static_cast<float>((N * 37) % 101) / 10 - 5;
  Foreign F(File, "softmax", Chip);
  uint64_t In = F.D.put(X), Out = F.D.space<float>(X.size());
  Status S = F.D.run(F.Text, {Rows, 1, 1}, {Threads, 1, 1}, Shared, In, Out,
                     static_cast<uint32_t>(Columns), uint64_t(0), uint64_t(0));
  ASSERT_TRUE(S.ok()) << S.message();
  auto Y = F.D.get<float>(Out, X.size());
  for (int R = 0; R < Rows; ++R) {
    double Sum = 0;
    for (int C = 0; C < Columns; ++C)
      Sum += std::exp(static_cast<double>(X[R * Columns + C]));
    for (int C = 0; C < Columns; ++C)
      ASSERT_NEAR(Y[R * Columns + C] * Sum / std::exp(static_cast<double>(X[R * Columns + C])), 1,
                  1e-5);
  }
}

TEST(Foreign, TritonSoftmax) {
  checkSoftmax("softmax_sm80", "sm80", 1000, 128, 16);
  checkSoftmax("softmax_sm90", "sm90", 201, 64, 8);
}

TEST(Foreign, TritonAtomics) {
  constexpr int Count = 1000;
  std::vector<int32_t> X(Count);
  std::vector<int32_t> Totals(8);
  for (int N = 0; N < Count; ++N) {
    X[N] = (N * 7919) % 1237;
    ++Totals[X[N] % 8];
  }
  for (int Threads : {1, 2}) {
    Foreign F("atomics_sm80", "atomics", "sm80");
    SimulatorOptions Options = Foreign::options("sm80", 1);
    Options.Threads = Threads;
    F.D.Sim = std::move(*Simulator::create(Options));
    uint64_t In = F.D.put(X), Total = F.D.put(std::vector<int32_t>(8)),
             Largest = F.D.put(std::vector<int32_t>(1)), Sum = F.D.put(std::vector<uint16_t>(2)),
             Lock = F.D.put(std::vector<int32_t>(1));
    Status S = F.D.run(F.Text, {4, 1, 1}, {128, 1, 1}, 2048, In, Total, Largest, Sum, Lock,
                       uint32_t(Count), uint64_t(0), uint64_t(0));
    ASSERT_TRUE(S.ok()) << S.message();
    EXPECT_EQ(F.D.get<int32_t>(Total, 8), Totals);
    EXPECT_EQ(F.D.get<int32_t>(Largest, 1)[0], *std::max_element(X.begin(), X.end()));
    EXPECT_EQ(floatFromHalf(F.D.get<uint16_t>(Sum, 1)[0]), 1000.0f);
    EXPECT_EQ(F.D.get<int32_t>(Lock, 1)[0], 0);
  }
}

/// The nearest code, found among all of them; ties go to the even one.
uint8_t nearestCode(float X, int MantissaBits, int Bias, uint8_t Largest) {
  uint8_t Best = 0;
  double Error = INFINITY;
  for (unsigned Code = 0; Code <= Largest; ++Code) {
    int E = static_cast<int>(Code >> MantissaBits),
        M = static_cast<int>(Code) & ((1 << MantissaBits) - 1);
    double V = E ? std::ldexp(1.0 + std::ldexp(M, -MantissaBits), E - Bias)
                 : std::ldexp(M, 1 - Bias - MantissaBits);
    double Off = std::fabs(std::fabs(static_cast<double>(X)) - V);
    if (Off < Error || (Off == Error && Code % 2 == 0)) {
      Error = Off;
      Best = static_cast<uint8_t>(Code);
    }
  }
  return static_cast<uint8_t>(Best | (std::signbit(X) ? 0x80 : 0));
}

TEST(Foreign, TritonCasts) {
  std::vector<float> X(1024);
  for (int N = 0; N < 1024; ++N)
    X[N] = std::ldexp(static_cast<float>(N * 31 % 509 - 254), N % 19 - 14);
  Foreign F("casts_sm89", "casts", "sm89");
  uint64_t In = F.D.put(X), Out4 = F.D.space<uint8_t>(1024), Out5 = F.D.space<uint8_t>(1024),
           Back = F.D.space<uint16_t>(1024);
  Status S =
      F.D.run(F.Text, {2, 1, 1}, {128, 1, 1}, 0, In, Out4, Out5, Back, uint64_t(0), uint64_t(0));
  ASSERT_TRUE(S.ok()) << S.message();
  auto R4 = F.D.get<uint8_t>(Out4, 1024), R5 = F.D.get<uint8_t>(Out5, 1024);
  auto RB = F.D.get<uint16_t>(Back, 1024);
  for (int N = 0; N < 1024; ++N) {
    ASSERT_EQ(R4[N], nearestCode(X[N], 3, 7, 0x7e)) << X[N];
    ASSERT_EQ(R5[N], nearestCode(X[N], 2, 15, 0x7b)) << X[N];
    uint8_t C = R4[N];
    double V =
        (C & 0x78) ? std::ldexp(1.0 + (C & 7) / 8.0, ((C >> 3) & 15) - 7) : std::ldexp(C & 7, -9);
    ASSERT_EQ(floatFromHalf(RB[N]), static_cast<float>(C & 0x80 ? -V : V));
  }
}

TEST(Foreign, NvccMatmul) {
  for (uint64_t Seed = 0; Seed < 3; ++Seed) {
    Foreign F("ampere", "matmul", "sm80", Seed);
    constexpr int K = 416;
    std::vector<uint16_t> Right(K * 64);
    for (int Row = 0; Row < K; ++Row)
      for (int Column = 0; Column < 64; ++Column)
        Right[Row * 64 + Column] = bfloatFromFloat(static_cast<float>(value(Column + 100, Row)));
    uint64_t A = F.D.put(matrix(64, K, Bfloat, 0)), B = F.D.put(Right),
             C = F.D.space<float>(64 * 64);
    Status S = F.D.run(F.Text, {1, 1, 1}, {128, 1, 1}, 0, A, B, C, uint32_t(K));
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = F.D.get<float>(C, 64 * 64);
    for (int Row = 0; Row < 64; ++Row)
      for (int Column = 0; Column < 64; ++Column)
        ASSERT_EQ(R[Row * 64 + Column], static_cast<float>(product(Row, Column, K)));
  }
}

TEST(Foreign, NvccReductions) {
  constexpr int Count = 1000;
  std::vector<int32_t> X(Count);
  std::vector<int32_t> Expected(8);
  for (int N = 0; N < 1024; ++N) {
    int V = N < Count ? (N * 7919) % 151 - 40 : 0;
    if (N < Count)
      X[N] = V;
    Expected[0] += V;
    Expected[1] = std::max(Expected[1], V);
    Expected[2] += V & 1;
    Expected[3] |= V > 100 ? 1 << (N / 256) : 0;
    ++Expected[4 + (V % 4 + 4) % 4];
  }
  Foreign F("ampere", "reductions", "sm80");
  uint64_t In = F.D.put(X), Out = F.D.put(std::vector<int32_t>(8));
  Status S = F.D.run(F.Text, {4, 1, 1}, {256, 1, 1}, 0, In, Out, uint32_t(Count));
  ASSERT_TRUE(S.ok()) << S.message();
  EXPECT_EQ(F.D.get<int32_t>(Out, 8), Expected);
}

TEST(Foreign, NvccScalars) {
  constexpr uint32_t Count = 500;
  std::vector<uint32_t> X(Count);
  uint32_t State = 12345;
  for (uint32_t &V : X)
    V = State = State * 1664525 + 1013904223;
  Foreign F("ampere", "scalars", "sm80");
  uint64_t In = F.D.put(X), Out = F.D.space<uint32_t>(Count * 12);
  Status S = F.D.run(F.Text, {2, 1, 1}, {256, 1, 1}, 0, In, Out, Count);
  ASSERT_TRUE(S.ok()) << S.message();
  auto R = F.D.get<uint32_t>(Out, Count * 12);
  for (uint32_t N = 0; N < Count; ++N) {
    uint32_t A = X[N], B = X[(N + 1) % Count];
    const uint32_t *Row = &R[N * 12];
    auto ByteOf = [&](int I) { return (I < 4 ? A >> (8 * I) : B >> (8 * (I - 4))) & 0xff; };
    ASSERT_EQ(Row[0], ByteOf(5) | ByteOf(1) << 8 | ByteOf(7) << 16 | ByteOf(3) << 24);
    uint64_t Both = uint64_t(B) << 32 | A;
    ASSERT_EQ(Row[1], static_cast<uint32_t>(Both << (A & 31) >> 32));
    ASSERT_EQ(Row[2], static_cast<uint32_t>(uint64_t(A) * B >> 32));
    ASSERT_EQ(Row[3], static_cast<uint32_t>((uint64_t(A) * B + 12345) >> 17));
    int32_t Dot = 7;
    for (int I = 0; I < 4; ++I)
      Dot += static_cast<int8_t>(A >> (8 * I)) * static_cast<int8_t>(B >> (8 * I));
    ASSERT_EQ(Row[4], static_cast<uint32_t>(Dot));
    ASSERT_EQ(Row[5], (A & 0xf0f0f0f0) | ((B >> 3) ^ A));
    ASSERT_EQ(Row[6], A / (B % 1000 + 1));
    ASSERT_EQ(Row[7], static_cast<uint32_t>(static_cast<int32_t>(A) %
                                            static_cast<int32_t>((B & 0xffff) + 3)));
    uint32_t Reversed = 0;
    for (int I = 0; I < 32; ++I)
      Reversed |= (A >> I & 1) << (31 - I);
    ASSERT_EQ(Row[8], Reversed + (B ? __builtin_clz(B) : 32) + __builtin_popcount(A ^ B));
    uint32_t Choices[] = {A + 1, A * 3, A ^ B, A - B, ~A, B, B};
    ASSERT_EQ(Row[9], Choices[A % 7]);
    float P = static_cast<float>(A & 0xffff), Q = static_cast<float>(B & 0xffff);
    ASSERT_EQ(floatOfBits(Row[10]), std::fma(P, 0.5f, Q) / (Q + 1.0f));
    // nvcc contracts no product here: floor lies between.
    ASSERT_EQ(floatOfBits(Row[11]), (std::sqrt(P) + std::floor(Q * 0.37f)) - std::fmin(P, Q));
  }
}

/// Runs the kernel of hopper.cu with a ring of TMA copies and FP8 wgmma; gives whether its numbers
/// are right.
Result<bool> runFp8Ring(Foreign &F) {
  constexpr int Rows = 128, Columns = 64, Steps = 13, K = Steps * 128;
  uint64_t A = F.D.put(matrix(Rows, K, E4, 0)), B = F.D.put(matrix(Columns, K, E4, 100)),
           C = F.D.put(std::vector<float>(Rows * Columns));
  auto Map = [&](uint64_t Base, uint32_t Lines) {
    runtime::TensorMapShape Shape;
    Shape.Base = Base;
    Shape.Sizes = {K, Lines};
    Shape.Strides = {K};
    Shape.Box = {128, Lines};
    Shape.Swizzle = runtime::TensorSwizzle::Bytes128;
    return *F.D.Sim->encodeTensorMap(Shape);
  };
  Status S = F.D.run(F.Text, {1, 1, 1}, {384, 1, 1}, 4 * 24576, Map(A, Rows), Map(B, Columns), C,
                     uint32_t(Steps));
  if (!S.ok())
    return S;
  auto R = F.D.get<float>(C, Rows * Columns);
  for (int Row = 0; Row < Rows; ++Row)
    for (int Column = 0; Column < Columns; ++Column)
      if (R[Row * Columns + Column] != static_cast<float>(product(Row, Column, K)))
        return false;
  return true;
}

TEST(Foreign, NvccWarpSpecialisedFp8) {
  for (uint64_t Seed = 0; Seed < 6; ++Seed) {
    Foreign F("hopper", "fp8", "sm90", Seed);
    Result<bool> IsRight = runFp8Ring(F);
    ASSERT_TRUE(IsRight) << IsRight.status().message();
    EXPECT_TRUE(*IsRight) << "seed " << Seed;
  }
}

/// The text with one thing changed must not give the right numbers in silence.
TEST(Foreign, PlantedMistakesInNvccFp8) {
  auto Caught = [](const std::string &From, const std::string &To, uint64_t Seed) {
    Foreign F("hopper", "fp8", "sm90", Seed);
    size_t At = F.Text.find(From);
    EXPECT_NE(At, std::string::npos) << From;
    if (At == std::string::npos)
      return true;
    F.Text.replace(At, From.size(), To);
    Result<bool> IsRight = runFp8Ring(F);
    return !IsRight || !*IsRight;
  };
  for (uint64_t Seed = 0; Seed < 3; ++Seed) {
    EXPECT_TRUE(Caught("wgmma.fence.sync.aligned;", "", Seed));
    EXPECT_TRUE(Caught("wgmma.wait_group.sync.aligned 0;", "", Seed));
    EXPECT_TRUE(
        Caught("wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;", Seed));
    EXPECT_TRUE(Caught("@!p bra L;", "", Seed)) << "the producer does not wait";
    EXPECT_TRUE(Caught("4611686293305294848", "4611686224585818112", Seed)) << "another stride";
    EXPECT_TRUE(Caught("], 24576;", "], 24560;", Seed)) << "fewer bytes expected";
    EXPECT_TRUE(Caught("], 8;", "], 7;", Seed)) << "fewer arrivals expected";
    EXPECT_TRUE(Caught("bar.sync", "// bar.sync", Seed)) << "no barrier after the initialisation";
  }
}

TEST(Foreign, NvccClusterExchange) {
  for (uint64_t Seed = 0; Seed < 6; ++Seed) {
    Foreign F("hopper", "exchange", "sm90", Seed);
    std::vector<float> X(512);
    for (int N = 0; N < 512; ++N)
      X[N] = static_cast<float>(N * N % 97);
    uint64_t In = F.D.put(X), Out = F.D.space<float>(512);
    Status S = F.D.run(F.Text, {4, 1, 1}, {128, 1, 1}, 0, In, Out);
    ASSERT_TRUE(S.ok()) << S.message();
    auto R = F.D.get<float>(Out, 512);
    for (int N = 0; N < 512; ++N)
      ASSERT_EQ(R[N], X[N] + X[N ^ 128]);
  }
}

} // namespace
} // namespace qopt::ptxsim::test
