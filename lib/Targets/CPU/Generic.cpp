// Every kernel that no other lowering takes, element by element. A work item is one row of one
// result.
#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/ElementReader.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using codegen::ElementReader;

namespace {
class GenericLowering : public CpuLowering {
public:
  StringRef getName() const override { return "generic"; }
  /// Everything else is better.
  int getBenefit() const override { return 0; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return ElementReader::canRead(Kernel, Reason);
  }
  KernelPlan plan(const KernelInfo &Kernel) const override;
  LogicalResult emit(KernelBuilder &B) const override;
};
} // namespace

/// Rows of a result: its elements without the last axis.
static AffineExpr getRows(const KernelInfo &Kernel, Value Result) {
  return Kernel.getDims(Result).empty() ? Kernel.constant(1) : Kernel.getRowCount(Result);
}

KernelPlan GenericLowering::plan(const KernelInfo &Kernel) const {
  KernelPlan Plan;
  Plan.onlyStage().Items = Kernel.constant(0);
  for (Value Result : Kernel.getResults())
    Plan.onlyStage().Items = Plan.onlyStage().Items + getRows(Kernel, Result);
  Plan.ScratchBytes = Kernel.constant(0);
  return Plan;
}

static LogicalResult emitRow(KernelBuilder &B, unsigned Number, Value Result, Value Row) {
  const KernelInfo &Info = B.getInfo();
  ArrayRef<AffineExpr> Dims = Info.getDims(Result);
  Type Element = cpu::getElementType(Result);
  ElementReader Reader(B);
  ElementReader::Index Outer(Dims.empty() ? 0 : Dims.size() - 1);
  Value Rest = Row;
  for (size_t Axis = Outer.size(); Axis-- > 0;) {
    Outer[Axis] = B.rem(Rest, B.size(Dims[Axis]));
    Rest = B.div(Rest, B.size(Dims[Axis]));
  }
  Value Width = Dims.empty() ? B.index(1) : B.size(Dims.back());
  LogicalResult Status = success();
  B.loop(B.index(0), Width, 1, [&](Value I) {
    ElementReader::Index At(Outer);
    if (!Dims.empty())
      At.push_back(I);
    Value Computed = Reader.read(Result, At);
    if (!Computed) {
      Status = failure();
      return;
    }
    B.storeScalar(Computed, B.element(B.getResult(Number), B.add(B.mul(Row, Width), I), Element),
                  Element);
  });
  return Status;
}

LogicalResult GenericLowering::emit(KernelBuilder &B) const {
  const KernelInfo &Info = B.getInfo();
  AffineExpr First = Info.constant(0);
  LogicalResult Status = success();
  for (auto [I, Result] : llvm::enumerate(Info.getResults())) {
    Value Start = B.size(First), Rows = B.size(getRows(Info, Result));
    Value Low = B.max(B.sub(B.getBegin(), Start), B.index(0));
    Value High = B.min(B.sub(B.getEnd(), Start), Rows);
    B.loop(Low, High, 1, [&, I = I, Result = Result](Value Row) {
      if (failed(emitRow(B, I, Result, Row)))
        Status = failure();
    });
    First = First + getRows(Info, Result);
  }
  return Status;
}

namespace qopt::cpu {
void registerGenericLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<GenericLowering>());
}
} // namespace qopt::cpu
