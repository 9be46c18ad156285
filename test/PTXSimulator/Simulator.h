// A functional simulator of the GPUs that run PTX, behind the runtime's cut of a GPU driver.
#ifndef QOPT_PTXSIMULATOR_SIMULATOR_H
#define QOPT_PTXSIMULATOR_SIMULATOR_H

#include "Report.h"
#include "qopt/Runtime/GpuDriver.h"

#include <memory>
#include <vector>

namespace qopt::ptxsim {

struct SimulatorOptions {
  std::string Chip = "sm90"; ///< "sm80", "sm90a"…: a chip of Chips.h
  int Threads = 1;           ///< host threads that run CTAs
  /// Of the times at which asynchronous operations end and of the order in which warps run.
  uint64_t Seed = 1;
  /// Shared memory: accesses of two warps with nothing between them that orders them.
  bool CheckRaces = true;
  bool CheckUninitialisedShared = true;
  bool CheckUninitialisedGlobal = false;
  /// Instructions of the warps of a CTA (of a cluster) after which it counts as endless: half an
  /// hour or so.
  uint64_t MaxInstructions = uint64_t(1) << 38;
};

/// Errors of a kernel stop its launch and come out of `synchronize` (or the next call that waits)
/// as StatusCode::Failed with the first report's text; `reports` has all of them.
class Simulator : public runtime::GpuDriver {
public:
  /// Errors: Unsupported for a chip that is not known.
  static Result<std::unique_ptr<Simulator>> create(const SimulatorOptions &Options);

  virtual const std::vector<Report> &reports() const = 0;
  /// Instructions executed so far, counted once per warp and once per thread.
  virtual uint64_t warpInstructions() const = 0;
  virtual uint64_t threadInstructions() const = 0;
};

} // namespace qopt::ptxsim

#endif
