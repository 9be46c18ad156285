#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

static LogicalResult verifyFloat(Operation *Op, StringRef What, Value Value) {
  RankedTensorType Ty = rankedType(Value);
  if (!isa<FloatType>(Ty.getElementType()))
    return Op->emitOpError() << What << " must be a float tensor, found " << Ty;
  return success();
}

//===- linear ---------------------------------------------------------------------------------===//

LogicalResult LinearOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  RankedTensorType Input = rankedType(Adaptor.getInput()), Weight = rankedType(Adaptor.getWeight());
  if (Weight.getRank() != 2 || Input.getRank() < 1)
    return emitOptionalError(Loc, "weight must be [out, in], found ", Weight);
  if (!compatibleSizes(Input.getShape().back(), Weight.getDimSize(1)))
    return emitOptionalError(Loc, "weight takes ", Weight.getDimSize(1),
                             " inputs, but the input has ", Input.getShape().back());
  SmallVector<int64_t> Shape(Input.getShape());
  Shape.back() = Weight.getDimSize(0);
  Results.push_back(Input.clone(Shape));
  return success();
}

LogicalResult LinearOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result = Operands[0];
  Result.back() = Operands[1][0];
  Results.push_back(Result);
  return success();
}

LogicalResult LinearOp::verify() {
  if (getCompute() && !isa<FloatType>(*getCompute()))
    return emitOpError() << "takes products in a float type, found " << *getCompute();
  if (auto Level = getAccuracyLevel(); Level && (*Level < 1 || *Level > 4))
    return emitOpError() << "has accuracy_level " << *Level << ", expected 1 to 4";
  if (failed(verifyFloat(*this, "input", getInput())))
    return failure();
  if (!getStoredElementType(getWeight().getType()))
    return verifyFloat(*this, "weight", getWeight());
  return success();
}

//===- matmul ---------------------------------------------------------------------------------===//

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  RankedTensorType Lhs = rankedType(Adaptor.getLhs()), Rhs = rankedType(Adaptor.getRhs());
  if (Lhs.getRank() < 2 || Rhs.getRank() < 2)
    return emitOptionalError(Loc, "needs matrices, found ", Lhs, " and ", Rhs);
  if (!compatibleSizes(Lhs.getShape().back(), Rhs.getShape().drop_back().back()))
    return emitOptionalError(Loc, "contracts ", Lhs.getShape().back(), " columns with ",
                             Rhs.getShape().drop_back().back(), " rows");
  auto Batch = broadcastShapes(Lhs.getShape().drop_back(2), Rhs.getShape().drop_back(2));
  if (failed(Batch))
    return emitOptionalError(Loc, "batch axes of ", Lhs, " and ", Rhs, " do not broadcast");
  Batch->append({Lhs.getShape().drop_back().back(), Rhs.getShape().back()});
  Results.push_back(Lhs.clone(*Batch));
  return success();
}

LogicalResult MatmulOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  ArrayRef<AffineExpr> Lhs = Operands[0], Rhs = Operands[1];
  auto Batch = broadcastDims(Lhs.drop_back(2), Rhs.drop_back(2));
  if (failed(Batch))
    return emitOpError() << "operands have symbolic batch dimensions that do not broadcast: "
                         << printDims(Lhs.drop_back(2)) << " and " << printDims(Rhs.drop_back(2));
  if (Lhs.back() != Rhs.drop_back().back())
    return emitOpError() << "contracts symbolic dimensions that are not the same: "
                         << printDims(Lhs) << " and " << printDims(Rhs);
  Batch->append({Lhs.drop_back().back(), Rhs.back()});
  Results.push_back(*Batch);
  return success();
}

LogicalResult MatmulOp::verify() {
  if (rankedType(getLhs()).getElementType() != rankedType(getRhs()).getElementType())
    return emitOpError() << "operands have types " << getLhs().getType() << " and "
                         << getRhs().getType() << "; insert a qopt.cast";
  return verifyFloat(*this, "lhs", getLhs());
}

//===- reduce ---------------------------------------------------------------------------------===//

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  RankedTensorType Ty = rankedType(Adaptor.getInput());
  SmallVector<int64_t> Shape;
  // The parser infers types before it fills in defaults.
  BoolAttr KeepDims = Adaptor.getProperties().keep_dims;
  for (int64_t Axis : Adaptor.getAxes())
    if (Axis < 0 || Axis >= Ty.getRank())
      return emitOptionalError(Loc, "axis ", Axis, " is out of range for rank ", Ty.getRank());
  for (int64_t I = 0; I < Ty.getRank(); ++I) {
    if (!llvm::is_contained(Adaptor.getAxes(), I))
      Shape.push_back(Ty.getDimSize(I));
    else if (!KeepDims || KeepDims.getValue())
      Shape.push_back(1);
  }
  Results.push_back(Ty.clone(Shape));
  return success();
}

LogicalResult ReduceOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result;
  for (auto [I, Dim] : llvm::enumerate(Operands.front())) {
    if (!llvm::is_contained(getAxes(), int64_t(I)))
      Result.push_back(Dim);
    else if (getKeepDims())
      Result.push_back(getAffineConstantExpr(1, getContext()));
  }
  Results.push_back(Result);
  return success();
}

LogicalResult ReduceOp::verify() {
  llvm::SmallDenseSet<int64_t> Seen;
  for (int64_t Axis : getAxes())
    if (!Seen.insert(Axis).second)
      return emitOpError() << "axis " << Axis << " is named twice";
  return success();
}

//===- softmax --------------------------------------------------------------------------------===//

LogicalResult SoftmaxOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult SoftmaxOp::verify() {
  if (failed(verifyFloat(*this, "input", getInput())))
    return failure();
  return verifyAxis(*this, getAxis(), rankedType(getInput()));
}

//===- norms ----------------------------------------------------------------------------------===//

static LogicalResult verifyNorm(Operation *Op, Value Input, Value Scale, Value Bias,
                                float Epsilon) {
  RankedTensorType Ty = rankedType(Input);
  if (failed(verifyFloat(Op, "input", Input)))
    return failure();
  for (Value Vector : {Scale, Bias})
    if (Vector && (rankedType(Vector).getRank() != 1 || Ty.getRank() < 1 ||
                   !compatibleSizes(rankedType(Vector).getDimSize(0), Ty.getShape().back())))
      return Op->emitOpError() << "normalizes " << Ty << " but has a scale or bias of type "
                               << Vector.getType();
  if (!(Epsilon >= 0))
    return Op->emitOpError() << "epsilon must not be negative, found " << Epsilon;
  return success();
}

LogicalResult RMSNormOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor Adaptor,
                                          SmallVectorImpl<Type> &Results) {
  Results.push_back(Adaptor.getInput().getType());
  return success();
}

LogicalResult RMSNormOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult RMSNormOp::verify() {
  return verifyNorm(*this, getInput(), getScale(), {}, getEpsilon().convertToFloat());
}

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor Adaptor,
                                            SmallVectorImpl<Type> &Results) {
  Results.push_back(Adaptor.getInput().getType());
  return success();
}

LogicalResult LayerNormOp::inferResultDims(ArrayRef<Dims> Operands,
                                           SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult LayerNormOp::verify() {
  return verifyNorm(*this, getInput(), getScale(), getBias(), getEpsilon().convertToFloat());
}
