#include "ByteProducts.h"

#include "Prefetch.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Inputs of a word, and bytes of a vector of words.
static constexpr int64_t WordInputs = 4, VectorBytes = WordInputs * VectorLanes;

static int64_t getZeroPoint(QuantizeOp Codes) {
  auto Constant = Codes.getZeroPoint().getDefiningOp<ConstantOp>();
  APInt Zero = *Constant.getValue().getValues<APInt>().begin();
  bool IsUnsigned = cpu::getElementType(Codes.getZeroPoint()).isUnsignedInteger();
  return IsUnsigned ? Zero.getZExtValue() : Zero.getSExtValue();
}

ByteProducts::ByteProducts(KernelBuilder &B, const PanelContraction &Form)
    : B(B), Inputs(Form.Inputs) {
  QuantizeOp Quantize = Form.Codes->Quantize;
  bool HasUnsignedCodes = cpu::getElementType(Quantize.getZeroPoint()).isUnsignedInteger();
  IsUnsigned = HasUnsignedCodes || B.getIsa().HasDot;
  Offset = IsUnsigned && !HasUnsignedCodes ? 128 : 0;
  Zero = getZeroPoint(Quantize) + Offset;
}

//===- Staging --------------------------------------------------------------------------------===//

void ByteProducts::stageRow(const codegen::CodedRow &Row, Value To) {
  B.storeRaw(Row.getScale(), B.bytes(To, B.index(getByteRowSize(Inputs) - 64)));
  B.loopLanes(B.index(Inputs), [&](Value I, int64_t Lanes) {
    Value Codes = Row.encode(I, Lanes);
    VectorType Bytes = B.vectorOf(B.getI8Type(), Lanes);
    if (Codes.getType() != Bytes)
      Codes = arith::TruncIOp::create(B, Bytes, Codes);
    if (Offset)
      Codes = arith::XOrIOp::create(B, Codes, B.constant(Bytes, -128));
    B.storeRaw(Codes, B.bytes(To, I));
  });
}

//===- Products -------------------------------------------------------------------------------===//

/// Adds four products to each lane: the word of inputs in all lanes, times a vector of weights.
Value ByteProducts::addProducts(Value Sum, Value Word, Value Codes) {
  VectorType Bytes = B.vectorOf(B.getI8Type(), VectorBytes);
  Value Repeated = vector::BitCastOp::create(B, Bytes, B.splat(Word));
  return qkernel::Dot4Op::create(B, Sum, Repeated, Codes, IsUnsigned);
}

/// Adds the products with the word of inputs `I` to sums as `sumProducts` gives them.
void ByteProducts::addWord(Value I, ArrayRef<Value> Rows, ArrayRef<Value> Panels,
                           int64_t FirstVector, int64_t Vectors, Values &Sums) {
  int64_t OfRow = Panels.size() * Vectors;
  Value Step = B.mul(I, PanelRows * WordInputs);
  Values Weights;
  for (Value Panel : Panels)
    for (int64_t V = 0; V < Vectors; ++V) {
      Value At = B.bytes(B.bytes(Panel, Step), B.index((FirstVector + V) * VectorBytes));
      Weights.push_back(B.loadRaw(At, B.vectorOf(B.getI8Type(), VectorBytes)));
    }
  auto AddRow = [&](int64_t R, Value Word) {
    for (int64_t J = 0; J < OfRow; ++J)
      Sums[R * OfRow + J] = addProducts(Sums[R * OfRow + J], Word, Weights[J]);
  };
  for (auto [R, Row] : llvm::enumerate(Rows))
    AddRow(R, B.loadRaw(B.element(Row, I, B.getI32Type()), B.getI32Type()));
  if (Zero != 0)
    AddRow(Rows.size(), B.i32(0x01010101, 0));
}

/// Integer sums of [rows][panels][vectors], then, where zero is not 0, sums of the weights
/// [panels][vectors].
ByteProducts::Values ByteProducts::sumProducts(ArrayRef<Value> Rows, ArrayRef<Value> Panels,
                                               int64_t FirstVector, int64_t Vectors) {
  bool IsSingle = Rows.size() == 1;
  int64_t Words = llvm::divideCeil(Inputs, WordInputs), Together = IsSingle ? 2 : 1;
  Values Init((Rows.size() + (Zero != 0)) * Panels.size() * Vectors, B.i32(0));
  Values Sums =
      B.loop(B.index(0), B.index(Words / Together), 1, Init, [&](Value I, ValueRange Carried) {
        Values Next(Carried), At;
        for (Value Panel : Panels)
          At.push_back(B.bytes(Panel, B.mul(I, Together * PanelRows * WordInputs)));
        if (IsSingle)
          prefetchAhead(B, At, Together * PanelRows * WordInputs);
        for (int64_t J = 0; J < Together; ++J)
          addWord(B.add(B.mul(I, Together), J), Rows, Panels, FirstVector, Vectors, Next);
        return Next;
      });
  if (Words % Together)
    addWord(B.index(Words - 1), Rows, Panels, FirstVector, Vectors, Sums);
  return Sums;
}

ByteProducts::Values ByteProducts::multiply(const PanelWeight &Weight, ArrayRef<Value> Rows,
                                            ArrayRef<Value> Panels, int64_t FirstVector,
                                            int64_t Vectors) {
  Values Sums = sumProducts(Rows, Panels, FirstVector, Vectors), Results;
  Value ScaleOffset = B.index(Weight.getCodeBytes(Weight.getInputs()));
  int64_t OfRow = Panels.size() * Vectors;
  for (auto [R, Row] : llvm::enumerate(Rows)) {
    Value At = B.bytes(Row, B.index(getByteRowSize(Inputs) - 64));
    Value RowScale = B.splat(B.loadRaw(At, B.getF32Type()));
    for (int64_t J = 0; J < OfRow; ++J) {
      Value Sum = Sums[R * OfRow + J];
      if (Zero != 0)
        Sum = B.sub(Sum, B.mul(Sums[Rows.size() * OfRow + J], B.i32(Zero)));
      Value Scales = Weight.loadScales(B, B.bytes(Panels[J / Vectors], ScaleOffset),
                                       FirstVector + J % Vectors);
      // Not a product, which an addition that follows might be contracted with.
      Results.push_back(B.fma(B.toFloat(Sum), B.mul(RowScale, Scales), B.f32(0.0)));
    }
  }
  return Results;
}
