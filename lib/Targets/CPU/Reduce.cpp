// Sums, means and maxima over the last axes, whose elements lie beside each other: global pools
// among them. A work item is one element of the result.
#include "qopt/Targets/CPU/KernelBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

class ReduceLowering : public CpuLowering {
public:
  StringRef getName() const override { return "reduce"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override;
  KernelPlan plan(const KernelInfo &Kernel) const override {
    KernelPlan Plan;
    Plan.onlyStage().Items = Kernel.getElementCount(find(Kernel).getResult());
    Plan.ScratchBytes = Kernel.constant(0);
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override;

private:
  /// Reshapes only give the result another shape.
  static ReduceOp find(const KernelInfo &Kernel) {
    return dyn_cast<ReduceOp>(*Kernel.getOps().begin());
  }
};

} // namespace

bool ReduceLowering::match(const KernelInfo &Kernel, std::string &Reason) const {
  ReduceOp Op = find(Kernel);
  bool IsOnly = Op && llvm::all_of(Kernel.getOps(), llvm::IsaPred<ReduceOp, ReshapeOp>) &&
                Kernel.getResults().size() == 1 &&
                skipReshapes(Kernel.getResults().front()) == Op.getResult();
  if (!IsOnly || !isa<BlockArgument>(Op.getInput())) {
    Reason = "is not one reduction of an argument";
    return false;
  }
  auto Ty = cast<RankedTensorType>(Op.getInput().getType());
  int64_t First = Ty.getRank() - int64_t(Op.getAxes().size());
  if (llvm::any_of(Op.getAxes(), [&](int64_t Axis) { return Axis < First; })) {
    Reason = "reduces other axes than the last ones";
    return false;
  }
  if (!isa<FloatType>(Ty.getElementType()) || Ty.getElementType().isF64() ||
      Op.getKind() == ReduceKind::Min) {
    Reason = "is no sum, mean or maximum of floats of at most 32 bits";
    return false;
  }
  return true;
}

LogicalResult ReduceLowering::emit(KernelBuilder &B) const {
  const KernelInfo &Info = B.getInfo();
  ReduceOp Op = find(Info);
  Type Element = cpu::getElementType(Op.getInput());
  ArrayRef<AffineExpr> Reduced = Info.getDims(Op.getInput()).take_back(Op.getAxes().size());
  Value Count = B.size(qopt::getElementCount(Reduced, B.getContext()));
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    Value Line = B.element(B.getArgument(Op.getInput()), B.mul(Item, Count), Element);
    auto Load = [&](Value I, int64_t Lanes) {
      return B.loadVector(B.element(Line, I, Element), Element, Lanes);
    };
    Value Result =
        Op.getKind() == ReduceKind::Max ? B.maxOver(Count, Load) : B.sumOver(Count, Load);
    if (Op.getKind() == ReduceKind::Mean)
      Result = B.div(Result, B.toFloat(Count));
    B.storeScalar(Result, B.element(B.getResult(0), Item, Element), Element);
  });
  return success();
}

namespace qopt::cpu {
void registerReduceLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<ReduceLowering>());
}
} // namespace qopt::cpu
