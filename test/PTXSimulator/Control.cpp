// Branches, calls, exits, barriers, fences.
#include "Lanes.h"
#include "Opcodes.h"
#include "Scheduler.h"

namespace qopt::ptxsim {
namespace {

void branch(Warp &W, const Instruction &I, LaneMask Lanes) {
  W.jump(static_cast<uint32_t>(I.Immediate), Lanes);
}

/// Lanes with the same target jump together; the others follow when their turn comes.
void branchIndexed(Warp &W, const Instruction &I, LaneMask Lanes) {
  const auto *Index = W.slot<uint32_t>(I.Source[0]);
  unsigned First = firstLane(Lanes);
  if (Index[First] >= I.Elements.size())
    return W.fault(FaultKind::BadOperand, I, First, Index[First],
                   "the index is past the end of the branch table");
  LaneMask Same = maskOf(Lanes, [&](unsigned L) { return Index[L] == Index[First]; });
  uint32_t Again = W.Current.Pc - 1;
  LaneMask Rest = Lanes & ~Same;
  W.jump(I.Elements[Index[First]] & ~ConstantPlace, Same);
  // jump left the others at the next instruction: they must execute this one.
  for (Fragment &F : W.Parked)
    if (Rest && F.Lanes & Rest && F.Pc == Again + 1)
      F.Pc = Again;
}

void exitLanes(Warp &W, const Instruction &I, LaneMask Lanes) { W.exit(Lanes); }
void trap(Warp &W, const Instruction &I, LaneMask Lanes) {
  W.fault(FaultKind::Trap, I, firstLane(Lanes), 0, "the kernel executed a trap");
}
void nothing(Warp &W, const Instruction &I, LaneMask Lanes) {}
void sleep(Warp &W, const Instruction &I, LaneMask Lanes) { W.spin(); }

void decodeBra(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 1, 1);
  if (D.failed())
    return;
  I.Run = branch;
  D.branchTarget(S.Operands[0], S);
}
void decodeBrx(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed())
    return;
  I.Run = branchIndexed;
  I.Source[0] = D.source(S.Operands[0], "u32");
  D.branchTable(S.Operands[1], S, I);
}
void decodeCall(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.call(S, M, I);
}
void decodeExit(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Run = exitLanes;
}
void decodeTrap(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Run = trap;
}
void decodeNothing(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Run = nothing;
}
void decodeSleep(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Run = sleep;
}

void fenceProxy(Warp &W, const Instruction &I, LaneMask Lanes) { W.Group->Races.fenceProxy(W.Id); }
void decodeFence(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Async = M[0] == "fence" && M.size() > 2 && M[1] == "proxy" && M[2] == "async";
  I.Run = Async ? fenceProxy : nothing;
}

// ---- bar.sync and its kind: Mode is what happens, Second a predicate result

enum BarrierMode : uint32_t { Sync, Arrive, RedCount, RedAnd, RedOr };

bool barrierOperands(Warp &W, const Instruction &I, LaneMask Lanes, uint32_t &Id,
                     uint32_t &Threads) {
  unsigned First = firstLane(Lanes);
  Id = W.slot<uint32_t>(I.Source[0])[First];
  Threads = I.Source[1] == NoPlace ? 0 : W.slot<uint32_t>(I.Source[1])[First];
  if (Id > 15) {
    W.fault(FaultKind::BadOperand, I, First, Id, "there are barriers 0 to 15");
    return false;
  }
  if (Threads % LaneCount || (I.Source[1] != NoPlace && Threads == 0)) {
    W.fault(FaultKind::BadOperand, I, First, Threads,
            "a barrier's number of threads is a multiple of 32");
    return false;
  }
  return true;
}

void arriveAtBarrier(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Id, Threads;
  if (!barrierOperands(W, I, Lanes, Id, Threads))
    return;
  NamedBarrier &B = W.Block->Barriers[Id];
  if (B.Arrived && B.Expected != Threads / LaneCount)
    return W.fault(FaultKind::BadOperand, I, firstLane(Lanes), Id,
                   "barrier " + std::to_string(Id) + " is in use for " +
                       std::to_string(B.Expected * LaneCount) + " threads (0: the CTA), not for " +
                       std::to_string(Threads));
  B.Expected = Threads / LaneCount;
  ++B.Arrived;
  W.Group->Races.release(W.Id, B.Clock);
  W.Current.Spins = 0;
  if (I.Mode >= RedCount) {
    B.Count += __builtin_popcount(Lanes);
    B.Holding += __builtin_popcount(Lanes & W.predicate(I.Source[2], I.Immediate));
  }
  if (I.Mode != Arrive) {
    B.Waiters.push_back({&W, &I});
    W.Current.Why = Waiting::Barrier;
    W.Switch = true;
  }
  completeBarrier(*W.Block, B);
}

void barrierResult(Warp &W, const Instruction &I, const NamedBarrier &B) {
  LaneMask Lanes = W.Alive;
  if (I.Mode == RedCount)
    forLanes(Lanes, [&](unsigned L) { W.slot<uint32_t>(I.Destination)[L] = B.Holding; });
  else if (I.Mode == RedAnd)
    W.setPredicate(I.Second, Lanes, B.Holding == B.Count ? AllLanes : 0);
  else if (I.Mode == RedOr)
    W.setPredicate(I.Second, Lanes, B.Holding ? AllLanes : 0);
}

