#include "qopt/Targets/Common/CodedRow.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

CodedRow::CodedRow(KernelBuilder &B, const InputCodes &Codes, int64_t Count, LoadNumbers Load)
    : B(B), Codes(Codes), Load(std::move(Load)) {
  QuantizeOp Quantize = Codes.Quantize;
  if (Codes.Scale) {
    Value Largest = B.maxOver(B.index(Count), [&](Value I, int64_t Lanes) -> Value {
      return math::AbsFOp::create(B, this->Load(I, Lanes));
    });
    // An empty row has a maximum of minus infinity.
    Scale = emitDynamicScale(B, Codes.Scale, B.max(Largest, B.f32(0.0, 0)));
  } else {
    Scale = loadNumber(B, Quantize.getScale());
  }
  ZeroPoint = loadNumber(B, Quantize.getZeroPoint());
}

// Both operations are defined for numbers and scales of f32.

Value CodedRow::encode(Value I, int64_t Lanes) const {
  return *emitElementwise(B, Codes.Quantize,
                          {Load(I, Lanes), B.splat(Scale, Lanes), B.splat(ZeroPoint, Lanes)});
}

Value CodedRow::readAs(Value Scale, Value I, int64_t Lanes) const {
  return *emitElementwise(B, Codes.Dequantize,
                          {encode(I, Lanes), B.splat(Scale, Lanes), B.splat(ZeroPoint, Lanes)});
}

Value CodedRow::encodeCentred(Value I, int64_t Lanes) const {
  return readAs(B.f32(1.0, 0), I, Lanes);
}

Value CodedRow::read(Value I, int64_t Lanes) const { return readAs(Scale, I, Lanes); }
