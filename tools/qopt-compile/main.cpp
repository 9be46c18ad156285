// qopt-compile: turns an ONNX model into an artefact.
#include "qopt/Analysis/Scheme.h"
#include "qopt/Analysis/TargetRegistry.h"
#include "qopt/Base/Interrupts.h"
#include "qopt/Pipelines/Compile.h"
#include "qopt/Pipelines/Plugins.h"
#include "qopt/Pipelines/Register.h"
#include "qopt/Support/CommandLine.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/ToolOutputFile.h"

#include <thread>

using namespace qopt;
namespace cl = llvm::cl;

namespace {
// Flags with one description share a line of --help.
constexpr char Floats[] = "weights and KV cache in this type";
constexpr char BothCoded[] =
    "int8 or e4m3 weights of the blocks, and inputs (a scale per token); else as --w8a16";

/// The flags of this tool alone: LLVM's own are forgotten before these are made.
struct Flags {
  cl::OptionCategory FormatOptions{"Format"}, SizeOptions{"Sizes"}, LevelFlags{"Levels and passes"},
      OutputOptions{"Output"};
  cl::opt<std::string> Model{cl::Positional, cl::desc("MODEL"), cl::cat(OutputOptions)};
  cl::opt<bool> F32{"f32", cl::desc(Floats), cl::cat(FormatOptions)};
  cl::opt<bool> F16{"f16", cl::desc(Floats), cl::cat(FormatOptions)};
  cl::opt<bool> BF16{"bf16", cl::desc(Floats), cl::cat(FormatOptions)};
  cl::opt<bool> W8A16{"w8a16", cl::desc("weights in 8 bits, one scale per channel; cache in f16"),
                      cl::cat(FormatOptions)};
  cl::opt<bool> W8A8{"w8a8", cl::desc(BothCoded), cl::cat(FormatOptions)};
  cl::opt<bool> FP8{"fp8", cl::desc(BothCoded), cl::cat(FormatOptions)};
  cl::opt<bool> W4A16{
      "w4a16",
      cl::desc(
          "weights of the blocks in 4 bits, groups of 32; head and embedding in 8; cache in f16"),
      cl::cat(FormatOptions)};
  cl::opt<std::string> GroupSize{"group-size",
                                 cl::desc("weights that share a scale: 32, 64, 128 or channel"),
                                 cl::value_desc("n"), cl::cat(FormatOptions)};
  cl::opt<bool> Symmetric{"symmetric", cl::desc("codes without zero points (the default)"),
                          cl::cat(FormatOptions)};
  cl::opt<bool> Asymmetric{"asymmetric", cl::desc("a zero point for every group"),
                           cl::cat(FormatOptions)};
  cl::opt<bool> Requantize{
      "requantize",
      cl::desc("the format also replaces what the file holds quantized, which is kept otherwise"),
      cl::cat(FormatOptions)};
  cl::opt<std::string> SchemeName{"scheme", cl::init("rtn"),
                                  cl::desc("what computes the codes (rtn)"), cl::value_desc("name"),
                                  cl::cat(FormatOptions)};
  cl::opt<std::string> Head{"head", cl::desc("f32, f16, bf16, int8 or int4"),
                            cl::value_desc("type"), cl::cat(FormatOptions)};
  cl::opt<std::string> Embedding{
      "embedding", cl::desc("the same for the embedding; two types untie a tied table"),
      cl::value_desc("type"), cl::cat(FormatOptions)};
  cl::opt<std::string> KV{"kv", cl::desc("f32, f16, bf16, int8 or fp8"), cl::value_desc("type"),
                          cl::cat(FormatOptions)};
  cl::opt<std::string> TargetName{"target", cl::init("cpu"),
                                  cl::desc("cpu, sm80, sm86, sm89, sm90, sm100 or sm120"),
                                  cl::value_desc("name"), cl::cat(FormatOptions)};
  cl::opt<std::string> IO{
      "io", cl::desc("onnx: a decoder can be run with the file's own inputs and outputs too"),
      cl::value_desc("signature"), cl::cat(FormatOptions)};
  cl::opt<int64_t> Context{"context", cl::init(0),
                           cl::desc("most tokens per row (the model's limit, or 4096)"),
                           cl::value_desc("n"), cl::cat(SizeOptions)};
  cl::opt<int64_t> Batch{"batch", cl::init(1), cl::desc("most rows (1)"), cl::value_desc("n"),
                         cl::cat(SizeOptions)};
  cl::opt<int64_t> Chunk{"chunk", cl::init(0), cl::desc("most tokens of one prefill step (128)"),
                         cl::value_desc("n"), cl::cat(SizeOptions)};
  cl::opt<std::string> StopAfter{
      "stop-after", cl::desc("write the text of this level: model, quantized or kernels"),
      cl::value_desc("level"), cl::cat(LevelFlags)};
  cl::opt<std::string> StartFrom{"start-from", cl::desc("MODEL is the text of this level"),
                                 cl::value_desc("level"), cl::cat(LevelFlags)};
  cl::opt<std::string> Sources{
      "sources",
      cl::desc("folder or model that the weights of such a text lie in (its own folder)"),
      cl::value_desc("path"), cl::cat(LevelFlags)};
  cl::opt<std::string> DumpLevels{"dump-levels", cl::desc("write the text of every level there"),
                                  cl::value_desc("folder"), cl::cat(LevelFlags)};
  cl::list<std::string> InsertPass{"insert-pass", cl::desc("<before|after>:<level>:<pass>"),
                                   cl::value_desc("where"), cl::cat(LevelFlags)};
  cl::list<std::string> PassPlugins{"load-pass-plugin",
                                    cl::desc("shared library with passes and lowerings"),
                                    cl::value_desc("file"), cl::cat(LevelFlags)};
  cl::list<std::string> DialectPlugins{"load-dialect-plugin",
                                       cl::desc("shared library with dialects"),
                                       cl::value_desc("file"), cl::cat(LevelFlags)};
  cl::opt<bool> NoFuse{"no-fuse", cl::desc("every operation is a kernel of its own"),
                       cl::cat(LevelFlags)};
  cl::opt<std::string> Output{"o",
                              cl::desc("artefact (<model name>.qopt), or text with --stop-after"),
                              cl::value_desc("path"), cl::cat(OutputOptions)};
  cl::opt<std::string> Emit{"emit",
                            cl::desc("ptx: GPU kernels as text only, without looking for ptxas"),
                            cl::value_desc("form"), cl::cat(OutputOptions)};
  cl::opt<bool> Force{"force", cl::desc("replace what is there"), cl::cat(OutputOptions)};
  cl::opt<bool> DryRun{
      "dry-run", cl::desc("print the bytes that it would take, from shapes alone; write nothing"),
      cl::cat(OutputOptions)};
  cl::opt<bool> Explain{"explain",
                        cl::desc("print each tensor's precision, each launch's kernel, and why"),
                        cl::cat(OutputOptions)};
  cl::opt<unsigned> Threads{"threads", cl::init(0), cl::desc("threads (all)"), cl::value_desc("n"),
                            cl::cat(OutputOptions)};
  cl::opt<std::string> Json{"json", cl::desc("write a report; - is standard output"),
                            cl::value_desc("file"), cl::cat(OutputOptions)};
  cl::opt<std::string> Diagnostics{
      "diagnostics", cl::init("text"),
      cl::desc("errors and warnings as text, or as json: one object per line"),
      cl::value_desc("form"), cl::cat(OutputOptions)};
  cl::opt<bool> Quiet{"quiet", cl::desc("print errors only"), cl::cat(OutputOptions)};
};
} // namespace

