//===- LanguageModel.h - quality, speed and memory of one artefact ----------------------------===//
//
// Protocol: non-overlapping windows of tokens, the cache reset before each; every token of a window
// but its first is predicted once, from the tokens of the window before it.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_EVALUATE_LANGUAGEMODEL_H
#define QOPT_EVALUATE_LANGUAGEMODEL_H

#include "qopt/Base/Status.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

namespace runtime {
class Program;
class Session;
} // namespace runtime

/// The windows of a token file.
struct TokenWindows {
  std::vector<int64_t> Ids;
  int64_t Window = 0;
  int64_t count() const { return Window ? int64_t(Ids.size()) / Window : 0; }
  const int64_t *window(int64_t Index) const { return Ids.data() + Index * Window; }
};

/// Reads int32 or int64 ids, of any shape, and cuts them into whole windows; `Limit` > 0 keeps that
/// many tokens. Errors: BadInput for another type or fewer tokens than a window.
Result<TokenWindows> readTokens(const std::string &Path, int64_t Window, int64_t Limit);

/// Something that gives f32 logits [window, vocabulary] of each window, row-major.
class LogitSource {
public:
  virtual ~LogitSource() = default;
  virtual int64_t getVocabulary() const = 0;
  virtual Status logits(const TokenWindows &Tokens, int64_t Index, float *Out) = 0;
};

/// A decoder artefact, run by the runtime. Errors: Unsupported for an artefact that is no decoder
/// or whose context is shorter than a window.
Result<std::unique_ptr<LogitSource>> openArtefactSource(std::shared_ptr<runtime::Program> Program,
                                                        int64_t Window);

/// Logits that an earlier evaluation saved.
Result<std::unique_ptr<LogitSource>> openSavedSource(const std::string &Path,
                                                     const TokenWindows &Tokens);

/// Writes the logits of all windows for openSavedSource.
Status saveLogits(LogitSource &Source, const TokenWindows &Tokens, const std::string &Path);

struct QualityReport {
  int64_t Tokens = 0;
  double Nll = 0, NllStderr = 0;
  double Perplexity = 0, PerplexityStderr = 0;
  /// Against the reference: Kullback-Leibler divergence KL(reference || subject) per token in nats,
  /// its 99.9th percentile, and how often both prefer the same token.
  std::optional<double> KlMean, KlP999, Top1Agreement;
};

/// `Reference` may be null. `Report` is called after each window with its index.
Result<QualityReport> evaluateQuality(LogitSource &Subject, LogitSource *Reference,
                                      const TokenWindows &Tokens,
                                      const std::function<void(int64_t)> &Report);

struct SpeedReport {
  double PrefillTokensPerSecond = 0, DecodeTokensPerSecond = 0, TimeToFirstToken = 0;
};

/// Median of three rounds: a prompt, then greedy decoding of further tokens, on one row.
Result<SpeedReport> measureSpeed(std::shared_ptr<runtime::Program> Program, int64_t Prompt,
                                 int64_t Tokens);

} // namespace qopt

#endif // QOPT_EVALUATE_LANGUAGEMODEL_H
