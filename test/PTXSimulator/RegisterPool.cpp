// setmaxnreg: warps give registers to the CTA's pool and take them from it.
#include "Lanes.h"
#include "Opcodes.h"
#include "Scheduler.h"

#include <algorithm>

namespace qopt::ptxsim {

uint32_t launchRegisters(const Kernel &K) {
  if (K.MaximumRegisters)
    return K.MaximumRegisters;
  uint32_t Required = K.RequiredThreads[0] * K.RequiredThreads[1] * K.RequiredThreads[2];
  uint32_t Threads = K.MaximumThreads ? K.MaximumThreads : Required;
  if (!Threads || !K.MinimumCtas)
    return 0;
  uint32_t Warps = (Threads + LaneCount - 1) / LaneCount * K.MinimumCtas;
  return std::min(65536u / (Warps * LaneCount) / 8 * 8, 255u);
}

namespace {

void setRegisters(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Wanted = I.Count;
  if (!W.MaximumRegisters)
    return W.fault(
        FaultKind::BadOperand, I, firstLane(Lanes), Wanted,
        "setmaxnreg is ignored in a kernel without .maxnreg, or .maxntid and .minnctapersm");
  bool Takes = I.Mode;
  if (Takes ? Wanted < W.MaximumRegisters : Wanted > W.MaximumRegisters)
    return W.fault(FaultKind::BadOperand, I, firstLane(Lanes), Wanted,
                   "the warp has " + std::to_string(W.MaximumRegisters) + " registers a thread");
  if (!Takes) {
    W.Block->FreeRegisters += W.MaximumRegisters - Wanted;
    W.MaximumRegisters = Wanted;
    return wakeWaiters(*W.Group);
  }
  if (Wanted - W.MaximumRegisters > W.Block->FreeRegisters)
    return W.block(Waiting::Registers);
  W.Block->FreeRegisters -= Wanted - W.MaximumRegisters;
  W.MaximumRegisters = Wanted;
}

void decodeSetmaxnreg(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 1, 1);
  if (D.failed() || M.size() != 5 || (M[1] != "inc" && M[1] != "dec"))
    return D.unknown(S);
  I.Run = setRegisters;
  I.Meet = Meeting::Warp;
  I.Mode = M[1] == "inc";
  I.Count = static_cast<uint32_t>(D.immediate(S.Operands[0]));
  if (I.Count < 24 || I.Count > 256 || I.Count % 8)
    D.fail("takes a multiple of 8 from 24 to 256");
}

} // namespace

void addRegisterPoolOpcodes(OpcodeTable &Table) { Table["setmaxnreg"] = decodeSetmaxnreg; }

} // namespace qopt::ptxsim
