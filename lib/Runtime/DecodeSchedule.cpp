#include "qopt/Runtime/DecodeSchedule.h"

namespace qopt::runtime {

void DecodeSchedule::next() {
  Tokens = least(Limits.Chunk, Remaining);
  for (int64_t Row = 0; Row < Rows; ++Row) {
    int64_t Fed = Counts[Row] - least(Counts[Row], Remaining);
    Tokens = least(Tokens, Limits.Context - (Past[Row] + Fed));
  }
  // A program may offer fewer logits per step than columns: what wants none goes first.
  int64_t After = Remaining - Tokens;
  int64_t Needed = least(Remaining, LogitsWanted) - After;
  if (Needed > Limits.Logits)
    Tokens = Remaining > LogitsWanted ? Remaining - LogitsWanted : least(Tokens, Limits.Logits);
  Remaining -= Tokens;
}

int64_t DecodeSchedule::logits() const {
  int64_t Needed = least(Remaining + Tokens, LogitsWanted) - Remaining;
  return Needed > 0 ? Needed : 0;
}

} // namespace qopt::runtime
