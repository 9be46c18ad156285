// Softmax along any axis. A work item is one line of elements along that axis; along the last axis
// it is read in vectors.
#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/SingleOperation.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

class SoftmaxLowering : public CpuLowering {
public:
  StringRef getName() const override { return "softmax"; }

  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return bool(codegen::findSoftmax(Kernel, Reason));
  }

  KernelPlan plan(const KernelInfo &Kernel) const override {
    SoftmaxOp Op = find(Kernel);
    KernelPlan Plan;
    Plan.onlyStage().Items = codegen::getLines(Kernel, Op);
    // The exponentials of a line.
    Plan.ScratchBytes = Kernel.getDims(Op.getInput())[Op.getAxis()] * 4;
    return Plan;
  }

  LogicalResult emit(KernelBuilder &B) const override;

private:
  static SoftmaxOp find(const KernelInfo &Kernel) {
    std::string Reason;
    return codegen::findSoftmax(Kernel, Reason);
  }
};

} // namespace

LogicalResult SoftmaxLowering::emit(KernelBuilder &B) const {
  const KernelInfo &Info = B.getInfo();
  SoftmaxOp Op = find(Info);
  ArrayRef<AffineExpr> Dims = Info.getDims(Op.getInput());
  Type Element = cpu::getElementType(Op.getInput());
  Value Count = B.size(Dims[Op.getAxis()]);
  Value Stride = B.size(qopt::getElementCount(Dims.drop_front(Op.getAxis() + 1), B.getContext()));
  bool IsLast = Op.getAxis() + 1 == Dims.size();
  Value Line = B.getScratch(Info.constant(0));
  Type F32 = B.getF32Type();
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    Value First = B.add(B.mul(B.div(Item, Stride), B.mul(Count, Stride)), B.rem(Item, Stride));
    auto At = [&](Value Buffer, Value I) {
      return B.element(Buffer, B.add(First, IsLast ? I : B.mul(I, Stride)), Element);
    };
    // Elements that lie apart are collected first.
    auto Load = [&](Value I, int64_t Lanes) {
      return IsLast ? B.loadVector(At(B.getArgument(Op.getInput()), I), Element, Lanes)
                    : B.loadRaw(B.element(Line, I, F32), B.f32Vector(Lanes));
    };
    if (!IsLast)
      B.loop(B.index(0), Count, 1, [&](Value I) {
        B.storeRaw(B.loadScalar(At(B.getArgument(Op.getInput()), I), Element),
                   B.element(Line, I, F32));
      });
    Value Max = B.maxOver(Count, Load);
    Value Sum = B.sumOver(Count, [&](Value I, int64_t Lanes) {
      Value Number = B.exp(B.sub(Load(I, Lanes), B.splat(Max, Lanes)));
      B.storeRaw(Number, B.element(Line, I, F32));
      return Number;
    });
    Value Factor = B.div(B.f32(1.0, 0), Sum);
    B.loopLanes(Count, [&](Value I, int64_t Lanes) {
      Value Number =
          B.mul(B.loadRaw(B.element(Line, I, F32), B.f32Vector(Lanes)), B.splat(Factor, Lanes));
      if (IsLast)
        return B.storeVector(Number, At(B.getResult(0), I), Element);
      for (int64_t J = 0; J < Lanes; ++J)
        B.storeScalar(vector::ExtractOp::create(B, Number, ArrayRef<int64_t>{J}),
                      At(B.getResult(0), B.add(I, J)), Element);
    });
  });
  return success();
}

namespace qopt::cpu {
void registerSoftmaxLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<SoftmaxLowering>());
}
} // namespace qopt::cpu
