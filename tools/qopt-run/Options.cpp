#include "Options.h"

#include "qopt/Runtime/qopt.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>

namespace qopt::run {

static const char HelpText[] =
    R"(qopt-run: runs a compiled model.

  qopt-run out.qopt --generate --prompt-ids 5,9,2 --max-tokens 64
  qopt-run out.qopt --generate --prompt-ids 5,9 --prompt-ids 7 --temperature 0.8 --seed 1
  qopt-run out.qopt --inputs in.npz --outputs out.npz
  qopt-run out.qopt --bench --prompt 128 --tokens 64 --json bench.json
  qopt-run out.qopt --verify

What to do (one of these):
  --generate            print the new ids, comma separated, one line per prompt
  --inputs, --outputs   .npz files by input and output names; a decoder takes "ids"
                        [batch, tokens] and gives "logits" of all tokens
  --info                what the artefact is (the default)
  --bench               tokens per second, time to the first token, memory
  --profile             time and bytes per launch, over the work of --bench
  --verify              runs every kernel on the artefact's stored cases: errors beside
                        their budgets; exit code 1 when one is over

For --generate:
  --prompt-ids I,J,...  token ids; repeated, each makes a row of a batch
  --max-tokens N        new tokens per row (64, or what the context still holds)
  --stop-ids I,J,...    end a row at any of these; they are not printed
  --temperature T       0 is greedy (the default)
  --top-k K  --top-p P  keep the K likeliest, the fewest reaching probability P
  --seed S              the same seed gives the same ids (0)
For --bench and --profile:
  --prompt N  --tokens N  --batch N  --repeat N      (128, 64, 1, 3; medians)
Always:
  --threads N           0: all this process may use (the default)
  --json F              write a report; - is standard output, with nothing else
  --quiet               no remarks on standard error
Exit codes: 0 ok, 1 failed, 2 usage, 3 bad input, 4 unsupported, 6 limit, 70 bug.
)";

static Result<std::vector<int64_t>> parseIds(const std::string &Text, const char *Option) {
  std::vector<int64_t> Ids;
  const char *Next = Text.data(), *End = Next + Text.size();
  while (Next != End) {
    int64_t Id = 0;
    auto [After, Error] = std::from_chars(Next, End, Id);
    bool Last = After == End;
    if (Error != std::errc() || (!Last && (*After != ',' || After + 1 == End)))
      return makeError(StatusCode::Usage, Option, ": \"", Text, "\" is no list of ids like 5,9,2");
    Ids.push_back(Id);
    Next = Last ? End : After + 1;
  }
  if (Ids.empty())
    return makeError(StatusCode::Usage, Option, ": the list is empty; give at least one id");
  return Ids;
}

namespace {
struct Flags {
  bool Generate = false, Info = false, Bench = false, Profile = false, Verify = false, Help = false,
       Version = false;
  std::vector<std::string> Prompts;
  std::string StopIds;
};
} // namespace

static void declare(CLI::App &App, Flags &F, Options &O) {
  App.set_help_flag();
  App.add_flag("-h,--help", F.Help);
  App.add_flag("--version", F.Version);
  App.add_option("artefact", O.Artefact);
  App.add_flag("--generate", F.Generate);
  App.add_flag("--info", F.Info);
  App.add_flag("--bench", F.Bench);
  App.add_flag("--profile", F.Profile);
  App.add_flag("--verify", F.Verify);
  App.add_option("--prompt-ids", F.Prompts)->expected(1)->take_all();
  App.add_option("--max-tokens", O.MaxTokens)->check(CLI::Range(int64_t(1), int64_t(INT32_MAX)));
  App.add_option("--stop-ids", F.StopIds);
  App.add_option("--temperature", O.Sampling.Temperature);
  App.add_option("--top-k", O.Sampling.TopK);
  App.add_option("--top-p", O.Sampling.TopP);
  App.add_option("--seed", O.Sampling.Seed);
  App.add_option("--inputs", O.Inputs);
  App.add_option("--outputs", O.Outputs);
  auto Count = CLI::Range(int64_t(1), int64_t(INT32_MAX));
  App.add_option("--prompt", O.BenchPrompt)->check(Count);
  App.add_option("--tokens", O.BenchTokens)->check(Count);
  App.add_option("--batch", O.BenchBatch)->check(Count);
  App.add_option("--repeat", O.BenchRepeat)->check(Count);
  App.add_option("--threads", O.Threads)->check(CLI::Range(0, 1024));
  App.add_option("--json", O.Json);
  App.add_flag("--quiet", O.Quiet);
}

static Status chooseMode(const Flags &F, Options &O) {
  bool Tensors = !O.Outputs.empty() || (!O.Inputs.empty() && !F.Bench && !F.Profile);
  if (F.Generate + F.Info + F.Bench + F.Profile + F.Verify + Tensors > 1)
    return Status(StatusCode::Usage, "--generate, --inputs/--outputs, --info, --bench, --profile "
                                     "and --verify exclude each other");
  if (Tensors && (O.Inputs.empty() || O.Outputs.empty()))
    return Status(StatusCode::Usage, "--inputs and --outputs belong together");
  O.Command = F.Generate  ? Mode::Generate
              : F.Bench   ? Mode::Bench
              : F.Profile ? Mode::Profile
              : F.Verify  ? Mode::Verify
              : Tensors   ? Mode::Tensors
                          : Mode::Info;
  if (F.Generate == F.Prompts.empty())
    return Status(StatusCode::Usage, "--generate and --prompt-ids belong together");
  return {};
}

static Status parseIdLists(const Flags &F, Options &O) {
  for (const std::string &Text : F.Prompts) {
    Result<std::vector<int64_t>> Ids = parseIds(Text, "--prompt-ids");
    if (!Ids)
      return Ids.status();
    O.Prompts.push_back(std::move(*Ids));
  }
  if (F.StopIds.empty())
    return {};
  Result<std::vector<int64_t>> Ids = parseIds(F.StopIds, "--stop-ids");
  if (!Ids)
    return Ids.status();
  O.StopIds = std::move(*Ids);
  return {};
}

Result<std::optional<Options>> parseOptions(int Argc, char **Argv) {
  Options O;
  Flags F;
  CLI::App App;
  declare(App, F, O);
  try {
    App.parse(Argc, Argv);
  } catch (const CLI::ParseError &Error) {
    return makeError(StatusCode::Usage, Error.what(), "; see qopt-run --help");
  }
  if (F.Help || F.Version) {
    std::cout << (F.Help ? std::string(HelpText)
                         : "qopt-run " + std::string(qopt_version()) + "\n");
    return std::optional<Options>();
  }
  if (O.Artefact.empty())
    return Status(StatusCode::Usage, "which artefact? see qopt-run --help");
  if (Status S = chooseMode(F, O); !S.ok())
    return S;
  if (Status S = parseIdLists(F, O); !S.ok())
    return S;
  // Wrong sampling options are usage errors before anything is loaded.
  if (Result<runtime::Sampler> Try = runtime::Sampler::create(O.Sampling); !Try)
    return Try.status();
  return std::optional<Options>(std::move(O));
}

} // namespace qopt::run
