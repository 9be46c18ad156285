#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

/// A rank-1 tensor of i32 or i64, one number per row of the batch.
static LogicalResult verifyPerRow(Operation *Op, StringRef What, Value Value) {
  RankedTensorType Ty = rankedType(Value);
  if (Ty.getRank() != 1 || !Ty.getElementType().isInteger())
    return Op->emitOpError() << What << " must be one integer per row of the batch, found " << Ty;
  return success();
}

static LogicalResult verifyHeads(Operation *Op, StringRef What, Value Value) {
  RankedTensorType Ty = rankedType(Value);
  if (Ty.getRank() != 4 || !isa<FloatType>(Ty.getElementType()) || Ty.isDynamicDim(2) ||
      Ty.isDynamicDim(3))
    return Op->emitOpError() << What << " must be [batch, tokens, heads, size] of floats, found "
                             << Ty;
  return success();
}

static LogicalResult verifyGroups(Operation *Op, int64_t Heads, int64_t KVHeads) {
  if (KVHeads == 0 || Heads % KVHeads != 0)
    return Op->emitOpError() << "has " << Heads << " query heads, not a multiple of its " << KVHeads
                             << " key heads";
  return success();
}

/// The first and the last key that a query sees are window - 1 apart.
static LogicalResult verifyWindow(Operation *Op, int64_t Window) {
  if (Window < 0)
    return Op->emitOpError() << "has a window of " << Window
                             << " keys, expected 0 (no window) or more";
  return success();
}

//===- positions, take_last -------------------------------------------------------------------===//

LogicalResult PositionsOp::inferResultDims(ArrayRef<Dims> Operands,
                                           SmallVectorImpl<Dims> &Results) {
  Results.push_back({Operands.front().front(), getTokens().getResult(0)});
  return success();
}

LogicalResult PositionsOp::verify() {
  if (failed(verifyPerRow(*this, "past", getPast())))
    return failure();
  if (getTokens().getNumDims() != 0 || getTokens().getNumResults() != 1)
    return emitOpError() << "tokens must be one expression over symbols, found " << getTokensAttr();
  RankedTensorType Past = rankedType(getPast()), Ty = rankedType(getResult());
  if (Ty.getRank() != 2 || Ty.getElementType() != Past.getElementType() ||
      Ty.getDimSize(0) != Past.getDimSize(0) ||
      Ty.getDimSize(1) != getShape(getTokens().getResults())[0])
    return emitOpError() << "of " << Past << " for " << getTokensAttr() << " does not give " << Ty;
  return success();
}

LogicalResult TakeLastOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result = Operands.front();
  Result[1] = getSize().getResult(0);
  Results.push_back(Result);
  return success();
}

LogicalResult TakeLastOp::verify() {
  if (failed(verifyPerRow(*this, "count", getCount())))
    return failure();
  RankedTensorType From = rankedType(getInput()), To = rankedType(getResult());
  if (getSize().getNumDims() != 0 || getSize().getNumResults() != 1)
    return emitOpError() << "size must be one expression over symbols, found " << getSizeAttr();
  if (From.getRank() < 2)
    return emitOpError() << "input must be [batch, tokens, ...], found " << From;
  SmallVector<int64_t> Shape(From.getShape());
  Shape[1] = getShape(getSize().getResults())[0];
  if (From.clone(Shape) != To)
    return emitOpError() << "of " << From << " with size " << getSizeAttr() << " does not give "
                         << To;
  return success();
}

//===- rotary ---------------------------------------------------------------------------------===//

LogicalResult RotaryOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor Adaptor,
                                         SmallVectorImpl<Type> &Results) {
  Results.push_back(Adaptor.getInput().getType());
  return success();
}

LogicalResult RotaryOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult RotaryOp::verify() {
  if (failed(verifyHeads(*this, "input", getInput())))
    return failure();
  int64_t Size = rankedType(getInput()).getDimSize(3);
  int64_t Pairs = getInverseFrequencies().size();
  if (Pairs == 0 || 2 * Pairs > Size)
    return emitOpError() << "turns " << 2 * Pairs << " channels of a head of " << Size;
  RankedTensorType Positions = rankedType(getPositions());
  if (Positions.getRank() != 2 || !Positions.getElementType().isInteger())
    return emitOpError() << "positions must be [batch, tokens] of integers, found " << Positions;
  return success();
}

//===- attention ------------------------------------------------------------------------------===//

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                            Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  RankedTensorType Query = rankedType(Adaptor.getQuery()), Value = rankedType(Adaptor.getValue());
  if (Query.getRank() != 4 || Value.getRank() != 4)
    return emitOptionalError(Loc, "query and value must be [batch, tokens, heads, size], found ",
                             Query, " and ", Value);
  SmallVector<int64_t> Shape(Query.getShape());
  Shape.back() = Value.getShape().back();
  Results.push_back(Query.clone(Shape));
  return success();
}

