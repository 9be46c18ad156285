// arith/scf/math/vector/nvvm operations -> LLVM IR -> PTX, all in this process. The same module
// gives the same text: no path or time enters.
#include "PtxModule.h"

#include "qopt/Targets/Common/LLVMPipeline.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

/// "cuda": pointers that are a kernel's parameters lead to global memory.
static constexpr llvm::StringLiteral TargetTriple = "nvptx64-nvidia-cuda";

LLVM::LLVMFuncOp nvptx::createKernelFunction(ModuleOp Module, StringRef Symbol, unsigned Buffers,
                                             unsigned Symbols, int64_t Threads) {
  MLIRContext *Context = Module.getContext();
  Location Loc = UnknownLoc::get(Context);
  OpBuilder Builder = OpBuilder::atBlockEnd(Module.getBody());
  SmallVector<Type> Arguments(Buffers, LLVM::LLVMPointerType::get(Context));
  Arguments.append(Symbols, Builder.getI64Type());
  auto Ty = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(Context), Arguments);
  auto Function = LLVM::LLVMFuncOp::create(Builder, Loc, Symbol, Ty);
  Function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), Builder.getUnitAttr());
  Function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    Builder.getDenseI32ArrayAttr({int32_t(Threads), 1, 1}));
  // Without it ptxas may keep to fewer registers than the block can have, and spill.
  Function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), Builder.getI32IntegerAttr(1));
  // "no-builtins": a loop must not become a call of memset or memcpy.
  Function.setPassthroughAttr(Builder.getStrArrayAttr({"nounwind", "no-builtins"}));
  Block *Entry = Function.addEntryBlock(Builder);
  Builder.setInsertionPointToEnd(Entry);
  LLVM::ReturnOp::create(Builder, Loc, ValueRange());
  return Function;
}

static std::unique_ptr<llvm::TargetMachine> createTargetMachine(const Chip &Chip,
                                                                std::string &Error) {
  static std::once_flag Once;
  std::call_once(Once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple Triple(TargetTriple);
  const llvm::Target *Found = llvm::TargetRegistry::lookupTarget(Triple, Error);
  if (!Found)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(
      Found->createTargetMachine(Triple, Chip.Architecture, Chip.PtxFeature, llvm::TargetOptions(),
                                 std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

FailureOr<std::string> nvptx::compileToPtx(ModuleOp Module, const Chip &Chip) {
  registerNVVMDialectTranslation(*Module.getContext());
  if (failed(codegen::lowerToLLVMDialect(Module)))
    return failure();
  std::string Error;
  std::unique_ptr<llvm::TargetMachine> Machine = createTargetMachine(Chip, Error);
  if (!Machine)
    return Module.emitError() << "LLVM cannot generate code for NVIDIA GPUs: " << Error;
  return codegen::compile(Module, *Machine, llvm::OptimizationLevel::O3,
                          llvm::CodeGenFileType::AssemblyFile);
}
