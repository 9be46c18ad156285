#include "QOpt/DimExpr.h"
#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

/// Product of the dimensions, to compare sizes symbolically.
static AffineExpr product(MLIRContext *Context, ArrayRef<AffineExpr> Exprs) {
  AffineExpr Result = getAffineConstantExpr(1, Context);
  for (AffineExpr Expr : Exprs)
    Result = Result * Expr;
  return Result;
}

//===- reshape --------------------------------------------------------------------------------===//

LogicalResult ReshapeOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  ArrayRef<AffineExpr> To = getDims().getResults();
  if (canonicalizeDim(product(getContext(), Operands.front())) !=
      canonicalizeDim(product(getContext(), To)))
    return emitOpError("does not keep the number of elements");
  Results.emplace_back(To.begin(), To.end());
  return success();
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType From = rankedType(getInput()), To = rankedType(getResult());
  if (From.getElementType() != To.getElementType())
    return emitOpError() << "changes the element type from " << From << " to " << To;
  if (From.hasStaticShape() && To.hasStaticShape() && From.getNumElements() != To.getNumElements())
    return emitOpError() << "has " << From.getNumElements() << " elements in and "
                         << To.getNumElements() << " out";
  return verifyDims(*this, getDims(), To);
}

//===- broadcast ------------------------------------------------------------------------------===//

LogicalResult BroadcastOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  Results.emplace_back(getDims().getResults().begin(), getDims().getResults().end());
  return success();
}

LogicalResult BroadcastOp::verify() {
  RankedTensorType From = rankedType(getInput()), To = rankedType(getResult());
  if (From.getElementType() != To.getElementType())
    return emitOpError() << "changes the element type from " << From << " to " << To;
  auto Joined = broadcastShapes(From.getShape(), To.getShape());
  if (failed(Joined) || int64_t(Joined->size()) != To.getRank())
    return emitOpError() << From << " does not broadcast to " << To;
  return verifyDims(*this, getDims(), To);
}

//===- transpose ------------------------------------------------------------------------------===//

static bool isPermutation(ArrayRef<int64_t> Permutation, int64_t Rank) {
  SmallVector<bool> Seen(Rank, false);
  for (int64_t Axis : Permutation) {
    if (Axis < 0 || Axis >= Rank || Seen[Axis])
      return false;
    Seen[Axis] = true;
  }
  return int64_t(Permutation.size()) == Rank;
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                            Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  RankedTensorType From = rankedType(Adaptor.getInput());
  if (!isPermutation(Adaptor.getPermutation(), From.getRank()))
    return emitOptionalError(Loc, "the permutation does not name each axis of ", From, " once");
  Results.push_back(From.clone(llvm::map_to_vector(
      Adaptor.getPermutation(), [&](int64_t Axis) { return From.getDimSize(Axis); })));
  return success();
}

LogicalResult TransposeOp::inferResultDims(ArrayRef<Dims> Operands,
                                           SmallVectorImpl<Dims> &Results) {
  Dims Result;
  for (int64_t Axis : getPermutation())
    Result.push_back(Operands.front()[Axis]);
  Results.push_back(Result);
  return success();
}

LogicalResult TransposeOp::verify() {
  if (!isPermutation(getPermutation(), rankedType(getInput()).getRank()))
    return emitOpError() << "the permutation does not name each axis of " << getInput().getType()
                         << " once";
  return success();
}

//===- slice ----------------------------------------------------------------------------------===//

LogicalResult SliceOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result = Operands.front();
  Result[getAxis()] = getBounds().getResult(1);
  Results.push_back(Result);
  return success();
}

LogicalResult SliceOp::verify() {
  RankedTensorType From = rankedType(getInput()), To = rankedType(getResult());
  if (failed(verifyAxis(*this, getAxis(), From)))
    return failure();
  if (getBounds().getNumDims() != 0 || getBounds().getNumResults() != 2)
    return emitOpError() << "bounds must be a map (start, size) over symbols, found "
                         << getBoundsAttr();
  if (getStep() == 0)
    return emitOpError("step must not be 0");
  SmallVector<int64_t> Shape(From.getShape());
  Shape[getAxis()] = getShape(getBounds().getResults())[1];
  if (RankedTensorType::get(Shape, From.getElementType()) != To)
    return emitOpError() << "of " << From << " with bounds " << getBoundsAttr() << " does not give "
                         << To;
  int64_t Start = getShape(getBounds().getResults())[0], Size = Shape[getAxis()];
  int64_t Extent = From.getDimSize(getAxis());
  if (!ShapedType::isDynamic(Start) && !ShapedType::isDynamic(Size) &&
      !ShapedType::isDynamic(Extent) && Size > 0) {
    int64_t Last = Start + (Size - 1) * getStep();
    if (Start < 0 || Start >= Extent || Last < 0 || Last >= Extent)
      return emitOpError() << "takes elements " << Start << " to " << Last << " of an axis of "
                           << Extent;
  }
  return success();
}

