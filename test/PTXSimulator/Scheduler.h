// Who runs next: fragments of a warp, warps of a cluster, clusters of a launch.
#ifndef QOPT_PTXSIMULATOR_SCHEDULER_H
#define QOPT_PTXSIMULATOR_SCHEDULER_H

#include "Machine.h"

namespace qopt::ptxsim {

/// Static and dynamic shared memory of a CTA.
uint32_t sharedBytes(const Kernel &K, uint32_t Dynamic);

/// Registers of a thread at launch, as far as the kernel's directives say; 0: they do not.
uint32_t launchRegisters(const Kernel &K);

/// What waits for an mbarrier, the cluster or registers looks again.
void wakeWaiters(Cluster &G);

/// Whether the registers of the instruction are free of wgmma operations that have not ended;
/// reports it if not.
bool checkAsyncRegisters(Warp &W, const Instruction &I, LaneMask Lanes);

} // namespace qopt::ptxsim

#endif
