#include "PassGuard.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace qopt;

struct PassGuard::State {
  /// Of the reproducer, once there is one.
  std::string File;
  /// A pass said that it failed; where none did, one crashed.
  bool SawFailure = false;
};

namespace {

class FailureWatch : public PassInstrumentation {
public:
  explicit FailureWatch(std::shared_ptr<PassGuard::State> Shared) : Shared(std::move(Shared)) {}
  void runAfterPassFailed(Pass *, Operation *) override { Shared->SawFailure = true; }

private:
  std::shared_ptr<PassGuard::State> Shared;
};

class Reproducer : public ReproducerStream {
public:
  Reproducer(std::string Path, int Descriptor)
      : Path(std::move(Path)), Stream(Descriptor, /*shouldClose=*/true) {}
  StringRef description() override { return Path; }
  llvm::raw_ostream &os() override { return Stream; }

private:
  std::string Path;
  llvm::raw_fd_ostream Stream;
};

} // namespace

PassGuard::PassGuard(PassManager &Passes, const std::string &Name)
    : Context(Passes.getContext()), WasThreaded(Context->isMultithreadingEnabled()),
      Shared(std::make_shared<State>()), Silence(Context, [](Diagnostic &Diag) {
        return success(
            StringRef(Diag.str())
                .starts_with("Failures have been detected while processing an MLIR pass"));
      }) {
  Context->disableMultithreading();
  Passes.addInstrumentation(std::make_unique<FailureWatch>(Shared));
  Passes.enableCrashReproducerGeneration(
      [Shared = Shared, Name](std::string &Error) -> std::unique_ptr<ReproducerStream> {
        int Descriptor;
        SmallString<128> Path;
        if (std::error_code Code =
                llvm::sys::fs::createTemporaryFile("qopt-" + Name, "mlir", Descriptor, Path)) {
          Error = "no reproducer: " + Code.message();
          return nullptr;
        }
        Shared->File = Path.str().str();
        return std::make_unique<Reproducer>(Shared->File, Descriptor);
      },
      /*genLocalReproducer=*/true);
}

PassGuard::~PassGuard() {
  if (WasThreaded)
    Context->enableMultithreading();
}

void PassGuard::discard() {
  if (!Shared->File.empty())
    llvm::sys::fs::remove(Shared->File);
  Shared->File.clear();
}

bool PassGuard::sawCrash() const { return !Shared->SawFailure; }

std::string PassGuard::describe() const {
  std::string Text = sawCrash() ? ": a pass crashed, which is a bug of the compiler" : "";
  return Shared->File.empty()
             ? Text
             : Text + "; reproducer for qopt-opt --run-reproducer: " + Shared->File;
}
