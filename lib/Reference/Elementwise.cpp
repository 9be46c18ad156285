#include "QOpt/ScalarFunctions.h"
#include "Shapes.h"
#include "qopt/Reference/Evaluator.h"

#include <cmath>

using namespace mlir;
using namespace qopt;

//===- conversions ----------------------------------------------------------------------------===//

/// Truncates toward zero. What no integer of the type holds goes to the nearest one, NaN to 0.
static int64_t truncate(IntegerType Ty, double X) {
  if (std::isnan(X))
    return 0;
  bool IsExact;
  llvm::APSInt Result(Ty.getWidth(), /*isUnsigned=*/Ty.isUnsigned());
  APFloat(X).convertToInteger(Result, APFloat::rmTowardZero, &IsExact);
  return Result.isUnsigned() ? int64_t(Result.getZExtValue()) : Result.getSExtValue();
}

/// The nearest double that the float type holds: one rounding, also for an integer that no double
/// holds.
static double convert(FloatType Ty, int64_t X) {
  APFloat Result(Ty.getFloatSemantics());
  Result.convertFromAPInt(APInt(64, X, /*isSigned=*/true), /*IsSigned=*/true,
                          APFloat::rmNearestTiesToEven);
  return Result.convertToDouble();
}

//===- operations -----------------------------------------------------------------------------===//

