// Where the codes, scales and zero points of a panel lie, and how they become numbers.
#include "qopt/Targets/CPU/Contraction.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

PanelWeight::PanelWeight(RankedTensorType Type)
    : Outputs(Type.getDimSize(0)), Inputs(Type.getDimSize(1)), Group(0),
      Stored(getStoredElementType(Type)), Element(Type.getElementType()) {
  if (Stored)
    Group = Stored.getGroupSize() ? std::min(Stored.getGroupSize(), Inputs) : Inputs;
  Group = Stored ? std::max<int64_t>(Group, 1) : 0;
  auto Layout = qkernel::PanelLayoutAttr::get(Type.getContext(), PanelRows);
  PanelBytes = getPanels() ? Layout.getByteSize(Type) / getPanels() : 0;
}

int64_t PanelWeight::getCodeBytes(int64_t Count) const {
  return PanelRows * (isNibbles() ? llvm::divideCeil(Count, 8) * 4 : Count);
}

int64_t PanelWeight::getGroupBytes() const {
  int64_t Scale = getElementBytes(Stored.getScaleType());
  return getCodeBytes(Group) + PanelRows * (Scale + (hasZeroPoint() ? 1 : 0));
}

Value PanelWeight::loadScales(KernelBuilder &B, Value Scales, int64_t Half) const {
  Type Ty = StoredTypeInterface(Stored).getScaleType();
  return B.loadVector(B.element(Scales, B.index(Half * VectorLanes), Ty), Ty);
}

Value PanelWeight::loadZeroPoints(KernelBuilder &B, Value Scales, int64_t Half) const {
  int64_t Offset =
      PanelRows * getElementBytes(StoredTypeInterface(Stored).getScaleType()) + Half * VectorLanes;
  Value Bytes = B.loadRaw(B.bytes(Scales, B.index(Offset)), B.vectorOf(B.getI8Type()));
  Value Codes = arith::ExtUIOp::create(B, B.vectorOf(B.getI32Type()), Bytes);
  return B.toFloat(B.sub(Codes, B.i32(getBias())));
}

Value PanelWeight::loadCodes(KernelBuilder &B, Value Codes, int64_t Half) const {
  Type Ty = isNibbles() ? B.getI32Type() : B.getI8Type();
  return B.loadRaw(B.element(Codes, B.index(Half * VectorLanes), Ty), B.vectorOf(Ty));
}

/// The values of the 16 codes, by the low four bits.
static Value nibbleTable(KernelBuilder &B, bool IsUnsigned) {
  SmallVector<float> Numbers;
  for (int Code = 0; Code < 16; ++Code)
    Numbers.push_back(IsUnsigned ? Code - 8 : (Code < 8 ? Code : Code - 16));
  return arith::ConstantOp::create(B, DenseElementsAttr::get(B.f32Vector(), ArrayRef(Numbers)));
}

Value PanelWeight::decode(KernelBuilder &B, Value Loaded, int64_t J) const {
  if (!isNibbles()) {
    Type Ty = B.vectorOf(B.getI32Type());
    if (hasZeroPoint())
      return B.toFloat(arith::ExtUIOp::create(B, Ty, Loaded));
    return B.toFloat(arith::ExtSIOp::create(B, Ty, Loaded));
  }
  // A permutation of a table of 16 numbers reads just the low four bits of each lane.
  if (B.getIsa().isAvx512()) {
    Value Shifted = J ? B.shr(Loaded, B.i32(4 * J)) : Loaded;
    return LLVM::CallIntrinsicOp::create(B, B.f32Vector(),
                                         B.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
                                         ValueRange{nibbleTable(B, hasZeroPoint()), Shifted})
        .getResult(0);
  }
  // Unsigned codes less 8 are signed codes with the highest bit turned over.
  if (hasZeroPoint())
    Loaded = arith::XOrIOp::create(B, Loaded, B.i32(int32_t(0x88888888)));
  Value Shifted = J < 7 ? B.shl(Loaded, B.i32(28 - 4 * J)) : Loaded;
  return B.toFloat(B.sar(Shifted, B.i32(28)));
}

Value PanelWeight::loadElement(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const {
  if (!isStored())
    return B.loadScalar(B.element(Panel, B.add(B.mul(Input, PanelRows), InPanel), Element),
                        Element);
  Value GroupIndex = B.div(Input, Group), InGroup = B.rem(Input, Group);
  Value Codes = B.bytes(Panel, B.mul(GroupIndex, getGroupBytes()));
  Value Count = B.min(B.index(Group), B.sub(B.index(Inputs), B.mul(GroupIndex, Group)));
  Value CodeBytes =
      isNibbles() ? B.mul(B.ceilDiv(Count, 8), 4 * PanelRows) : B.mul(Count, PanelRows);
  Value Scales = B.bytes(Codes, CodeBytes);
  Type ScaleType = StoredTypeInterface(Stored).getScaleType();
  Type I32 = B.getI32Type();
  bool IsUnsigned = hasZeroPoint();
  Value Code;
  if (isNibbles()) {
    Value Word =
        B.loadRaw(B.element(Codes, B.add(B.mul(B.div(InGroup, 8), PanelRows), InPanel), I32), I32);
    Value Shift = arith::TruncIOp::create(B, I32, B.mul(B.sub(B.index(7), B.rem(InGroup, 8)), 4));
    Value Top = B.shl(Word, Shift), Down = B.i32(28, 0);
    Code = IsUnsigned ? B.shr(Top, Down) : B.sar(Top, Down);
  } else {
    Value Byte =
        B.loadRaw(B.bytes(Codes, B.add(B.mul(InGroup, PanelRows), InPanel)), B.getI8Type());
    Code = IsUnsigned ? Value(arith::ExtUIOp::create(B, I32, Byte))
                      : Value(arith::ExtSIOp::create(B, I32, Byte));
  }
  if (IsUnsigned) {
    Value At = B.add(B.index(PanelRows * getElementBytes(ScaleType)), InPanel);
    Value Zero = arith::ExtUIOp::create(B, I32, B.loadRaw(B.bytes(Scales, At), B.getI8Type()));
    Code = B.sub(Code, Zero);
  }
  return B.mul(B.toFloat(Code), B.loadScalar(B.element(Scales, InPanel, ScaleType), ScaleType));
}
