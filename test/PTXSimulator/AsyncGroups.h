// commit_group and wait_group of cp.async, bulk stores and wgmma.
#ifndef QOPT_PTXSIMULATOR_ASYNCGROUPS_H
#define QOPT_PTXSIMULATOR_ASYNCGROUPS_H

#include "Machine.h"

namespace qopt::ptxsim {

/// Ends all groups but the newest `Pending` ones; how many groups have ended then.
uint64_t waitForGroups(Warp &W, AsyncKind Kind, AsyncGroups &Groups, LaneMask Lanes,
                       uint64_t Pending);

} // namespace qopt::ptxsim

#endif