void warpBarrier(Warp &W, const Instruction &I, LaneMask Lanes) {}

void arriveAtCluster(Warp &W, const Instruction &I, LaneMask Lanes) {
  if (W.ClusterArrived)
    return W.fault(FaultKind::BadOperand, I, firstLane(Lanes), 0,
                   "barrier.cluster.arrive twice without a wait");
  W.ClusterArrived = true;
  W.ClusterPhase = W.Group->Meeting.Phase;
  W.Group->Races.release(W.Id, W.Group->Meeting.Arriving);
  completeClusterBarrier(*W.Group);
}
void waitForCluster(Warp &W, const Instruction &I, LaneMask Lanes) {
  if (!W.ClusterArrived)
    return W.fault(FaultKind::BadOperand, I, firstLane(Lanes), 0,
                   "barrier.cluster.wait without an arrive");
  if (W.Group->Meeting.Phase == W.ClusterPhase)
    return W.block(Waiting::ClusterBarrier);
  W.ClusterArrived = false;
  W.Group->Races.acquire(W.Id, W.Group->Meeting.Completed);
}

void decodeCluster(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Run = has(M, "arrive") ? arriveAtCluster : has(M, "wait") ? waitForCluster : nullptr;
  I.Meet = Meeting::Alive;
  if (!I.Run)
    D.unknown(S);
}

/// bar and barrier: operands are {result}, barrier {, threads} {, predicate}.
void decodeBarrier(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (has(M, "cluster"))
    return decodeCluster(D, S, M, I);
  if (M.size() > 2 && M[1] == "warp") {
    D.expectOperands(S, 1, 1);
    I.Run = warpBarrier;
    I.Meet = Meeting::Members;
    I.Source[3] = D.failed() ? NoPlace : D.source(S.Operands[0], "b32");
    return;
  }
  bool Red = has(M, "red");
  I.Mode = !Red             ? (has(M, "arrive") ? Arrive : Sync)
           : has(M, "popc") ? RedCount
           : has(M, "and")  ? RedAnd
                            : RedOr;
  if (!Red && !has(M, "sync") && !has(M, "arrive"))
    return D.unknown(S);
  D.expectOperands(S, Red ? 3 : 1, Red ? 4 : 2);
  if (D.failed())
    return;
  I.Run = arriveAtBarrier;
  I.Meet = Meeting::Alive;
  size_t At = Red ? 1 : 0;
  I.Source[0] = D.source(S.Operands[At], "u32");
  size_t Left = S.Operands.size() - At - 1 - (Red ? 1 : 0);
  if (Left)
    I.Source[1] = D.source(S.Operands[At + 1], "u32");
  if (!Red)
    return;
  bool Negated;
  I.Source[2] = D.predicateSource(S.Operands.back(), Negated);
  I.Immediate = Negated;
  if (I.Mode == RedCount)
    I.Destination = D.destination(S.Operands[0]);
  else
    I.Second = D.predicateDestination(S.Operands[0]);
}

} // namespace

void completeBarrier(Cta &Block, NamedBarrier &B) {
  uint32_t Expected = B.Expected;
  if (!Expected)
    for (const Warp &W : Block.Warps)
      Expected += W.Alive != 0;
  if (!B.Arrived || B.Arrived < Expected)
    return;
  for (const NamedBarrier::Waiter &Each : B.Waiters) {
    Warp &W = *Each.Who;
    barrierResult(W, *Each.Where, B);
    Block.Group->Races.acquire(W.Id, B.Clock);
    if (W.Current.Why == Waiting::Barrier)
      W.Current.Why = Waiting::No;
    for (Fragment &F : W.Parked)
      if (F.Why == Waiting::Barrier)
        F.Why = Waiting::No;
  }
  B = NamedBarrier();
  ++Block.Group->Changes;
}

void recheckBarriers(Cta &Block) {
  for (NamedBarrier &B : Block.Barriers)
    if (B.Arrived && !B.Expected)
      completeBarrier(Block, B);
}

void completeClusterBarrier(Cluster &Group) {
  bool Any = false;
  for (auto &C : Group.Ctas)
    for (const Warp &W : C->Warps) {
      bool Here = W.ClusterArrived && W.ClusterPhase == Group.Meeting.Phase;
      if (W.Alive && !Here)
        return;
      Any |= Here;
    }
  if (!Any)
    return;
  ++Group.Meeting.Phase;
  Group.Meeting.Completed = Group.Meeting.Arriving;
  wakeWaiters(Group);
}

void addControlOpcodes(OpcodeTable &Table) {
  Table["bra"] = decodeBra;
  Table["brx"] = decodeBrx;
  Table["call"] = Table["ret"] = decodeCall;
  Table["exit"] = decodeExit;
  Table["trap"] = Table["brkpt"] = decodeTrap;
  Table["nanosleep"] = decodeSleep;
  Table["membar"] = Table["fence"] = decodeFence;
  Table["griddepcontrol"] = Table["pmevent"] = decodeNothing;
  Table["bar"] = Table["barrier"] = decodeBarrier;
}

} // namespace qopt::ptxsim