static LogicalResult evaluate(UnaryOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  ReferenceTensor Result(Input.getType());
  bool IsNot = Op.getKind() == UnaryKind::Not;
  for (int64_t I = 0; I < Input.getNumElements(); ++I) {
    if (Input.isFloat() && !IsNot) {
      Result.setFloat(I, compute(Op.getKind(), Input.getFloat(I)));
      continue;
    }
    auto Value = Input.isInteger() ? compute(Op.getKind(), Input.getInteger(I)) : std::nullopt;
    if (!Value)
      return Op.emitOpError() << "no such function of " << Input.getElementType();
    Result.setInteger(I, *Value);
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(BinaryOp Op, Frame &Frame) {
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  auto Shape = joinShapes(Op, {&Lhs, &Rhs});
  if (failed(Shape))
    return failure();
  bool IsLogical = Op.getKind() == BinaryKind::And || Op.getKind() == BinaryKind::Or;
  if (Lhs.isStored() || (Lhs.isFloat() && IsLogical))
    return Op.emitOpError() << "no such function of " << Lhs.getElementType();
  ReferenceTensor Result(Lhs.getType().clone(*Shape));
  bool DividesByZero = false;
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    int64_t A = broadcastOffset(Lhs, Index), B = broadcastOffset(Rhs, Index);
    if (Lhs.isFloat())
      return Result.setFloat(I, compute(Op.getKind(), Lhs.getFloat(A), Rhs.getFloat(B)));
    auto Value = compute(Op.getKind(), Lhs.getInteger(A), Rhs.getInteger(B));
    DividesByZero |= !Value;
    Result.setInteger(I, Value.value_or(0));
  });
  if (DividesByZero)
    return Op.emitOpError("divides an integer by zero");
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(CompareOp Op, Frame &Frame) {
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  auto Shape = joinShapes(Op, {&Lhs, &Rhs});
  if (failed(Shape))
    return failure();
  ReferenceTensor Result(RankedTensorType::get(*Shape, IntegerType::get(Op.getContext(), 1)));
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    int64_t A = broadcastOffset(Lhs, Index), B = broadcastOffset(Rhs, Index);
    Result.setInteger(I, Lhs.isInteger()
                             ? compute(Op.getKind(), Lhs.getInteger(A), Rhs.getInteger(B))
                             : compute(Op.getKind(), Lhs.getFloat(A), Rhs.getFloat(B)));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(SelectOp Op, Frame &Frame) {
  const ReferenceTensor &Condition = Frame.getTensor(Op.getCondition());
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  auto Shape = joinShapes(Op, {&Condition, &Lhs, &Rhs});
  if (failed(Shape))
    return failure();
  if (Lhs.isStored())
    return Op.emitOpError("chooses among plain numbers only");
  ReferenceTensor Result(Lhs.getType().clone(*Shape));
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    const ReferenceTensor &From =
        Condition.getInteger(broadcastOffset(Condition, Index)) ? Lhs : Rhs;
    Result.copyElement(I, From, broadcastOffset(From, Index));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static void castElement(const ReferenceTensor &Input, int64_t I, ReferenceTensor &Result) {
  Type To = Result.getElementType();
  if (auto Float = dyn_cast<FloatType>(To))
    return Result.setFloat(I, Input.isInteger() ? convert(Float, Input.getInteger(I))
                                                : Input.getFloat(I));
  if (To.isInteger(1))
    return Result.setInteger(I,
                             Input.isInteger() ? Input.getInteger(I) != 0 : Input.getFloat(I) != 0);
  Result.setInteger(I, Input.isInteger() ? Input.getInteger(I)
                                         : truncate(cast<IntegerType>(To), Input.getFloat(I)));
}

static LogicalResult evaluate(CastOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  ReferenceTensor Result(cast<RankedTensorType>(Op.getType()).clone(Input.getShape()));
  for (int64_t I = 0; I < Input.getNumElements(); ++I)
    castElement(Input, I, Result);
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- quantize, dequantize -------------------------------------------------------------------===//

static LogicalResult evaluate(QuantizeOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Scale = Frame.getTensor(Op.getScale()),
                        &ZeroPoint = Frame.getTensor(Op.getZeroPoint());
  auto ScaleTy = cast<FloatType>(Scale.getElementType());
  Type CodeTy = ZeroPoint.getElementType();
  ReferenceTensor Result(Input.getType().clone(CodeTy));
  forEachIndex(Input.getShape(), [&](ArrayRef<int64_t> Index, int64_t I) {
    double By = Scale.getFloat(broadcastOffset(Scale, Index));
    if (auto Float = dyn_cast<FloatType>(CodeTy))
      return Result.setFloat(I, quantizeNumber(ScaleTy, Float, Input.getFloat(I), By));
    Result.setInteger(I, quantizeNumber(ScaleTy, cast<IntegerType>(CodeTy), Input.getFloat(I), By,
                                        ZeroPoint.getInteger(broadcastOffset(ZeroPoint, Index))));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(DequantizeOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Scale = Frame.getTensor(Op.getScale()),
                        &ZeroPoint = Frame.getTensor(Op.getZeroPoint());
  ReferenceTensor Result(Input.getType().clone(Scale.getElementType()));
  forEachIndex(Input.getShape(), [&](ArrayRef<int64_t> Index, int64_t I) {
    double Code =
        Input.isFloat()
            ? Input.getFloat(I)
            : double(Input.getInteger(I) - ZeroPoint.getInteger(broadcastOffset(ZeroPoint, Index)));
    Result.setFloat(I, Code * Scale.getFloat(broadcastOffset(Scale, Index)));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(DynamicScaleOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  SmallVector<int64_t> Shape(Input.getShape());
  int64_t Columns = Shape.back();
  Shape.back() = 1;
  ReferenceTensor Result(cast<RankedTensorType>(Op.getType()).clone(Shape));
  double Largest = getLargestCode(Op.getCode());
  for (int64_t Row = 0; Row < Result.getNumElements(); ++Row) {
    double Magnitude = 0;
    bool IsFinite = true;
    for (int64_t Column = 0; Column < Columns; ++Column) {
      double Number = std::fabs(Input.getFloat(Row * Columns + Column));
      IsFinite &= std::isfinite(Number);
      Magnitude = std::max(Magnitude, Number);
    }
    Result.setFloat(Row, IsFinite ? Magnitude / Largest : std::numeric_limits<double>::quiet_NaN());
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

namespace qopt {
void registerElementwiseReferences(ReferenceRegistry &Registry) {
  Registry.add<UnaryOp>(evaluate);
  Registry.add<BinaryOp>(evaluate);
  Registry.add<CompareOp>(evaluate);
  Registry.add<SelectOp>(evaluate);
  Registry.add<CastOp>(evaluate);
  Registry.add<QuantizeOp>(evaluate);
  Registry.add<DequantizeOp>(evaluate);
  Registry.add<DynamicScaleOp>(evaluate);
}
} // namespace qopt
