#include "qopt/Targets/Common/NormRow.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

/// 1 / sqrt(Sum / Count + Epsilon)
static Value inverseRoot(KernelBuilder &B, Value Sum, Value Count, APFloat Epsilon) {
  Value Mean = B.div(Sum, B.toFloat(Count));
  Value Root = B.sqrt(B.add(Mean, B.f32(Epsilon.convertToFloat(), 0)));
  return B.div(B.f32(1.0, 0), Root);
}

NormalizedRow::NormalizedRow(KernelBuilder &B, Operation *Norm, Value Row, Type Element,
                             Value Count)
    : B(B), Norm(Norm), Row(Row), Element(Element) {
  auto Layer = dyn_cast_or_null<LayerNormOp>(Norm);
  auto RMS = dyn_cast_or_null<RMSNormOp>(Norm);
  if (!Layer && !RMS)
    return;
  if (Layer) {
    Value Sum =
        B.sumOver(Count, [&](Value I, int64_t Lanes) -> Value { return loadElements(I, Lanes); });
    Mean = B.div(Sum, B.toFloat(Count));
  }
  Value Squares = B.sumOver(Count, [&](Value I, int64_t Lanes) -> Value {
    Value Number = loadCentred(I, Lanes);
    return B.mul(Number, Number);
  });
  Factor = inverseRoot(B, Squares, Count, Layer ? Layer.getEpsilon() : RMS.getEpsilon());
}

Value NormalizedRow::loadElements(Value I, int64_t Lanes) const {
  return B.loadVector(B.element(Row, I, Element), Element, Lanes);
}

Value NormalizedRow::loadCentred(Value I, int64_t Lanes) const {
  Value Number = loadElements(I, Lanes);
  return Mean ? B.sub(Number, B.splat(Mean, Lanes)) : Number;
}

Value NormalizedRow::loadParameter(Value Of, Value I, int64_t Lanes) const {
  Type ParameterType = codegen::getElementType(Of);
  return B.loadVector(B.element(B.getArgument(Of), I, ParameterType), ParameterType, Lanes);
}

Value NormalizedRow::load(Value I, int64_t Lanes) const {
  if (!Factor)
    return loadElements(I, Lanes);
  Value Result = B.mul(loadCentred(I, Lanes), B.splat(Factor, Lanes));
  Result = B.mul(Result, loadParameter(Norm->getOperand(1), I, Lanes));
  auto Layer = dyn_cast<LayerNormOp>(Norm);
  return Layer && Layer.getBias() ? B.add(Result, loadParameter(Layer.getBias(), I, Lanes))
                                  : Result;
}

void codegen::emitNormRow(KernelBuilder &B, Operation *Norm, Value Pointer, Type Element,
                          Value Count, LanesSink Sink) {
  NormalizedRow Row(B, Norm, Pointer, Element, Count);
  B.loopLanes(Count, [&](Value I, int64_t Lanes) { Sink(I, Row.load(I, Lanes)); });
}
