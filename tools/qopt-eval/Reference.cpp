#include "Reference.h"

#include "qopt/Base/Interrupts.h"
#include "qopt/Pipelines/Compile.h"
#include "qopt/Pipelines/Register.h"
#include "qopt/Runtime/Program.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <thread>

using namespace qopt;

FloatReference::~FloatReference() {
  Source.reset();
  Program.reset();
  if (Temporary.empty())
    return;
  llvm::sys::fs::remove_directories(Temporary);
  keepWhenInterrupted(Temporary);
}

Status FloatReference::compile(const std::string &Path, const TokenWindows &Tokens,
                               unsigned Threads) {
  llvm::SmallString<128> Folder;
  if (std::error_code Error = llvm::sys::fs::createUniqueDirectory("qopt-eval", Folder))
    return makeError(StatusCode::Failed, "no temporary folder: ", Error.message());
  Temporary = Folder.str().str();
  removeWhenInterrupted(Temporary);
  mlir::DialectRegistry Registry;
  registerAllDialects(Registry);
  registerAllPasses();
  registerAllTargets();
  mlir::MLIRContext Context(Registry);
  CompileOptions Options;
  Options.Model = Path;
  Options.Output = Temporary + "/reference.qopt";
  Options.Quiet = true;
  Options.Threads = Threads ? Threads : std::max(1u, std::thread::hardware_concurrency());
  Options.Levels.Reason = "as in the file";
  auto Report = compileModel(Context, Options);
  if (!Report)
    return Report.status();
  runtime::DeviceOptions Device;
  Device.Threads = int(Threads);
  auto Loaded = runtime::Program::load(Options.Output, Device);
  if (!Loaded)
    return Loaded.status();
  Program = *Loaded;
  auto Opened = openArtefactSource(Program, Tokens.Window);
  if (!Opened)
    return Opened.status();
  Source = std::move(*Opened);
  return Status();
}

Result<std::unique_ptr<FloatReference>>
FloatReference::open(const std::string &Path, const TokenWindows &Tokens, unsigned Threads) {
  std::unique_ptr<FloatReference> Result(new FloatReference());
  if (llvm::sys::path::extension(Path) == ".npz") {
    auto Saved = openSavedSource(Path, Tokens);
    if (!Saved)
      return Saved.status();
    Result->Source = std::move(*Saved);
  } else if (Status Error = Result->compile(Path, Tokens, Threads); !Error.ok()) {
    return Error;
  }
  return Result;
}
