// The command line of qopt-run.
#ifndef QOPT_TOOLS_QOPTRUN_OPTIONS_H
#define QOPT_TOOLS_QOPTRUN_OPTIONS_H

#include "qopt/Base/Status.h"
#include "qopt/Runtime/Sampler.h"

#include <optional>
#include <string>
#include <vector>

namespace qopt::run {

enum class Mode { Generate, Tensors, Info, Bench, Profile, Verify };

struct Options {
  std::string Artefact;
  Mode Command = Mode::Info;

  std::vector<std::vector<int64_t>> Prompts; ///< one per row
  std::optional<int64_t> MaxTokens;
  std::vector<int64_t> StopIds;
  runtime::SamplingOptions Sampling;

  std::string Inputs, Outputs; ///< .npz

  int64_t BenchPrompt = 128;
  int64_t BenchTokens = 64;
  int64_t BenchBatch = 1;
  int64_t BenchRepeat = 3;

  int Threads = 0;
  bool Quiet = false;
  std::string Json; ///< empty: none, "-": standard output

  /// Whether standard output belongs to the JSON report.
  bool jsonOnly() const { return Json == "-"; }
};

/// Nothing if the help or version was asked for and printed. Errors: Usage.
Result<std::optional<Options>> parseOptions(int Argc, char **Argv);

} // namespace qopt::run

#endif
