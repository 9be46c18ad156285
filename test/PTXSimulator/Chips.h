// The chips that can be simulated, and what the driver says of them.
#ifndef QOPT_PTXSIMULATOR_CHIPS_H
#define QOPT_PTXSIMULATOR_CHIPS_H

#include "qopt/Runtime/GpuDriver.h"

namespace qopt::ptxsim {

/// By the name of its architecture, "sm90" or "sm_90a". Errors: Unsupported with the known names.
Result<runtime::GpuProperties> chipProperties(const std::string &Name);

/// Whether code for `Target` ("sm_90a") runs on the chip; if not, why.
Status checkTarget(const runtime::GpuProperties &Chip, std::string_view Target);

} // namespace qopt::ptxsim

#endif
