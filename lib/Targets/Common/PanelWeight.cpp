// Where the codes, scales and zero points of a panel lie.
#include "qopt/Targets/Common/PanelWeight.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

PanelWeight::PanelWeight(RankedTensorType Type, int64_t Rows, Layout Lies)
    : Rows(Rows), Outputs(Type.getDimSize(0)), Inputs(Type.getDimSize(1)), Group(0), Lies(Lies),
      Stored(getStoredElementType(Type)), Element(Type.getElementType()) {
  if (Stored)
    Group = Stored.getGroupSize() ? std::min(Stored.getGroupSize(), Inputs) : Inputs;
  Group = Stored ? std::max<int64_t>(Group, 1) : 0;
  MLIRContext *Context = Type.getContext();
  qkernel::WeightLayoutInterface Attribute = qkernel::PanelLayoutAttr::get(Context, Rows);
  if (Lies == Layout::Words)
    Attribute = qkernel::WordPanelLayoutAttr::get(Context, Rows);
  PanelBytes = getPanels() ? Attribute.getByteSize(Type) / getPanels() : 0;
}

int64_t PanelWeight::getCodeBytes(int64_t Count) const {
  if (Lies == Layout::Words)
    return Rows * llvm::alignTo(Count, 4);
  return Rows * (isNibbles() ? llvm::divideCeil(Count, 8) * 4 : Count);
}

bool PanelWeight::hasFloatZeroPoint() const {
  return Stored && isa_and_nonnull<FloatType>(StoredTypeInterface(Stored).getZeroPointType());
}

int64_t PanelWeight::getZeroPointBytes() const {
  if (!hasZeroPoint())
    return 0;
  return hasFloatZeroPoint() ? getElementBytes(StoredTypeInterface(Stored).getZeroPointType()) : 1;
}

int64_t PanelWeight::getGroupBytes() const {
  int64_t Scale = getElementBytes(StoredTypeInterface(Stored).getScaleType());
  return getCodeBytes(Group) + Rows * (Scale + getZeroPointBytes());
}

Value PanelWeight::decodeBytes(KernelBuilder &B, Value Bytes) const {
  if (isa<FloatType>(StoredTypeInterface(Stored).getCodeType()))
    return B.widenFloat8(Bytes);
  return B.toFloat(arith::ExtSIOp::create(B, B.withLanesOf(Bytes, B.getI32Type()), Bytes));
}

Value PanelWeight::loadElement(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const {
  if (!isStored())
    return B.loadScalar(B.element(Panel, B.add(B.mul(Input, Rows), InPanel), Element), Element);
  Value GroupIndex = B.div(Input, Group), InGroup = B.rem(Input, Group);
  Value Codes = B.bytes(Panel, B.mul(GroupIndex, getGroupBytes()));
  Value Count = B.min(B.index(Group), B.sub(B.index(Inputs), B.mul(GroupIndex, Group)));
  Value CodeBytes = isNibbles() ? B.mul(B.ceilDiv(Count, 8), 4 * Rows) : B.mul(Count, Rows);
  Value Scales = B.bytes(Codes, CodeBytes);
  Type ScaleType = StoredTypeInterface(Stored).getScaleType();
  Type I32 = B.getI32Type();
  bool IsUnsigned = hasZeroPoint();
  Value Code;
  if (isNibbles()) {
    Value Word =
        B.loadRaw(B.element(Codes, B.add(B.mul(B.div(InGroup, 8), Rows), InPanel), I32), I32);
    Value Shift = arith::TruncIOp::create(B, I32, B.mul(B.sub(B.index(7), B.rem(InGroup, 8)), 4));
    Value Top = B.shl(Word, Shift), Down = B.i32(28, 0);
    Code = IsUnsigned ? B.shr(Top, Down) : B.sar(Top, Down);
  } else {
    Value Byte = B.loadRaw(B.bytes(Codes, B.add(B.mul(InGroup, Rows), InPanel)), B.getI8Type());
    if (!IsUnsigned)
      return B.mul(decodeBytes(B, Byte),
                   B.loadScalar(B.element(Scales, InPanel, ScaleType), ScaleType));
    Code = arith::ExtUIOp::create(B, I32, Byte);
  }
  Value Scale = B.loadScalar(B.element(Scales, InPanel, ScaleType), ScaleType);
  if (hasFloatZeroPoint()) {
    Type ZeroType = StoredTypeInterface(Stored).getZeroPointType();
    Value Zeros = B.bytes(Scales, B.index(Rows * getElementBytes(ScaleType)));
    Value Zero = B.loadScalar(B.element(Zeros, InPanel, ZeroType), ZeroType);
    return B.mul(B.sub(B.toFloat(Code), Zero), Scale);
  }
  if (IsUnsigned) {
    Value At = B.add(B.index(Rows * getElementBytes(ScaleType)), InPanel);
    Value Zero = arith::ExtUIOp::create(B, I32, B.loadRaw(B.bytes(Scales, At), B.getI8Type()));
    Code = B.sub(Code, Zero);
  }
  return B.mul(B.toFloat(Code), Scale);
}
