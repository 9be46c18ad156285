#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

/// Broadcast shape of the operands with the given element type.
static LogicalResult inferBroadcast(std::optional<Location> Loc, ValueRange Operands, Type Element,
                                    SmallVectorImpl<Type> &Results) {
  SmallVector<int64_t> Shape;
  for (Value Operand : Operands) {
    auto Joined = broadcastShapes(Shape, rankedType(Operand).getShape());
    if (failed(Joined))
      return emitOptionalError(Loc, "shapes do not broadcast: ", Operands.front().getType(),
                               " and ", Operand.getType());
    Shape = *Joined;
  }
  Results.push_back(RankedTensorType::get(Shape, Element));
  return success();
}

static LogicalResult inferBroadcastDims(Operation *Op, ArrayRef<Dims> Operands,
                                        SmallVectorImpl<Dims> &Results) {
  Dims Joined = Operands.front();
  for (ArrayRef<AffineExpr> Next : Operands.drop_front()) {
    auto Wider = broadcastDims(Joined, Next);
    if (failed(Wider))
      return Op->emitOpError() << "operands have symbolic dimensions that do not broadcast: "
                               << printDims(Joined) << " and " << printDims(Next);
    Joined = *Wider;
  }
  Results.push_back(Joined);
  return success();
}

static LogicalResult verifySameElementType(Operation *Op, Value Lhs, Value Rhs) {
  Type A = rankedType(Lhs).getElementType(), B = rankedType(Rhs).getElementType();
  if (A != B)
    return Op->emitOpError() << "operands have element types " << A << " and " << B
                             << "; insert a qopt.cast";
  return success();
}

//===- unary ----------------------------------------------------------------------------------===//

LogicalResult UnaryOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor Adaptor,
                                        SmallVectorImpl<Type> &Results) {
  Results.push_back(Adaptor.getInput().getType());
  return success();
}

LogicalResult UnaryOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult UnaryOp::verify() {
  Type Element = rankedType(getInput()).getElementType();
  switch (getKind()) {
  case UnaryKind::Not:
    if (!Element.isInteger(1))
      return emitOpError() << "not takes booleans (i1), found " << getInput().getType();
    return success();
  case UnaryKind::Abs:
  case UnaryKind::Neg:
  case UnaryKind::Relu:
    return success();
  default:
    if (!isa<FloatType>(Element))
      return emitOpError() << stringifyUnaryKind(getKind()) << " takes floats, found "
                           << getInput().getType() << "; insert a qopt.cast";
    return success();
  }
}

//===- binary ---------------------------------------------------------------------------------===//

LogicalResult BinaryOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  return inferBroadcast(Loc, Adaptor.getOperands(), rankedType(Adaptor.getLhs()).getElementType(),
                        Results);
}

LogicalResult BinaryOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  return inferBroadcastDims(*this, Operands, Results);
}

LogicalResult BinaryOp::verify() {
  bool IsLogical = getKind() == BinaryKind::And || getKind() == BinaryKind::Or;
  if (IsLogical && !rankedType(getLhs()).getElementType().isInteger(1))
    return emitOpError() << stringifyBinaryKind(getKind()) << " takes booleans (i1), found "
                         << getLhs().getType();
  return verifySameElementType(*this, getLhs(), getRhs());
}

//===- compare --------------------------------------------------------------------------------===//

LogicalResult CompareOp::inferReturnTypes(MLIRContext *Context, std::optional<Location> Loc,
                                          Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  return inferBroadcast(Loc, Adaptor.getOperands(), IntegerType::get(Context, 1), Results);
}

LogicalResult CompareOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  return inferBroadcastDims(*this, Operands, Results);
}

LogicalResult CompareOp::verify() { return verifySameElementType(*this, getLhs(), getRhs()); }

//===- select ---------------------------------------------------------------------------------===//

LogicalResult SelectOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc,
                                         Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  return inferBroadcast(Loc, Adaptor.getOperands(), rankedType(Adaptor.getLhs()).getElementType(),
                        Results);
}

LogicalResult SelectOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  return inferBroadcastDims(*this, Operands, Results);
}

LogicalResult SelectOp::verify() {
  if (!rankedType(getCondition()).getElementType().isInteger(1))
    return emitOpError() << "condition must be a tensor of i1, found " << getCondition().getType();
  return verifySameElementType(*this, getLhs(), getRhs());
}

