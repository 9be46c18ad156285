// Loads and stores, with conversions between the types that memory holds and those that are
// computed with.
#include "qopt/Targets/CPU/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

void KernelBuilder::prefetch(Value Pointer) {
  LLVM::Prefetch::create(*this, Pointer, /*rw=*/0, /*hint=*/3, /*cache=*/1);
}

//===- Number formats -------------------------------------------------------------------------===//

/// f16 bits (as i32) to f32: the exponent is moved by a multiplication, which also makes subnormals
/// right.
static Value widenHalfBits(KernelBuilder &B, Value Bits) {
  Type F32 = B.getF32Type(), I32 = Bits.getType();
  auto C = [&](int64_t Number) { return B.constant(I32, Number); };
  Value Magnitude = B.bitAnd(Bits, C(0x7fff));
  Value Moved = B.shl(Magnitude, C(13));
  Value Number = B.bitcast(Moved, F32);
  Number = B.mul(Number, B.constant(Number.getType(), 0x1p112));
  Value Special = B.bitcast(B.bitOr(Moved, C(0x7f800000)), F32);
  Value IsFinite = arith::CmpIOp::create(B, arith::CmpIPredicate::slt, Magnitude, C(0x7c00));
  Value Result = B.bitcast(B.select(IsFinite, Number, Special), B.getI32Type());
  Value Sign = B.shl(B.bitAnd(Bits, C(0x8000)), C(16));
  return B.bitcast(B.bitOr(Result, Sign), F32);
}

/// f32 to f16 bits (as i32), to nearest even: adding a power of two whose last place is the
/// result's rounds.
static Value narrowHalfBits(KernelBuilder &B, Value Number) {
  Value Bits = B.bitcast(Number, B.getI32Type());
  Type I32 = Bits.getType(), F32 = B.getF32Type();
  auto C = [&](int64_t Number) { return B.constant(I32, Number); };
  Value Sign = B.bitAnd(B.shr(Bits, C(16)), C(0x8000));
  Value Magnitude = B.bitAnd(Bits, C(0x7fffffff));
  // Normal numbers: round the 13 bits that go, then move the exponent.
  Value Odd = B.bitAnd(B.shr(Magnitude, C(13)), C(1));
  Value Rounded = B.add(B.add(Magnitude, C(0xfff)), Odd);
  Value Normal = B.sub(B.shr(Rounded, C(13)), C(112 << 10));
  // Subnormal results: 0.5 has its last place at 2^-24.
  Value Half = B.bitcast(C(0x3f000000), F32);
  Value Small =
      B.sub(B.bitcast(B.add(B.bitcast(Magnitude, F32), Half), B.getI32Type()), C(0x3f000000));
  auto Less = [&](Value A, int64_t Bound) {
    return Value(arith::CmpIOp::create(B, arith::CmpIPredicate::slt, A, C(Bound)));
  };
  Value Result = B.select(Less(Magnitude, 113 << 23), Small, Normal);
  // From 65520 on: infinity.
  Result = B.select(Less(Magnitude, 0x477ff000), Result, C(0x7c00));
  Result = B.select(Less(Magnitude, 0x7f800001), Result, C(0x7e00));
  return B.bitOr(Result, Sign);
}

/// f32 to bf16 bits (as i32), to nearest even.
static Value narrowBrainBits(KernelBuilder &B, Value Number) {
  Value Bits = B.bitcast(Number, B.getI32Type());
  auto C = [&](int64_t Number) { return B.constant(Bits.getType(), Number); };
  Value Odd = B.bitAnd(B.shr(Bits, C(16)), C(1));
  Value Rounded = B.shr(B.add(B.add(Bits, C(0x7fff)), Odd), C(16));
  Value Quiet = B.bitOr(B.shr(Bits, C(16)), C(0x40));
  Value IsNaN = arith::CmpFOp::create(B, arith::CmpFPredicate::UNO, Number, Number);
  return B.select(IsNaN, Quiet, Rounded);
}

/// Bits of 16-bit floats where the machine does not convert them.
Type KernelBuilder::getMemoryType(Type Element) {
  if (Element.isBF16() || (Element.isF16() && !Target.HasF16C))
    return getI16Type();
  return Base::getMemoryType(Element);
}

Value KernelBuilder::widen(Value Stored, Type Element) {
  if (Element.isF16() && Target.HasF16C)
    return arith::ExtFOp::create(*this, withLanesOf(Stored, getF32Type()), Stored);
  if (Element.isF16() || Element.isBF16()) {
    Value Bits = arith::ExtUIOp::create(*this, withLanesOf(Stored, getI32Type()), Stored);
    if (Element.isF16())
      return widenHalfBits(*this, Bits);
    return bitcast(shl(Bits, likeConstant(Bits, 16)), getF32Type());
  }
  return Base::widen(Stored, Element);
}

Value KernelBuilder::narrow(Value Computed, Type Element) {
  if (Element.isF16() && Target.HasF16C)
    return arith::TruncFOp::create(*this, withLanesOf(Computed, Element), Computed);
  if (Element.isF16() || Element.isBF16()) {
    Value Bits =
        Element.isF16() ? narrowHalfBits(*this, Computed) : narrowBrainBits(*this, Computed);
    return arith::TruncIOp::create(*this, withLanesOf(Computed, getI16Type()), Bits);
  }
  return Base::narrow(Computed, Element);
}

//===- Parts of vectors -----------------------------------------------------------------------===//

/// Cuts `Count` lanes into pieces of 8, 4, 2 and 1. Not a masked access: LLVM 22 makes a masked
/// store that narrows and has one lane too wide, and emulates masks lane by lane where the machine
/// has none.
static void forPieces(int64_t Count, function_ref<void(int64_t First, int64_t Lanes)> Body) {
  int64_t First = 0;
  for (int64_t Lanes = VectorLanes / 2; Lanes; Lanes /= 2)
    if (Count & Lanes) {
      Body(First, Lanes);
      First += Lanes;
    }
}

Value KernelBuilder::loadFirst(Value Pointer, Type Element, int64_t Count) {
  Value Result = constant(vectorOf(getComputeType(Element)), 0);
  forPieces(Count, [&](int64_t First, int64_t Lanes) {
    Value Piece = loadVector(this->element(Pointer, index(First), Element), Element, Lanes);
    Result = vector::InsertStridedSliceOp::create(*this, Piece, Result, ArrayRef<int64_t>{First},
                                                  ArrayRef<int64_t>{1});
  });
  return Result;
}

void KernelBuilder::storeFirst(Value Vector, Value Pointer, Type Element, int64_t Count) {
  forPieces(Count, [&](int64_t First, int64_t Lanes) {
    SmallVector<int64_t> Numbers = llvm::to_vector(llvm::seq(First, First + Lanes));
    Value Piece = vector::ShuffleOp::create(*this, Vector, Vector, Numbers);
    storeVector(Piece, this->element(Pointer, index(First), Element), Element);
  });
}
