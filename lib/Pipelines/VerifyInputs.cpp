#include "VerifyInputs.h"

#include "qopt/Analysis/DimAnalysis.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt;

/// Cached tokens at most: enough for several blocks of any cache layout.
static constexpr int64_t MostPast = 70;

/// The nearest allowed value from `Wanted` up, or the largest allowed one.
static int64_t fitSymbol(SymbolAttr Symbol, int64_t Wanted) {
  int64_t Divisor = std::max<int64_t>(Symbol.getDivisor(), 1);
  int64_t Value = llvm::divideCeil(std::max(Wanted, Symbol.getMin()), Divisor) * Divisor;
  return Symbol.getMax() < 0 ? Value : std::min(Value, Symbol.getMax() / Divisor * Divisor);
}

SmallVector<int64_t> qopt::chooseSmallRequest(ArrayRef<SymbolAttr> Symbols) {
  return llvm::map_to_vector(Symbols, [](SymbolAttr Symbol) { return fitSymbol(Symbol, 1); });
}

/// Sizes that are odd and differ, so that a mix-up of two shows.
SmallVector<int64_t> qopt::chooseLargeRequest(ArrayRef<SymbolAttr> Symbols) {
  SmallVector<int64_t> Values;
  for (auto [I, Symbol] : llvm::enumerate(Symbols))
    Values.push_back(fitSymbol(Symbol, Symbol.getName().starts_with("batch") ? 2
                                       : Symbol.getName() == "logits"        ? 3
                                                                             : 5 + 2 * int64_t(I)));
  return Values;
}

namespace {
/// Follows an integer argument to what it means.
class RangeFinder {
public:
  RangeFinder(ArrayRef<int64_t> Symbols, int64_t Context) : Symbols(Symbols), Context(Context) {}
  void follow(Value Of);
  std::optional<Interval> Found;

private:
  void visit(Operation *User, Value Of);
  void bound(int64_t Min, int64_t Max) {
    Found =
        Found ? Interval{std::max(Found->Min, Min), std::min(Found->Max, Max)} : Interval{Min, Max};
  }
  int64_t sizeOf(Value Tensor, int64_t Axis);
  void boundPast(int64_t Capacity, int64_t Tokens) {
    bound(0, std::max<int64_t>(0, std::min(MostPast, Capacity - Tokens)));
  }

  ArrayRef<int64_t> Symbols;
  int64_t Context;
};
} // namespace

/// A size of an argument or result; the largest symbol where only an analysis would know.
int64_t RangeFinder::sizeOf(Value Tensor, int64_t Axis) {
  auto Ty = cast<RankedTensorType>(Tensor.getType());
  if (!Ty.isDynamicDim(Axis))
    return Ty.getDimSize(Axis);
  auto Argument = dyn_cast<BlockArgument>(Tensor);
  auto Kernel =
      Argument ? dyn_cast<qkernel::KernelOp>(Argument.getOwner()->getParentOp()) : nullptr;
  auto Map = Kernel ? Kernel.getArgAttrOfType<AffineMapAttr>(Argument.getArgNumber(),
                                                             QOptDialect::getDimsAttrName())
                    : AffineMapAttr();
  if (Map)
    return evaluate(Map.getValue().getResult(Axis), Symbols).value_or(1);
  return *llvm::max_element(Symbols);
}

void RangeFinder::visit(Operation *User, Value Of) {
  if (auto Append = dyn_cast<KVAppendOp>(User); Append && Append.getPast() == Of)
    return boundPast(Append.getCache().getType().getCapacity(), sizeOf(Append.getKey(), 1));
  if (auto Attention = dyn_cast<CachedAttentionOp>(User); Attention && Attention.getPast() == Of)
    return boundPast(Attention.getCache().getType().getCapacity(), sizeOf(Attention.getQuery(), 1));
  if (auto Positions = dyn_cast<PositionsOp>(User))
    return boundPast(Context, evaluate(Positions.getTokens().getResult(0), Symbols).value_or(1));
  if (auto Last = dyn_cast<TakeLastOp>(User); Last && Last.getCount() == Of)
    return bound(1, sizeOf(Last.getInput(), 1));
  if (auto Gather = dyn_cast<GatherOp>(User); Gather && Gather.getIndices() == Of)
    return bound(0, std::max<int64_t>(0, sizeOf(Gather.getTable(), Gather.getAxis()) - 1));
  if (auto Attention = dyn_cast<AttentionOp>(User); Attention && Attention.getLengths() == Of)
    return bound(1, sizeOf(Attention.getKey(), 1));
  if (isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp, ConcatOp, CastOp>(User))
    follow(User->getResult(0));
}

void RangeFinder::follow(Value Of) {
  for (Operation *User : Of.getUsers())
    visit(User, Of);
}

Interval qopt::chooseRange(BlockArgument Argument, ArrayRef<int64_t> Symbols, int64_t Context) {
  RangeFinder Finder(Symbols, Context);
  Finder.follow(Argument);
  if (!Finder.Found || Finder.Found->Min > Finder.Found->Max)
    return Interval{0, 1};
  return *Finder.Found;
}
