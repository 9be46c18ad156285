#include "qopt/Targets/NVPTX/KernelBuilder.h"

#include "CodesForm.h"

#include "qopt/Targets/Common/FragmentWeight.h"
#include "qopt/Targets/Common/PanelWeight.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

/// LLVM's number of shared memory.
static constexpr unsigned SharedSpace = 3;
static constexpr llvm::StringLiteral SharedName = "shared";

/// Sizes are known: none of the thread's numbers is negative.
static Value toIndex(OpBuilder &B, Location Loc, Value Register) {
  return arith::ExtUIOp::create(B, Loc, B.getI64Type(), Register);
}

KernelBuilder::KernelBuilder(const KernelInfo &Info, int64_t Threads, Operation *Function)
    : codegen::KernelBuilder(Info, Function), Threads(Threads),
      FirstSymbol(getEntry().getNumArguments() - getSymbols(Info.getKernel()).size()) {
  Block = toIndex(*this, getLoc(), NVVM::BlockIdXOp::create(*this, getI32Type()));
  Value Register = NVVM::ThreadIdXOp::create(*this, getI32Type());
  Value Size = arith::ConstantOp::create(*this, getI32IntegerAttr(WarpSize));
  Thread = toIndex(*this, getLoc(), Register);
  Lane = toIndex(*this, getLoc(), arith::RemUIOp::create(*this, Register, Size));
  Warp = toIndex(*this, getLoc(), arith::DivUIOp::create(*this, Register, Size));
}

Value KernelBuilder::emitBuffer(unsigned Number) { return getEntry().getArgument(Number); }

Value KernelBuilder::emitSymbol(unsigned Number) {
  return getEntry().getArgument(FirstSymbol + Number);
}

//===- Teams ----------------------------------------------------------------------------------===//

void KernelBuilder::loopLanes(Value Count, LanesBody Body) {
  bool IsWarp = Sharing == Team::Warp;
  loop(IsWarp ? Lane : Thread, Count, IsWarp ? WarpSize : Threads, [&](Value I) { Body(I, 1); });
}

static Value allThreads(OpBuilder &B, Location Loc) {
  return arith::ConstantOp::create(B, Loc, B.getI32IntegerAttr(-1));
}

void KernelBuilder::syncBlock() { NVVM::Barrier0Op::create(*this); }

void KernelBuilder::syncWarp() { NVVM::SyncWarpOp::create(*this, allThreads(*this, getLoc())); }

static Value emitShuffle(KernelBuilder &B, NVVM::ShflKind Kind, Value X, Value Operand) {
  // The clamp of a whole warp.
  Value Clamp = arith::ConstantOp::create(B, B.getI32IntegerAttr(WarpSize - 1));
  return NVVM::ShflOp::create(B, X.getType(), allThreads(B, B.getLoc()), X, Operand, Clamp, Kind,
                              /*return_value_and_is_valid=*/nullptr);
}

Value KernelBuilder::shuffle(Value X, Value FromLane) {
  if (!FromLane.getType().isInteger(32))
    FromLane = arith::TruncIOp::create(*this, getI32Type(), FromLane);
  return emitShuffle(*this, NVVM::ShflKind::idx, X, FromLane);
}

Value KernelBuilder::butterfly(Value X, function_ref<Value(Value, Value)> Combine) {
  for (int64_t Distance = WarpSize / 2; Distance; Distance /= 2) {
    Value Operand = arith::ConstantOp::create(*this, getI32IntegerAttr(Distance));
    X = Combine(X, emitShuffle(*this, NVVM::ShflKind::bfly, X, Operand));
  }
  return X;
}

Value KernelBuilder::warpSum(Value X) {
  return butterfly(X, [&](Value A, Value B) { return add(A, B); });
}

Value KernelBuilder::warpMax(Value X) {
  return butterfly(X, [&](Value A, Value B) { return max(A, B); });
}

Value KernelBuilder::overWarp(Value Count, double Neutral, LanesValue Body,
                              function_ref<Value(Value, Value)> Combine) {
  Value Mine = loop(Lane, Count, WarpSize, f32(Neutral, 1), [&](Value I, ValueRange Carried) {
    return Values{Combine(Carried[0], Body(I, 1))};
  })[0];
  return butterfly(firstLane(Mine), Combine);
}

