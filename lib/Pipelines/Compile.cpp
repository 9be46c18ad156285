#include "qopt/Pipelines/Compile.h"

#include "EmitArtefact.h"
#include "Explain.h"
#include "PassGuard.h"

#include "qopt/Analysis/Scheme.h"
#include "qopt/Analysis/TargetRegistry.h"
#include "qopt/Base/FileWriter.h"
#include "qopt/Base/Hash.h"
#include "qopt/Import/ONNX.h"
#include "qopt/Support/Diagnostics.h"
#include "qopt/Support/ModelFolder.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

#include <chrono>

using namespace mlir;
using namespace qopt;

namespace {

/// One compilation: the module goes through the levels in place.
class Compilation {
public:
  Compilation(MLIRContext &Context, const CompileOptions &Options)
      : Context(Context), Options(Options),
        Log(countPhases(Options), Options.Quiet || Options.Diagnostics == DiagnosticFormat::Json) {}

  Result<CompileReport> run();

private:
  static unsigned countPhases(const CompileOptions &Options);
  Status checkOutput();
  Status load();
  Status loadText();
  Status lowerTo(Level Which);
  Status dump(Level Which);
  Status stop();
  Status plan(const Target &TheTarget);
  Status report();
  Status finish();
  SourceBytes sources();
  std::string modelName() const;
  std::string hashText() const;

  MLIRContext &Context;
  const CompileOptions &Options;
  Progress Log;
  std::unique_ptr<ModelFolder> Folder;
  OwningOpRef<ModuleOp> Module;
  std::string SourceHash;
  std::string Output;
  artefact::Program Program;
  artefact::Manifest Manifest;
  CompileReport Report;
};

} // namespace

unsigned Compilation::countPhases(const CompileOptions &Options) {
  Level First = Options.StartFrom ? *Options.StartFrom : Level::Model;
  Level Last = Options.StopAfter ? *Options.StopAfter : Level::Code;
  unsigned Phases = 1;
  for (Level Each : getAllLevels())
    if (Each != Level::Code && Each <= Last && (Options.StartFrom ? Each > First : true))
      ++Phases;
  return Last == Level::Code ? Phases + 1 : Phases;
}

std::string Compilation::modelName() const {
  SmallString<128> Path(Options.Model);
  while (!Path.empty() && llvm::sys::path::is_separator(Path.back()))
    Path.pop_back();
  std::string Name = llvm::sys::path::stem(Path).str();
  return Name.empty() ? "model" : Name;
}

/// A mistake about the output must show before the work is done.
Status Compilation::checkOutput() {
  Output = Options.Output.empty() ? modelName() + (Options.StopAfter ? ".mlir" : ".qopt")
                                  : Options.Output;
  if (!Options.DryRun && !Options.Force && llvm::sys::fs::exists(Output))
    return makeError(StatusCode::Usage, Output, " exists; --force replaces it");
  return Status();
}

Status Compilation::loadText() {
  llvm::SourceMgr Manager;
  ParserConfig Config(&Context);
  Module = parseSourceFile<ModuleOp>(Options.Model, Config);
  if (!Module)
    return makeError(StatusCode::BadInput, Options.Model, ": not valid text of a level");
  return Status();
}

Status Compilation::load() {
  Log.phase("reading " + modelName());
  if (Options.StartFrom) {
    Status Error = loadText();
    if (!Error.ok() || Options.DryRun)
      return Error;
    SmallString<128> Beside(Options.Model);
    llvm::sys::path::remove_filename(Beside);
    std::string Where = !Options.Sources.empty() ? Options.Sources
                        : Beside.empty()         ? "."
                                                 : Beside.str().str();
    auto Opened = ModelFolder::open(Where);
    if (!Opened)
      return Opened.status();
    Folder = std::move(*Opened);
    return Status();
  }
  auto Opened = ModelFolder::open(Options.Model);
  if (!Opened)
    return Opened.status();
  Folder = std::move(*Opened);
  ImportOptions Import;
  Import.ShapesOnly = Options.DryRun;
  auto Imported = importONNX(Context, *Folder, Import);
  if (!Imported)
    return Imported.status();
  Module = std::move(*Imported);
  return Status();
}

