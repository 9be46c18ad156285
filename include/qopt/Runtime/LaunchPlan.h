// The launch table for given values of the symbols: the interpreter's front half. Its back half,
// the walk, is the device's.
#ifndef QOPT_RUNTIME_LAUNCHPLAN_H
#define QOPT_RUNTIME_LAUNCHPLAN_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Status.h"
#include "qopt/Runtime/Device.h"

#include <vector>

namespace qopt::runtime {

/// Binds expressions and addresses. All memory is allocated at construction; binding the values of
/// the last step again evaluates nothing.
class LaunchPlan {
public:
  explicit LaunchPlan(const artefact::Program &Program);

  /// The address of a buffer, for the steps from now on.
  void setAddress(int64_t Buffer, void *Address) { Addresses[Buffer] = Address; }

  /// Evaluates guards and sizes. Errors: Internal where validation should have refused.
  Status bind(const std::vector<int64_t> &Symbols);

  /// The bound step, with the addresses of now.
  Step step();

  /// The bytes that each active launch reads and writes are added at its index.
  void addTraffic(std::vector<int64_t> &Calls, std::vector<int64_t> &Reads,
                  std::vector<int64_t> &Writes) const;

private:
  const artefact::Program &Program;
  std::vector<int64_t> Symbols;
  bool Bound = false;
  std::vector<void *> Addresses;
  std::vector<size_t> FirstArgument; ///< per launch of the table, into Arguments
  std::vector<void *> Arguments;
  std::vector<BoundLaunch> Active;
};

} // namespace qopt::runtime

#endif
