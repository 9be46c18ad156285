// The work that --bench and --profile do.
#ifndef QOPT_TOOLS_QOPTRUN_WORKLOAD_H
#define QOPT_TOOLS_QOPTRUN_WORKLOAD_H

#include "Options.h"
#include "qopt/Runtime/Program.h"
#include "qopt/Runtime/Session.h"

#include <memory>
#include <vector>

namespace qopt::run {

/// One prefill and then decode steps (decoder), or one run with given or made-up inputs (graph).
/// The ids are a fixed pseudo-random sequence, the same for every model with the same vocabulary.
class Workload {
public:
  /// Errors: ResourceLimit if the work exceeds what the artefact was compiled for.
  static Result<std::unique_ptr<Workload>> create(std::shared_ptr<runtime::Program> Program,
                                                  const Options &Options);

  bool isDecoder() const { return Decoder; }
  runtime::Session &session() { return *Session; }

  /// Decoder: empties the session and appends the prompts; logits of the last tokens.
  Status prefill();
  /// Decoder: appends Options.BenchTokens tokens one by one, each the greedy choice.
  Status decode();
  /// Graph: one run.
  Status runGraph();

private:
  Workload(const Options &Options) : O(Options) {}
  Status prepareDecoder();
  Status prepareGraph();
  Status chooseNext();

  const Options &O;
  bool Decoder = false;
  std::unique_ptr<runtime::Session> Session;
  std::vector<int64_t> Prompt, Next;
  std::vector<float> Logits;
  std::vector<qopt_tensor> Inputs, Outputs;
  std::vector<std::vector<char>> Storage;
};

} // namespace qopt::run

#endif
