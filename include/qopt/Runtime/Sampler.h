// Chooses the next token from logits.
#ifndef QOPT_RUNTIME_SAMPLER_H
#define QOPT_RUNTIME_SAMPLER_H

#include "qopt/Base/Status.h"

#include <cstdint>
#include <vector>

namespace qopt::runtime {

struct SamplingOptions {
  double Temperature = 0.0; ///< 0: greedy
  int64_t TopK = 0;         ///< 0: all
  double TopP = 1.0;        ///< in (0, 1]
  uint64_t Seed = 0;
};

/// Greedy: the largest logit, the lowest id among equals. Else: the TopK largest, of these the
/// fewest whose probabilities at the temperature reach TopP, and one of these by its probability.
/// The same options and logits give the same ids, on any machine with the same exp().
class Sampler {
public:
  /// Errors: Usage with the option and its range.
  static Result<Sampler> create(const SamplingOptions &Options);

  /// Errors: Failed if a logit is NaN, or (not greedy) infinite above, or none is finite.
  Result<int64_t> next(const float *Logits, int64_t Vocabulary);

private:
  explicit Sampler(const SamplingOptions &Options) : Options(Options), Random(Options.Seed) {}
  double uniform();
  int64_t draw(const float *Logits);
  void rankCandidates(const float *Logits, int64_t Vocabulary);

  SamplingOptions Options;
  uint64_t Random;
  std::vector<int64_t> Candidates; ///< ids, the likeliest first
  std::vector<double> Weights;
};

} // namespace qopt::runtime

#endif