static Flags &flags() {
  static Flags Instance;
  return Instance;
}

static const ToolHelp Help = {
    "qopt-compile: from an ONNX model to a quantized program; usage: qopt-compile MODEL [flags]",
    R"(  qopt-compile model.onnx --target=cpu --w4a16
  qopt-compile model.onnx --w8a16 --kv=f16 --context=2048 -o small.qopt
  qopt-compile model.onnx --w4a16 --stop-after=quantized -o model.mlir
)"};

/// Read once: linking resets every option of the process.
static DiagnosticFormat diagnosticFormat() {
  static const DiagnosticFormat Chosen =
      flags().Diagnostics == "json" ? DiagnosticFormat::Json : DiagnosticFormat::Text;
  return Chosen;
}

/// "int8" as the passes spell it.
static std::string internalFormat(llvm::StringRef Format) {
  return Format.starts_with("int") ? "i" + Format.drop_front(3).str() : Format.str();
}

static Result<std::string> chooseFormat() {
  std::string Chosen;
  for (auto [Flag, Format] : {std::pair(&flags().F32, "f32"),
                              {&flags().F16, "f16"},
                              {&flags().BF16, "bf16"},
                              {&flags().W8A16, "i8"},
                              {&flags().W8A8, "i8"},
                              {&flags().FP8, "f8E4M3FN"},
                              {&flags().W4A16, "i4"}}) {
    if (!*Flag)
      continue;
    if (!Chosen.empty())
      return makeError(StatusCode::Usage,
                       "choose one of --f32 --f16 --bf16 --w8a16 --w8a8 --fp8 --w4a16");
    Chosen = Format;
  }
  return Chosen;
}