/// Sums of the warps are added in the order of the warps by every thread.
Value KernelBuilder::sumOverWarps(Value Count, LanesValue Body) {
  Value Mine = loop(Thread, Count, Threads, f32(0.0, 1), [&](Value I, ValueRange Carried) {
    return Values{add(Carried[0], Body(I, 1))};
  })[0];
  Value OfWarp = warpSum(firstLane(Mine)), Sums = shared(*BlockSums);
  ifThen(equal(Lane, index(0)),
         [&] { storeScalar(OfWarp, element(Sums, Warp, getF32Type()), getF32Type()); });
  syncBlock();
  Value Sum;
  for (int64_t I = 0; I < getWarps(); ++I) {
    Value Part = loadScalar(element(Sums, index(I), getF32Type()), getF32Type());
    Sum = Sum ? add(Sum, Part) : Part;
  }
  // The next sum may be written.
  syncBlock();
  return Sum;
}

Value KernelBuilder::sumOver(Value Count, LanesValue Body) {
  if (BlockSums)
    return sumOverWarps(Count, Body);
  return overWarp(Count, 0.0, Body, [&](Value A, Value B) { return add(A, B); });
}

Value KernelBuilder::maxOver(Value Count, LanesValue Body) {
  return overWarp(Count, -std::numeric_limits<double>::infinity(), Body,
                  [&](Value A, Value B) { return max(A, B); });
}

Value KernelBuilder::getWorkspace() { return getEntry().getArgument(FirstSymbol - 1); }

//===- Memory ---------------------------------------------------------------------------------===//

/// All kernels of a module share the name; its size is decided at the launch.
Value KernelBuilder::shared(int64_t ByteOffset) {
  auto Module = getEntry().getParentOp()->getParentOfType<ModuleOp>();
  auto Global = Module.lookupSymbol<LLVM::GlobalOp>(SharedName);
  if (!Global) {
    OpBuilder AtModule = OpBuilder::atBlockBegin(Module.getBody());
    Global = LLVM::GlobalOp::create(AtModule, getLoc(), LLVM::LLVMArrayType::get(getI8Type(), 0),
                                    /*isConstant=*/false, LLVM::Linkage::External, SharedName,
                                    Attribute(), /*alignment=*/1024, SharedSpace);
  }
  Value Base = LLVM::AddressOfOp::create(*this, Global);
  return ByteOffset ? bytes(Base, index(ByteOffset)) : Base;
}

Value KernelBuilder::loadWeight(Value Weight, ArrayRef<Value> At) {
  if (isa_and_nonnull<CodeTiles>(getInfo().getLayout(Weight)))
    return loadTiledWeight(*this, Weight, At[0], At[1]);
  auto Ty = cast<RankedTensorType>(Weight.getType());
  if (isa_and_nonnull<qkernel::FragmentLayoutAttr>(getInfo().getLayout(Weight))) {
    using Tiling = qkernel::FragmentTiling;
    codegen::FragmentWeight Fragments(Ty);
    Value Panel = bytes(getArgument(Weight),
                        mul(div(At[0], Tiling::Outputs), Fragments.getTiling().getPanelBytes()));
    return Fragments.loadElement(*this, Panel, rem(At[0], Tiling::Outputs), At[1]);
  }
  auto Layout = dyn_cast_or_null<qkernel::PanelLayoutAttr>(getInfo().getLayout(Weight));
  if (!Layout) {
    getInfo().getKernel()->emitError("reads a stored weight that does not lie in panels");
    return nullptr;
  }
  int64_t Rows = Layout.getRows();
  codegen::PanelWeight Panels(Ty, Rows);
  Value Panel = bytes(getArgument(Weight), mul(div(At[0], Rows), Panels.getPanelBytes()));
  return Panels.loadElement(*this, Panel, rem(At[0], Rows), At[1]);
}

Type KernelBuilder::getMemoryType(Type Element) {
  if (Element.isBF16())
    return getI16Type();
  return Base::getMemoryType(Element);
}

Value KernelBuilder::widen(Value Stored, Type Element) {
  if (Element.isF16())
    return arith::ExtFOp::create(*this, withLanesOf(Stored, getF32Type()), Stored);
  if (Element.isBF16()) {
    // By hand: LLVM's way takes two more instructions.
    Value Bits = arith::ExtUIOp::create(*this, withLanesOf(Stored, getI32Type()), Stored);
    return bitcast(shl(Bits, likeConstant(Bits, 16)), getF32Type());
  }
  if (ConvertsFloat8 && isa<Float8E4M3FNType>(Element))
    return readFloat8(*this, Stored);
  return Base::widen(Stored, Element);
}

Value KernelBuilder::narrow(Value Computed, Type Element) {
  if (Element.isF16())
    return arith::TruncFOp::create(*this, withLanesOf(Computed, Element), Computed);
  if (Element.isBF16())
    return bitcast(arith::TruncFOp::create(*this, withLanesOf(Computed, Element), Computed),
                   getI16Type());
  if (ConvertsFloat8 && isa<Float8E4M3FNType>(Element))
    return makeFloat8(*this, Computed);
  return Base::narrow(Computed, Element);
}
