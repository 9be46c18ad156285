#include "qopt/Evaluate/LanguageModel.h"

#include <algorithm>
#include <cmath>

using namespace qopt;

/// Logarithms of probabilities, in f64: x - log(sum(exp(x))).
static void logSoftmax(const float *Logits, int64_t Size, std::vector<double> &Out) {
  double Max = *std::max_element(Logits, Logits + Size), Sum = 0;
  Out.resize(Size);
  for (int64_t I = 0; I < Size; ++I)
    Sum += std::exp(double(Logits[I]) - Max);
  double Shift = Max + std::log(Sum);
  for (int64_t I = 0; I < Size; ++I)
    Out[I] = double(Logits[I]) - Shift;
}

static double divergence(const std::vector<double> &Reference, const std::vector<double> &Subject) {
  double Sum = 0;
  for (size_t I = 0; I < Reference.size(); ++I)
    if (double P = std::exp(Reference[I]); P > 0)
      Sum += P * (Reference[I] - Subject[I]);
  return std::max(Sum, 0.0);
}

static double meanOf(const std::vector<double> &Values) {
  double Sum = 0;
  for (double Value : Values)
    Sum += Value;
  return Values.empty() ? 0 : Sum / double(Values.size());
}

/// Standard error of the mean; windows are the independent samples, tokens of one window are not.
static double stderrOf(const std::vector<double> &Values) {
  if (Values.size() < 2)
    return 0;
  double Mean = meanOf(Values), Sum = 0;
  for (double Value : Values)
    Sum += (Value - Mean) * (Value - Mean);
  return std::sqrt(Sum / double(Values.size() - 1) / double(Values.size()));
}

static int64_t argmax(const float *Logits, int64_t Size) {
  return std::max_element(Logits, Logits + Size) - Logits;
}

namespace {
/// Sums over all windows.
struct Totals {
  std::vector<double> WindowNll, Kl;
  int64_t Agreements = 0;
};
} // namespace

/// One window: logits at position t predict token t + 1.
static Status addWindow(const int64_t *Ids, int64_t Window, int64_t Vocabulary,
                        const float *Subject, const float *Reference, Totals &Sums) {
  std::vector<double> SubjectLog, ReferenceLog;
  double Nll = 0;
  for (int64_t T = 0; T + 1 < Window; ++T) {
    const float *Row = Subject + T * Vocabulary;
    if (!std::all_of(Row, Row + Vocabulary, [](float Value) { return std::isfinite(Value); }))
      return makeError(StatusCode::Failed, "the logits of token ", T,
                       " of a window are not finite");
    logSoftmax(Row, Vocabulary, SubjectLog);
    Nll -= SubjectLog[Ids[T + 1]];
    if (!Reference)
      continue;
    logSoftmax(Reference + T * Vocabulary, Vocabulary, ReferenceLog);
    Sums.Kl.push_back(divergence(ReferenceLog, SubjectLog));
    Sums.Agreements += argmax(Row, Vocabulary) == argmax(Reference + T * Vocabulary, Vocabulary);
  }
  Sums.WindowNll.push_back(Nll / double(Window - 1));
  return Status();
}

Result<QualityReport> qopt::evaluateQuality(LogitSource &Subject, LogitSource *Reference,
                                            const TokenWindows &Tokens,
                                            const std::function<void(int64_t)> &Report) {
  int64_t Vocabulary = Subject.getVocabulary();
  if (Reference && Reference->getVocabulary() != Vocabulary)
    return makeError(StatusCode::BadInput, "the reference has a vocabulary of ",
                     Reference->getVocabulary(), " tokens, the artefact ", Vocabulary);
  std::vector<float> SubjectLogits(Tokens.Window * Vocabulary),
      ReferenceLogits(Reference ? SubjectLogits.size() : 0);
  Totals Sums;
  for (int64_t I = 0; I < Tokens.count(); ++I) {
    if (Status Error = Subject.logits(Tokens, I, SubjectLogits.data()); !Error.ok())
      return Error;
    if (Reference)
      if (Status Error = Reference->logits(Tokens, I, ReferenceLogits.data()); !Error.ok())
        return Error;
    if (Status Error = addWindow(Tokens.window(I), Tokens.Window, Vocabulary, SubjectLogits.data(),
                                 Reference ? ReferenceLogits.data() : nullptr, Sums);
        !Error.ok())
      return Error;
    Report(I);
  }
  QualityReport Result;
  Result.Tokens = Tokens.count() * (Tokens.Window - 1);
  Result.Nll = meanOf(Sums.WindowNll);
  Result.NllStderr = stderrOf(Sums.WindowNll);
  Result.Perplexity = std::exp(Result.Nll);
  Result.PerplexityStderr = Result.Perplexity * Result.NllStderr;
  if (Reference) {
    Result.KlMean = meanOf(Sums.Kl);
    size_t Rank = std::min(Sums.Kl.size() - 1, size_t(0.999 * double(Sums.Kl.size())));
    std::nth_element(Sums.Kl.begin(), Sums.Kl.begin() + Rank, Sums.Kl.end());
    Result.KlP999 = Sums.Kl[Rank];
    Result.Top1Agreement = double(Sums.Agreements) / double(Result.Tokens);
  }
  return Result;
}
