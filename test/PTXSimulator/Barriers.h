// bar.sync's named barriers, mbarriers with their phases, and the cluster's barrier.
#ifndef QOPT_PTXSIMULATOR_BARRIERS_H
#define QOPT_PTXSIMULATOR_BARRIERS_H

#include "Program.h"
#include "Races.h"

#include <string>
#include <unordered_map>
#include <vector>

namespace qopt::ptxsim {

struct Cta;
struct Cluster;

struct NamedBarrier {
  struct Waiter {
    Warp *Who;
    const Instruction *Where;
  };
  uint32_t Arrived = 0;  ///< warps
  uint32_t Expected = 0; ///< warps; 0: all that have not exited
  std::vector<Waiter> Waiters;
  uint32_t Count = 0; ///< bar.red: threads, and those whose predicate holds
  uint32_t Holding = 0;
  VectorClock Clock;
};

/// Lets the waiting warps go if all have arrived.
void completeBarrier(Cta &Block, NamedBarrier &Barrier);
/// A warp has exited: barriers of the whole CTA do not wait for it.
void recheckBarriers(Cta &Block);

/// An mbarrier object; the shared memory under it holds a token.
struct PhaseBarrier {
  uint64_t Phase = 0; ///< phases that have ended
  int64_t Pending = 0;
  int64_t Expected = 0;
  int64_t Transactions = 0;
  VectorClock Arriving;  ///< of the current phase
  VectorClock Completed; ///< of the phases before

  /// True if the phase has ended with this.
  bool completeIfDone();
};

/// Of a CTA, by their shared addresses.
struct PhaseBarriers {
  std::unordered_map<uint32_t, PhaseBarrier> ByAddress;
};

/// barrier.cluster.
struct ClusterBarrier {
  uint32_t Arrived = 0; ///< warps
  uint64_t Phase = 0;
  VectorClock Arriving, Completed;
};

/// Ends the phase if every warp that is alive has arrived.
void completeClusterBarrier(Cluster &Group);

} // namespace qopt::ptxsim

#endif
