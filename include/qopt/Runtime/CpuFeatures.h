// Which instruction sets kernels can be compiled for, and which of them this processor has.
#ifndef QOPT_RUNTIME_CPUFEATURES_H
#define QOPT_RUNTIME_CPUFEATURES_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Status.h"

#include <optional>
#include <string>
#include <vector>

namespace qopt::runtime {

/// The names of docs/Artefact.md, from the least to the best: generic, avx2, avx512, avx512vnni.
const std::vector<std::string> &isaNames();

/// The position in isaNames(), if there is such a name.
std::optional<int> isaLevel(const std::string &Name);

/// Whether processor and operating system can run this instruction set.
bool processorHas(const std::string &Isa);

/// Chooses kernel variants for one processor.
class IsaChoice {
public:
  using Probe = bool (*)(const std::string &Isa);

  /// Forced: empty for the best there is, else the name to force, which the processor and some
  /// kernel of the program must have. Errors: Usage for an unknown name, Unsupported.
  static Result<IsaChoice> create(const artefact::Program &Program, const std::string &Forced,
                                  Probe Has = processorHas);

  /// The first variant that may run; of a forced instruction set or a lesser one. Errors:
  /// Unsupported with the names it has.
  Result<const artefact::Variant *> choose(const artefact::Kernel &Kernel) const;

private:
  int Limit = 0; ///< the highest level allowed
  Probe Has = processorHas;
};

} // namespace qopt::runtime

#endif
