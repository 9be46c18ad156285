// vector/scf/arith/llvm operations -> LLVM IR -> object file -> shared object, all in this process.
//
// The same module gives the same bytes: no path or time enters (the temporary folder's name does
// not reach the output), and linking is done by lld as a library.
#include "CodeGen.h"

#include "LowerDot4.h"
#include "qopt/Base/Interrupts.h"
#include "qopt/Targets/Common/LLVMPipeline.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

#include "lld/Common/Driver.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

static constexpr llvm::StringLiteral TargetTriple = "x86_64-unknown-linux-gnu";
static constexpr llvm::StringLiteral BaseCpu = "x86-64-v2";

//===- Functions ------------------------------------------------------------------------------===//

LLVM::LLVMFuncOp cpu::createKernelFunction(ModuleOp Module, const Isa &Isa, StringRef Symbol) {
  MLIRContext *Context = Module.getContext();
  Location Loc = UnknownLoc::get(Context);
  OpBuilder Builder = OpBuilder::atBlockEnd(Module.getBody());
  Type I64 = Builder.getI64Type(), Pointer = LLVM::LLVMPointerType::get(Context);
  auto Ty = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(Context),
                                        {I64, I64, Pointer, Pointer, Pointer});
  auto Function = LLVM::LLVMFuncOp::create(Builder, Loc, Symbol, Ty);
  Function.setTargetCpu(BaseCpu);
  Function.setTuneCpu(Isa.TuneCpu);
  if (!Isa.Features.empty())
    Function.setTargetFeaturesAttr(LLVM::TargetFeaturesAttr::get(Context, Isa.Features));
  auto Pair = [&](StringRef Name, StringRef Value) -> Attribute {
    return Builder.getStrArrayAttr({Name, Value});
  };
  // "no-builtins": a loop must not become a call of memset or memcpy.
  Function.setPassthroughAttr(
      Builder.getArrayAttr({Builder.getStringAttr("nounwind"), Builder.getStringAttr("no-builtins"),
                            Pair("prefer-vector-width", std::to_string(Isa.VectorBits)),
                            Pair("min-legal-vector-width", std::to_string(Isa.VectorBits))}));
  Block *Entry = Function.addEntryBlock(Builder);
  Builder.setInsertionPointToEnd(Entry);
  LLVM::ReturnOp::create(Builder, Loc, ValueRange());
  return Function;
}

//===- MLIR to LLVM ---------------------------------------------------------------------------===//

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(std::string &Error) {
  static std::once_flag Once;
  std::call_once(Once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  llvm::Triple Triple(TargetTriple);
  const llvm::Target *Found = llvm::TargetRegistry::lookupTarget(Triple, Error);
  if (!Found)
    return nullptr;
  llvm::TargetOptions Options;
  return std::unique_ptr<llvm::TargetMachine>(
      Found->createTargetMachine(Triple, BaseCpu, "", Options, llvm::Reloc::PIC_, std::nullopt,
                                 llvm::CodeGenOptLevel::Aggressive));
}

//===- Linking --------------------------------------------------------------------------------===//

namespace {
/// A folder that goes away again.
class TemporaryFolder {
public:
  TemporaryFolder() {
    Error = llvm::sys::fs::createUniqueDirectory("qopt-cpu", Path);
    if (!Error)
      removeWhenInterrupted(std::string(Path));
  }
  ~TemporaryFolder() {
    if (Error)
      return;
    llvm::sys::fs::remove_directories(Path);
    keepWhenInterrupted(std::string(Path));
  }
  std::string file(StringRef Name) const {
    SmallString<128> Result(Path);
    llvm::sys::path::append(Result, Name);
    return std::string(Result);
  }
  std::error_code Error;

private:
  SmallString<128> Path;
};
} // namespace

static LogicalResult runLinker(ArrayRef<const char *> Arguments, std::string &Messages) {
  // lld keeps its state in globals.
  static std::mutex Lock;
  std::lock_guard<std::mutex> Guard(Lock);
  llvm::raw_string_ostream Stream(Messages);
  lld::Result Result =
      lld::lldMain(Arguments, llvm::nulls(), Stream, {{lld::Gnu, &lld::elf::link}});
  return success(Result.retCode == 0);
}

static FailureOr<std::string> link(ModuleOp Module, StringRef Object) {
  TemporaryFolder Folder;
  std::string Input = Folder.file("kernels.o"), Output = Folder.file("module.so");
  std::error_code Error = Folder.Error;
  if (!Error) {
    llvm::raw_fd_ostream Stream(Input, Error);
    Stream << Object;
    Stream.close();
    Error = Error ? Error : Stream.error();
    Stream.clear_error();
  }
  if (Error)
    return Module.emitError() << "cannot write the object file: " << Error.message();
  // "-z defs": an undefined symbol is an error here, not when the artefact is loaded.
  std::string Messages;
  if (failed(runLinker({"ld.lld", "-shared", "-nostdlib", "-z", "defs", "-z", "noexecstack",
                        "--build-id=none", "--hash-style=gnu", "--strip-all", "--threads=1",
                        "-soname", "module.so", "-o", Output.c_str(), Input.c_str()},
                       Messages)))
    return Module.emitError() << "linking the kernels failed: " << Messages;
  auto Buffer = llvm::MemoryBuffer::getFile(Output);
  if (!Buffer)
    return Module.emitError() << "cannot read the linked module: " << Buffer.getError().message();
  return (*Buffer)->getBuffer().str();
}

FailureOr<std::string> cpu::compileToSharedObject(ModuleOp Module) {
  if (failed(lowerDot4(Module)) || failed(codegen::lowerToLLVMDialect(Module)))
    return failure();
  std::string Error;
  std::unique_ptr<llvm::TargetMachine> Machine = createTargetMachine(Error);
  if (!Machine)
    return Module.emitError() << "LLVM cannot generate code for x86-64: " << Error;
  auto Object = codegen::compile(Module, *Machine, llvm::OptimizationLevel::O2,
                                 llvm::CodeGenFileType::ObjectFile);
  if (failed(Object))
    return failure();
  return link(Module, *Object);
}
