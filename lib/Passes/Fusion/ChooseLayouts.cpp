#include "qopt/Analysis/TargetRegistry.h"

namespace qopt {
#define GEN_PASS_DECL_CHOOSELAYOUTS
#define GEN_PASS_DEF_CHOOSELAYOUTS
#include "ChooseLayouts.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

using Readers = SmallVector<std::pair<qkernel::KernelOp, unsigned>>;

struct ChooseLayoutsPass : public qopt::impl::ChooseLayoutsBase<ChooseLayoutsPass> {
  using ChooseLayoutsBase::ChooseLayoutsBase;

  void runOnOperation() override {
    auto Chosen = findTarget(getOperation(), TargetName);
    if (failed(Chosen))
      return signalPassFailure();
    for (auto &[Weight, WeightReaders] : findReaders()) {
      qkernel::WeightLayoutInterface Layout = (*Chosen)->chooseLayout(Weight, WeightReaders);
      Weight.setLayoutAttr(Layout);
      for (auto [Kernel, Argument] : WeightReaders)
        if (failed(setLayout(Kernel, Argument, Layout)))
          return signalPassFailure();
    }
  }

private:
  llvm::MapVector<WeightOp, Readers> findReaders() {
    SymbolTable Symbols(getOperation());
    llvm::MapVector<WeightOp, Readers> Result;
    getOperation().walk([&](qkernel::LaunchOp Launch) {
      auto Kernel = Symbols.lookup<qkernel::KernelOp>(Launch.getKernel());
      for (OpOperand &Operand : Launch->getOpOperands())
        if (auto Use = Operand.get().getDefiningOp<UseWeightOp>())
          Result[Symbols.lookup<WeightOp>(Use.getWeight())].push_back(
              {Kernel, Operand.getOperandNumber()});
    });
    return Result;
  }

  static LogicalResult setLayout(qkernel::KernelOp Kernel, unsigned Argument, Attribute Layout) {
    StringRef Name = qkernel::QKernelDialect::getLayoutAttrName();
    Attribute Old = Kernel.getArgAttr(Argument, Name);
    if (Old && Old != Layout)
      return Kernel.emitOpError() << "argument " << Argument << " is read in layouts " << Old
                                  << " and " << Layout;
    Kernel.setArgAttr(Argument, Name, Layout);
    return success();
  }
};

} // namespace