//===- cast -----------------------------------------------------------------------------------===//

LogicalResult CastOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Results.push_back(Operands.front());
  return success();
}

LogicalResult CastOp::verify() {
  RankedTensorType From = rankedType(getInput()), To = rankedType(getResult());
  if (From.getShape() != To.getShape())
    return emitOpError() << "changes the shape from " << From << " to " << To;
  return success();
}

//===- quantize, dequantize -------------------------------------------------------------------===//

/// Scale and zero point must repeat along the input, and not the other way round.
static LogicalResult verifyQuantization(Operation *Op, Value Input, Value Scale, Value ZeroPoint,
                                        Type Codes) {
  auto Integer = dyn_cast<IntegerType>(Codes);
  bool IsCode = Integer && (Integer.getWidth() == 8 || Integer.getWidth() == 16 ||
                            (Integer.getWidth() == 32 && isa<DequantizeOp>(Op)));
  if (!IsCode && !isa<Float8E4M3FNType>(Codes))
    return Op->emitOpError() << "codes must be integers of 8 or 16 bits or f8E4M3FN, found "
                             << Codes;
  if (!isa<FloatType>(rankedType(Scale).getElementType()))
    return Op->emitOpError() << "scale must be a float tensor, found " << Scale.getType();
  for (Value Parameter : {Scale, ZeroPoint}) {
    auto Joined = broadcastShapes(rankedType(Input).getShape(), rankedType(Parameter).getShape());
    if (failed(Joined) || ArrayRef<int64_t>(*Joined) != rankedType(Input).getShape())
      return Op->emitOpError() << "a scale or zero point of type " << Parameter.getType()
                               << " does not broadcast to " << Input.getType();
  }
  return success();
}

LogicalResult QuantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor Adaptor,
                                           SmallVectorImpl<Type> &Results) {
  Results.push_back(
      rankedType(Adaptor.getInput()).clone(rankedType(Adaptor.getZeroPoint()).getElementType()));
  return success();
}

LogicalResult QuantizeOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  return inferBroadcastDims(*this, Operands, Results);
}

LogicalResult QuantizeOp::verify() {
  if (!isa<FloatType>(rankedType(getInput()).getElementType()))
    return emitOpError() << "quantizes floats, found " << getInput().getType();
  return verifyQuantization(*this, getInput(), getScale(), getZeroPoint(),
                            rankedType(getResult()).getElementType());
}

LogicalResult DequantizeOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                             Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  Results.push_back(
      rankedType(Adaptor.getInput()).clone(rankedType(Adaptor.getScale()).getElementType()));
  return success();
}

LogicalResult DequantizeOp::inferResultDims(ArrayRef<Dims> Operands,
                                            SmallVectorImpl<Dims> &Results) {
  return inferBroadcastDims(*this, Operands, Results);
}

LogicalResult DequantizeOp::verify() {
  if (failed(verifySameElementType(*this, getInput(), getZeroPoint())))
    return failure();
  return verifyQuantization(*this, getInput(), getScale(), getZeroPoint(),
                            rankedType(getInput()).getElementType());
}

//===- dynamic_scale --------------------------------------------------------------------------===//

LogicalResult DynamicScaleOp::inferReturnTypes(MLIRContext *Context, std::optional<Location> Loc,
                                               Adaptor Adaptor, SmallVectorImpl<Type> &Results) {
  SmallVector<int64_t> Shape(rankedType(Adaptor.getInput()).getShape());
  if (Shape.empty())
    return emitOptionalError(Loc, "scales rows, found ", Adaptor.getInput().getType());
  Shape.back() = 1;
  Results.push_back(RankedTensorType::get(Shape, Float32Type::get(Context)));
  return success();
}

LogicalResult DynamicScaleOp::inferResultDims(ArrayRef<Dims> Operands,
                                              SmallVectorImpl<Dims> &Results) {
  Dims Rows = Operands.front();
  Rows.back() = getAffineConstantExpr(1, getContext());
  Results.push_back(Rows);
  return success();
}

LogicalResult DynamicScaleOp::verify() {
  if (!isa<FloatType>(rankedType(getInput()).getElementType()))
    return emitOpError() << "scales rows of floats, found " << getInput().getType();
  if (!getCode().isSignlessInteger(8) && !isa<Float8E4M3FNType>(getCode()))
    return emitOpError() << "codes are i8 or f8E4M3FN, found " << getCode();
  return success();
}
