#include "qopt/Runtime/LaunchPlan.h"

namespace qopt::runtime {

LaunchPlan::LaunchPlan(const artefact::Program &Program)
    : Program(Program), Symbols(Program.Symbols.size()), Addresses(Program.Buffers.size()) {
  size_t Count = 0;
  for (const artefact::Launch &Launch : Program.Launches) {
    FirstArgument.push_back(Count);
    Count += Launch.Buffers.size();
  }
  Arguments.resize(Count);
  Active.reserve(Program.Launches.size());
}

Status LaunchPlan::bind(const std::vector<int64_t> &NewSymbols) {
  if (Bound && Symbols == NewSymbols)
    return {};
  Bound = false;
  Symbols = NewSymbols;
  Active.clear();
  for (size_t I = 0; I < Program.Launches.size(); ++I) {
    const artefact::Launch &Launch = Program.Launches[I];
    if (!Launch.runsFor(Symbols.data()))
      continue;
    std::optional<int64_t> Items = Launch.Range.evaluate(Symbols.data());
    if (!Items)
      return makeError(StatusCode::Internal, "launch \"", Launch.Name, "\" has no valid range");
    if (*Items > 0)
      Active.push_back({static_cast<int64_t>(I), *Items, Arguments.data() + FirstArgument[I]});
  }
  Bound = true;
  return {};
}

Step LaunchPlan::step() {
  for (const BoundLaunch &Bound : Active) {
    void **Next = Arguments.data() + FirstArgument[Bound.Launch];
    for (int64_t Buffer : Program.Launches[Bound.Launch].Buffers)
      *Next++ = Addresses[Buffer];
  }
  Step S;
  S.Symbols = Symbols.data();
  S.Launches = Active.data();
  S.Count = Active.size();
  return S;
}

void LaunchPlan::addTraffic(std::vector<int64_t> &Calls, std::vector<int64_t> &Reads,
                            std::vector<int64_t> &Writes) const {
  for (const BoundLaunch &Bound : Active) {
    const artefact::Launch &Launch = Program.Launches[Bound.Launch];
    Calls[Bound.Launch] += 1;
    Reads[Bound.Launch] += Launch.Reads.evaluate(Symbols.data()).value_or(0);
    Writes[Bound.Launch] += Launch.Writes.evaluate(Symbols.data()).value_or(0);
  }
}

} // namespace qopt::runtime