//===- concat ---------------------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  if (Adaptor.getInputs().empty())
    return emitOptionalError(Loc, "needs at least one input");
  RankedTensorType First = rankedType(Adaptor.getInputs().front());
  SmallVector<int64_t> Shape(First.getShape());
  int64_t Axis = Adaptor.getAxis();
  if (Axis < 0 || Axis >= First.getRank())
    return emitOptionalError(Loc, "axis ", Axis, " is out of range for rank ", First.getRank());
  for (Value Next : Adaptor.getInputs().drop_front()) {
    RankedTensorType Ty = rankedType(Next);
    if (Ty.getRank() != First.getRank() || Ty.getElementType() != First.getElementType())
      return emitOptionalError(Loc, "inputs ", First, " and ", Ty, " cannot be joined");
    for (int64_t I = 0; I < First.getRank(); ++I) {
      if (I == Axis)
        Shape[I] = ShapedType::isDynamic(Shape[I]) || Ty.isDynamicDim(I)
                       ? ShapedType::kDynamic
                       : Shape[I] + Ty.getDimSize(I);
      else if (!compatibleSizes(Shape[I], Ty.getDimSize(I)))
        return emitOptionalError(Loc, "inputs ", First, " and ", Ty, " differ on axis ", I);
      else if (ShapedType::isDynamic(Shape[I]))
        Shape[I] = Ty.getDimSize(I);
    }
  }
  Results.push_back(First.clone(Shape));
  return success();
}

LogicalResult ConcatOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result = Operands.front();
  for (ArrayRef<AffineExpr> Next : Operands.drop_front())
    for (size_t I = 0; I < Result.size(); ++I) {
      if (int64_t(I) == int64_t(getAxis()))
        Result[I] = Result[I] + Next[I];
      else if (Result[I] != Next[I])
        return emitOpError() << "inputs have different symbolic dimensions on axis " << I << ": "
                             << printDims(Result) << " and " << printDims(Next);
    }
  Results.push_back(Result);
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("needs at least one input");
  return success();
}

//===- gather ---------------------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  RankedTensorType Table = rankedType(Adaptor.getTable()),
                   Indices = rankedType(Adaptor.getIndices());
  // The parser infers types before it fills in defaults.
  IntegerAttr AxisAttr = Adaptor.getProperties().axis;
  int64_t Axis = AxisAttr ? AxisAttr.getInt() : 0;
  if (Axis < 0 || Axis >= Table.getRank())
    return emitOptionalError(Loc, "axis ", Axis, " is out of range for rank ", Table.getRank());
  SmallVector<int64_t> Shape(Table.getShape().take_front(Axis));
  llvm::append_range(Shape, Indices.getShape());
  llvm::append_range(Shape, Table.getShape().drop_front(Axis + 1));
  Type Element = Table.getElementType();
  if (getStoredElementType(Table))
    Element = Float32Type::get(Table.getContext());
  Results.push_back(RankedTensorType::get(Shape, Element));
  return success();
}

LogicalResult GatherOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  ArrayRef<AffineExpr> Table = Operands[0], Indices = Operands[1];
  Dims Result(Table.take_front(getAxis()));
  llvm::append_range(Result, Indices);
  llvm::append_range(Result, Table.drop_front(getAxis() + 1));
  Results.push_back(Result);
  return success();
}

LogicalResult GatherOp::verify() {
  Type Index = rankedType(getIndices()).getElementType();
  if (!Index.isInteger(64) && !Index.isInteger(32))
    return emitOpError() << "indices must be i32 or i64, found " << Index;
  if (getStoredElementType(getTable().getType()) && getAxis() != 0)
    return emitOpError("gathers whole rows of a stored table: the axis must be 0");
  return success();
}

//===- iota, sizes ----------------------------------------------------------------------------===//

LogicalResult IotaOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  Results.push_back({getRange().getResult(0)});
  return success();
}

LogicalResult IotaOp::verify() {
  if (getRange().getNumDims() != 0 || getRange().getNumResults() != 3)
    return emitOpError() << "range must be a map (size, start, step) over symbols, found "
                         << getRangeAttr();
  RankedTensorType Ty = rankedType(getResult());
  if (Ty.getRank() != 1 || Ty.getDimSize(0) != getShape(getRange().getResults())[0])
    return emitOpError() << "range " << getRangeAttr() << " does not give " << Ty;
  return success();
}

LogicalResult SizesOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  Dims Result;
  if (rankedType(getResult()).getRank() == 1)
    Result.push_back(getAffineConstantExpr(getValues().getNumResults(), getContext()));
  Results.push_back(Result);
  return success();
}

LogicalResult SizesOp::verify() {
  RankedTensorType Ty = rankedType(getResult());
  if (getValues().getNumDims() != 0)
    return emitOpError() << "values must be a map over symbols, found " << getValuesAttr();
  if (Ty.getRank() > 1 || !Ty.hasStaticShape() ||
      Ty.getNumElements() != int64_t(getValues().getNumResults()) ||
      !Ty.getElementType().isInteger())
    return emitOpError() << getValues().getNumResults() << " values do not give " << Ty;
  return success();
}
