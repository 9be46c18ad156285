// --generate
#include "Report.h"
#include "Tool.h"

#include <algorithm>
#include <chrono>
#include <iostream>

namespace qopt::run {

namespace {
/// Generates for all prompts together; rows end one by one.
class Generator {
public:
  Generator(runtime::Session &Session, const Options &O, int64_t MaxTokens)
      : Session(Session), O(O), MaxTokens(MaxTokens), Rows(int64_t(O.Prompts.size())),
        Vocabulary(Session.program().manifest().Vocabulary), Generated(Rows), Active(Rows, true),
        Ids(Rows), Counts(Rows), Logits(static_cast<size_t>(Rows * Vocabulary)) {}

  Status run() {
    if (Status S = start(); !S.ok())
      return S;
    for (;;) {
      if (Status S = choose(); !S.ok())
        return S;
      if (std::none_of(Active.begin(), Active.end(), [](bool A) { return A; }))
        return {};
      if (Status S = Session.decode({Ids.data(), Rows, 1, Counts.data(), 1, Logits.data()});
          !S.ok())
        return S;
    }
  }

  const std::vector<std::vector<int64_t>> &generated() const { return Generated; }

private:
  Status start() {
    for (int64_t Row = 0; Row < Rows; ++Row) {
      runtime::SamplingOptions Sampling = O.Sampling;
      Sampling.Seed += static_cast<uint64_t>(Row);
      Result<runtime::Sampler> Sampler = runtime::Sampler::create(Sampling);
      if (!Sampler)
        return Sampler.status();
      Samplers.push_back(std::move(*Sampler));
    }
    size_t Longest = 0;
    for (const std::vector<int64_t> &Prompt : O.Prompts)
      Longest = std::max(Longest, Prompt.size());
    std::vector<int64_t> Table(Longest * O.Prompts.size());
    for (int64_t Row = 0; Row < Rows; ++Row) {
      std::copy(O.Prompts[Row].begin(), O.Prompts[Row].end(), Table.begin() + Row * Longest);
      Counts[Row] = static_cast<int64_t>(O.Prompts[Row].size());
    }
    return Session.decode(
        {Table.data(), Rows, static_cast<int64_t>(Longest), Counts.data(), 1, Logits.data()});
  }

  Status choose() {
    for (int64_t Row = 0; Row < Rows; ++Row) {
      if (!Active[Row])
        continue;
      Result<int64_t> Id = Samplers[Row].next(Logits.data() + Row * Vocabulary, Vocabulary);
      if (!Id)
        return Id.status();
      bool Stop = std::find(O.StopIds.begin(), O.StopIds.end(), *Id) != O.StopIds.end();
      if (!Stop)
        Generated[Row].push_back(*Id);
      Ids[Row] = *Id;
      Counts[Row] = 1;
      if (Stop || static_cast<int64_t>(Generated[Row].size()) == MaxTokens)
        if (Status S = end(Row); !S.ok())
          return S;
    }
    return {};
  }

  /// An ended row is emptied: it costs least, and is never in the way of the others by being full.
  Status end(int64_t Row) {
    Active[Row] = false;
    Ids[Row] = 0;
    Counts[Row] = 0;
    return Session.reset(Row);
  }

  runtime::Session &Session;
  const Options &O;
  int64_t MaxTokens;
  int64_t Rows;
  int64_t Vocabulary;
  std::vector<std::vector<int64_t>> Generated;
  std::vector<bool> Active;
  std::vector<int64_t> Ids, Counts;
  std::vector<float> Logits;
  std::vector<runtime::Sampler> Samplers;
};
} // namespace

/// The last token is printed and never fed, so a row holds one less than its prompt and new tokens.
static Result<int64_t> decideMaxTokens(const artefact::Manifest &M, const Options &O) {
  int64_t Longest = 0;
  for (const std::vector<int64_t> &Prompt : O.Prompts)
    Longest = std::max(Longest, static_cast<int64_t>(Prompt.size()));
  if (Longest > M.Context)
    return makeError(StatusCode::ResourceLimit, "the context is full: a prompt of ", Longest,
                     " tokens exceeds ", M.Context, "; recompile with --context=", Longest);
  int64_t Room = M.Context - Longest + 1;
  constexpr int64_t Default = 64;
  if (!O.MaxTokens)
    return std::min(Default, Room);
  if (*O.MaxTokens > Room)
    return makeError(StatusCode::ResourceLimit, "the context is full: a prompt of ", Longest,
                     " tokens and --max-tokens=", *O.MaxTokens, " exceed ", M.Context,
                     "; use at most --max-tokens=", Room,
                     " or recompile with --context=", Longest + *O.MaxTokens - 1);
  return *O.MaxTokens;
}

static std::string joined(const std::vector<int64_t> &Ids) {
  std::string Text;
  for (int64_t Id : Ids)
    Text += (Text.empty() ? "" : ",") + std::to_string(Id);
  return Text;
}

Status generate(const ProgramHandle &Program, const Options &O) {
  const artefact::Manifest &M = Program->manifest();
  if (M.Kind != artefact::ProgramKind::Decoder)
    return makeError(StatusCode::Usage, M.Name, " is a graph, not a decoder; use --inputs");
  for (int64_t Id : O.StopIds)
    if (Id < 0 || Id >= M.Vocabulary)
      return makeError(StatusCode::BadInput, "--stop-ids: id ", Id, " is not in [0, ", M.Vocabulary,
                       ")");
  Result<int64_t> MaxTokens = decideMaxTokens(M, O);
  if (!MaxTokens)
    return MaxTokens.status();
  Result<std::unique_ptr<runtime::Session>> Session =
      runtime::Session::create(Program, static_cast<int64_t>(O.Prompts.size()));
  if (!Session)
    return Session.status();

  auto Begin = std::chrono::steady_clock::now();
  Generator G(**Session, O, *MaxTokens);
  if (Status S = G.run(); !S.ok())
    return S;
  double Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - Begin).count();

  int64_t Total = 0;
  for (const std::vector<int64_t> &Ids : G.generated()) {
    Total += static_cast<int64_t>(Ids.size());
    if (!O.jsonOnly())
      std::cout << joined(Ids) << "\n";
  }
  std::cout << std::flush;
  if (!O.Quiet)
    std::cerr << Total << " tokens in " << Seconds << " s, prompts included\n";
  return writeReport(O, Json{{"ids", G.generated()}, {"seconds", Seconds}});
}

} // namespace qopt::run
