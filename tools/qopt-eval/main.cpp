// qopt-eval: memory and speed won, quality lost.
#include "Reference.h"

#include "qopt/Base/Interrupts.h"
#include "qopt/Evaluate/Measure.h"
#include "qopt/Evaluate/TensorErrors.h"
#include "qopt/Runtime/Arrays.h"
#include "qopt/Runtime/MemorySampler.h"
#include "qopt/Runtime/Program.h"
#include "qopt/Support/CommandLine.h"
#include "qopt/Support/Progress.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace qopt;
namespace cl = llvm::cl;

namespace {
/// The flags of this tool alone: LLVM's own are forgotten before these are made.
struct Flags {
  cl::OptionCategory Quality{"Quality"}, Other{"Table and speed"};
  cl::list<std::string> Artefacts{cl::Positional, cl::desc("out.qopt ..."), cl::cat(Quality)};
  cl::opt<std::string> Tokens{
      "tokens", cl::desc("token ids, int32 or int64: perplexity over windows that do not overlap"),
      cl::value_desc("t.npy"), cl::cat(Quality)};
  cl::opt<std::string> Reference{
      "reference",
      cl::desc("float model.onnx, or an .npz of --save-reference: KL divergence, same top-1"),
      cl::value_desc("file"), cl::cat(Quality)};
  cl::opt<int64_t> Window{"window", cl::init(256), cl::desc("tokens of a window (256)"),
                          cl::value_desc("n"), cl::cat(Quality)};
  cl::opt<int64_t> Limit{"limit", cl::init(0), cl::desc("tokens to use (all)"), cl::value_desc("n"),
                         cl::cat(Quality)};
  cl::opt<std::string> SaveReference{"save-reference", cl::desc("write the reference's logits"),
                                     cl::value_desc("f.npz"), cl::cat(Quality)};
  cl::opt<std::string> Inputs{"inputs", cl::desc("inputs of a model that is no decoder"),
                              cl::value_desc("in.npz"), cl::cat(Quality)};
  cl::opt<std::string> Expect{"expect", cl::desc("its expected outputs: max and RMS error, cosine"),
                              cl::value_desc("out.npz"), cl::cat(Quality)};
  cl::opt<bool> Compare{
      "compare",
      cl::desc(
          "print the table; loss is relative to its first line (the reference, if it is a model)"),
      cl::cat(Other)};
  cl::opt<bool> NoSpeed{"no-speed", cl::desc("leave speed and memory unmeasured"), cl::cat(Other)};
  cl::opt<unsigned> Threads{"threads", cl::init(0), cl::desc("threads (all)"), cl::value_desc("n"),
                            cl::cat(Other)};
  cl::opt<std::string> Json{"json",
                            cl::desc("write a report; - is standard output, with nothing else"),
                            cl::value_desc("file"), cl::cat(Other)};
  cl::opt<bool> Quiet{"quiet", cl::desc("no progress"), cl::cat(Other)};
};
} // namespace

static Flags &flags() {
  static Flags Instance;
  return Instance;
}

/// What was given, as plain values: linking the reference's code resets every option of the
/// process.
struct Request {
  std::vector<std::string> Artefacts;
  std::string Reference, Tokens, SaveReference, Inputs, Expect, Json;
  int64_t Window = 0, Limit = 0;
  bool Compare = false, NoSpeed = false, Quiet = false;
  unsigned Threads = 0;
};

static Request readRequest(Flags &Given) {
  Request Result;
  Result.Artefacts = Given.Artefacts;
  Result.Reference = Given.Reference;
  Result.Tokens = Given.Tokens;
  Result.SaveReference = Given.SaveReference;
  Result.Inputs = Given.Inputs;
  Result.Expect = Given.Expect;
  Result.Json = Given.Json;
  Result.Window = Given.Window;
  Result.Limit = Given.Limit;
  Result.Compare = Given.Compare;
  Result.NoSpeed = Given.NoSpeed;
  Result.Quiet = Given.Quiet;
  Result.Threads = Given.Threads;
  return Result;
}