static Result<int64_t> parseGroup() {
  if (flags().GroupSize.empty())
    return int64_t(-1);
  if (flags().GroupSize == "channel")
    return int64_t(0);
  if (flags().GroupSize == "32" || flags().GroupSize == "64" || flags().GroupSize == "128")
    return int64_t(std::stoi(flags().GroupSize));
  return makeError(StatusCode::Usage, "--group-size=", flags().GroupSize.getValue(),
                   ": expected 32, 64, 128 or channel");
}

/// With a format flag the cache has 16 bits unless asked: the flag's own 16-bit type, f16 for
/// integer weights.
static std::string defaultKV(llvm::StringRef Format) {
  return Format.starts_with("i") || Format == "f8E4M3FN" ? "f16" : Format.str();
}

static Status checkChoice(const char *Flag, const std::string &Value,
                          llvm::ArrayRef<const char *> Known) {
  if (Value.empty() || llvm::is_contained(Known, Value))
    return Status();
  return makeError(StatusCode::Usage, Flag, "=", Value, ": expected ", llvm::join(Known, ", "));
}

/// Everything that is wrong with what was given.
using Mistakes = std::vector<Status>;

static void note(Mistakes &Wrong, const Status &Error) {
  if (!Error.ok())
    Wrong.push_back(Error);
}

