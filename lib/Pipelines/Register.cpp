#include "qopt/Pipelines/Register.h"

#include "qopt/Analysis/TargetRegistry.h"
#include "qopt/Passes/Fusion.h"
#include "qopt/Passes/Graph.h"
#include "qopt/Passes/Precision.h"
#include "qopt/Passes/Verify.h"
#include "qopt/Pipelines/Levels.h"
#include "qopt/Pipelines/Raise.h"
#include "qopt/Targets/CPU.h"
#include "qopt/Targets/NVPTX.h"

#include "QKernel/QKernel.h"
#include "QOpt/QOpt.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void qopt::registerAllDialects(DialectRegistry &Registry) {
  Registry.insert<QOptDialect, qkernel::QKernelDialect, func::FuncDialect, arith::ArithDialect,
                  math::MathDialect, scf::SCFDialect, vector::VectorDialect, LLVM::LLVMDialect>();
}

void qopt::registerAllPasses() {
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  registerFusionPasses();
  registerGraphPasses();
  registerPrecisionPasses();
  registerVerifyPasses();
  registerRaisingPipeline();
  registerLevelPipelines();
}

void qopt::registerAllTargets() {
  TargetRegistry::get().add(createCpuTarget({}));
  for (const nvptx::Chip &Chip : nvptx::getChips())
    TargetRegistry::get().add(createNvptxTarget(Chip));
}