static const ToolHelp Help = {
    "qopt-eval: memory and speed won, quality lost; usage: qopt-eval out.qopt ... [flags]",
    R"(  qopt-eval out.qopt --tokens tokens.npy
  qopt-eval out.qopt --reference model.onnx --tokens tokens.npy --limit 4096 --json report.json
  qopt-eval --compare w8.qopt w4.qopt --reference model.onnx --tokens tokens.npy
  qopt-eval encoder.qopt --inputs in.npz --expect out.npz
)"};

static int fail(const Status &Error) {
  llvm::errs() << "error: " << Error.message() << "\n";
  return Error.exitCode();
}

static Result<std::shared_ptr<runtime::Program>> load(const std::string &Path, unsigned Threads) {
  runtime::DeviceOptions Options;
  Options.Threads = int(Threads);
  return runtime::Program::load(Path, Options);
}

/// Everything about one decoder; `ReferenceSource` may be null.
static Result<Measurement> measureDecoder(const Request &Given, const std::string &Name,
                                          std::shared_ptr<runtime::Program> Program,
                                          LogitSource *ReferenceSource,
                                          const std::optional<TokenWindows> &Windows,
                                          Progress &Log) {
  if (Program->manifest().Kind != artefact::ProgramKind::Decoder)
    return makeError(StatusCode::Unsupported,
                     "is no decoder; --inputs and --expect compare its outputs with given ones");
  Measurement Result;
  Result.Name = Name;
  Result.Batch = 1;
  measureSizes(*Program, Result);
  // Memory is that of running the artefact, so it is sampled apart from the reference's.
  if (!Given.NoSpeed) {
    runtime::MemorySampler Sampler;
    auto Speed = measureSpeed(Program, /*Prompt=*/128, /*Tokens=*/64);
    if (!Speed)
      return Speed.status();
    Result.Speed = *Speed;
    Result.PeakPrivateBytes = Sampler.peakPrivateBytes();
    if (int64_t DeviceBytes = Program->device().peakDeviceBytes())
      Result.PeakDeviceBytes = DeviceBytes;
  }
  if (Windows) {
    auto Source = openArtefactSource(Program, Windows->Window);
    if (!Source)
      return Source.status();
    auto Quality = evaluateQuality(**Source, ReferenceSource, *Windows, [&](int64_t Index) {
      Log.update(Name, Index + 1, Windows->count());
    });
    if (!Quality)
      return Quality.status();
    Result.Quality = *Quality;
  }
  return Result;
}

static void printMeasurement(const Measurement &Line) {
  llvm::json::Object Object = toJson(Line);
  for (const auto &Entry : Object)
    llvm::outs() << llvm::formatv("{0,-24} {1}\n", Entry.first, Entry.second);
}

static Status writeJson(const std::string &Path, llvm::json::Value Value) {
  std::error_code Error;
  llvm::ToolOutputFile File(Path, Error, llvm::sys::fs::OF_None);
  if (Error)
    return makeError(StatusCode::Failed, Path, ": ", Error.message());
  File.os() << llvm::formatv("{0:2}\n", Value);
  File.keep();
  return Status();
}

static Status checkRequest(const Request &Given) {
  if (Given.Artefacts.empty())
    return makeError(StatusCode::Usage, "no artefact given; see --help");
  if (Given.Artefacts.size() > 1 && !Given.Compare)
    return makeError(StatusCode::Usage, "several artefacts are compared with --compare");
  if (Given.Inputs.empty() != Given.Expect.empty())
    return makeError(StatusCode::Usage, "--inputs and --expect go together");
  if (Given.Tokens.empty() && (!Given.Reference.empty() || !Given.SaveReference.empty()))
    return makeError(StatusCode::Usage, "--reference and --save-reference need --tokens");
  if (Given.Reference.empty() && !Given.SaveReference.empty())
    return makeError(StatusCode::Usage, "--save-reference needs --reference");
  return Status();
}

