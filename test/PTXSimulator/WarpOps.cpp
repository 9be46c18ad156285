// Instructions that lanes of a warp execute together: shfl, vote, match, redux, elect, activemask.
#include "Lanes.h"
#include "Opcodes.h"

#include <algorithm>

namespace qopt::ptxsim {
namespace {

enum ShuffleMode : uint32_t { Up, Down, Butterfly, Index };

void shuffle(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t From[LaneCount];
  const auto *A = W.slot<uint32_t>(I.Source[0]);
  std::copy(A, A + LaneCount, From);
  const auto *B = W.slot<uint32_t>(I.Source[1]), *C = W.slot<uint32_t>(I.Source[2]);
  auto *Out = W.slot<uint32_t>(I.Destination);
  LaneMask InRange = 0;
  uint32_t Results[LaneCount];
  forLanes(Lanes, [&](unsigned L) {
    uint32_t Clamp = C[L] & 31, Segment = C[L] >> 8 & 31, Offset = B[L] & 31;
    uint32_t Highest = (L & Segment) | (Clamp & ~Segment & 31), Lowest = L & Segment;
    int J = I.Mode == Up          ? static_cast<int>(L) - static_cast<int>(Offset)
            : I.Mode == Down      ? static_cast<int>(L + Offset)
            : I.Mode == Butterfly ? static_cast<int>(L ^ Offset)
                                  : static_cast<int>(Lowest | (Offset & ~Segment));
    bool Ok = I.Mode == Up ? J >= static_cast<int>(Highest) : J <= static_cast<int>(Highest);
    Results[L] = From[Ok ? J & 31 : static_cast<int>(L)];
    InRange |= LaneMask(Ok) << L;
  });
  forLanes(Lanes, [&](unsigned L) { Out[L] = Results[L]; });
  if (I.Second != NoPlace)
    W.setPredicate(I.Second, Lanes, InRange);
}

/// d or d|p
void resultPair(Decoder &D, const Operand &O, Instruction &I) {
  bool Pair = O.Form == Operand::Kind::Pair;
  I.Destination = D.destination(Pair ? O.Parts[0] : O);
  if (Pair)
    I.Second = D.predicateDestination(O.Parts[1]);
}

void decodeShfl(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 5, 5);
  if (D.failed() || M.size() != 4 || M[1] != "sync")
    return D.unknown(S);
  I.Run = shuffle;
  I.Mode = M[2] == "up" ? Up : M[2] == "down" ? Down : M[2] == "bfly" ? Butterfly : Index;
  I.Source = {D.source(S.Operands[1], "b32"), D.source(S.Operands[2], "u32"),
              D.source(S.Operands[3], "u32"), D.source(S.Operands[4], "u32")};
  I.Meet = Meeting::Members;
  resultPair(D, S.Operands[0], I);
}

enum VoteMode : uint32_t { All, Any, Uniform, Ballot };

void vote(Warp &W, const Instruction &I, LaneMask Lanes) {
  LaneMask Holding = W.predicate(I.Source[0], I.Immediate) & Lanes;
  if (I.Mode == Ballot)
    return forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = Holding; });
  bool Result = I.Mode == All   ? Holding == Lanes
                : I.Mode == Any ? Holding != 0
                                : Holding == 0 || Holding == Lanes;
  W.setPredicate(I.Second, Lanes, Result ? AllLanes : 0);
}
void decodeVote(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 3, 3);
  if (D.failed() || M.size() != 4 || M[1] != "sync")
    return D.unknown(S);
  I.Run = vote;
  I.Mode = M[2] == "all" ? All : M[2] == "any" ? Any : M[2] == "uni" ? Uniform : Ballot;
  bool Negated;
  I.Source[0] = D.predicateSource(S.Operands[1], Negated);
  I.Immediate = Negated;
  I.Source[3] = D.source(S.Operands[2], "u32");
  I.Meet = Meeting::Members;
  if (I.Mode == Ballot)
    I.Destination = D.destination(S.Operands[0]);
  else
    I.Second = D.predicateDestination(S.Operands[0]);
}

