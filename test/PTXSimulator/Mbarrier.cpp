// mbarrier: init, arrive, expect_tx, complete_tx, test_wait, try_wait.
#include "Lanes.h"
#include "Memory.h"
#include "Opcodes.h"
#include "PhaseOperations.h"
#include "Scheduler.h"

#include <cstring>

namespace qopt::ptxsim {

static constexpr uint64_t Token = 0x4d42415252494552; // what the opaque object's memory holds
static constexpr int64_t LargestCount = (1 << 20) - 1;

bool PhaseBarrier::completeIfDone() {
  if (Pending != 0 || Transactions != 0)
    return false;
  ++Phase;
  Pending = Expected;
  Completed.join(Arriving);
  Arriving.Times.clear();
  return true;
}

static uint8_t *barrierMemory(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                              Cta *&Owner, uint32_t &Offset) {
  uint64_t Shared = sharedAddress(Address);
  uint8_t *Memory = sharedBytesAt(W, I, Lane, static_cast<uint32_t>(Shared), 8, 8, Owner);
  if (Memory)
    Offset = Memory - Owner->Shared.data();
  return Memory;
}

PhaseBarrier *findPhaseBarrier(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                               PhaseHandle &Handle) {
  uint8_t *Memory = barrierMemory(W, I, Lane, Address, Handle.Owner, Handle.Offset);
  if (!Memory)
    return nullptr;
  PhaseBarrier *Found = Handle.get();
  if (!Found) {
    W.fault(FaultKind::Uninitialised, I, Lane, Address,
            "there is no mbarrier: mbarrier.init has not been executed");
    return nullptr;
  }
  if (std::memcmp(Memory, &Token, 8)) {
    W.fault(FaultKind::BadOperand, I, Lane, Address, "the mbarrier's memory has been overwritten");
    return nullptr;
  }
  RaceConflict What;
  if (!W.Group->Races.peek(W.Id, Handle.Owner->Rank, Handle.Offset, 8, What)) {
    W.fault(FaultKind::Race, I, Lane, Address,
            "use of an mbarrier: its initialisation, " + W.Group->Races.describe(What));
    return nullptr;
  }
  return Found;
}

void completeTransaction(Cluster &Group, PhaseBarrier &Barrier, uint32_t Agent, uint32_t Bytes) {
  Barrier.Transactions -= Bytes;
  Group.Races.releaseAgent(Agent, Barrier.Arriving);
  Barrier.completeIfDone();
  wakeWaiters(Group);
}

void arriveAtPhase(Warp &W, const Instruction &I, unsigned Lane, PhaseBarrier &B, uint32_t Count,
                   bool Drops) {
  if (B.Pending < static_cast<int64_t>(Count))
    return W.fault(FaultKind::BadOperand, I, Lane, Count,
                   "more arrivals than the mbarrier's phase expects");
  if (Drops)
    B.Expected -= Count;
  B.Pending -= Count;
  W.Group->Races.release(W.Id, B.Arriving);
  ++W.Group->Changes;
  if (B.completeIfDone())
    wakeWaiters(*W.Group);
}

namespace {

// Mode bits.
constexpr uint32_t ExpectsBytes = 1, Drops = 2, Parity = 4, TestsOnly = 8, Completes = 16;

void initialise(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) {
    uint64_t Address = laneAddress(W, I, L);
    uint32_t Count = W.slot<uint32_t>(I.Source[1])[L];
    if (Count < 1 || Count > LargestCount)
      return W.fault(FaultKind::BadOperand, I, L, Count,
                     "an mbarrier expects 1 to 2^20-1 arrivals");
    Cta *Owner;
    uint32_t Offset;
    if (!barrierMemory(W, I, L, Address, Owner, Offset) ||
        !accessMemory(W, I, L, Space::Shared, sharedAddress(Address), 8, Access::Write))
      return;
    std::memcpy(Owner->Shared.data() + Offset, &Token, 8);
    PhaseBarrier B;
    B.Pending = B.Expected = Count;
    Owner->Phases.ByAddress[Offset] = B;
  });
}

void invalidate(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) {
    PhaseHandle Handle;
    if (!findPhaseBarrier(W, I, L, laneAddress(W, I, L), Handle))
      return;
    Handle.Owner->Phases.ByAddress.erase(Handle.Offset);
    std::memset(Handle.Owner->Written.data() + Handle.Offset, 0, 8);
  });
}

void expectBytes(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) {
    PhaseHandle Handle;
    PhaseBarrier *B = findPhaseBarrier(W, I, L, laneAddress(W, I, L), Handle);
    if (!B)
      return;
    int64_t Bytes = W.slot<uint32_t>(I.Source[1])[L];
    B->Transactions += I.Mode & Completes ? -Bytes : Bytes;
    if (B->Transactions > LargestCount || B->Transactions < -LargestCount)
      return W.fault(FaultKind::BadOperand, I, L, Bytes, "an mbarrier counts at most 2^20-1 bytes");
    if ((I.Mode & Completes) && B->completeIfDone())
      wakeWaiters(*W.Group);
  });
}