static Result<std::vector<Measurement>> measureAll(const Request &Given) {
  std::optional<TokenWindows> Windows;
  if (!Given.Tokens.empty()) {
    auto Read = readTokens(Given.Tokens, Given.Window, Given.Limit);
    if (!Read)
      return Read.status();
    Windows = std::move(*Read);
  }
  Progress Log(Given.Artefacts.size() + !Given.Reference.empty() +
                   (Given.Compare && !Given.Reference.empty()),
               Given.Quiet);
  std::vector<Measurement> Lines;
  std::unique_ptr<FloatReference> Float;
  if (!Given.Reference.empty()) {
    Log.phase("reference " + Given.Reference);
    auto Opened = FloatReference::open(Given.Reference, *Windows, Given.Threads);
    if (!Opened)
      return Opened.status();
    Float = std::move(*Opened);
    if (!Given.SaveReference.empty())
      if (Status Error = saveLogits(Float->source(), *Windows, Given.SaveReference); !Error.ok())
        return Error;
    if (Given.Compare && Float->program()) {
      Log.phase("baseline");
      auto Line = measureDecoder(Given, llvm::sys::path::filename(Given.Reference).str(),
                                 Float->program(), &Float->source(), Windows, Log);
      if (!Line)
        return Line.status().within(Given.Reference);
      Lines.push_back(*Line);
    }
  }
  for (const std::string &Path : Given.Artefacts) {
    Log.phase(Path);
    auto Program = load(Path, Given.Threads);
    if (!Program)
      return Program.status();
    auto Line = measureDecoder(Given, llvm::sys::path::filename(Path).str(), *Program,
                               Float ? &Float->source() : nullptr, Windows, Log);
    if (!Line)
      return Line.status().within(Path);
    Lines.push_back(*Line);
  }
  return Lines;
}

/// A model that is no decoder: its outputs against given ones.
static Status compareOutputs(const Request &Given) {
  auto Program = load(Given.Artefacts.front(), Given.Threads);
  if (!Program)
    return Program.status();
  auto Inputs = readNpz(Given.Inputs), Expected = readNpz(Given.Expect);
  for (const auto *Read : {&Inputs, &Expected})
    if (!*Read)
      return Read->status();
  auto Outputs = runtime::runArrays(*Program, *Inputs);
  if (!Outputs)
    return Outputs.status();
  auto Errors = compareArrays(*Outputs, *Expected);
  if (!Errors)
    return Errors.status();
  llvm::json::Object Report;
  for (const TensorError &Each : *Errors) {
    if (Given.Json != "-")
      llvm::outs() << llvm::formatv("{0}: max error {1}, RMS error {2}, cosine {3}\n", Each.Name,
                                    Each.Max, Each.RMS, Each.Cosine);
    Report[Each.Name] = llvm::json::Object{
        {"max_error", Each.Max}, {"rms_error", Each.RMS}, {"cosine", Each.Cosine}};
  }
  return Given.Json.empty() ? Status() : writeJson(Given.Json, std::move(Report));
}

int main(int Argc, char **Argv) {
  // First, while what the parent ignores can still be told from LLVM's own handlers.
  cleanUpWhenInterrupted();
  llvm::InitLLVM Init(Argc, Argv);
  cl::ResetCommandLineParser();
  auto Helped = parseCommandLine(Argc, Argv, Help, {&flags().Quality, &flags().Other});
  if (!Helped)
    return fail(Helped.status());
  if (*Helped)
    return 0;
  const Request Given = readRequest(flags());
  if (Status Error = checkRequest(Given); !Error.ok())
    return fail(Error);
  if (!Given.Inputs.empty()) {
    Status Error = compareOutputs(Given);
    return Error.ok() ? 0 : fail(Error);
  }
  auto Lines = measureAll(Given);
  if (!Lines)
    return fail(Lines.status());
  if (!Given.Json.empty()) {
    llvm::json::Array All;
    for (const Measurement &Line : *Lines)
      All.push_back(toJson(Line));
    Status Error = Given.Compare ? writeJson(Given.Json, std::move(All))
                                 : writeJson(Given.Json, toJson(Lines->front()));
    if (!Error.ok())
      return fail(Error);
  }
  if (Given.Json == "-")
    return 0;
  if (Given.Compare)
    llvm::outs() << printTable(*Lines);
  else
    printMeasurement(Lines->front());
  return 0;
}
