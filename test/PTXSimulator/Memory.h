// An access of one lane to memory: from an address to the bytes on the host, with everything that
// can be wrong about it.
#ifndef QOPT_PTXSIMULATOR_MEMORY_H
#define QOPT_PTXSIMULATOR_MEMORY_H

#include "Machine.h"

#include <algorithm>

namespace qopt::ptxsim {

enum class Space : uint8_t { Generic, Global, Shared, Local, Parameter, Constant };
enum class Access : uint8_t {
  Read,
  Write,
  Update,  ///< atomics
  Poll,    ///< volatile, relaxed and acquire loads
  Publish, ///< volatile, relaxed and release stores
};

/// States of a byte of shared memory besides 0, unwritten.
constexpr uint8_t WrittenByte = 0xff;
constexpr uint8_t InFlightByte = 1; ///< an asynchronous copy will write it

/// The bytes that a lane accesses; nullptr after a report. Bytes is a power of two, and the address
/// must be a multiple of it.
uint8_t *accessAny(Warp &W, const Instruction &I, unsigned Lane, Space S, uint64_t Address,
                   uint32_t Bytes, Access How);

/// The same, where nothing is wrong and the access goes to the allocation that the warp used last.
inline uint8_t *accessMemory(Warp &W, const Instruction &I, unsigned Lane, Space S,
                             uint64_t Address, uint32_t Bytes, Access How) {
  const Allocation *A = W.Recent;
  if (S != Space::Shared && A && A->holds(Address, Bytes) && !A->Written && !A->ReadOnly &&
      !(Address & (Bytes - 1)))
    return A->Data + (Address - A->Base);
  return accessAny(W, I, Lane, S, Address, Bytes, How);
}

/// A range that a whole warp accesses together, from an address that is a multiple of Alignment.
/// nullptr without a report if anything is not plain: then each lane's own access says what is
/// wrong, if something is.
uint8_t *accessRange(Warp &W, Space S, uint64_t Address, uint32_t Bytes, uint32_t Alignment,
                     Access How);

/// The bytes of shared memory of the CTA that the address means, which must hold all of them;
/// nullptr after a report. Checks neither initialisation nor races.
uint8_t *sharedBytesAt(Warp &W, const Instruction &I, unsigned Lane, uint32_t Address,
                       uint32_t Bytes, uint32_t Alignment, Cta *&Owner);

/// The address in Source[0] of a lane, with the offset.
inline uint64_t laneAddress(Warp &W, const Instruction &I, unsigned Lane) {
  if (I.Count == 4)
    return static_cast<uint32_t>(W.slot<uint32_t>(I.Source[0])[Lane] +
                                 static_cast<uint32_t>(I.Immediate));
  return W.slot<uint64_t>(I.Source[0])[Lane] + static_cast<uint64_t>(I.Immediate);
}

inline uint64_t laneAddress(Warp &W, const AddressPlace &A, unsigned Lane) {
  if (A.Bytes == 4)
    return static_cast<uint32_t>(W.slot<uint32_t>(A.Base)[Lane] + static_cast<uint32_t>(A.Offset));
  return W.slot<uint64_t>(A.Base)[Lane] + static_cast<uint64_t>(A.Offset);
}

/// A shared address without the window, if it is in the generic one.
inline uint64_t sharedAddress(uint64_t Address) {
  return Address >> 40 == SharedWindow >> 40 ? Address - SharedWindow : Address;
}

/// Bytes of shared memory that an asynchronous operation will write, or read, from its issue on.
/// The CTA that the address means must hold them. False after a report.
struct SharedRange {
  Cta *Owner = nullptr;
  uint32_t Offset = 0;
  uint32_t Bytes = 0;

  uint8_t *data() const { return Owner->Shared.data() + Offset; }
  void markWritten() const {
    std::fill_n(Owner->Written.data() + Offset, Bytes, WrittenByte);
    ++Owner->SharedGeneration;
  }
};
bool beginSharedWrite(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                      uint32_t Bytes, uint32_t Alignment, uint32_t Actor, bool AsyncProxy,
                      SharedRange &Range);
bool beginSharedRead(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address, uint32_t Bytes,
                     uint32_t Alignment, uint32_t Actor, bool AsyncProxy, SharedRange &Range);

/// Global memory that an asynchronous operation reads or writes; nullptr after a report.
uint8_t *globalBytesAt(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                       uint64_t Bytes, uint32_t Alignment, bool Writes);

} // namespace qopt::ptxsim

#endif
