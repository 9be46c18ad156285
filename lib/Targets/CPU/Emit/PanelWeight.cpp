// The codes, scales and zero points of a panel as vectors.
#include "qopt/Targets/CPU/Contraction.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

Value PanelWeight::loadScales(KernelBuilder &B, Value Scales, int64_t Half) const {
  Type Ty = StoredTypeInterface(Stored).getScaleType();
  return B.loadVector(B.element(Scales, B.index(Half * VectorLanes), Ty), Ty);
}

Value PanelWeight::loadZeroPoints(KernelBuilder &B, Value Scales, int64_t Half) const {
  int64_t Begin = PanelRows * getElementBytes(StoredTypeInterface(Stored).getScaleType());
  int64_t Offset = Begin + Half * VectorLanes * getZeroPointBytes();
  if (hasFloatZeroPoint()) {
    Type Ty = StoredTypeInterface(Stored).getZeroPointType();
    return B.loadVector(B.bytes(Scales, B.index(Offset)), Ty);
  }
  Value Bytes = B.loadRaw(B.bytes(Scales, B.index(Offset)), B.vectorOf(B.getI8Type()));
  Value Codes = arith::ExtUIOp::create(B, B.vectorOf(B.getI32Type()), Bytes);
  return B.toFloat(B.sub(Codes, B.i32(getBias())));
}

Value PanelWeight::loadCodes(KernelBuilder &B, Value Codes, int64_t Half) const {
  Type Ty = isNibbles() ? B.getI32Type() : B.getI8Type();
  return B.loadRaw(B.element(Codes, B.index(Half * VectorLanes), Ty), B.vectorOf(Ty));
}

/// The values of the 16 codes, by the low four bits: unsigned ones less `Bias`.
static Value nibbleTable(KernelBuilder &B, bool IsUnsigned, int64_t Bias) {
  SmallVector<float> Numbers;
  for (int Code = 0; Code < 16; ++Code)
    Numbers.push_back(IsUnsigned ? Code - Bias : (Code < 8 ? Code : Code - 16));
  return arith::ConstantOp::create(B, DenseElementsAttr::get(B.f32Vector(), ArrayRef(Numbers)));
}

Value PanelWeight::decode(KernelBuilder &B, Value Loaded, int64_t J) const {
  if (!isNibbles()) {
    if (hasZeroPoint())
      return B.toFloat(arith::ExtUIOp::create(B, B.vectorOf(B.getI32Type()), Loaded));
    return decodeBytes(B, Loaded);
  }
  // A permutation of a table of 16 numbers reads just the low four bits of each lane.
  if (B.getIsa().isAvx512()) {
    Value Shifted = J ? B.shr(Loaded, B.i32(4 * J)) : Loaded;
    return LLVM::CallIntrinsicOp::create(
               B, B.f32Vector(), B.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
               ValueRange{nibbleTable(B, hasZeroPoint(), getBias()), Shifted})
        .getResult(0);
  }
  // Unsigned codes less 8 are signed codes with the highest bit turned over.
  bool IsUnsigned = hasZeroPoint() && getBias() == 0;
  if (getBias())
    Loaded = arith::XOrIOp::create(B, Loaded, B.i32(int32_t(0x88888888)));
  Value Shifted = J < 7 ? B.shl(Loaded, B.i32(28 - 4 * J)) : Loaded;
  return B.toFloat(IsUnsigned ? B.shr(Shifted, B.i32(28)) : B.sar(Shifted, B.i32(28)));
}
