#include "Lanes.h"
#include "Scheduler.h"

namespace qopt::ptxsim {

bool checkAsyncRegisters(Warp &W, const Instruction &I, LaneMask Lanes) { return true; }

} // namespace qopt::ptxsim