SourceBytes Compilation::sources() {
  return [this](StringRef File) -> Result<ArrayRef<char>> {
    auto Mapped = Folder->map(File.str());
    if (!Mapped)
      return Mapped.status();
    // The folder keeps the mapping.
    return ArrayRef<char>((*Mapped)->data(), (*Mapped)->size());
  };
}

/// The module without locations: what a hash may see.
std::string Compilation::hashText() const {
  std::string Text;
  llvm::raw_string_ostream Stream(Text);
  Module.get()->print(Stream, OpPrintingFlags().useLocalScope());
  return Text;
}

Status Compilation::dump(Level Which) {
  if (Options.DumpLevels.empty())
    return Status();
  if (std::error_code Error = llvm::sys::fs::create_directories(Options.DumpLevels))
    return makeError(StatusCode::Failed, Options.DumpLevels, ": ", Error.message());
  return writeFile(Options.DumpLevels + "/" + getLevelName(Which).str() + ".mlir", hashText());
}

/// Asking for more tokens than the model was made for is the user's mistake, not a failure of the
/// compiler.
static bool exceedsContext(ModuleOp Module, int64_t Context) {
  return llvm::any_of(Module.getOps<func::FuncOp>(), [&](func::FuncOp Function) {
    auto Limit = Function->getAttrOfType<IntegerAttr>("qopt.context");
    return Limit && Context > Limit.getInt();
  });
}

static Status checkScheme(const std::string &Name) {
  SchemeRegistry Schemes;
  registerAllSchemes(Schemes);
  if (Schemes.find(Name))
    return Status();
  return makeError(StatusCode::Usage, "unknown scheme '", Name,
                   "'; known: ", llvm::join(Schemes.getNames(), ", "));
}

Status Compilation::lowerTo(Level Which) {
  Log.phase("level " + getLevelName(Which).str());
  PassManager Passes(&Context);
  if (failed(buildLevel(Passes, Which, Options.Levels, Options.Inserted)))
    return makeError(StatusCode::Usage, "a pass of --insert-pass at level ",
                     getLevelName(Which).str(), " is not known");
  PassGuard Guard(Passes, modelName());
  if (succeeded(Passes.run(*Module)))
    return dump(Which);
  bool Usage = exceedsContext(*Module, Options.Levels.Context);
  if (Usage)
    Guard.discard();
  std::string Message =
      "the " + getLevelName(Which).str() + " level could not be reached" + Guard.describe();
  return Status(Usage              ? StatusCode::Usage
                : Guard.sawCrash() ? StatusCode::Internal
                                   : StatusCode::Failed,
                Message);
}

Status Compilation::stop() {
  Report.Output = Output;
  return writeFile(Output, hashText());
}

static int64_t sourceBytes(ModuleOp Module) {
  int64_t Bytes = 0;
  for (auto Weight : Module.getOps<WeightOp>())
    for (Attribute Source : Weight.getSources())
      for (SourceAttr Range : getFileRanges(Source))
        Bytes += Range.getLength();
  return Bytes;
}

static bool hasNarrowCodes(ModuleOp Module) {
  return llvm::any_of(Module.getOps<WeightOp>(), [](WeightOp Weight) {
    StoredTypeInterface Stored = getStoredElementType(Weight.getType());
    return Stored && Stored.getCodeBits() <= 4 && Weight.getScheme() == StringRef("rtn");
  });
}

/// The launch table and the manifest; all but the code and the weights themselves.
Status Compilation::plan(const Target &TheTarget) {
  auto Plans = planKernels(*Module, TheTarget);
  if (failed(Plans))
    return makeError(StatusCode::Unsupported, "a kernel has no lowering for target '",
                     Options.Levels.Target, "'");
  auto Emitted = emitProgram(*Module, TheTarget, *Plans);
  if (failed(Emitted))
    return makeError(StatusCode::Failed, "the launch table could not be made");
  auto Made = makeManifest(*Module, TheTarget, *Emitted);
  if (failed(Made))
    return makeError(StatusCode::Failed, "the manifest could not be made");
  if (Options.Levels.KeepSignature && Made->Kind == artefact::ProgramKind::Decoder && !Made->Onnx)
    return makeError(
        StatusCode::Usage, Options.Model,
        ": --io=onnx needs the model's file, or text of a level that was made with it");
  Program = std::move(*Emitted);
  Manifest = std::move(*Made);
  return Status();
}

