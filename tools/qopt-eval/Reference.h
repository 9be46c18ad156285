// The float model that artefacts are compared with.
#ifndef QOPT_TOOLS_QOPT_EVAL_REFERENCE_H
#define QOPT_TOOLS_QOPT_EVAL_REFERENCE_H

#include "qopt/Evaluate/LanguageModel.h"

namespace qopt {

/// An ONNX model, compiled in its own precision into a temporary artefact and run, or logits that
/// were saved.
class FloatReference {
public:
  static Result<std::unique_ptr<FloatReference>> open(const std::string &Path,
                                                      const TokenWindows &Tokens, unsigned Threads);
  ~FloatReference();

  LogitSource &source() { return *Source; }
  /// Null for saved logits.
  std::shared_ptr<runtime::Program> program() const { return Program; }

private:
  FloatReference() = default;
  Status compile(const std::string &Path, const TokenWindows &Tokens, unsigned Threads);

  std::string Temporary;
  std::shared_ptr<runtime::Program> Program;
  std::unique_ptr<LogitSource> Source;
};

} // namespace qopt

#endif // QOPT_TOOLS_QOPT_EVAL_REFERENCE_H