static void fillLevels(LevelOptions &Levels, Mistakes &Wrong) {
  auto Format = chooseFormat();
  auto Group = parseGroup();
  note(Wrong, Format.status());
  note(Wrong, Group.status());
  note(Wrong, checkChoice("--head", flags().Head, {"f32", "f16", "bf16", "int8", "int4"}));
  note(Wrong,
       checkChoice("--embedding", flags().Embedding, {"f32", "f16", "bf16", "int8", "int4"}));
  note(Wrong, checkChoice("--kv", flags().KV, {"f32", "f16", "bf16", "int8", "fp8"}));
  note(Wrong, checkChoice("--io", flags().IO, {"onnx"}));
  if (!flags().IO.empty() && (flags().KV == "int8" || flags().KV == "fp8"))
    note(Wrong,
         makeError(
             StatusCode::Usage,
             "--io=onnx hands a cache in and out as floats; choose --kv=f32, f16 or bf16, not ",
             flags().KV));
  if (flags().Symmetric && flags().Asymmetric)
    note(Wrong, makeError(StatusCode::Usage, "choose one of --symmetric and --asymmetric"));
  if (flags().Context < 0 || flags().Batch < 1 || flags().Chunk < 0)
    note(Wrong,
         makeError(StatusCode::Usage, "--context, --batch and --chunk take positive numbers"));
  if (!Format || !Group)
    return;
  if (flags().Requantize && Format->empty())
    note(Wrong, makeError(StatusCode::Usage, "--requantize needs a format: --f32, --f16, --bf16, "
                                             "--w8a16, --w8a8, --fp8 or --w4a16"));
  if (flags().W8A8 && (*Group > 0 || flags().Asymmetric))
    note(Wrong, makeError(StatusCode::Usage,
                          "--w8a8 takes weights with one scale per channel and no zero points"));
  Levels.Weights = *Format;
  if (flags().FP8 && flags().Asymmetric)
    note(Wrong, makeError(StatusCode::Usage, "--fp8 takes weights without zero points"));
  Levels.Activations = flags().W8A8 ? "i8" : flags().FP8 ? "f8E4M3FN" : "";
  Levels.Head = internalFormat(flags().Head);
  Levels.Embedding = internalFormat(flags().Embedding);
  Levels.KV = flags().KV.empty() ? defaultKV(*Format) : flags().KV.getValue();
  Levels.Group = *Group;
  Levels.Asymmetric = flags().Asymmetric;
  Levels.Requantize = flags().Requantize;
  Levels.Scheme = flags().SchemeName;
  Levels.Reason = *Format == "i4"   ? "--w4a16"
                  : flags().W8A8    ? "--w8a8"
                  : flags().FP8     ? "--fp8"
                  : *Format == "i8" ? "--w8a16"
                  : Format->empty() ? "option"
                                    : "--" + *Format;
  Levels.Context = flags().Context;
  Levels.Batch = flags().Batch;
  Levels.Chunk = flags().Chunk;
  Levels.KeepSignature = flags().IO == "onnx";
  Levels.Fuse = !flags().NoFuse;
  Levels.Target = flags().TargetName;
}

static Status fillLevel(const char *Flag, const std::string &Text, std::optional<Level> &Result) {
  if (Text.empty())
    return Status();
  Result = parseLevel(Text);
  if (!Result || *Result == Level::Code)
    return makeError(StatusCode::Usage, Flag, "=", Text, ": expected model, quantized or kernels");
  return Status();
}

namespace {
/// What was given, as plain values: linking resets every option of the process.
struct Request {
  CompileOptions Compile;
  std::vector<std::string> DialectPlugins, PassPlugins;
  std::string Json;
  bool Explain = false;
};
} // namespace

static Request readRequest(Mistakes &Wrong) {
  Request Given;
  CompileOptions &Options = Given.Compile;
  if (flags().Model.empty())
    note(Wrong, makeError(StatusCode::Usage, "no MODEL given; see --help"));
  Options.Model = flags().Model;
  Options.Output = flags().Output;
  Options.Sources = flags().Sources;
  Options.DumpLevels = flags().DumpLevels;
  Options.DryRun = flags().DryRun;
  Options.Emit = flags().Emit;
  Options.Force = flags().Force;
  Options.Quiet = flags().Quiet;
  Options.Threads =
      flags().Threads ? flags().Threads : std::max(1u, std::thread::hardware_concurrency());
  fillLevels(Options.Levels, Wrong);
  note(Wrong, fillLevel("--stop-after", flags().StopAfter, Options.StopAfter));
  note(Wrong, fillLevel("--start-from", flags().StartFrom, Options.StartFrom));
  note(Wrong, checkChoice("--diagnostics", flags().Diagnostics, {"text", "json"}));
  Options.Diagnostics = diagnosticFormat();
  if (Options.DryRun && (Options.StopAfter || !Options.DumpLevels.empty()))
    note(Wrong, makeError(StatusCode::Usage,
                          "--dry-run writes nothing: leave out --stop-after and --dump-levels"));
  for (const std::string &Text : flags().InsertPass) {
    auto Inserted = parseInsertedPass(Text);
    note(Wrong, Inserted.status());
    if (Inserted)
      Options.Inserted.push_back(*Inserted);
  }
  Given.DialectPlugins = flags().DialectPlugins;
  Given.PassPlugins = flags().PassPlugins;
  Given.Json = flags().Json;
  Given.Explain = flags().Explain;
  return Given;
}

