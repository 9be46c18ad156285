// cp.async: each thread copies up to 16 bytes from global to shared memory, some time before it has
// waited for it.
#include "AsyncGroups.h"
#include "BulkCopy.h"
#include "Lanes.h"
#include "Memory.h"
#include "Opcodes.h"
#include "PhaseOperations.h"

#include <cstring>

namespace qopt::ptxsim {
namespace {

struct LaneCopy {
  SharedRange To;
  const uint8_t *From; ///< of CopyBytes; the rest is zeros
  uint32_t CopyBytes;
};

/// Count: bytes; Source[1]: bytes to read, Source[2] with Mode: predicate that ignores the source.
void copy(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Actor = W.Group->Races.actor(ActorKind::Copy, W.Id);
  std::vector<LaneCopy> Copies;
  LaneMask Ignores = I.Source[2] == NoPlace ? 0 : W.predicate(I.Source[2], I.Mode);
  forLanes(Lanes, [&](unsigned L) {
    LaneCopy C;
    C.CopyBytes = I.Source[1] == NoPlace ? I.Count : W.slot<uint32_t>(I.Source[1])[L];
    if (C.CopyBytes > I.Count)
      return W.fault(FaultKind::BadOperand, I, L, C.CopyBytes,
                     "the source's size is larger than the copy's");
    if (Ignores >> L & 1)
      C.CopyBytes = 0;
    uint64_t From = laneAddress(W, I.Addresses[1], L);
    C.From = C.CopyBytes ? globalBytesAt(W, I, L, From, C.CopyBytes, I.Count, false) : nullptr;
    if (C.CopyBytes && !C.From)
      return;
    if (beginSharedWrite(W, I, L, laneAddress(W, I.Addresses[0], L), I.Count, I.Count, Actor, false,
                         C.To))
      Copies.push_back(C);
  });
  AsyncOperation Operation;
  Operation.Kind = AsyncKind::Copy;
  Operation.Issuer = &W;
  Operation.Lanes = Lanes;
  Operation.Group = W.Copies.Closed[firstLane(Lanes)];
  Operation.Finish = [Copies = std::move(Copies)] {
    for (const LaneCopy &C : Copies) {
      std::memset(C.To.data(), 0, C.To.Bytes);
      if (C.CopyBytes)
        std::memcpy(C.To.data(), C.From, C.CopyBytes);
      C.To.markWritten();
    }
  };
  W.Group->Pending.add(std::move(Operation), W.Group->Ticks, W.Group->Chance);
}

void commit(Warp &W, const Instruction &I, LaneMask Lanes) {
  W.Copies.close(Lanes, W.Group->Races.closeGroup());
}
void waitGroup(Warp &W, const Instruction &I, LaneMask Lanes) {
  waitForGroups(W, AsyncKind::Copy, W.Copies, Lanes, static_cast<uint64_t>(I.Immediate));
}
void waitAll(Warp &W, const Instruction &I, LaneMask Lanes) {
  commit(W, I, Lanes);
  waitForGroups(W, AsyncKind::Copy, W.Copies, Lanes, 0);
}

/// The mbarrier is told when all copies so far of the thread have ended.
void arriveAfterCopies(Warp &W, const Instruction &I, LaneMask Lanes) {
  bool Counts = !I.Mode;
  uint32_t Actor = W.Group->Races.actor(ActorKind::Copy, W.Id);
  uint32_t Time = W.Group->Races.closeGroup();
  forLanes(Lanes, [&](unsigned L) {
    PhaseHandle Handle;
    PhaseBarrier *B = findPhaseBarrier(W, I, L, laneAddress(W, I, L), Handle);
    if (!B)
      return;
    B->Pending += Counts;
    AsyncOperation Operation;
    Operation.Kind = AsyncKind::Phase;
    Operation.Issuer = &W;
    Operation.Lanes = LaneMask(1) << L;
    Warp *Who = &W;
    const Instruction *Where = &I;
    Operation.Finish = [=] {
      Who->Group->Pending.finishGroups(AsyncKind::Copy, Who, LaneMask(1) << L, ~uint64_t(0));
      // The copies' writes become known with the arrival, but not to the warp itself before it
      // waits.
      PhaseBarrier *Barrier = Handle.get();
      if (!Barrier)
        return;
      Barrier->Arriving.raise(Actor, Time);
      arriveAtPhase(*Who, *Where, L, *Barrier, 1, false);
    };
    W.Group->Pending.add(std::move(Operation), W.Group->Ticks, W.Group->Chance);
  });
}

void decodeCopy(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 3, 5);
  if (D.failed() || M.size() < 5 || (M[2] != "ca" && M[2] != "cg") ||
      M[3].substr(0, 6) != "shared" || M[4] != "global")
    return D.unknown(S);
  I.Run = copy;
  I.Addresses = {D.addressOf(S.Operands[0]), D.addressOf(S.Operands[1])};
  I.Count = static_cast<uint32_t>(D.immediate(S.Operands[2]));
  if ((I.Count != 4 && I.Count != 8 && I.Count != 16) || (M[2] == "cg" && I.Count != 16))
    return D.fail("copies 4, 8 or 16 bytes (.cg: 16)");
  D.sharedAccess(I.Count);
  if (S.Operands.size() < 4)
    return;
  const Operand &Fourth = S.Operands[3];
  if (D.isPredicate(Fourth)) {
    bool Negated;
    I.Source[2] = D.predicateSource(Fourth, Negated);
    I.Mode = Negated;
  } else if (D.registerBytes(Fourth) != 8) { // else a cache policy
    I.Source[1] = D.source(Fourth, "u32");
  }
}

void decodeCp(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (has(M, "bulk"))
    return decodeBulk(D, S, M, I);
  if (M.size() < 3 || M[1] != "async")
    return D.unknown(S);
  if (M[2] == "commit_group" || M[2] == "wait_all") {
    I.Run = M[2] == "wait_all" ? waitAll : commit;
  } else if (M[2] == "wait_group") {
    D.expectOperands(S, 1, 1);
    I.Run = waitGroup;
    I.Immediate = D.failed() ? 0 : static_cast<int64_t>(D.immediate(S.Operands[0]));
  } else if (M[2] == "mbarrier") {
    D.expectOperands(S, 1, 1);
    I.Run = arriveAfterCopies;
    I.Mode = has(M, "noinc");
    if (!D.failed())
      D.address(S.Operands[0], I);
    D.sharedAccess(8);
  } else {
    decodeCopy(D, S, M, I);
  }
}

} // namespace

void addCopyOpcodes(OpcodeTable &Table) { Table["cp"] = decodeCp; }

} // namespace qopt::ptxsim
