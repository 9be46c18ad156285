// An access of one lane to memory: from an address to the bytes on the host, with everything that
// can be wrong about it.
#ifndef QOPT_PTXSIMULATOR_MEMORY_H
#define QOPT_PTXSIMULATOR_MEMORY_H

#include "Machine.h"

namespace qopt::ptxsim {

enum class Space : uint8_t { Generic, Global, Shared, Local, Parameter, Constant };
enum class Access : uint8_t { Read, Write, Update };

/// The bytes that a lane accesses; nullptr after a report. Bytes is a power of two, and the address
/// must be a multiple of it.
uint8_t *accessMemory(Warp &W, const Instruction &I, unsigned Lane, Space S, uint64_t Address,
                      uint32_t Bytes, Access How);

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

} // namespace qopt::ptxsim

#endif
