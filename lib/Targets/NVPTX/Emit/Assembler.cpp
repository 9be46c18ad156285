// Runs ptxas. What it reports about its result is read as strictly as its exit code.
#include "PtxModule.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

std::optional<std::string> nvptx::findAssembler() {
  StringRef Configured = QOPT_PTXAS;
  if (!Configured.empty() && llvm::sys::fs::can_execute(Configured))
    return Configured.str();
  if (auto Found = llvm::sys::findProgramByName("ptxas"))
    return *Found;
  return std::nullopt;
}

namespace {
/// A file that goes away again.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef Suffix) {
    Error = llvm::sys::fs::createTemporaryFile("qopt-kernels", Suffix, Path);
  }
  ~TemporaryFile() {
    if (!Error)
      llvm::sys::fs::remove(Path);
  }
  StringRef getPath() const { return Path; }
  std::string read() const {
    auto Buffer = llvm::MemoryBuffer::getFile(Path);
    return Buffer ? (*Buffer)->getBuffer().str() : std::string();
  }
  std::error_code Error;

private:
  SmallString<128> Path;
};
} // namespace

/// The first message that stands for slow or repaired code: spills, and messages C75xx, with which
/// ptxas says that it serialised asynchronous operations or ignored a request.
static std::string findComplaint(StringRef Messages) {
  SmallVector<StringRef> Lines;
  Messages.split(Lines, '\n');
  llvm::Regex Spills("([1-9][0-9]* bytes spill|[1-9][0-9]* bytes stack frame)"),
      Repairs("C75[0-9][0-9]");
  std::string Kernel;
  for (StringRef Line : Lines) {
    if (Line.contains("Function properties for") || Line.contains("Compiling entry function"))
      Kernel = Line.str();
    if (Spills.match(Line) || Repairs.match(Line))
      return Kernel + ": " + Line.trim().str();
  }
  return {};
}

FailureOr<std::string> nvptx::assemble(ModuleOp Module, const Chip &Chip, StringRef Assembler,
                                       StringRef Ptx) {
  TemporaryFile Input("ptx"), Output("cubin"), Messages("txt");
  std::error_code Error;
  for (TemporaryFile *File : {&Input, &Output, &Messages})
    Error = Error ? Error : File->Error;
  if (!Error) {
    llvm::raw_fd_ostream Stream(Input.getPath(), Error);
    Stream << Ptx;
    Stream.close();
    Error = Error ? Error : Stream.error();
    Stream.clear_error();
  }
  if (Error)
    return Module.emitError() << "cannot write the PTX for ptxas: " << Error.message();
  std::string Architecture = ("-arch=" + Chip.Architecture).str(), Failure;
  StringRef Arguments[] = {Assembler, Architecture,     "-v",           "-O3",
                           "-o",      Output.getPath(), Input.getPath()};
  std::optional<StringRef> Redirects[] = {StringRef(), Messages.getPath(), Messages.getPath()};
  int Code =
      llvm::sys::ExecuteAndWait(Assembler, Arguments, std::nullopt, Redirects, 0, 0, &Failure);
  std::string Said = Messages.read();
  if (Code != 0)
    return Module.emitError() << Assembler << " refuses the kernels for " << Chip.Architecture
                              << ": " << (Failure.empty() ? Said : Failure)
                              << "; --emit=ptx leaves it out";
  if (std::string Complaint = findComplaint(Said); !Complaint.empty())
    return Module.emitError() << "ptxas for " << Chip.Architecture << ": " << Complaint;
  return Output.read();
}
