#include "Memory.h"
#include "Lanes.h"

#include <cstring>
#include <sstream>

namespace qopt::ptxsim {

static const char *accessName(Access How) {
  return How == Access::Read ? "a read" : How == Access::Write ? "a write" : "an atomic operation";
}

static uint8_t *outside(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                        uint32_t Bytes, Access How, const std::string &Where) {
  std::ostringstream Text;
  Text << accessName(How) << " of " << Bytes << " bytes of " << Where;
  W.fault(FaultKind::OutOfBounds, I, Lane, Address, Text.str());
  return nullptr;
}

static bool aligned(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                    uint32_t Bytes) {
  if ((Address & (Bytes - 1)) == 0)
    return true;
  W.fault(FaultKind::Misaligned, I, Lane, Address,
          "an access of " + std::to_string(Bytes) + " bytes must lie at a multiple of " +
              std::to_string(Bytes));
  return false;
}

static bool allWritten(const uint8_t *Written, uint32_t Bytes) {
  for (uint32_t N = 0; N < Bytes; ++N)
    if (!Written[N])
      return false;
  return true;
}

uint8_t *sharedBytesAt(Warp &W, const Instruction &I, unsigned Lane, uint32_t Address,
                       uint32_t Bytes, uint32_t Alignment, Cta *&Owner) {
  Owner = W.Group->owner(*W.Block, Address);
  uint32_t Local = Address & ((1u << ClusterRankShift) - 1);
  if (!Owner || Local < SharedBase || Local - SharedBase > Owner->Shared.size() ||
      Bytes > Owner->Shared.size() - (Local - SharedBase)) {
    std::ostringstream Text;
    Text << Bytes << " bytes of shared memory at " << Local << "; the CTA has "
         << W.Block->Shared.size() << " bytes, from " << SharedBase << " on";
    W.fault(FaultKind::OutOfBounds, I, Lane, Address, Text.str());
    return nullptr;
  }
  if (Local & (Alignment - 1)) {
    W.fault(FaultKind::Misaligned, I, Lane, Address,
            "shared memory must be accessed at a multiple of " + std::to_string(Alignment));
    return nullptr;
  }
  return Owner->Shared.data() + (Local - SharedBase);
}

static uint8_t *accessShared(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                             uint32_t Bytes, Access How) {
  if (Address >> 32)
    return outside(W, I, Lane, Address, Bytes, How, "shared memory");
  Cta *Owner;
  uint8_t *Data = sharedBytesAt(W, I, Lane, static_cast<uint32_t>(Address), Bytes, Bytes, Owner);
  if (!Data)
    return nullptr;
  uint32_t Offset = Data - Owner->Shared.data();
  uint8_t *Written = Owner->Written.data() + Offset;
  if (How != Access::Write && W.Grid->Options.CheckUninitialisedShared &&
      !allWritten(Written, Bytes)) {
    W.fault(FaultKind::Uninitialised, I, Lane, Address,
            "a read of shared memory that nobody has written");
    return nullptr;
  }
  if (How != Access::Read)
    std::memset(Written, 0xff, Bytes);
  return Data;
}

static uint8_t *accessGlobal(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                             uint32_t Bytes, Access How) {
  const Allocation *A = W.Recent;
  if (!A || !A->holds(Address, Bytes)) {
    A = W.Grid->Memory->find(Address);
    if (!A || !A->holds(Address, Bytes))
      return outside(W, I, Lane, Address, Bytes, How,
                     "global memory: " + W.Grid->Memory->describe(Address));
    W.Recent = A;
  }
  uint64_t Offset = Address - A->Base;
  if (How != Access::Read && A->ReadOnly)
    return outside(W, I, Lane, Address, Bytes, How, "constant memory");
  if (A->Written) {
    if (How != Access::Write && !allWritten(A->Written + Offset, Bytes)) {
      W.fault(FaultKind::Uninitialised, I, Lane, Address,
              "a read of global memory that nobody has written");
      return nullptr;
    }
    if (How != Access::Read)
      std::memset(A->Written + Offset, 0xff, Bytes);
  }
  return A->Data + Offset;
}

static uint8_t *accessLocal(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                            uint32_t Bytes, Access How) {
  uint64_t Offset = Address - LocalWindow;
  uint64_t Size = W.Program->LocalBytes;
  if (Offset >= Size || Bytes > Size - Offset)
    return outside(W, I, Lane, Address, Bytes, How,
                   "local memory, of which the thread has " + std::to_string(Size));
  return W.Block->Local.data() + Size * (uint64_t(W.Index) * LaneCount + Lane) + Offset;
}

static uint8_t *accessParameter(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                                uint32_t Bytes, Access How) {
  uint64_t Offset = Address - ParameterWindow;
  auto &Data = W.Grid->Parameters;
  if (Offset >= Data.size() || Bytes > Data.size() - Offset || How != Access::Read)
    return outside(W, I, Lane, Address, Bytes, How,
                   "kernel parameters, which have " + std::to_string(Data.size()));
  return Data.data() + Offset;
}

uint8_t *accessMemory(Warp &W, const Instruction &I, unsigned Lane, Space S, uint64_t Address,
                      uint32_t Bytes, Access How) {
  if (S == Space::Shared) // 32-bit addresses may come in 64-bit registers
    return accessShared(W, I, Lane, Address, Bytes, How);
  if (!aligned(W, I, Lane, Address, Bytes))
    return nullptr;
  switch (Address >> 40) {
  case SharedWindow >> 40:
    return accessShared(W, I, Lane, Address - SharedWindow, Bytes, How);
  case LocalWindow >> 40:
    return accessLocal(W, I, Lane, Address, Bytes, How);
  case ParameterWindow >> 40:
    // Parameters of inlined functions are local; of kernels they are here.
    return accessParameter(W, I, Lane, Address, Bytes, How);
  default:
    return accessGlobal(W, I, Lane, Address, Bytes, How);
  }
}

} // namespace qopt::ptxsim
