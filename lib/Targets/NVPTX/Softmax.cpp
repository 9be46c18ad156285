// Softmax along any axis: a warp for each line of elements along it.
#include "qopt/Targets/Common/SingleOperation.h"
#include "qopt/Targets/NVPTX/KernelBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t Warps = 4;

namespace {
class SoftmaxLowering : public GpuLowering {
public:
  StringRef getName() const override { return "softmax"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return bool(codegen::findSoftmax(Kernel, Reason));
  }
  GridPlan plan(const KernelInfo &Kernel) const override {
    GridPlan Plan;
    Plan.onlyStage().Items = codegen::getLines(Kernel, find(Kernel)).ceilDiv(Warps);
    Plan.onlyStage().Threads = Warps * WarpSize;
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B, unsigned) const override;

private:
  static SoftmaxOp find(const KernelInfo &Kernel) {
    std::string Reason;
    return codegen::findSoftmax(Kernel, Reason);
  }
};
} // namespace

LogicalResult SoftmaxLowering::emit(KernelBuilder &B, unsigned) const {
  const KernelInfo &Info = B.getInfo();
  SoftmaxOp Op = find(Info);
  ArrayRef<AffineExpr> Dims = Info.getDims(Op.getInput());
  Type Element = nvptx::getElementType(Op.getInput());
  Value Count = B.size(Dims[Op.getAxis()]);
  Value Stride = B.size(qopt::getElementCount(Dims.drop_front(Op.getAxis() + 1), B.getContext()));
  Value Line = B.add(B.mul(B.getBlock(), Warps), B.getWarp());
  B.ifThen(B.lessThan(Line, B.size(codegen::getLines(Info, Op))), [&] {
    Value First = B.add(B.mul(B.div(Line, Stride), B.mul(Count, Stride)), B.rem(Line, Stride));
    auto At = [&](Value Buffer, Value I) {
      return B.element(Buffer, B.add(First, B.mul(I, Stride)), Element);
    };
    auto Load = [&](Value I, int64_t Lanes) {
      return B.loadVector(At(B.getArgument(Op.getInput()), I), Element, Lanes);
    };
    Value Max = B.maxOver(Count, Load);
    auto Exponential = [&](Value I, int64_t Lanes) {
      return B.exp(B.sub(Load(I, Lanes), B.splat(Max, Lanes)));
    };
    Value Factor = B.div(B.f32(1.0, 0), B.sumOver(Count, Exponential));
    B.loopLanes(Count, [&](Value I, int64_t Lanes) {
      B.storeVector(B.mul(Exponential(I, Lanes), B.splat(Factor, Lanes)), At(B.getResult(0), I),
                    Element);
    });
  });
  return success();
}

namespace qopt::nvptx {
void registerSoftmaxLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<SoftmaxLowering>());
}
} // namespace qopt::nvptx