static Status writeJson(const std::string &Path, const CompileReport &Report, bool DryRun) {
  const Footprint &Bytes = Report.Bytes;
  llvm::json::Object Object{
      {"output", DryRun ? llvm::json::Value(nullptr) : llvm::json::Value(Report.Output)},
      {"source_bytes", Report.SourceBytes},
      {"weight_bytes", Bytes.weights()},
      {"packed_code_bytes", Bytes.Codes},
      {"scale_bytes", Bytes.Scales},
      {"other_tensor_bytes", Bytes.Others},
      {"weights_file_bytes", Bytes.WeightsFile},
      {"context", Report.Context},
      {"batch", Report.Batch},
      {"kv_bytes_per_token", Report.KvBytesPerToken},
      {"kv_bytes", Bytes.Caches},
      {"table_bytes", Bytes.Tables},
      {"arena_bytes", Bytes.Arena},
      {"scratch_bytes", Bytes.Scratch},
      {"code_bytes", Report.CodeBytes},
      {"code_bytes_estimated", DryRun},
      {"total_bytes", Bytes.memory() + Report.CodeBytes},
      {"absent_files", llvm::json::Array(Report.AbsentFiles)},
      {"seconds", Report.Seconds}};
  std::error_code Error;
  llvm::ToolOutputFile File(Path, Error, llvm::sys::fs::OF_None);
  if (Error)
    return makeError(StatusCode::Failed, Path, ": ", Error.message());
  File.os() << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(Object)));
  File.keep();
  return Status();
}

static void printBytes(llvm::StringRef Name, int64_t Bytes, const std::string &Note = "") {
  bool IsLarge = Bytes >= 1 << 30;
  double Short = double(Bytes) / double(IsLarge ? 1 << 30 : 1 << 20);
  std::string Line = llvm::formatv("  {0,-20} {1,14} bytes {2,9:F2} {3}  {4}", Name, Bytes, Short,
                                   IsLarge ? "GiB" : "MiB", Note);
  llvm::outs() << llvm::StringRef(Line).rtrim() << "\n";
}

/// What a dry run answers.
static void printFootprint(const CompileReport &Report) {
  const Footprint &Bytes = Report.Bytes;
  llvm::outs() << "from shapes alone; nothing was written\n";
  printBytes("codes", Bytes.Codes);
  printBytes("scales, zero points", Bytes.Scales);
  printBytes("other tensors", Bytes.Others);
  printBytes("weights as a file", Bytes.WeightsFile, "the sum of these, with header and padding");
  if (Report.IsDecoder)
    printBytes("KV cache", Bytes.Caches,
               llvm::formatv("{0} tokens x {1} rows x {2} bytes", Report.Context, Report.Batch,
                             Report.KvBytesPerToken)
                   .str());
  printBytes("rotary tables", Bytes.Tables);
  printBytes("arena", Bytes.Arena, "intermediate results of the largest request");
  printBytes("scratch", Bytes.Scratch, "of each thread");
  printBytes("code", Report.CodeBytes, "an estimate");
  printBytes("total", Bytes.memory() + Report.CodeBytes,
             "weights file, caches, tables, arena, code, scratch of one thread");
  for (const std::string &File : Report.AbsentFiles)
    llvm::outs()
        << "note: " << File
        << " is absent, so equal tensors in it are not recognized: a tied table counts twice\n";
}