LogicalResult AttentionOp::inferResultDims(ArrayRef<Dims> Operands,
                                           SmallVectorImpl<Dims> &Results) {
  Dims Result = Operands[0];
  Result.back() = Operands[2].back();
  Results.push_back(Result);
  return success();
}

static LogicalResult verifyMask(AttentionOp Op) {
  RankedTensorType Query = rankedType(Op.getQuery()), Key = rankedType(Op.getKey()),
                   Mask = rankedType(Op.getMask());
  if (!isa<FloatType>(Mask.getElementType()) && !Mask.getElementType().isInteger(1))
    return Op.emitOpError() << "mask must be floats (added) or i1 (true = seen), found " << Mask;
  SmallVector<int64_t> Scores = {Query.getDimSize(0), Query.getDimSize(2), Query.getDimSize(1),
                                 Key.getDimSize(1)};
  auto Joined = broadcastShapes(Mask.getShape(), Scores);
  bool Fits = succeeded(Joined) && Joined->size() == Scores.size() &&
              llvm::all_of(llvm::zip_equal(*Joined, Scores), [](auto Sizes) {
                return compatibleSizes(std::get<0>(Sizes), std::get<1>(Sizes));
              });
  if (!Fits)
    return Op.emitOpError() << "mask " << Mask
                            << " does not broadcast to [batch, heads, tokens, context] of " << Query
                            << " and " << Key;
  return success();
}

LogicalResult AttentionOp::verify() {
  for (auto [What, Operand] :
       {std::pair<StringRef, Value>("query", getQuery()), {"key", getKey()}, {"value", getValue()}})
    if (failed(verifyHeads(*this, What, Operand)))
      return failure();
  RankedTensorType Query = rankedType(getQuery()), Key = rankedType(getKey()),
                   Values = rankedType(getValue());
  if (Query.getDimSize(3) != Key.getDimSize(3))
    return emitOpError() << "query and key have head sizes " << Query.getDimSize(3) << " and "
                         << Key.getDimSize(3);
  if (Key.getDimSize(2) != Values.getDimSize(2) ||
      !compatibleSizes(Key.getDimSize(1), Values.getDimSize(1)))
    return emitOpError() << "key and value differ: " << Key << " and " << Values;
  if (getLengths() && failed(verifyPerRow(*this, "lengths", getLengths())))
    return failure();
  if (getMask() && failed(verifyMask(*this)))
    return failure();
  if (!getCausal() && getWindow() > 0)
    return emitOpError(
        "has a window but is not causal; the window ends at the last key that a causal query sees");
  if (failed(verifyWindow(*this, getWindow())))
    return failure();
  return verifyGroups(*this, Query.getDimSize(2), Key.getDimSize(2));
}

//===- kv_append, cached_attention ------------------------------------------------------------===//

LogicalResult KVAppendOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  Results.emplace_back();
  return success();
}

LogicalResult KVAppendOp::verify() {
  KVCacheType Cache = getCache().getType();
  for (auto [What, Operand] :
       {std::pair<StringRef, Value>("key", getKey()), {"value", getValue()}}) {
    if (failed(verifyHeads(*this, What, Operand)))
      return failure();
    RankedTensorType Ty = rankedType(Operand);
    if (Ty.getDimSize(2) != Cache.getHeads() || Ty.getDimSize(3) != Cache.getHeadSize())
      return emitOpError() << What << " " << Ty << " does not fit the cache's " << Cache.getHeads()
                           << " heads of " << Cache.getHeadSize();
  }
  // Linear use is what lets the append happen in place.
  int64_t Appends =
      llvm::count_if(getCache().getUsers(), [](Operation *User) { return isa<KVAppendOp>(User); });
  if (Appends > 1)
    return emitOpError("appends to a cache that another operation appends to as well");
  return verifyPerRow(*this, "past", getPast());
}

LogicalResult CachedAttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                                  Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  Results.push_back(Adaptor.getQuery().getType());
  return success();
}

LogicalResult CachedAttentionOp::inferResultDims(ArrayRef<Dims> Operands,
                                                 SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult CachedAttentionOp::verify() {
  if (failed(verifyHeads(*this, "query", getQuery())))
    return failure();
  RankedTensorType Query = rankedType(getQuery());
  KVCacheType Cache = getCache().getType();
  if (Query.getDimSize(3) != Cache.getHeadSize())
    return emitOpError() << "query has head size " << Query.getDimSize(3) << ", the cache "
                         << Cache.getHeadSize();
  if (failed(verifyGroups(*this, Query.getDimSize(2), Cache.getHeads())) ||
      failed(verifyWindow(*this, getWindow())))
    return failure();
  return verifyPerRow(*this, "past", getPast());
}
