// A norm that stands alone: a warp for each row.
#include "qopt/Targets/Common/NormRow.h"
#include "qopt/Targets/Common/SingleOperation.h"
#include "qopt/Targets/NVPTX/KernelBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t Warps = 4;

namespace {
class NormLowering : public GpuLowering {
public:
  StringRef getName() const override { return "norm"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    SmallVector<Operation *> Coding;
    return codegen::findNorm(Kernel, Reason, Coding) != nullptr;
  }
  GridPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    SmallVector<Operation *> Coding;
    GridPlan Plan;
    Value Result = codegen::findNorm(Kernel, Reason, Coding)->getResult(0);
    Plan.onlyStage().Items = Kernel.getRowCount(Result).ceilDiv(Warps);
    Plan.onlyStage().Threads = Warps * WarpSize;
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B, unsigned) const override;
};
} // namespace

LogicalResult NormLowering::emit(KernelBuilder &B, unsigned) const {
  const KernelInfo &Info = B.getInfo();
  std::string Reason;
  SmallVector<Operation *> Coding;
  Operation *Norm = codegen::findNorm(Info, Reason, Coding);
  Value Source = skipReshapes(Norm->getOperand(0)), Result = Norm->getResult(0);
  Type From = nvptx::getElementType(Source), To = nvptx::getElementType(Result);
  Value Count = B.size(Info.getDims(Result).back());
  Value Row = B.add(B.mul(B.getBlock(), Warps), B.getWarp());
  B.ifThen(B.lessThan(Row, B.size(Info.getRowCount(Result))), [&] {
    Value First = B.mul(Row, Count);
    emitNormRow(B, Norm, B.element(B.getArgument(Source), First, From), From, Count,
                [&](Value I, Value Lanes) {
                  B.storeVector(emitCoding(B, Coding, Lanes),
                                B.element(B.getResult(0), B.add(First, I), To), To);
                });
  });
  return success();
}

namespace qopt::nvptx {
void registerNormLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<NormLowering>());
}
} // namespace qopt::nvptx
