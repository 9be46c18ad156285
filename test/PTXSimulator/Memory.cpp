#include "Memory.h"
#include "Lanes.h"

#include <cstring>
#include <sstream>

namespace qopt::ptxsim {

static const char *accessName(Access How) {
  return How == Access::Read || How == Access::Poll       ? "a read"
         : How == Access::Write || How == Access::Publish ? "a write"
                                                          : "an atomic operation";
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
  if (Bytes % 8 == 0) {
    uint64_t All = ~uint64_t(0);
    for (uint32_t N = 0; N < Bytes; N += 8) {
      uint64_t Eight;
      std::memcpy(&Eight, Written + N, 8);
      All &= Eight;
    }
    return All == ~uint64_t(0);
  }
  uint8_t All = WrittenByte;
  for (uint32_t N = 0; N < Bytes; ++N)
    All &= Written[N];
  return All == WrittenByte;
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

/// Whether the bytes have been written, nobody writes them now, and the order of the accesses is
/// given.
static bool checkShared(Warp &W, const Instruction &I, unsigned Lane, Cta &Owner, uint32_t Offset,
                        uint32_t Bytes, Access How) {
  const uint8_t *Written = Owner.Written.data() + Offset;
  uint64_t Address = SharedBase + Offset;
  bool Reads = How == Access::Read || How == Access::Update || How == Access::Poll;
  if (!allWritten(Written, Bytes)) {
    if (std::memchr(Written, InFlightByte, Bytes)) {
      W.fault(FaultKind::Race, I, Lane, Address,
              "an asynchronous copy still writes this shared memory");
      return false;
    }
    if (Reads && W.Grid->Options.CheckUninitialisedShared) {
      W.fault(FaultKind::Uninitialised, I, Lane, Address,
              "a read of shared memory that nobody has written");
      return false;
    }
  }
  RaceDetector &Races = W.Group->Races;
  RaceConflict What;
  bool Ordered = How == Access::Read    ? Races.read(W.Id, Owner.Rank, Offset, Bytes, What)
                 : How == Access::Write ? Races.write(W.Id, Owner.Rank, Offset, Bytes, What)
                                        : Races.synchronise(W.Id, Owner.Rank, Offset, Bytes,
                                                            How != Access::Poll, What);
  if (!Ordered)
    W.fault(FaultKind::Race, I, Lane, Address,
            std::string(accessName(How)) + " of shared memory: " + Races.describe(What));
  return Ordered;
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
  if (!checkShared(W, I, Lane, *Owner, Offset, Bytes, How))
    return nullptr;
  if (How != Access::Read && How != Access::Poll) {
    std::memset(Written, WrittenByte, Bytes);
    ++Owner->SharedGeneration;
  }
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
  if (How != Access::Read && How != Access::Poll && A->ReadOnly)
    return outside(W, I, Lane, Address, Bytes, How, "constant memory");
  if (A->Written) {
    if (How != Access::Write && How != Access::Publish && !allWritten(A->Written + Offset, Bytes)) {
      W.fault(FaultKind::Uninitialised, I, Lane, Address,
              "a read of global memory that nobody has written");
      return nullptr;
    }
    if (How != Access::Read && How != Access::Poll)
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

static bool locateShared(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                         uint32_t Bytes, uint32_t Alignment, SharedRange &Range) {
  uint64_t Shared = sharedAddress(Address);
  if (Shared >> 32) {
    outside(W, I, Lane, Address, Bytes, Access::Read, "shared memory");
    return false;
  }
  uint8_t *Data =
      sharedBytesAt(W, I, Lane, static_cast<uint32_t>(Shared), Bytes, Alignment, Range.Owner);
  if (!Data)
    return false;
  Range.Offset = Data - Range.Owner->Shared.data();
  Range.Bytes = Bytes;
  return true;
}

static bool reportRace(Warp &W, const Instruction &I, unsigned Lane, const SharedRange &R,
                       const char *Of, const std::string &What) {
  W.fault(FaultKind::Race, I, Lane, SharedBase + R.Offset,
          std::string(Of) + " of shared memory: " + What);
  return false;
}

bool beginSharedWrite(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                      uint32_t Bytes, uint32_t Alignment, uint32_t Actor, bool AsyncProxy,
                      SharedRange &R) {
  if (!locateShared(W, I, Lane, Address, Bytes, Alignment, R))
    return false;
  uint8_t *Written = R.Owner->Written.data() + R.Offset;
  if (std::memchr(Written, InFlightByte, Bytes))
    return reportRace(W, I, Lane, R, "a copy", "another asynchronous copy still writes it");
  RaceConflict What;
  if (!W.Group->Races.writeLater(W.Id, Actor, AsyncProxy, R.Owner->Rank, R.Offset, Bytes, What))
    return reportRace(W, I, Lane, R, "a copy", W.Group->Races.describe(What));
  std::memset(Written, InFlightByte, Bytes);
  return true;
}

bool beginSharedRead(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address, uint32_t Bytes,
                     uint32_t Alignment, uint32_t Actor, bool AsyncProxy, SharedRange &R) {
  if (!locateShared(W, I, Lane, Address, Bytes, Alignment, R))
    return false;
  const uint8_t *Written = R.Owner->Written.data() + R.Offset;
  if (!allWritten(Written, Bytes)) {
    if (std::memchr(Written, InFlightByte, Bytes))
      return reportRace(W, I, Lane, R, "an asynchronous read",
                        "an asynchronous copy still writes it");
    if (W.Grid->Options.CheckUninitialisedShared) {
      W.fault(FaultKind::Uninitialised, I, Lane, SharedBase + R.Offset,
              "an asynchronous read of shared memory that nobody has written");
      return false;
    }
  }
  RaceConflict What;
  if (!W.Group->Races.readLater(W.Id, Actor, AsyncProxy, R.Owner->Rank, R.Offset, Bytes, What))
    return reportRace(W, I, Lane, R, "an asynchronous read", W.Group->Races.describe(What));
  return true;
}

uint8_t *globalBytesAt(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                       uint64_t Bytes, uint32_t Alignment, bool Writes) {
  if (!aligned(W, I, Lane, Address, Alignment))
    return nullptr;
  const Allocation *A = W.Grid->Memory->find(Address);
  Access How = Writes ? Access::Write : Access::Read;
  if (!A || !A->holds(Address, Bytes))
    return outside(W, I, Lane, Address, static_cast<uint32_t>(Bytes), How,
                   "global memory: " + W.Grid->Memory->describe(Address));
  if (Writes && A->ReadOnly)
    return outside(W, I, Lane, Address, static_cast<uint32_t>(Bytes), How, "constant memory");
  uint64_t Offset = Address - A->Base;
  if (A->Written && Writes)
    std::memset(A->Written + Offset, WrittenByte, Bytes);
  else if (A->Written && !allWritten(A->Written + Offset, static_cast<uint32_t>(Bytes))) {
    W.fault(FaultKind::Uninitialised, I, Lane, Address,
            "a read of global memory that nobody has written");
    return nullptr;
  }
  return A->Data + Offset;
}

uint8_t *accessRange(Warp &W, Space S, uint64_t Address, uint32_t Bytes, uint32_t Alignment,
                     Access How) {
  if (Address & (Alignment - 1))
    return nullptr;
  if (S != Space::Shared && Address >> 40 != SharedWindow >> 40) {
    const Allocation *A = W.Recent;
    bool Plain =
        A && A->holds(Address, Bytes) && !A->Written && !(A->ReadOnly && How == Access::Write);
    return Plain ? A->Data + (Address - A->Base) : nullptr;
  }
  Cta &Own = *W.Block;
  uint64_t Offset = sharedAddress(Address) - SharedBase;
  if (Offset >= Own.Shared.size() || Bytes > Own.Shared.size() - Offset)
    return nullptr;
  auto At = static_cast<uint32_t>(Offset);
  uint8_t *Written = Own.Written.data() + At;
  RaceDetector &Races = W.Group->Races;
  RaceConflict What;
  if (How == Access::Read) {
    bool Valid = allWritten(Written, Bytes) && Races.read(W.Id, Own.Rank, At, Bytes, What);
    return Valid ? Own.Shared.data() + At : nullptr;
  }
  if (std::memchr(Written, InFlightByte, Bytes) || !Races.write(W.Id, Own.Rank, At, Bytes, What))
    return nullptr;
  std::memset(Written, WrittenByte, Bytes);
  ++Own.SharedGeneration;
  return Own.Shared.data() + At;
}

uint8_t *accessAny(Warp &W, const Instruction &I, unsigned Lane, Space S, uint64_t Address,
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
