#include "qopt/Targets/Common/LLVMPipeline.h"

// One by one: mlir/Conversion/Passes.h would be most of the time that this file takes to compile.
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"

using namespace mlir;
using namespace qopt;

LogicalResult codegen::lowerToLLVMDialect(ModuleOp Module) {
  PassManager Passes(Module.getContext());
  Passes.addPass(createSCFToControlFlowPass());
  Passes.addPass(createConvertVectorToLLVMPass());
  Passes.addPass(createConvertMathToLLVMPass());
  Passes.addPass(createArithToLLVMConversionPass());
  Passes.addPass(createConvertControlFlowToLLVMPass());
  Passes.addPass(createUBToLLVMConversionPass());
  Passes.addPass(createReconcileUnrealizedCastsPass());
  return Passes.run(Module);
}

static void optimize(llvm::Module &Module, llvm::TargetMachine &Machine,
                     llvm::OptimizationLevel Level) {
  llvm::LoopAnalysisManager Loops;
  llvm::FunctionAnalysisManager Functions;
  llvm::CGSCCAnalysisManager Calls;
  llvm::ModuleAnalysisManager Modules;
  llvm::TargetLibraryInfoImpl Library(Module.getTargetTriple());
  Library.disableAllFunctions();
  Functions.registerPass([&] { return llvm::TargetLibraryAnalysis(Library); });
  llvm::PassBuilder Builder(&Machine);
  Builder.registerModuleAnalyses(Modules);
  Builder.registerCGSCCAnalyses(Calls);
  Builder.registerFunctionAnalyses(Functions);
  Builder.registerLoopAnalyses(Loops);
  Builder.crossRegisterProxies(Loops, Functions, Calls, Modules);
  Builder.buildPerModuleDefaultPipeline(Level).run(Module, Modules);
}

static LogicalResult emitFile(llvm::Module &Module, llvm::TargetMachine &Machine,
                              llvm::CodeGenFileType Type, SmallVectorImpl<char> &Bytes) {
  llvm::raw_svector_ostream Stream(Bytes);
  llvm::legacy::PassManager Passes;
  llvm::TargetLibraryInfoImpl Library(Module.getTargetTriple());
  Library.disableAllFunctions();
  Passes.add(new llvm::TargetLibraryInfoWrapperPass(Library));
  if (Machine.addPassesToEmitFile(Passes, Stream, nullptr, Type))
    return failure();
  Passes.run(Module);
  return success();
}

FailureOr<std::string> codegen::compile(ModuleOp Module, llvm::TargetMachine &Machine,
                                        llvm::OptimizationLevel Level, llvm::CodeGenFileType Type) {
  registerBuiltinDialectTranslation(*Module.getContext());
  registerLLVMDialectTranslation(*Module.getContext());
  llvm::LLVMContext Context;
  std::unique_ptr<llvm::Module> Translated = translateModuleToLLVMIR(Module, Context, "kernels");
  if (!Translated)
    return Module.emitError("kernels cannot be translated to LLVM IR");
  Translated->setDataLayout(Machine.createDataLayout());
  Translated->setTargetTriple(Machine.getTargetTriple());
  optimize(*Translated, Machine, Level);
  SmallVector<char, 0> Bytes;
  if (failed(emitFile(*Translated, Machine, Type, Bytes)))
    return Module.emitError("LLVM cannot emit code for ") << Machine.getTargetTriple().str();
  return std::string(Bytes.data(), Bytes.size());
}
