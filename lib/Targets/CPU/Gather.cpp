// Rows of a table: a work item is one index. The table may be plain, or lie in panels because a
// contraction reads it too (a tied embedding); stored rows read as their dequantized values.
#include "qopt/Targets/CPU/Contraction.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

class GatherLowering : public CpuLowering {
public:
  StringRef getName() const override { return "gather"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override;
  KernelPlan plan(const KernelInfo &Kernel) const override;
  LogicalResult emit(KernelBuilder &B) const override;
};

/// Copies one row of a table.
class RowReader {
public:
  RowReader(KernelBuilder &B, GatherOp Gather, ArrayRef<Operation *> Casts, Type To)
      : B(B), Gather(Gather), Casts(Casts), To(To) {}
  LogicalResult copy(Value Row, Value Result);

private:
  LogicalResult copyPlain(Value Row, Value Result);
  LogicalResult copyFromPanels(Value Row, Value Result);
  LogicalResult store(Value Number, Value Result, Value I);

  KernelBuilder &B;
  GatherOp Gather;
  ArrayRef<Operation *> Casts;
  Type To;
};

} // namespace

static GatherOp findGather(const KernelInfo &Kernel) {
  GatherOp Found;
  for (Operation &Op : Kernel.getOps())
    if (auto Gather = dyn_cast<GatherOp>(Op))
      Found = Gather;
  return Found;
}

/// Casts and reshapes between the gather and the result, in the order in which they apply.
static std::optional<SmallVector<Operation *>> findCasts(const KernelInfo &Kernel,
                                                         GatherOp Gather) {
  SmallVector<Operation *> Casts;
  if (Kernel.getResults().size() != 1)
    return std::nullopt;
  Value At = skipReshapes(Kernel.getResults()[0]);
  while (auto Cast = At.getDefiningOp<CastOp>()) {
    Casts.push_back(Cast);
    At = skipReshapes(Cast.getInput());
  }
  if (At != Gather.getResult())
    return std::nullopt;
  std::reverse(Casts.begin(), Casts.end());
  return Casts;
}

bool GatherLowering::match(const KernelInfo &Kernel, std::string &Reason) const {
  GatherOp Gather = findGather(Kernel);
  if (!Gather || !findCasts(Kernel, Gather))
    Reason = "is not one gather with casts";
  else if (Gather.getAxis() != 0)
    Reason = "gathers along an inner axis";
  else if (!isa<BlockArgument>(Gather.getTable()) ||
           !isa<BlockArgument>(skipReshapes(Gather.getIndices())))
    Reason = "the table or the indices are computed in the kernel";
  else
    return true;
  return false;
}

KernelPlan GatherLowering::plan(const KernelInfo &Kernel) const {
  KernelPlan Plan;
  Plan.onlyStage().Items = Kernel.getElementCount(findGather(Kernel).getIndices());
  Plan.ScratchBytes = Kernel.constant(0);
  return Plan;
}

LogicalResult GatherLowering::emit(KernelBuilder &B) const {
  const KernelInfo &Info = B.getInfo();
  GatherOp Gather = findGather(Info);
  SmallVector<Operation *> Casts = *findCasts(Info, Gather);
  Value Indices = skipReshapes(Gather.getIndices());
  Value Rows = B.size(Info.getDims(Gather.getTable())[0]);
  Value Width =
      B.size(getElementCount(Info.getDims(Gather.getTable()).drop_front(), Info.getContext()));
  Type To = cpu::getElementType(Info.getResults()[0]);
  LogicalResult Result = success();
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value I) {
    Value Row = B.loadIndex(B.getArgument(Indices), I, cpu::getElementType(Indices));
    Row = B.select(B.lessThan(Row, B.index(0)), B.add(Row, Rows), Row);
    // What an input's range did not exclude must still not read outside the table.
    Row = B.max(B.min(Row, B.sub(Rows, B.index(1))), B.index(0));
    RowReader Reader(B, Gather, Casts, To);
    Result = Reader.copy(Row, B.element(B.getResult(0), B.mul(I, Width), To));
  });
  return Result;
}

LogicalResult RowReader::copy(Value Row, Value Result) {
  if (isa_and_nonnull<qkernel::PanelLayoutAttr>(B.getInfo().getLayout(Gather.getTable())))
    return copyFromPanels(Row, Result);
  if (getStoredElementType(Gather.getTable().getType()))
    return B.getInfo().getKernel().emitError(
        "gathers from a stored table that does not lie in panels");
  return copyPlain(Row, Result);
}

LogicalResult RowReader::store(Value Number, Value Result, Value I) {
  for (Operation *Cast : Casts) {
    FailureOr<Value> Converted = emitElementwise(B, Cast, Number);
    if (failed(Converted))
      return failure();
    Number = *Converted;
  }
  B.storeVector(Number, B.element(Result, I, To), To);
  return success();
}

LogicalResult RowReader::copyPlain(Value Row, Value Result) {
  Type From = cpu::getElementType(Gather.getTable());
  ArrayRef<AffineExpr> Dims = B.getInfo().getDims(Gather.getTable());
  Value Width = B.size(getElementCount(Dims.drop_front(), B.getContext()));
  Value Source = B.element(B.getArgument(Gather.getTable()), B.mul(Row, Width), From);
  LogicalResult Status = success();
  B.loopLanes(Width, [&](Value I, int64_t Lanes) {
    if (failed(store(B.loadVector(B.element(Source, I, From), From, Lanes), Result, I)))
      Status = failure();
  });
  return Status;
}

LogicalResult RowReader::copyFromPanels(Value Row, Value Result) {
  PanelWeight Weight(Gather.getTable().getType());
  Value Panel = B.bytes(B.getArgument(Gather.getTable()),
                        B.mul(B.div(Row, PanelRows), Weight.getPanelBytes()));
  Value InPanel = B.rem(Row, PanelRows);
  LogicalResult Status = success();
  B.loop(B.index(0), B.index(Weight.getInputs()), 1, [&](Value I) {
    if (failed(store(B.splat(Weight.loadElement(B, Panel, InPanel, I), 1), Result, I)))
      Status = failure();
  });
  return Status;
}

namespace qopt::cpu {
void registerGatherLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<GatherLowering>());
}
} // namespace qopt::cpu
