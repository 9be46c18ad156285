// A norm that stands alone: a work item is one row.
#include "Emit/NormRow.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

class NormLowering : public CpuLowering {
public:
  StringRef getName() const override { return "norm"; }

  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    Operation *Norm = findNorm(Kernel);
    if (!Norm || Kernel.getResults().size() != 1 ||
        skipReshapes(Kernel.getResults()[0]).getDefiningOp() != Norm) {
      Reason = "is not one rms_norm or layer_norm";
      return false;
    }
    for (Operation &Op : Kernel.getOps())
      if (&Op != Norm && !isa<ReshapeOp>(Op)) {
        Reason = ("holds " + Op.getName().getStringRef()).str();
        return false;
      }
    for (auto [I, Operand] : llvm::enumerate(Norm->getOperands()))
      if (!isa<BlockArgument>(I ? Operand : skipReshapes(Operand)) ||
          cpu::getElementType(Operand).isF64()) {
        Reason = "an operand is computed in the kernel, or f64";
        return false;
      }
    return true;
  }

  KernelPlan plan(const KernelInfo &Kernel) const override {
    KernelPlan Plan;
    Plan.Items = Kernel.getRowCount(findNorm(Kernel)->getResult(0));
    Plan.ScratchBytes = Kernel.constant(0);
    return Plan;
  }

  LogicalResult emit(KernelBuilder &B) const override {
    const KernelInfo &Info = B.getInfo();
    Operation *Norm = findNorm(Info);
    Value Source = skipReshapes(Norm->getOperand(0));
    Type From = cpu::getElementType(Source), To = cpu::getElementType(Norm->getResult(0));
    Value Count = B.size(Info.getDims(Norm->getResult(0)).back());
    B.loop(B.getBegin(), B.getEnd(), 1, [&](Value M) {
      Value First = B.mul(M, Count);
      emitNormRow(B, Norm, B.element(B.getArgument(Source), First, From), From, Count,
                  [&](Value I, Value Lanes) {
                    B.storeVector(Lanes, B.element(B.getResult(0), B.add(First, I), To), To);
                  });
    });
    return success();
  }

private:
  static Operation *findNorm(const KernelInfo &Kernel) {
    Operation *Norm = nullptr;
    for (Operation &Op : Kernel.getOps())
      if (isa<RMSNormOp, LayerNormOp>(Op))
        Norm = Norm ? nullptr : &Op;
    return Norm;
  }
};

} // namespace

namespace qopt::cpu {
void registerNormLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<NormLowering>());
}
} // namespace qopt::cpu
