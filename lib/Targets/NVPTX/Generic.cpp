// Every kernel that no other lowering takes, element by element: one thread for each element of
// each result.
#include "qopt/Targets/Common/ElementReader.h"
#include "qopt/Targets/NVPTX/KernelBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::ElementReader;

static constexpr int64_t Threads = 256;

namespace {
class GenericLowering : public GpuLowering {
public:
  StringRef getName() const override { return "generic"; }
  /// Everything else is better.
  int getBenefit() const override { return 0; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return ElementReader::canRead(Kernel, Reason);
  }
  GridPlan plan(const KernelInfo &Kernel) const override;
  LogicalResult emit(KernelBuilder &B, unsigned) const override;
};
} // namespace

static AffineExpr getBlocks(const KernelInfo &Kernel, Value Result) {
  return Kernel.getElementCount(Result).ceilDiv(Threads);
}

GridPlan GenericLowering::plan(const KernelInfo &Kernel) const {
  GridPlan Plan;
  GridStage &Stage = Plan.onlyStage();
  Stage.Threads = Threads;
  Stage.Items = Kernel.constant(0);
  for (Value Result : Kernel.getResults())
    Stage.Items = Stage.Items + getBlocks(Kernel, Result);
  return Plan;
}

LogicalResult GenericLowering::emit(KernelBuilder &B, unsigned) const {
  const KernelInfo &Info = B.getInfo();
  AffineExpr First = Info.constant(0);
  LogicalResult Status = success();
  for (auto [I, Result] : llvm::enumerate(Info.getResults())) {
    // Blocks of earlier results give negative positions, later ones too large ones.
    Value Block = B.sub(B.getBlock(), B.size(First));
    Value Position = B.add(B.mul(Block, Threads), B.getThread());
    Value IsMine = B.bitAnd(B.lessThan(B.index(-1), Block),
                            B.lessThan(Position, B.size(Info.getElementCount(Result))));
    B.ifThen(IsMine, [&, I = I] {
      if (failed(ElementReader(B).store(I, Position)))
        Status = failure();
    });
    First = First + getBlocks(Info, Result);
  }
  return Status;
}

namespace qopt::nvptx {
void registerGenericLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<GenericLowering>());
}
} // namespace qopt::nvptx
