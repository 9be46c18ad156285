#include "QKernel/QKernel.h"
#include "qopt/Analysis/DimAnalysis.h"

namespace qopt {
#define GEN_PASS_DECL_PLANMEMORY
#define GEN_PASS_DEF_PLANMEMORY
#include "PlanMemory.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// Offsets in use, by first fit.
class Arena {
public:
  static constexpr int64_t Alignment = 64;

  int64_t allocate(int64_t Bytes) {
    Bytes = std::max<int64_t>(llvm::alignTo(Bytes, Alignment), Alignment);
    int64_t Offset = 0;
    for (auto [Begin, End] : Used) {
      if (Begin - Offset >= Bytes)
        break;
      Offset = End;
    }
    Used[Offset] = Offset + Bytes;
    Size = std::max(Size, Offset + Bytes);
    return Offset;
  }

  void release(int64_t Offset) { Used.erase(Offset); }
  int64_t getSize() const { return Size; }

private:
  std::map<int64_t, int64_t> Used;
  int64_t Size = 0;
};

struct PlanMemoryPass : public qopt::impl::PlanMemoryBase<PlanMemoryPass> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    if (getOperation().isExternal())
      return;
    if (failed(plan(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult plan(func::FuncOp Function);
};

} // namespace

/// Largest value of each symbol.
static FailureOr<SmallVector<int64_t>> getMaxima(func::FuncOp Function) {
  SmallVector<int64_t> Maxima;
  for (SymbolAttr Symbol : getSymbols(Function)) {
    if (Symbol.getMax() < 0)
      return Function.emitError() << "symbol '" << Symbol.getName()
                                  << "' has no maximum; memory is planned for the largest request";
    Maxima.push_back(Symbol.getMax());
  }
  return Maxima;
}

static FailureOr<int64_t> getByteSize(Value Value, ArrayRef<AffineExpr> Dims,
                                      ArrayRef<int64_t> Maxima) {
  auto Ty = cast<RankedTensorType>(Value.getType());
  int64_t Width = llvm::divideCeil(Ty.getElementTypeBitWidth(), 8);
  auto Bytes = evaluate(getElementCount(Dims, Ty.getContext()) * Width, Maxima);
  if (!Bytes)
    return emitError(Value.getLoc())
           << "the size of " << Ty << " overflows for the largest request";
  return *Bytes;
}

LogicalResult PlanMemoryPass::plan(func::FuncOp Function) {
  auto Dims = DimAnalysis::run(Function);
  auto Maxima = getMaxima(Function);
  if (failed(Dims) || failed(Maxima))
    return failure();
  Arena Space;
  llvm::DenseMap<Value, int64_t> Offsets;
  auto IsOutput = [](Value Result) {
    return llvm::any_of(Result.getUsers(),
                        [](Operation *User) { return isa<func::ReturnOp>(User); });
  };
  for (auto Launch : Function.getOps<qkernel::LaunchOp>()) {
    SmallVector<int64_t> Places;
    for (Value Result : Launch.getResults()) {
      if (!isa<RankedTensorType>(Result.getType()) || IsOutput(Result)) {
        Places.push_back(-1);
        continue;
      }
      auto Bytes = getByteSize(Result, Dims->getDims(Result), *Maxima);
      if (failed(Bytes))
        return failure();
      Places.push_back(Offsets[Result] = Space.allocate(*Bytes));
    }
    Launch.setArena(Places);
    // A value whose last reader has run makes room; so does a result that nobody reads.
    auto IsLastUse = [&](Value Operand) {
      return llvm::all_of(Operand.getUsers(), [&](Operation *User) {
        return User == Launch || User->isBeforeInBlock(Launch);
      });
    };
    for (Value Each : llvm::concat<Value>(SmallVector<Value>(Launch.getOperands()),
                                          SmallVector<Value>(Launch.getResults())))
      if (auto It = Offsets.find(Each); It != Offsets.end() && IsLastUse(Each)) {
        Space.release(It->second);
        Offsets.erase(It);
      }
  }
  Function->setAttr(qkernel::QKernelDialect::getArenaBytesAttrName(),
                    Builder(&getContext()).getI64IntegerAttr(Space.getSize()));
  return success();
}
