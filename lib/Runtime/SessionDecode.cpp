// Session: appending tokens.
#include "qopt/Runtime/Session.h"

#include <algorithm>
#include <cstring>

namespace qopt::runtime {

static Status checkRequest(const DecodeRequest &R, int64_t Rows) {
  if (R.Batch < 1 || R.Batch > Rows)
    return makeError(StatusCode::Usage, R.Batch, " rows given, the session has ", Rows);
  if (!R.Ids || R.Tokens < 1)
    return makeError(StatusCode::Usage, "no tokens given: every row's part is empty");
  if (R.LogitsWanted < 0 || R.LogitsWanted > R.Tokens)
    return makeError(StatusCode::Usage, "logits of ", R.LogitsWanted, " tokens wanted, ", R.Tokens,
                     " given");
  if (R.LogitsWanted > 0 && !R.Logits)
    return makeError(StatusCode::Usage, "logits are wanted but there is no place for them");
  return {};
}

/// Everything that can be refused is refused before anything is computed.
Status Session::checkDecode(const DecodeRequest &R) {
  if (!isDecoder())
    return makeError(StatusCode::Usage, Shared->manifest().Name, " is a graph, not a decoder");
  if (Status S = checkRequest(R, Rows); !S.ok())
    return S;
  const artefact::Manifest &M = Shared->manifest();
  int64_t Longest = 0;
  for (int64_t Row = 0; Row < R.Batch; ++Row) {
    int64_t New = R.Counts ? R.Counts[Row] : R.Tokens;
    if (New < 0 || New > R.Tokens)
      return makeError(StatusCode::Usage, "row ", Row, " claims ", New, " of ", R.Tokens,
                       " tokens");
    for (int64_t I = 0; I < New; ++I)
      if (int64_t Id = R.Ids[Row * R.Tokens + I]; Id < 0 || Id >= M.Vocabulary)
        return makeError(StatusCode::BadInput, "row ", Row, ", token ", I, ": id ", Id,
                         " is not in [0, ", M.Vocabulary, ")");
    if (New > M.Context - Lengths[Row])
      return makeError(StatusCode::ResourceLimit, "row ", Row,
                       ": the context is full: ", Lengths[Row], " tokens held and ", New,
                       " new ones exceed ", M.Context,
                       "; recompile with a larger --context, or truncate");
    if (Lengths[Row] == M.Context)
      return makeError(StatusCode::ResourceLimit, "row ", Row, " holds ", M.Context,
                       " tokens and is full; reset or truncate it to go on with the others");
    NewTokens[Row] = New;
    Longest = std::max(Longest, New);
  }
  if (Longest == 0)
    return makeError(StatusCode::Usage, "no tokens given: every row's part is empty");
  return {};
}

void Session::stageTokens(const DecodeRequest &R, const DecodeSchedule &Schedule) {
  const artefact::Program &Table = Shared->table();
  const std::optional<Interval> &Range = Table.Buffers[Indices.Ids].Range;
  int64_t Filler = Range ? Range->Min : 0;
  for (int64_t Row = 0; Row < R.Batch; ++Row) {
    int64_t New = Schedule.count(Row);
    const int64_t *From = R.Ids + Row * R.Tokens + Schedule.begin(Row);
    int64_t *To = Ids.data() + Row * Schedule.tokens();
    std::copy_n(From, New, To);
    std::fill(To + New, To + Schedule.tokens(), Filler);
    Past[Row] = Lengths[Row] + Schedule.begin(Row);
    // A row that waits has its first column's logits computed, like everyone, and never seen.
    Count[Row] = std::max<int64_t>(New, 1);
  }
}

/// Copies the wanted logits of a step, whose last column is each row's last real token, to the
/// columns of the whole call.
static void scatterLogits(const DecodeRequest &R, const DecodeSchedule &Schedule, const float *From,
                          int64_t Columns, int64_t Vocabulary) {
  for (int64_t Row = 0; Row < R.Batch; ++Row) {
    int64_t After = Schedule.after(Row);
    int64_t Wanted = std::min(Schedule.count(Row), R.LogitsWanted - After);
    if (Wanted <= 0)
      continue;
    const float *Source = From + ((Row + 1) * Columns - Wanted) * Vocabulary;
    float *Target = R.Logits + ((Row + 1) * R.LogitsWanted - After - Wanted) * Vocabulary;
    std::memcpy(Target, Source, sizeof(float) * static_cast<size_t>(Wanted * Vocabulary));
  }
}

Status Session::decodeStep(const DecodeRequest &R, const DecodeSchedule &Schedule) {
  int64_t Vocabulary = Shared->manifest().Vocabulary;
  int64_t Wanted = Schedule.logits();
  int64_t Columns = std::max(Wanted, Shared->table().Symbols[Indices.LogitsSymbol].Range.Min);
  size_t LogitCount = static_cast<size_t>(R.Batch * Columns * Vocabulary);

  // The caller's memory is used in place where the step's layout is the caller's.
  bool InPlace = Wanted > 0 && (R.Batch == 1 || Wanted == R.LogitsWanted);
  float *Target;
  if (InPlace) {
    Target = R.Logits + (R.LogitsWanted - Schedule.remaining() - Wanted) * Vocabulary;
  } else {
    if (LogitsStaging.size() < LogitCount)
      LogitsStaging.resize(LogitCount);
    Target = LogitsStaging.data();
  }

  Symbols[Indices.Batch] = R.Batch;
  Symbols[Indices.Tokens] = Schedule.tokens();
  Symbols[Indices.LogitsSymbol] = Columns;
  int64_t RowBytes = R.Batch * static_cast<int64_t>(sizeof(int64_t));
  InputTensors.clear();
  InputTensors.push_back({Indices.Ids, Ids.data(), RowBytes * Schedule.tokens()});
  InputTensors.push_back({Indices.Past, Past.data(), RowBytes});
  InputTensors.push_back({Indices.Count, Count.data(), RowBytes});
  OutputTensors.clear();
  OutputTensors.push_back(
      {Indices.Logits, Target, static_cast<int64_t>(LogitCount * sizeof(float))});
  if (Status S = runStep(InputTensors, OutputTensors); !S.ok())
    return S;
  if (!InPlace && Wanted > 0)
    scatterLogits(R, Schedule, Target, Columns, Vocabulary);
  return {};
}

Status Session::decode(const DecodeRequest &R) {
  if (Status S = checkDecode(R); !S.ok())
    return S;
  const artefact::Manifest &M = Shared->manifest();
  // Other symbols than the decoder's three can only be constants.
  for (size_t I = 0; I < Symbols.size(); ++I)
    Symbols[I] = Shared->table().Symbols[I].Range.Max;
  DecodeLimits Limits{M.Context, M.Chunk, Shared->table().Symbols[Indices.LogitsSymbol].Range.Max};
  DecodeSchedule Schedule(Limits, R.Batch, NewTokens.data(), Lengths.data(), R.LogitsWanted);
  while (!Schedule.done()) {
    Schedule.next();
    stageTokens(R, Schedule);
    if (Status S = decodeStep(R, Schedule); !S.ok())
      return S;
  }
  for (int64_t Row = 0; Row < R.Batch; ++Row)
    Lengths[Row] += NewTokens[Row];
  return {};
}

} // namespace qopt::runtime
