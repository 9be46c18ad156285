// How a call that appends many tokens to several rows is cut into steps.
#ifndef QOPT_RUNTIME_DECODESCHEDULE_H
#define QOPT_RUNTIME_DECODESCHEDULE_H

#include <cstdint>
#include <vector>

namespace qopt::runtime {

struct DecodeLimits {
  int64_t Context = 0; ///< tokens a row can hold
  int64_t Chunk = 0;   ///< columns of one step
  int64_t Logits = 0;  ///< logits per row of one step
};

/// Rows may have different numbers of new tokens, but a step computes the same number of columns
/// for each, and kernels write the cache entries of all these columns, the real ones first. So
/// every step must have, for every row, room for its columns behind the row's past. Rows are
/// aligned at their ends: a row waits until only as many tokens remain for the longest one. Then no
/// row is full before the last step, and any call that fits the context can be cut.
class DecodeSchedule {
public:
  /// Counts: new tokens per row (>= 0, one at least > 0); Past: tokens held; both outlive this.
  /// Past[b] + Counts[b] <= Context, and Past[b] < Context, for every row.
  DecodeSchedule(const DecodeLimits &Limits, int64_t Rows, const int64_t *Counts,
                 const int64_t *Past, int64_t LogitsWanted)
      : Limits(Limits), Rows(Rows), Counts(Counts), Past(Past), LogitsWanted(LogitsWanted) {
    for (int64_t Row = 0; Row < Rows; ++Row)
      Remaining = Counts[Row] > Remaining ? Counts[Row] : Remaining;
  }

  bool done() const { return Remaining == 0; }
  /// Moves to the next step; not when done.
  void next();

  /// Columns of the current step.
  int64_t tokens() const { return Tokens; }
  /// How many of each row's last real tokens of the current step have logits that are wanted.
  int64_t logits() const;
  /// Tokens the longest row still has after the current step.
  int64_t remaining() const { return Remaining; }
  /// Tokens of this row before the current step, of those in this call.
  int64_t begin(int64_t Row) const { return Counts[Row] - before(Row); }
  /// Real tokens of this row in the current step.
  int64_t count(int64_t Row) const { return before(Row) - after(Row); }
  /// Tokens of this row after the current step, of those in this call.
  int64_t after(int64_t Row) const { return least(Counts[Row], Remaining); }

private:
  static int64_t least(int64_t A, int64_t B) { return A < B ? A : B; }
  int64_t before(int64_t Row) const { return least(Counts[Row], Remaining + Tokens); }

  DecodeLimits Limits;
  int64_t Rows;
  const int64_t *Counts;
  const int64_t *Past;
  int64_t LogitsWanted;
  int64_t Remaining = 0;
  int64_t Tokens = 0;
};

} // namespace qopt::runtime

#endif
