#include "qopt/Runtime/Sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qopt::runtime {

Result<Sampler> Sampler::create(const SamplingOptions &Options) {
  if (!(Options.Temperature >= 0.0) || !std::isfinite(Options.Temperature))
    return makeError(StatusCode::Usage, "the temperature must be a number >= 0, not ",
                     Options.Temperature);
  if (Options.TopK < 0)
    return makeError(StatusCode::Usage, "top-k must be >= 0 (0: all), not ", Options.TopK);
  if (!(Options.TopP > 0.0 && Options.TopP <= 1.0))
    return makeError(StatusCode::Usage, "top-p must be in (0, 1], not ", Options.TopP);
  return Sampler(Options);
}

Result<int64_t> Sampler::next(const float *Logits, int64_t Vocabulary) {
  int64_t Best = 0;
  for (int64_t Id = 0; Id < Vocabulary; ++Id) {
    if (std::isnan(Logits[Id]))
      return makeError(StatusCode::Failed, "the logit of id ", Id, " is not a number");
    if (Logits[Id] > Logits[Best])
      Best = Id;
  }
  if (Options.Temperature == 0.0)
    return Best;
  if (Vocabulary == 0 || !std::isfinite(Logits[Best]))
    return makeError(StatusCode::Failed, "the largest logit is not finite");
  rankCandidates(Logits, Vocabulary);
  return draw(Logits);
}

void Sampler::rankCandidates(const float *Logits, int64_t Vocabulary) {
  Candidates.resize(static_cast<size_t>(Vocabulary));
  std::iota(Candidates.begin(), Candidates.end(), 0);
  int64_t Keep = Options.TopK ? std::min(Options.TopK, Vocabulary) : Vocabulary;
  std::partial_sort(
      Candidates.begin(), Candidates.begin() + Keep, Candidates.end(),
      [&](int64_t A, int64_t B) { return Logits[A] != Logits[B] ? Logits[A] > Logits[B] : A < B; });
  Candidates.resize(static_cast<size_t>(Keep));
}

int64_t Sampler::draw(const float *Logits) {
  double Largest = Logits[Candidates[0]];
  double Total = 0.0;
  Weights.clear();
  for (int64_t Id : Candidates) {
    Weights.push_back(std::exp((Logits[Id] - Largest) / Options.Temperature));
    Total += Weights.back();
  }
  double Kept = 0.0;
  size_t Count = 0;
  while (Count < Weights.size() && (Count == 0 || Kept < Options.TopP * Total))
    Kept += Weights[Count++];
  double Left = uniform() * Kept;
  for (size_t I = 0; I < Count; ++I) {
    Left -= Weights[I];
    if (Left < 0.0)
      return Candidates[I];
  }
  // Rounding left a remainder: the last candidate that has any probability takes it.
  while (Count > 1 && Weights[Count - 1] == 0.0)
    --Count;
  return Candidates[Count - 1];
}

/// SplitMix64, in [0, 1).
double Sampler::uniform() {
  Random += 0x9e3779b97f4a7c15;
  uint64_t Z = Random;
  Z = (Z ^ (Z >> 30)) * 0xbf58476d1ce4e5b9;
  Z = (Z ^ (Z >> 27)) * 0x94d049bb133111eb;
  Z ^= Z >> 31;
  return static_cast<double>(Z >> 11) * 0x1p-53;
}

} // namespace qopt::runtime
