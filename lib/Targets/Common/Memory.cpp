// Loads and stores, with conversions between the types that memory holds and those that are
// computed with.
#include "Float8.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

Value KernelBuilder::element(Value Pointer, Value Index, Type Element) {
  return LLVM::GEPOp::create(*this, Pointer.getType(), getIntegerType(8 * getElementBytes(Element)),
                             Pointer, ArrayRef<LLVM::GEPArg>{Index});
}

Value KernelBuilder::bytes(Value Pointer, Value Offset) {
  return LLVM::GEPOp::create(*this, Pointer.getType(), getI8Type(), Pointer,
                             ArrayRef<LLVM::GEPArg>{Offset});
}

Value KernelBuilder::loadRaw(Value Pointer, Type Ty) {
  return LLVM::LoadOp::create(*this, Ty, Pointer, getElementBytes(getElementTypeOrSelf(Ty)));
}

void KernelBuilder::storeRaw(Value Stored, Value Pointer) {
  LLVM::StoreOp::create(*this, Stored, Pointer,
                        getElementBytes(getElementTypeOrSelf(Stored.getType())));
}

Type KernelBuilder::getComputeType(Type Element) {
  if (Element.isUnsignedInteger())
    return getIntegerType(Element.getIntOrFloatBitWidth() < 32 ? 32 : 64);
  bool IsShort = Element.isF16() || Element.isBF16() || isa<Float8E4M3FNType>(Element);
  return IsShort ? getF32Type() : Element;
}

Type KernelBuilder::withLanesOf(Value Like, Type Element) {
  int64_t Lanes = getLanes(Like);
  return Lanes ? Type(vectorOf(Element, Lanes)) : Element;
}

//===- Number formats -------------------------------------------------------------------------===//

Value KernelBuilder::widenFloat8(Value Stored) {
  Value Bits = arith::ExtUIOp::create(*this, withLanesOf(Stored, getI32Type()), Stored);
  return codegen::widenFloat8(*this, Bits);
}

Type KernelBuilder::getMemoryType(Type Element) {
  if (Element.isInteger(1) || isa<Float8E4M3FNType>(Element))
    return getI8Type();
  return isa<IntegerType>(Element) ? getIntegerType(Element.getIntOrFloatBitWidth()) : Element;
}

/// Whether an element is computed with in more bits, all zeros.
static bool isShortUnsigned(Type Element) {
  return Element.isUnsignedInteger() && !Element.isUnsignedInteger(64);
}

Value KernelBuilder::widen(Value Stored, Type Element) {
  if (Element.isInteger(1))
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, Stored, likeConstant(Stored, 0));
  if (isShortUnsigned(Element))
    return arith::ExtUIOp::create(*this, withLanesOf(Stored, getComputeType(Element)), Stored);
  if (isa<Float8E4M3FNType>(Element))
    return widenFloat8(Stored);
  return Stored;
}

Value KernelBuilder::narrow(Value Computed, Type Element) {
  Type Memory = withLanesOf(Computed, KernelBuilder::getMemoryType(Element));
  if (Element.isInteger(1))
    return arith::ExtUIOp::create(*this, Memory, Computed);
  if (isShortUnsigned(Element))
    return arith::TruncIOp::create(*this, Memory, Computed);
  if (isa<Float8E4M3FNType>(Element))
    return arith::TruncIOp::create(*this, Memory, codegen::narrowFloat8(*this, Computed));
  return Computed;
}

//===- Loads and stores -----------------------------------------------------------------------===//

Value KernelBuilder::loadScalar(Value Pointer, Type Element) {
  return widen(loadRaw(Pointer, getMemoryType(Element)), Element);
}

void KernelBuilder::storeScalar(Value Number, Value Pointer, Type Element) {
  storeRaw(narrow(Number, Element), Pointer);
}

Value KernelBuilder::loadVector(Value Pointer, Type Element, int64_t Lanes) {
  return widen(loadRaw(Pointer, vectorOf(getMemoryType(Element), Lanes)), Element);
}

void KernelBuilder::storeVector(Value Vector, Value Pointer, Type Element) {
  storeRaw(narrow(Vector, Element), Pointer);
}

Value KernelBuilder::loadIndex(Value Pointer, Value Index, Type Element) {
  Value Loaded = loadRaw(element(Pointer, Index, Element), Element);
  return Element.isInteger(64) ? Loaded : arith::ExtSIOp::create(*this, getI64Type(), Loaded);
}

Value KernelBuilder::constantTable(ElementsAttr Elements) {
  auto Module = Function->getParentOfType<ModuleOp>();
  auto Ty = cast<RankedTensorType>(Elements.getType());
  Type Stored = getMemoryType(Ty.getElementType());
  // Read-only globals of one module are numbered in the order in which kernels are emitted.
  int64_t Count = llvm::range_size(Module.getOps<LLVM::GlobalOp>());
  SmallVector<APInt> Bits;
  bool IsFloat = isa<FloatType>(Ty.getElementType());
  unsigned Width = 8 * getElementBytes(Stored);
  if (IsFloat)
    for (const APFloat &Number : Elements.getValues<APFloat>())
      Bits.push_back(Number.bitcastToAPInt());
  else
    for (const APInt &Number : Elements.getValues<APInt>())
      Bits.push_back(Number.zext(Width));
  Type Word = getIntegerType(Width);
  auto Value = DenseElementsAttr::get(RankedTensorType::get({int64_t(Bits.size())}, Word),
                                      ArrayRef<APInt>(Bits));
  OpBuilder AtModule = OpBuilder::atBlockBegin(Module.getBody());
  auto Global = LLVM::GlobalOp::create(
      AtModule, getLoc(), LLVM::LLVMArrayType::get(Word, Bits.size()), /*isConstant=*/true,
      LLVM::Linkage::Internal, ("constant_" + Twine(Count)).str(), Value, /*alignment=*/64);
  return LLVM::AddressOfOp::create(*this, Global);
}