template <typename T> void matchAny(Warp &W, const Instruction &I, LaneMask Lanes) {
  const auto *A = W.slot<T>(I.Source[0]);
  LaneMask Results[LaneCount];
  forLanes(Lanes, [&](unsigned L) {
    Results[L] = maskOf(Lanes, [&](unsigned K) { return A[K] == A[L]; });
  });
  forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = Results[L]; });
}
template <typename T> void matchAll(Warp &W, const Instruction &I, LaneMask Lanes) {
  const auto *A = W.slot<T>(I.Source[0]);
  T First = A[firstLane(Lanes)];
  bool Same = maskOf(Lanes, [&](unsigned L) { return A[L] == First; }) == Lanes;
  forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = Same ? Lanes : 0; });
  if (I.Second != NoPlace)
    W.setPredicate(I.Second, Lanes, Same ? AllLanes : 0);
}
void decodeMatch(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 3, 3);
  if (D.failed() || M.size() != 4 || M[2] != "sync")
    return D.unknown(S);
  bool Wide = M[3] == "b64";
  I.Run = M[1] == "any" ? (Wide ? matchAny<uint64_t> : matchAny<uint32_t>)
                        : (Wide ? matchAll<uint64_t> : matchAll<uint32_t>);
  I.Source[0] = D.source(S.Operands[1], M[3]);
  I.Source[3] = D.source(S.Operands[2], "u32");
  I.Meet = Meeting::Members;
  resultPair(D, S.Operands[0], I);
}

enum ReduceMode : uint32_t { Add, Min, Max, SignedMin, SignedMax, And, Or, Xor };

void reduce(Warp &W, const Instruction &I, LaneMask Lanes) {
  const auto *A = W.slot<uint32_t>(I.Source[0]);
  uint32_t R = A[firstLane(Lanes)];
  forLanes(Lanes & (Lanes - 1), [&](unsigned L) {
    uint32_t X = A[L];
    auto Less = [&](uint32_t P, uint32_t Q) {
      return static_cast<int32_t>(P) < static_cast<int32_t>(Q);
    };
    R = I.Mode == Add         ? R + X
        : I.Mode == Min       ? std::min(R, X)
        : I.Mode == Max       ? std::max(R, X)
        : I.Mode == SignedMin ? std::min(R, X, Less)
        : I.Mode == SignedMax ? std::max(R, X, Less)
        : I.Mode == And       ? R & X
        : I.Mode == Or        ? R | X
                              : R ^ X;
  });
  forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = R; });
}
void decodeRedux(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 3, 3);
  if (D.failed() || M.size() != 4 || M[1] != "sync" ||
      (M[3] != "u32" && M[3] != "s32" && M[3] != "b32"))
    return D.unknown(S);
  bool IsSigned = M[3] == "s32";
  I.Run = reduce;
  I.Mode = M[2] == "add"   ? Add
           : M[2] == "min" ? (IsSigned ? SignedMin : Min)
           : M[2] == "max" ? (IsSigned ? SignedMax : Max)
           : M[2] == "and" ? And
           : M[2] == "or"  ? Or
                           : Xor;
  I.Source[0] = D.source(S.Operands[1], "b32");
  I.Source[3] = D.source(S.Operands[2], "u32");
  I.Meet = Meeting::Members;
  I.Destination = D.destination(S.Operands[0]);
}

void activeMask(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = Lanes; });
}
void decodeActivemask(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 1, 1);
  if (D.failed())
    return;
  I.Run = activeMask;
  I.Destination = D.destination(S.Operands[0]);
}

void elect(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Leader = firstLane(Lanes);
  forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = Leader; });
  if (I.Second != NoPlace)
    W.setPredicate(I.Second, Lanes, LaneMask(1) << Leader);
}
void decodeElect(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed())
    return;
  I.Run = elect;
  I.Source[3] = D.source(S.Operands[1], "u32");
  I.Meet = Meeting::Members;
  resultPair(D, S.Operands[0], I);
}

} // namespace

void addWarpOpcodes(OpcodeTable &Table) {
  Table["shfl"] = decodeShfl;
  Table["vote"] = decodeVote;
  Table["match"] = decodeMatch;
  Table["redux"] = decodeRedux;
  Table["activemask"] = decodeActivemask;
  Table["elect"] = decodeElect;
}

} // namespace qopt::ptxsim