static void printClosing(const std::string &Model, bool StartsFromText,
                         const CompileReport &Report) {
  llvm::errs() << Report.Output << ": weights " << Report.SourceBytes << " -> "
               << Report.Bytes.weights() << " bytes";
  if (Report.SourceBytes)
    llvm::errs() << llvm::format(" (%.2f of the file)",
                                 double(Report.Bytes.weights()) / double(Report.SourceBytes));
  llvm::errs() << ", code " << Report.CodeBytes << " bytes\n";
  if (Report.Uncalibrated)
    llvm::errs() << "note: 4-bit codes were rounded without calibration; measure what that costs\n";
  llvm::errs() << "evaluate: qopt-eval " << Report.Output;
  if (!Report.IsDecoder)
    llvm::errs() << " --inputs in.npz --expect out.npz\n";
  else if (StartsFromText)
    llvm::errs() << " --tokens tokens.npy\n";
  else
    llvm::errs() << " --reference " << Model << " --tokens tokens.npy\n";
}

/// Names that plugins may have added to.
static Status checkNames(const CompileOptions &Options) {
  const LevelOptions &Levels = Options.Levels;
  SchemeRegistry Schemes;
  registerAllSchemes(Schemes);
  if (!Schemes.find(Levels.Scheme))
    return makeError(StatusCode::Usage, "--scheme=", Levels.Scheme, ": known is ",
                     llvm::join(Schemes.getNames(), ", "));
  const Target *Chosen = TargetRegistry::get().find(Levels.Target);
  if (!Chosen)
    return makeError(StatusCode::Unsupported, "--target=", Levels.Target, ": known is ",
                     llvm::join(TargetRegistry::get().getNames(), ", "));
  if (!Options.Emit.empty() && !llvm::is_contained(Chosen->getForms(), Options.Emit))
    return makeError(StatusCode::Usage, "--emit=", Options.Emit, ": target ", Levels.Target,
                     " knows ",
                     Chosen->getForms().empty() ? "no other form of code than its own"
                                                : llvm::join(Chosen->getForms(), ", "));
  return Status();
}

static int fail(const Status &Error) {
  printError(llvm::errs(), Error, diagnosticFormat());
  return Error.exitCode();
}

int main(int Argc, char **Argv) {
  // First, while what the parent ignores can still be told from LLVM's own handlers.
  cleanUpWhenInterrupted();
  llvm::InitLLVM Init(Argc, Argv);
  cl::ResetCommandLineParser();
  Flags &Known = flags();
  auto Helped = parseCommandLine(
      Argc, Argv, Help,
      {&Known.FormatOptions, &Known.SizeOptions, &Known.LevelFlags, &Known.OutputOptions});
  if (!Helped)
    return fail(Helped.status());
  if (*Helped)
    return 0;
  Mistakes Wrong;
  Request Given = readRequest(Wrong);
  for (const Status &Error : Wrong)
    fail(Error);
  if (!Wrong.empty())
    return int(StatusCode::Usage);

  mlir::DialectRegistry Registry;
  registerAllDialects(Registry);
  registerAllPasses();
  for (const std::string &File : Given.DialectPlugins)
    if (Status Error = loadDialectPlugin(File, Registry); !Error.ok())
      return fail(Error);
  for (const std::string &File : Given.PassPlugins)
    if (Status Error = loadPassPlugin(File); !Error.ok())
      return fail(Error);
  registerAllTargets();
  if (Status Error = checkNames(Given.Compile); !Error.ok())
    return fail(Error);
  mlir::MLIRContext MLIR(Registry);
  auto Report = compileModel(MLIR, Given.Compile);
  if (!Report)
    return fail(Report.status());
  if (Given.Explain)
    llvm::outs() << Report->Explanation;
  if (!Given.Json.empty())
    if (Status Error = writeJson(Given.Json, *Report, Given.Compile.DryRun); !Error.ok())
      return fail(Error);
  if (Given.Compile.DryRun) {
    if (Given.Json != "-")
      printFootprint(*Report);
    return 0;
  }
  if (Given.Compile.Diagnostics == DiagnosticFormat::Json)
    return 0;
  if (!Given.Compile.Quiet && Given.Compile.StopAfter)
    llvm::errs() << Report->Output << "\n";
  else if (!Given.Compile.Quiet)
    printClosing(Given.Compile.Model, Given.Compile.StartFrom.has_value(), *Report);
  return 0;
}
