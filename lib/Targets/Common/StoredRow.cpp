#include "qopt/Targets/Common/StoredRow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

/// The bits that memory holds of quotients, which are within the range of codes or NaN.
static Value toCodes(KernelBuilder &B, Type Code, Value Quotients) {
  if (isa<FloatType>(Code))
    return B.narrow(Quotients, Code);
  // No conversion of NaN to an integer is defined; the scale says that the row is NaN.
  Value IsNumber = arith::CmpFOp::create(B, arith::CmpFPredicate::ORD, Quotients, Quotients);
  Value Rounded = math::RoundEvenOp::create(
      B, B.select(IsNumber, Quotients, B.constant(Quotients.getType(), 0)));
  return arith::FPToSIOp::create(B, B.withLanesOf(Quotients, Code), Rounded);
}

void codegen::emitQuantizedRow(KernelBuilder &B, StoredTypeInterface Stored, Value Row,
                               int64_t Size, Value ScaleAt, function_ref<void(Value, Value)> Sink) {
  Type F32 = B.getF32Type(), ScaleType = Stored.getScaleType();
  double Most = Stored.getCodeMax();
  Value Largest = B.maxOver(B.index(Size), [&](Value I, int64_t Lanes) -> Value {
    return math::AbsFOp::create(B, B.loadVector(B.element(Row, I, F32), F32, Lanes));
  });
  Value Narrowed = B.narrow(B.div(Largest, B.f32(Most, 0)), ScaleType);
  B.storeRaw(Narrowed, ScaleAt);
  Value Scale = B.widen(Narrowed, ScaleType);
  Value IsZero = B.equal(Scale, B.f32(0, 0));
  B.loopLanes(B.index(Size), [&](Value I, int64_t Lanes) {
    Value Numbers = B.loadVector(B.element(Row, I, F32), F32, Lanes);
    Value Quotients = B.div(Numbers, B.splat(Scale, Lanes));
    Quotients = B.max(B.min(Quotients, B.f32(Most, Lanes)), B.f32(-Most, Lanes));
    Sink(I, toCodes(B, Stored.getCodeType(), B.select(IsZero, B.f32(0, Lanes), Quotients)));
  });
}

Value codegen::loadElements(KernelBuilder &B, Value Pointer, Type Element, int64_t Lanes) {
  if (isa<IntegerType>(Element))
    return B.toFloat(B.loadRaw(Pointer, Lanes ? B.vectorOf(Element, Lanes) : Element));
  return Lanes ? B.loadVector(Pointer, Element, Lanes) : B.loadScalar(Pointer, Element);
}
