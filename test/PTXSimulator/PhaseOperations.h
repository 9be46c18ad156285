// What asynchronous copies do to mbarriers.
#ifndef QOPT_PTXSIMULATOR_PHASEOPERATIONS_H
#define QOPT_PTXSIMULATOR_PHASEOPERATIONS_H

#include "Machine.h"

namespace qopt::ptxsim {

/// An mbarrier that an operation will use later.
struct PhaseHandle {
  Cta *Owner = nullptr;
  uint32_t Offset = 0;

  /// nullptr if it has been invalidated.
  PhaseBarrier *get() const {
    auto Found = Owner->Phases.ByAddress.find(Offset);
    return Found == Owner->Phases.ByAddress.end() ? nullptr : &Found->second;
  }
};

/// The mbarrier at a shared address of this CTA or, by its rank, of another one; nullptr after a
/// report.
PhaseBarrier *findPhaseBarrier(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address,
                               PhaseHandle &Handle);

/// An agent has moved this many bytes.
void completeTransaction(Cluster &Group, PhaseBarrier &Barrier, uint32_t Agent, uint32_t Bytes);

/// One arrival, on behalf of a warp.
void arriveAtPhase(Warp &W, const Instruction &I, unsigned Lane, PhaseBarrier &Barrier,
                   uint32_t Count, bool Drops);

} // namespace qopt::ptxsim

#endif