void arrive(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) {
    PhaseHandle Handle;
    PhaseBarrier *B = findPhaseBarrier(W, I, L, laneAddress(W, I, L), Handle);
    if (!B)
      return;
    uint32_t Operand = I.Source[1] == NoPlace ? 1 : W.slot<uint32_t>(I.Source[1])[L];
    if (I.Destination != NoPlace)
      W.slot<uint64_t>(I.Destination)[L] = B->Phase;
    if (I.Mode & ExpectsBytes) {
      B->Transactions += Operand;
      if (B->Transactions > LargestCount)
        return W.fault(FaultKind::BadOperand, I, L, Operand,
                       "an mbarrier counts at most 2^20-1 bytes");
    }
    arriveAtPhase(W, I, L, *B, I.Mode & ExpectsBytes ? 1 : Operand, I.Mode & Drops);
  });
}

/// A try_wait may sleep, and may return false at any time; a test_wait never sleeps.
void wait(Warp &W, const Instruction &I, LaneMask Lanes) {
  LaneMask Ready = 0;
  forLanes(Lanes, [&](unsigned L) {
    PhaseHandle Handle;
    PhaseBarrier *B = findPhaseBarrier(W, I, L, laneAddress(W, I, L), Handle);
    if (!B)
      return;
    bool Done;
    if (I.Mode & Parity) {
      uint32_t P = W.slot<uint32_t>(I.Source[1])[L];
      if (P > 1)
        return W.fault(FaultKind::BadOperand, I, L, P, "a phase's parity is 0 or 1");
      Done = (B->Phase & 1) != P;
    } else {
      uint64_t Phase = W.slot<uint64_t>(I.Source[1])[L];
      if (Phase > B->Phase || Phase + 1 < B->Phase)
        return W.fault(FaultKind::BadOperand, I, L, Phase,
                       "a state that is neither of the current nor of the previous phase");
      Done = B->Phase > Phase;
    }
    if (Done)
      W.Group->Races.acquire(W.Id, B->Completed);
    Ready |= LaneMask(Done) << L;
  });
  if (W.Group->Stop)
    return;
  Random &Chance = W.Group->Chance;
  bool Sleeps = !(I.Mode & TestsOnly) && !W.Group->Spurious;
  if (!Ready && Sleeps && Chance.below(8))
    return W.block(Waiting::Phase);
  if (Ready && Sleeps && Chance.below(32) == 0)
    Ready = 0;
  W.setPredicate(I.Second, Lanes, Ready);
  if (Ready == Lanes)
    W.Current.Spins = 0;
  else
    W.spin();
}

void commonPart(Decoder &D, Instruction &I, const Operand &Address) {
  D.address(Address, I);
  D.sharedAccess(8);
}

void decodeArrive(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  // The result may be left out where it would be a sink.
  size_t At = !S.Operands.empty() && S.Operands[0].Form == Operand::Kind::Address ? 0 : 1;
  I.Mode |= (has(M, "expect_tx") ? ExpectsBytes : 0) | (M[1] == "arrive_drop" ? Drops : 0);
  if (S.Operands.size() < At + 1 || S.Operands.size() > At + 2 ||
      (S.Operands.size() == At + 1 && (I.Mode & ExpectsBytes)))
    return D.unknown(S);
  I.Run = arrive;
  commonPart(D, I, S.Operands[At]);
  if (S.Operands.size() > At + 1)
    I.Source[1] = D.source(S.Operands[At + 1], "u32");
  if (At && S.Operands[0].Form != Operand::Kind::Sink)
    I.Destination = D.destination(S.Operands[0]);
}

void decodeWait(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 3, 4); // the fourth is a hint of time
  if (D.failed())
    return;
  I.Run = wait;
  I.Mode = (has(M, "parity") ? Parity : 0) | (M[1] == "test_wait" ? TestsOnly : 0);
  commonPart(D, I, S.Operands[1]);
  I.Second = D.predicateDestination(S.Operands[0]);
  I.Source[1] = D.source(S.Operands[2], I.Mode & Parity ? "u32" : "b64");
}

void decodeMbarrier(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (M.size() < 3 || M.back() != "b64")
    return D.unknown(S);
  if (M[1] == "arrive" || M[1] == "arrive_drop")
    return decodeArrive(D, S, M, I);
  if (M[1] == "test_wait" || M[1] == "try_wait")
    return decodeWait(D, S, M, I);
  bool Init = M[1] == "init", Inval = M[1] == "inval", Expect = M[1] == "expect_tx",
       Complete = M[1] == "complete_tx";
  if (!Init && !Inval && !Expect && !Complete)
    return D.unknown(S);
  D.expectOperands(S, Inval ? 1 : 2, Inval ? 1 : 2);
  if (D.failed())
    return;
  I.Run = Init ? initialise : Inval ? invalidate : expectBytes;
  I.Mode = Complete ? Completes : 0;
  commonPart(D, I, S.Operands[0]);
  if (!Inval)
    I.Source[1] = D.source(S.Operands[1], "u32");
}

} // namespace

void addMbarrierOpcodes(OpcodeTable &Table) { Table["mbarrier"] = decodeMbarrier; }

} // namespace qopt::ptxsim
