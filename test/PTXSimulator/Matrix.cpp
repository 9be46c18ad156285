// mma.sync: every product exact, their sum with C in double, rounded once.
#include "Floats.h"
#include "Lanes.h"
#include "MatrixTypes.h"
#include "Opcodes.h"

#include <algorithm>

namespace qopt::ptxsim {
namespace {

constexpr unsigned Rows = 16, Columns = 8, LargestK = 64;

// Mode: bits 0-3 type of A, 4-7 of B, 8 D is f16, 9 C is f16, 10 saturates, 16-23 K.
constexpr uint32_t HalfD = 1 << 8, HalfC = 1 << 9, Saturates = 1 << 10;

MatrixType typeA(const Instruction &I) { return static_cast<MatrixType>(I.Mode & 15); }
MatrixType typeB(const Instruction &I) { return static_cast<MatrixType>(I.Mode >> 4 & 15); }

/// Calls Do(lane, register, index in the word, value) for every element of a fragment.
template <typename F>
void eachElement(Warp &W, MatrixType T, const std::vector<Place> &Registers, F Do) {
  unsigned Per = 32 / matrixBits(T);
  double Values[8 * LaneCount];
  for (unsigned R = 0; R < Registers.size(); ++R) {
    matrixValues(T, W.slot<uint32_t>(Registers[R]), Per * LaneCount, Values);
    for (unsigned L = 0; L < LaneCount; ++L)
      for (unsigned N = 0; N < Per; ++N)
        Do(L, R, N, Values[L * Per + N]);
  }
}

void gatherA(Warp &W, const Instruction &I, double (&A)[Rows][LargestK]) {
  unsigned Per = 32 / matrixBits(typeA(I));
  eachElement(W, typeA(I), I.Elements, [&](unsigned L, unsigned R, unsigned N, double Value) {
    Coordinates At = fragmentA(L, R, N, Per);
    A[At.Row][At.Column] = Value;
  });
}

void gatherB(Warp &W, const Instruction &I, EightDoubles (&B)[LargestK]) {
  unsigned Per = 32 / matrixBits(typeB(I));
  eachElement(W, typeB(I), I.More, [&](unsigned L, unsigned R, unsigned N, double Value) {
    Coordinates At = fragmentB(L, R, N, Per);
    B[At.Row][At.Column] = Value;
  });
}

/// C's places follow D's in Results.
double initial(Warp &W, const Instruction &I, unsigned Lane, unsigned Element) {
  size_t First = I.Count;
  if (isIntegerMatrix(typeA(I)))
    return W.slot<int32_t>(I.Results[First + Element])[Lane];
  if (I.Mode & HalfC)
    return widenHalf(static_cast<uint16_t>(W.slot<uint32_t>(I.Results[First + Element / 2])[Lane] >>
                                           (Element % 2 * 16)));
  return W.slot<float>(I.Results[First + Element])[Lane];
}

uint32_t integerSum(double Sum, bool Saturate) {
  auto Exact = static_cast<int64_t>(Sum); // far below 2^53
  if (Saturate)
    Exact = std::clamp<int64_t>(Exact, INT32_MIN, INT32_MAX);
  return static_cast<uint32_t>(Exact);
}

void multiply(Warp &W, const Instruction &I, LaneMask Lanes) {
  unsigned K = I.Mode >> 16;
  double A[Rows][LargestK];
  EightDoubles B[LargestK], D[Rows];
  gatherA(W, I, A);
  gatherB(W, I, B);
  for (unsigned L = 0; L < LaneCount; ++L)
    for (unsigned E = 0; E < 4; ++E) {
      Coordinates At = fragmentC(L, E);
      D[At.Row][At.Column] = initial(W, I, L, E);
    }
  for (unsigned M = 0; M < Rows; M += 4) {
    EightDoubles Sum0 = D[M], Sum1 = D[M + 1], Sum2 = D[M + 2], Sum3 = D[M + 3];
    for (unsigned N = 0; N < K; ++N) {
      Sum0 += A[M][N] * B[N];
      Sum1 += A[M + 1][N] * B[N];
      Sum2 += A[M + 2][N] * B[N];
      Sum3 += A[M + 3][N] * B[N];
    }
    D[M] = Sum0, D[M + 1] = Sum1, D[M + 2] = Sum2, D[M + 3] = Sum3;
  }
  for (unsigned L = 0; L < LaneCount; ++L) {
    uint32_t Half[4];
    for (unsigned E = 0; E < 4; ++E) {
      Coordinates At = fragmentC(L, E);
      double Sum = D[At.Row][At.Column];
      if (isIntegerMatrix(typeA(I)))
        W.slot<uint32_t>(I.Results[E])[L] = integerSum(Sum, I.Mode & Saturates);
      else if (I.Mode & HalfD)
        Half[E] = narrowHalf(floatOdd(Sum));
      else
        W.slot<float>(I.Results[E])[L] = canonical(static_cast<float>(Sum));
    }
    if (I.Mode & HalfD)
      for (unsigned R = 0; R < 2; ++R)
        W.slot<uint32_t>(I.Results[R])[L] = Half[2 * R] | Half[2 * R + 1] << 16;
  }
}

/// m16n8k4 to k64, where A has two or four words and B one or two.
bool validShape(MatrixType A, MatrixType B, unsigned K) {
  if (A == MatrixType::None || B == MatrixType::None || isIntegerMatrix(A) != isIntegerMatrix(B) ||
      matrixBits(A) != matrixBits(B))
    return false;
  bool Mixes = isIntegerMatrix(A) || A == MatrixType::E4M3 || A == MatrixType::E5M2;
  unsigned Words = K * matrixBits(A) / 32;
  return (Mixes || A == B) && (Words == 4 || Words == 8);
}

void decodeMma(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  size_t At = M.size();
  if (At < 10 || M[1] != "sync" || M[2] != "aligned" || M[3].substr(0, 6) != "m16n8k" ||
      M[4] != "row" || M[5] != "col")
    return D.unknown(S);
  unsigned K = std::stoi(std::string(M[3].substr(6)));
  MatrixType A = matrixType(M[At - 3]), B = matrixType(M[At - 2]);
  std::string_view DType = M[At - 4], CType = M[At - 1];
  bool Known = validShape(A, B, K) && (At == 10 || (At == 11 && M[6] == "satfinite"));
  bool Integer = isIntegerMatrix(A);
  bool Result = Integer ? DType == "s32" && CType == "s32"
                        : (DType == "f32" ||
                           (DType == "f16" && A != MatrixType::BF16 && A != MatrixType::TF32)) &&
                              CType == DType;
  D.expectOperands(S, 4, 4);
  if (D.failed() || !Known || !Result)
    return D.unknown(S);
  I.Run = multiply;
  I.Meet = Meeting::Warp;
  I.Mode = static_cast<uint32_t>(A) | static_cast<uint32_t>(B) << 4 |
           (DType == "f16" ? HalfD | HalfC : 0) | (At == 11 ? Saturates : 0) | K << 16;
  I.Results = D.destinations(S.Operands[0], 4);
  I.Elements = D.sources(S.Operands[1], "b32");
  I.More = D.sources(S.Operands[2], "b32");
  auto C = D.sources(S.Operands[3], "b32");
  unsigned Words = K * matrixBits(A) / 32, Sums = DType == "f16" ? 2 : 4;
  I.Count = Sums;
  if (I.Results.size() != Sums || C.size() != Sums || I.Elements.size() != Words / 2 ||
      I.More.size() != Words / 4)
    return D.fail("a fragment has a wrong number of registers");
  I.Results.insert(I.Results.end(), C.begin(), C.end());
}

} // namespace

void addMatrixOpcodes(OpcodeTable &Table) { Table["mma"] = decodeMma; }

} // namespace qopt::ptxsim
