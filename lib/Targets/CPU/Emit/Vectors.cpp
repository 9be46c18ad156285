// What of the builder is the CPU's own: the C signature, scratch memory, and rows in vectors.
#include "qopt/Targets/CPU/Contraction.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

//===- Arguments ------------------------------------------------------------------------------===//

KernelBuilder::KernelBuilder(const KernelInfo &Info, const Isa &Isa, Operation *Function)
    : Base(Info, Function), Target(Isa) {
  Begin = getEntry().getArgument(0);
  End = getEntry().getArgument(1);
  Buffers = getEntry().getArgument(2);
  Symbols = getEntry().getArgument(3);
  Scratch = getEntry().getArgument(4);
}

Value KernelBuilder::emitBuffer(unsigned Number) {
  Type Pointer = LLVM::LLVMPointerType::get(getContext());
  Value Address = LLVM::GEPOp::create(*this, Pointer, Pointer, Buffers,
                                      ArrayRef<LLVM::GEPArg>{int32_t(Number)});
  return LLVM::LoadOp::create(*this, Pointer, Address);
}

Value KernelBuilder::emitSymbol(unsigned Number) {
  Value Address = LLVM::GEPOp::create(*this, Symbols.getType(), getI64Type(), Symbols,
                                      ArrayRef<LLVM::GEPArg>{int32_t(Number)});
  return LLVM::LoadOp::create(*this, getI64Type(), Address);
}

Value KernelBuilder::getScratch(AffineExpr ByteOffset) { return bytes(Scratch, size(ByteOffset)); }

AffineExpr ScratchLayout::add(AffineExpr Bytes) {
  AffineExpr Offset = Total;
  Total = Total + Bytes.ceilDiv(64) * 64;
  return Offset;
}

Value KernelBuilder::loadWeight(Value Weight, ArrayRef<Value> At) {
  if (!isa_and_nonnull<qkernel::PanelLayoutAttr>(getInfo().getLayout(Weight))) {
    getInfo().getKernel()->emitError("reads a stored weight that does not lie in panels");
    return nullptr;
  }
  PanelWeight Panels(cast<RankedTensorType>(Weight.getType()));
  Value Panel = bytes(getArgument(Weight), mul(div(At[0], PanelRows), Panels.getPanelBytes()));
  return Panels.loadElement(*this, Panel, rem(At[0], PanelRows), At[1]);
}

//===- Rows -----------------------------------------------------------------------------------===//

void KernelBuilder::loopLanes(Value Count, LanesBody Body) {
  Value Full = mul(div(Count, VectorLanes), VectorLanes);
  loop(index(0), Full, VectorLanes, [&](Value I) { Body(I, VectorLanes); });
  if (auto Known = getConstantIntValue(Count); Known && *Known % VectorLanes == 0)
    return;
  loop(Full, Count, 1, [&](Value I) { Body(I, 1); });
}

/// Accumulates `Body` in 16 lanes, folds them, and goes on with single lanes.
static Value accumulateOver(KernelBuilder &B, Value Count, double Neutral,
                            function_ref<Value(Value, int64_t)> Body,
                            function_ref<Value(Value, Value)> Combine,
                            function_ref<Value(Value)> Fold) {
  Value Full = B.mul(B.div(Count, VectorLanes), VectorLanes);
  Value Lanes =
      B.loop(B.index(0), Full, VectorLanes, B.f32(Neutral), [&](Value I, ValueRange Carried) {
        return KernelBuilder::Values{Combine(Carried[0], Body(I, VectorLanes))};
      })[0];
  Value Result = Fold(Lanes);
  if (auto Known = getConstantIntValue(Count); Known && *Known % VectorLanes == 0)
    return Result;
  Value Rest = B.loop(Full, Count, 1, B.splat(Result, 1), [&](Value I, ValueRange Carried) {
    return KernelBuilder::Values{Combine(Carried[0], Body(I, 1))};
  })[0];
  return vector::ExtractOp::create(B, Rest, ArrayRef<int64_t>{0});
}

Value KernelBuilder::sumOver(Value Count, LanesValue Body) {
  return accumulateOver(
      *this, Count, 0.0, Body, [&](Value A, Value B) { return add(A, B); },
      [&](Value Lanes) { return sumLanes(Lanes); });
}

Value KernelBuilder::maxOver(Value Count, LanesValue Body) {
  return accumulateOver(
      *this, Count, -std::numeric_limits<double>::infinity(), Body,
      [&](Value A, Value B) { return max(A, B); }, [&](Value Lanes) { return maxLanes(Lanes); });
}
