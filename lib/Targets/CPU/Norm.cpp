// A norm that stands alone, and the codes that its result goes through: a work item is one row.
#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/NormRow.h"
#include "qopt/Targets/Common/SingleOperation.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

class NormLowering : public CpuLowering {
public:
  StringRef getName() const override { return "norm"; }

  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    SmallVector<Operation *> Coding;
    return codegen::findNorm(Kernel, Reason, Coding) != nullptr;
  }

  KernelPlan plan(const KernelInfo &Kernel) const override {
    KernelPlan Plan;
    std::string Reason;
    SmallVector<Operation *> Coding;
    Plan.onlyStage().Items =
        Kernel.getRowCount(codegen::findNorm(Kernel, Reason, Coding)->getResult(0));
    Plan.ScratchBytes = Kernel.constant(0);
    return Plan;
  }

  LogicalResult emit(KernelBuilder &B) const override {
    const KernelInfo &Info = B.getInfo();
    std::string Reason;
    SmallVector<Operation *> Coding;
    Operation *Norm = codegen::findNorm(Info, Reason, Coding);
    Value Source = skipReshapes(Norm->getOperand(0));
    Type From = cpu::getElementType(Source), To = cpu::getElementType(Info.getResults()[0]);
    Value Count = B.size(Info.getDims(Norm->getResult(0)).back());
    B.loop(B.getBegin(), B.getEnd(), 1, [&](Value M) {
      Value First = B.mul(M, Count);
      emitNormRow(B, Norm, B.element(B.getArgument(Source), First, From), From, Count,
                  [&](Value I, Value Lanes) {
                    B.storeVector(emitCoding(B, Coding, Lanes),
                                  B.element(B.getResult(0), B.add(First, I), To), To);
                  });
    });
    return success();
  }
};

} // namespace

namespace qopt::cpu {
void registerNormLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<NormLowering>());
}
} // namespace qopt::cpu