Status Compilation::report() {
  auto Bytes = measureFootprint(getUsedWeights(*Module), Program, Manifest);
  if (!Bytes)
    return makeError(StatusCode::ResourceLimit,
                     "the bytes that the program needs overflow; lower --context or --batch");
  Report.Bytes = *Bytes;
  Report.Context = Manifest.Context;
  Report.Batch = Manifest.Batch;
  Report.KvBytesPerToken = Manifest.Kv ? Manifest.Kv->BytesPerToken : 0;
  Report.Uncalibrated = hasNarrowCodes(*Module);
  Report.IsDecoder = Manifest.Kind == artefact::ProgramKind::Decoder;
  Report.Explanation = explainProgram(*Module, Manifest);
  return Status();
}

Status Compilation::finish() {
  auto Chosen = findTarget(*Module, Options.Levels.Target);
  if (failed(Chosen))
    return makeError(StatusCode::Unsupported, "no such target");
  Log.phase(Options.DryRun ? "sizes" : "code and weights");
  if (Status Error = plan(**Chosen); !Error.ok())
    return Error;
  if (Status Error = report(); !Error.ok())
    return Error;
  if (Options.DryRun) {
    Report.CodeBytes = (*Chosen)->estimateCodeBytes(*Module);
    if (Folder)
      Report.AbsentFiles = Folder->absentFiles();
    return Status();
  }
  Manifest.Name = modelName();
  Manifest.Compiler = "qopt " QOPT_VERSION;
  Manifest.Bytes.push_back({"source", Report.SourceBytes});
  Manifest.Hashes = {{"source", SourceHash},
                     {"options", formatHash(hashBytes(Options.Levels.print()))}};
  Report.Output = Output;
  ArtefactInputs Inputs{*Module,   **Chosen,     std::move(Program), std::move(Manifest),
                        sources(), Options.Emit, Options.Threads};
  auto Code = writeArtefact(std::move(Inputs), Output,
                            Options.Force ? FolderWriter::Existing::ReplaceArtefact
                                          : FolderWriter::Existing::Refuse,
                            Log);
  if (!Code)
    return Code.status();
  Report.CodeBytes = *Code;
  return Status();
}

Result<CompileReport> Compilation::run() {
  auto Begin = std::chrono::steady_clock::now();
  if (Status Error = checkOutput(); !Error.ok())
    return Error;
  if (Status Error = checkScheme(Options.Levels.Scheme); !Error.ok())
    return Error;
  if (Status Error = load(); !Error.ok())
    return Error;
  SourceHash = formatHash(hashBytes(hashText()));
  Report.SourceBytes = sourceBytes(*Module);
  for (Level Each : {Level::Model, Level::Quantized, Level::Kernels}) {
    if (Options.StartFrom && Each <= *Options.StartFrom)
      continue;
    if (Status Error = lowerTo(Each); !Error.ok())
      return Error;
    if (Options.StopAfter == Each) {
      if (Status Error = stop(); !Error.ok())
        return Error;
      break;
    }
  }
  if (!Options.StopAfter || *Options.StopAfter == Level::Code)
    if (Status Error = finish(); !Error.ok())
      return Error;
  Log.finish();
  Report.Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - Begin).count();
  return std::move(Report);
}

Result<CompileReport> qopt::compileModel(MLIRContext &Context, const CompileOptions &Options) {
  DiagnosticPrinter Printer(&Context, llvm::sys::path::filename(Options.Model).str(), Options.Quiet,
                            Options.Diagnostics);
  return Compilation(Context, Options).run();
}
