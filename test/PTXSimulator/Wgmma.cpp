// wgmma: matrix products of a warpgroup, from shared memory, that go on after the instruction.
#include "Wgmma.h"
#include "AsyncGroups.h"
#include "Floats.h"
#include "Lanes.h"
#include "MatrixTypes.h"
#include "Memory.h"
#include "Opcodes.h"
#include "Scheduler.h"

#include <algorithm>
#include <cstring>

namespace qopt::ptxsim {

uint32_t MatrixDescriptor::address(unsigned Outer, unsigned Inner, bool KMajor) const {
  // Outer counts rows of K-major operands, k of MN-major ones; Inner 16-byte chunks along the other
  // dimension.
  static const unsigned Widths[] = {1, 8, 4, 2}; // chunks in a row of the swizzle
  unsigned Width = Widths[Swizzle];
  uint32_t Row = 16 * Width;
  uint32_t Offset;
  if (KMajor)
    Offset = Swizzle ? Outer % 8 * Row + Outer / 8 * Stride + Inner * 16
                     : Outer % 8 * 16 + Outer / 8 * Stride + Inner * Leading;
  else
    Offset = Swizzle ? Inner % Width * 16 + Inner / Width * Leading + Outer % 8 * Row +
                           Outer / 8 * Stride
                     : Inner * Stride + Outer % 8 * 16 + Outer / 8 * Leading;
  uint32_t Absolute = Start + Offset;
  unsigned Bits = Swizzle == 1 ? 3 : Swizzle == 2 ? 2 : Swizzle == 3 ? 1 : 0;
  return Absolute ^ ((Absolute >> 7 & ((1u << Bits) - 1)) << 4);
}

MatrixDescriptor readDescriptor(uint64_t Bits) {
  MatrixDescriptor D;
  D.Start = (Bits & 0x3fff) << 4;
  D.Leading = (Bits >> 16 & 0x3fff) << 4;
  D.Stride = (Bits >> 32 & 0x3fff) << 4;
  D.BaseOffset = Bits >> 49 & 7;
  D.Swizzle = static_cast<unsigned>(Bits >> 62);
  return D;
}

namespace {

constexpr unsigned RowsOfWarp = 16, LargestN = 256, LargestK = 32;

// Mode bits; the types and sizes lie in Shape.
constexpr uint32_t RegisterA = 1, TransposedA = 2, TransposedB = 4, NegatedA = 8, NegatedB = 16,
                   HalfD = 32, IntegerD = 64, Saturates = 128, ScaleNegated = 256;

struct Shape {
  MatrixType A, B;
  unsigned N, K;
};
Shape shapeOf(const Instruction &I) {
  uint64_t S = static_cast<uint64_t>(I.Immediate);
  return {static_cast<MatrixType>(S & 0xff), static_cast<MatrixType>(S >> 8 & 0xff),
          static_cast<unsigned>(S >> 16 & 0xffff), static_cast<unsigned>(S >> 32)};
}

/// The chunks of one operand, in the order Do(outer, inner, shared address).
template <typename F>
void eachChunk(const MatrixDescriptor &D, bool KMajor, unsigned FirstMn, unsigned CountMn,
               unsigned K, unsigned Bits, F Do) {
  unsigned PerChunk = 128 / Bits;
  unsigned Outer = KMajor ? CountMn : K, Inner = (KMajor ? K : CountMn) / PerChunk;
  unsigned FirstOuter = KMajor ? FirstMn : 0, FirstInner = KMajor ? 0 : FirstMn / PerChunk;
  for (unsigned O = 0; O < Outer; ++O)
    for (unsigned N = 0; N < Inner; ++N)
      Do(O, N, D.address(FirstOuter + O, FirstInner + N, KMajor));
}

struct Operand {
  MatrixDescriptor Descriptor;
  MatrixType Type;
  bool KMajor;
  unsigned FirstMn, CountMn, K;
};

/// Bounds, initialisation and order of every chunk, at the time of the issue.
bool checkOperand(Warp &W, const Instruction &I, const Operand &O) {
  if (O.Descriptor.BaseOffset) {
    W.fault(FaultKind::BadOperand, I, firstLane(W.Alive), O.Descriptor.BaseOffset,
            "a descriptor with a base offset: tiles begin where the swizzle's pattern begins");
    return false;
  }
  uint32_t Actor = W.Group->Races.actor(ActorKind::Matrix, W.Id);
  bool Valid = true;
  eachChunk(O.Descriptor, O.KMajor, O.FirstMn, O.CountMn, O.K, matrixBits(O.Type),
            [&](unsigned, unsigned, uint32_t Address) {
              SharedRange Range;
              Valid = Valid && beginSharedRead(W, I, firstLane(W.Alive), Address, 16, 16, Actor,
                                               true, Range);
            });
  return Valid;
}

/// Values[k * Stride + mn].
void readOperand(const Cta &Block, const Operand &O, double *Values, unsigned Stride) {
  unsigned PerChunk = 128 / matrixBits(O.Type);
  double Chunk[16];
  eachChunk(O.Descriptor, O.KMajor, O.FirstMn, O.CountMn, O.K, matrixBits(O.Type),
            [&](unsigned Outer, unsigned Inner, uint32_t Address) {
              matrixValues(O.Type, Block.Shared.data() + (Address - SharedBase), PerChunk, Chunk);
              for (unsigned E = 0; E < PerChunk; ++E) {
                unsigned K = O.KMajor ? Inner * PerChunk + E : Outer,
                         Mn = O.KMajor ? Outer : Inner * PerChunk + E;
                Values[K * Stride + Mn] = Chunk[E];
              }
            });
}

Operand operandA(Warp &W, const Instruction &I, const Shape &S) {
  return {readDescriptor(W.slot<uint64_t>(I.Source[0])[0]),
          S.A,
          !(I.Mode & TransposedA),
          RowsOfWarp * (W.Index % 4),
          RowsOfWarp,
          S.K};
}
Operand operandB(Warp &W, const Instruction &I, const Shape &S) {
  return {
      readDescriptor(W.slot<uint64_t>(I.Source[1])[0]), S.B, !(I.Mode & TransposedB), 0, S.N, S.K};
}

void readRegisters(Warp &W, const Instruction &I, const Shape &S, double *Values) {
  unsigned Per = 32 / matrixBits(S.A);
  double Few[4];
  for (unsigned R = 0; R < I.Elements.size(); ++R)
    for (unsigned L = 0; L < LaneCount; ++L) {
      matrixValues(S.A, &W.slot<uint32_t>(I.Elements[R])[L], Per, Few);
      for (unsigned N = 0; N < Per; ++N) {
        Coordinates At = fragmentA(L, R, N, Per);
        Values[At.Column * RowsOfWarp + At.Row] = Few[N];
      }
    }
}

/// Calls Do(lane, row * N + column) for element E of every lane.
template <typename F> void eachLane(unsigned E, unsigned N, F Do) {
  for (unsigned L = 0; L < LaneCount; ++L) {
    Coordinates At = fragmentC(L, E);
    Do(L, At.Row * N + At.Column);
  }
}

void readAccumulators(Warp &W, const Instruction &I, unsigned N, double *D) {
  for (unsigned E = 0; E < N / 2; ++E) {
    Place P = I.Results[I.Mode & HalfD ? E / 2 : E];
    const auto *Words = W.slot<uint32_t>(P);
    const auto *Floats = W.slot<float>(P);
    if (I.Mode & HalfD)
      eachLane(E, N, [&](unsigned L, unsigned At) {
        D[At] = widenHalf(static_cast<uint16_t>(Words[L] >> (E % 2 * 16)));
      });
    else if (I.Mode & IntegerD)
      eachLane(E, N, [&](unsigned L, unsigned At) { D[At] = static_cast<int32_t>(Words[L]); });
    else
      eachLane(E, N, [&](unsigned L, unsigned At) { D[At] = Floats[L]; });
  }
}

uint32_t integerSum(double Sum, bool Saturate) {
  auto Exact = static_cast<int64_t>(Sum); // far below 2^53
  return static_cast<uint32_t>(Saturate ? std::clamp<int64_t>(Exact, INT32_MIN, INT32_MAX) : Exact);
}

void writeAccumulators(Warp &W, const Instruction &I, unsigned N, const double *D) {
  for (unsigned E = 0; E < N / 2; ++E) {
    Place P = I.Results[I.Mode & HalfD ? E / 2 : E];
    auto *Words = W.slot<uint32_t>(P);
    auto *Floats = W.slot<float>(P);
    unsigned Shift = E % 2 * 16;
    if (I.Mode & HalfD)
      eachLane(E, N, [&](unsigned L, unsigned At) {
        Words[L] = (Words[L] & ~(0xffffu << Shift)) | uint32_t(narrowHalf(floatOdd(D[At])))
                                                          << Shift;
      });
    else if (I.Mode & IntegerD)
      eachLane(E, N,
               [&](unsigned L, unsigned At) { Words[L] = integerSum(D[At], I.Mode & Saturates); });
    else
      eachLane(E, N,
               [&](unsigned L, unsigned At) { Floats[L] = canonical(static_cast<float>(D[At])); });
  }
}

/// D[m][n] += sign A[k][m] B[k][n]: four rows by eight columns in registers.
void accumulate(const double *A, const double *B, double *D, unsigned N, unsigned K, double Sign) {
  for (unsigned Column = 0; Column < N; Column += 8)
    for (unsigned M = 0; M < RowsOfWarp; M += 4) {
      EightDoubles Sum[4];
      for (unsigned R = 0; R < 4; ++R)
        std::memcpy(&Sum[R], D + (M + R) * N + Column, sizeof(Sum[R]));
      for (unsigned Each = 0; Each < K; ++Each) {
        EightDoubles Row;
        std::memcpy(&Row, B + Each * N + Column, sizeof(Row));
        const double *Left = A + Each * RowsOfWarp + M;
        for (unsigned R = 0; R < 4; ++R)
          Sum[R] += Sign * Left[R] * Row;
      }
      for (unsigned R = 0; R < 4; ++R)
        std::memcpy(D + (M + R) * N + Column, &Sum[R], sizeof(Sum[R]));
    }
}

/// The four warps of a warpgroup, and often two warpgroups, read the same B.
struct DecodedTile {
  const Cta *Block = nullptr;
  uint64_t Generation = 0;
  uint64_t Shape = 0;
  uint32_t Start = 0, Leading = 0, Stride = 0;
  bool KMajor = false;
  alignas(64) double Values[LargestK * LargestN];
};

const double *decodedB(const Cta &Block, const Operand &O, uint64_t Shape) {
  static thread_local DecodedTile Tiles[4];
  static thread_local unsigned Next = 0;
  const MatrixDescriptor &D = O.Descriptor;
  for (const DecodedTile &T : Tiles)
    if (T.Block == &Block && T.Generation == Block.SharedGeneration && T.Shape == Shape &&
        T.Start == D.Start && T.Leading == D.Leading && T.Stride == D.Stride &&
        T.KMajor == O.KMajor)
      return T.Values;
  DecodedTile &T = Tiles[Next++ % 4];
  T.Block = &Block;
  T.Generation = Block.SharedGeneration;
  T.Shape = Shape;
  T.Start = D.Start;
  T.Leading = D.Leading;
  T.Stride = D.Stride;
  T.KMajor = O.KMajor;
  readOperand(Block, O, T.Values, O.CountMn);
  return T.Values;
}

void compute(Warp &W, const Instruction &I, const Operand &OperandA, const Operand &OperandB,
             bool Accumulates) {
  Shape S = shapeOf(I);
  alignas(64) static thread_local double A[LargestK * RowsOfWarp], D[RowsOfWarp * LargestN];
  if (I.Mode & RegisterA)
    readRegisters(W, I, S, A);
  else
    readOperand(*W.Block, OperandA, A, RowsOfWarp);
  const double *B =
      decodedB(*W.Block, OperandB,
               static_cast<uint64_t>(I.Immediate) | uint64_t(OperandB.Descriptor.Swizzle) << 60);
  double Sign = ((I.Mode & NegatedA) != 0) != ((I.Mode & NegatedB) != 0) ? -1 : 1;
  if (Accumulates)
    readAccumulators(W, I, S.N, D);
  else
    std::fill_n(D, RowsOfWarp * S.N, 0.0);
  accumulate(A, B, D, S.N, S.K, Sign);
  writeAccumulators(W, I, S.N, D);
}

bool uniform(Warp &W, const Instruction &I, Place P) {
  const auto *Values = W.slot<uint64_t>(P);
  LaneMask Different = maskOf(AllLanes, [&](unsigned L) { return Values[L] != Values[0]; });
  if (Different)
    W.fault(FaultKind::BadOperand, I, firstLane(Different), Values[firstLane(Different)],
            "the lanes have different descriptors");
  return !Different;
}

/// Accumulators and registers of A must not have been touched since wgmma.fence.
bool checkRegisters(Warp &W, const Instruction &I) {
  uint64_t Group = W.Matrices.Closed[0] + 1;
  auto Fault = [&](const char *Text) {
    W.fault(FaultKind::Race, I, firstLane(W.Alive), 0, Text);
    return false;
  };
  for (Place P : I.Results) {
    if (W.Unfenced[P])
      return Fault("an accumulator has been written and no wgmma.fence follows");
    if (W.ReadByMatrix[P] > W.MatrixWaited)
      return Fault("the destination is a register that another wgmma still reads");
  }
  for (Place P : I.Elements) {
    if (P & ConstantPlace)
      continue;
    if (W.Unfenced[P])
      return Fault("a register of A has been written and no wgmma.fence follows");
    if (W.Accumulating[P] > W.MatrixWaited)
      return Fault("a register of A is an accumulator of a wgmma that has not been waited for");
    W.ReadByMatrix[P] = Group;
  }
  for (Place P : I.Results)
    W.Accumulating[P] = Group;
  return true;
}

void multiply(Warp &W, const Instruction &I, LaneMask Lanes) {
  Shape S = shapeOf(I);
  bool FromRegisters = I.Mode & RegisterA;
  if (W.Block->Warps.size() % 4)
    return W.fault(FaultKind::BadOperand, I, 0, 0, "a warpgroup has four warps");
  if ((!FromRegisters && !uniform(W, I, I.Source[0])) || !uniform(W, I, I.Source[1]))
    return;
  bool Accumulates =
      I.Second == NoPlace ? I.Count : (W.predicate(I.Second, I.Mode & ScaleNegated) & 1);
  if (!checkRegisters(W, I))
    return;
  Operand A = FromRegisters ? Operand() : operandA(W, I, S), B = operandB(W, I, S);
  if ((!FromRegisters && !checkOperand(W, I, A)) || !checkOperand(W, I, B))
    return;
  AsyncOperation Operation;
  Operation.Kind = AsyncKind::Matrix;
  Operation.Issuer = &W;
  Operation.Lanes = AllLanes;
  Operation.Group = W.Matrices.Closed[0];
  Warp *Who = &W;
  const Instruction *What = &I;
  Operation.Finish = [=] { compute(*Who, *What, A, B, Accumulates); };
  W.Group->Pending.add(std::move(Operation), W.Group->Ticks, W.Group->Chance);
}

void fence(Warp &W, const Instruction &I, LaneMask Lanes) {
  std::fill(W.Unfenced.begin(), W.Unfenced.end(), 0);
}
void commit(Warp &W, const Instruction &I, LaneMask Lanes) {
  W.Matrices.close(AllLanes, W.Group->Races.closeGroup());
}
void waitGroup(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint64_t Limit =
      waitForGroups(W, AsyncKind::Matrix, W.Matrices, AllLanes, static_cast<uint64_t>(I.Immediate));
  W.MatrixWaited = std::max(W.MatrixWaited, Limit);
}

// ---- decoding

bool validN(unsigned N, bool Integer) {
  if (N < 8 || N > LargestN || N % 8)
    return false;
  return !Integer || N <= 24 || N % 16 == 0;
}

bool readShape(const Modifiers &M, Instruction &I) {
  // wgmma.mma_async.sync.aligned.m64nNkK.d.a.b{.satfinite}
  if (M.size() < 8 || M[2] != "sync" || M[3] != "aligned" || M[4].substr(0, 4) != "m64n")
    return false;
  size_t At = M[4].find('k');
  if (At == std::string_view::npos)
    return false;
  unsigned N = std::stoi(std::string(M[4].substr(4, At - 4))),
           K = std::stoi(std::string(M[4].substr(At + 1)));
  MatrixType A = matrixType(M[6]), B = matrixType(M[7]);
  bool Integer = isIntegerMatrix(A);
  bool Bytes = A == MatrixType::E4M3 || A == MatrixType::E5M2;
  if (A == MatrixType::None || B == MatrixType::None || matrixBits(A) != matrixBits(B) ||
      matrixBits(A) < 8 || K * matrixBits(A) != 256 || Integer != isIntegerMatrix(B) ||
      (!Integer && !Bytes && A != B) || !validN(N, Integer))
    return false;
  bool Float = M[5] == "f32" || (M[5] == "f16" && A != MatrixType::BF16 && A != MatrixType::TF32);
  if (Integer ? M[5] != "s32" : !Float)
    return false;
  if (M.size() > 9 || (M.size() == 9 && (M[8] != "satfinite" || !Integer)))
    return false;
  I.Mode |=
      (M[5] == "f16" ? HalfD : 0) | (Integer ? IntegerD : 0) | (M.size() == 9 ? Saturates : 0);
  I.Immediate = static_cast<int64_t>(static_cast<uint64_t>(A) | static_cast<uint64_t>(B) << 8 |
                                     uint64_t(N) << 16 | uint64_t(K) << 32);
  return true;
}

/// scale-d {, scale-a, scale-b {, trans…}}
void trailing(Decoder &D, const Statement &S, Instruction &I, bool Sixteen) {
  size_t At = 3;
  if (D.isImmediate(S.Operands[At])) {
    I.Count = D.immediate(S.Operands[At]) != 0;
  } else {
    bool Negated;
    I.Second = D.predicateSource(S.Operands[At], Negated);
    I.Mode |= Negated ? ScaleNegated : 0;
  }
  bool Integer = I.Mode & IntegerD, Registers = I.Mode & RegisterA;
  size_t Expected = Integer ? 4 : 6 + (Sixteen ? (Registers ? 1 : 2) : 0);
  if (S.Operands.size() != Expected)
    return D.fail("has " + std::to_string(S.Operands.size()) + " operands, this form has " +
                  std::to_string(Expected));
  if (Integer)
    return;
  auto Flag = [&](size_t N, uint64_t Value, uint32_t Bit) {
    I.Mode |= D.immediate(S.Operands[N]) == Value ? Bit : 0;
  };
  Flag(4, static_cast<uint64_t>(-1), NegatedA);
  Flag(5, static_cast<uint64_t>(-1), NegatedB);
  if (Sixteen && !Registers)
    Flag(6, 1, TransposedA);
  if (Sixteen)
    Flag(Registers ? 6 : 7, 1, TransposedB);
}

void decodeMultiply(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 4, 8);
  if (D.failed() || !readShape(M, I))
    return D.unknown(S);
  Shape Sizes = shapeOf(I);
  I.Run = multiply;
  I.Meet = Meeting::Warp;
  I.Results = D.destinations(S.Operands[0], 4);
  if (I.Results.size() != Sizes.N / (I.Mode & HalfD ? 4 : 2))
    return D.fail("the accumulator has a wrong number of registers");
  if (S.Operands[1].Form == ptxsim::Operand::Kind::Vector) {
    I.Mode |= RegisterA;
    I.Elements = D.sources(S.Operands[1], "b32");
    if (I.Elements.size() != 4)
      return D.fail("A has four registers");
  } else {
    I.Source[0] = D.source(S.Operands[1], "b64");
  }
  I.Source[1] = D.source(S.Operands[2], "b64");
  trailing(D, S, I, matrixBits(Sizes.A) == 16);
  D.asynchronous(I.Results);
  D.asynchronous(I.Elements);
  D.sharedAccess(16);
}

void decodeWgmma(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Meet = Meeting::Warp;
  if (M.size() > 1 && M[1] == "mma_async")
    return decodeMultiply(D, S, M, I);
  if (M.size() != 4 || M[2] != "sync" || M[3] != "aligned")
    return D.unknown(S);
  I.Run = M[1] == "fence"          ? fence
          : M[1] == "commit_group" ? commit
          : M[1] == "wait_group"   ? waitGroup
                                   : nullptr;
  if (!I.Run)
    return D.unknown(S);
  if (M[1] == "wait_group") {
    D.expectOperands(S, 1, 1);
    I.Immediate = D.failed() ? 0 : static_cast<int64_t>(D.immediate(S.Operands[0]));
  }
}

} // namespace

/// Of everything but wgmma itself: accumulators in flight are neither read nor written, registers
/// of A not written.
bool checkAsyncRegisters(Warp &W, const Instruction &I, LaneMask Lanes) {
  if (I.Run == multiply)
    return true;
  bool Valid = true;
  auto Check = [&](Place P, bool Writes) {
    if (!Valid || (P & (ConstantPlace | PredicatePlace)) || !W.Program->AsyncSlots[P])
      return;
    Valid = W.Accumulating[P] <= W.MatrixWaited && (!Writes || W.ReadByMatrix[P] <= W.MatrixWaited);
    if (!Valid)
      return W.fault(FaultKind::Race, I, firstLane(Lanes), 0,
                     "a register that a wgmma uses is accessed before wgmma.wait_group");
    W.Unfenced[P] |= Writes;
  };
  Check(I.Destination, true);
  for (Place P : I.Results)
    Check(P, true);
  for (Place P : I.Source)
    Check(P, false);
  for (Place P : I.Elements)
    Check(P, false);
  for (Place P : I.More)
    Check(P, false);
  return Valid;
}

void addWgmmaOpcodes(OpcodeTable &Table) { Table["wgmma"] = decodeWgmma; }

} // namespace qopt::ptxsim
