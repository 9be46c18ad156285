// Numbers, control flow, and the arguments of a kernel.
#include "qopt/Targets/Common/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

/// Products and sums may become one operation; nothing else about floats may change.
static constexpr arith::FastMathFlags Contract = arith::FastMathFlags::contract;

KernelBuilder::KernelBuilder(const KernelInfo &Info, Operation *Function)
    : ImplicitLocOpBuilder(Function->getLoc(), Function->getContext()), Info(Info),
      Function(Function) {
  setInsertionPointToStart(&getEntry());
}

//===- Arguments ------------------------------------------------------------------------------===//

namespace {
/// Emits at the top of the entry block, after what was emitted there before.
class EntryGuard {
public:
  EntryGuard(OpBuilder &Builder, Operation *Function, Operation *&Last)
      : Guard(Builder), Builder(Builder), Last(Last) {
    if (Last)
      Builder.setInsertionPointAfter(Last);
    else
      Builder.setInsertionPointToStart(&Function->getRegion(0).front());
  }
  void emitted(Value Value) { Last = Value.getDefiningOp() ? Value.getDefiningOp() : Last; }

private:
  OpBuilder::InsertionGuard Guard;
  OpBuilder &Builder;
  Operation *&Last;
};
} // namespace

Value KernelBuilder::loadBuffer(unsigned Number) {
  Value &Cached = BufferCache[Number];
  if (!Cached) {
    EntryGuard Guard(*this, Function, LastEntryOp);
    Cached = emitBuffer(Number);
    Guard.emitted(Cached);
  }
  return Cached;
}

Value KernelBuilder::getArgument(Value Argument, unsigned Part) {
  return loadBuffer(Info.getBufferOf(cast<BlockArgument>(Argument)) + Part);
}

Value KernelBuilder::getResult(unsigned Result) { return loadBuffer(Info.getResultBuffer(Result)); }

Value KernelBuilder::getTable(unsigned Table) { return loadBuffer(Info.getTableBuffer(Table)); }

Value KernelBuilder::size(AffineExpr Expr) {
  if (auto Constant = dyn_cast<AffineConstantExpr>(Expr))
    return index(Constant.getValue());
  if (Value Cached = SizeCache.lookup(Expr))
    return Cached;
  Value Result;
  if (auto Symbol = dyn_cast<AffineSymbolExpr>(Expr)) {
    EntryGuard Guard(*this, Function, LastEntryOp);
    Result = emitSymbol(Symbol.getPosition());
    Guard.emitted(Result);
    return SizeCache[Expr] = Result;
  }
  auto Binary = cast<AffineBinaryOpExpr>(Expr);
  Value Lhs = size(Binary.getLHS()), Rhs = size(Binary.getRHS());
  EntryGuard Guard(*this, Function, LastEntryOp);
  // The constants of the operands were made where the builder stood.
  auto InEntry = [&](Value Operand, AffineExpr Of) {
    auto Constant = dyn_cast<AffineConstantExpr>(Of);
    return Constant ? index(Constant.getValue()) : Operand;
  };
  Lhs = InEntry(Lhs, Binary.getLHS());
  Rhs = InEntry(Rhs, Binary.getRHS());
  switch (Binary.getKind()) {
  case AffineExprKind::Add:
    Result = add(Lhs, Rhs);
    break;
  case AffineExprKind::Mul:
    Result = mul(Lhs, Rhs);
    break;
  case AffineExprKind::Mod: {
    Value Rest = rem(Lhs, Rhs);
    Result = select(lessThan(Rest, index(0)), add(Rest, Rhs), Rest);
    break;
  }
  case AffineExprKind::FloorDiv: {
    Value Rest = rem(Lhs, Rhs), Quotient = div(Lhs, Rhs);
    Result = select(lessThan(Rest, index(0)), sub(Quotient, index(1)), Quotient);
    break;
  }
  default: {
    Value Rest = rem(Lhs, Rhs), Quotient = div(Lhs, Rhs);
    Result = select(lessThan(index(0), Rest), add(Quotient, index(1)), Quotient);
    break;
  }
  }
  Guard.emitted(Result);
  return SizeCache[Expr] = Result;
}

//===- Numbers --------------------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t Value) { return constant(getI64Type(), Value); }

Value KernelBuilder::constant(Type Ty, double Number) {
  Type Element = getElementTypeOrSelf(Ty);
  TypedAttr Attr;
  if (isa<FloatType>(Element))
    Attr = getFloatAttr(Element, Number);
  else
    Attr = getIntegerAttr(Element, int64_t(Number));
  if (auto Vector = dyn_cast<VectorType>(Ty))
    Attr = DenseElementsAttr::get(Vector, Attr);
  return arith::ConstantOp::create(*this, Attr);
}

Value KernelBuilder::f32(double Number, int64_t Lanes) {
  return constant(Lanes ? Type(f32Vector(Lanes)) : Type(getF32Type()), Number);
}

Value KernelBuilder::i32(int64_t Number, int64_t Lanes) {
  return constant(Lanes ? Type(vectorOf(getI32Type(), Lanes)) : Type(getI32Type()), Number);
}

Value KernelBuilder::splat(Value Scalar, int64_t Lanes) {
  return vector::BroadcastOp::create(*this, vectorOf(Scalar.getType(), Lanes), Scalar);
}

VectorType KernelBuilder::f32Vector(int64_t Lanes) { return vectorOf(getF32Type(), Lanes); }

VectorType KernelBuilder::vectorOf(Type Element, int64_t Lanes) {
  return VectorType::get({Lanes}, Element);
}

int64_t KernelBuilder::getLanes(Value Vector) {
  auto Ty = dyn_cast<VectorType>(Vector.getType());
  return Ty ? Ty.getDimSize(0) : 0;
}

static bool isFloat(Value Value) { return isa<FloatType>(getElementTypeOrSelf(Value.getType())); }

Value KernelBuilder::likeConstant(Value Like, double Number) {
  return constant(Like.getType(), Number);
}

Value KernelBuilder::add(Value A, Value B) {
  if (isFloat(A))
    return arith::AddFOp::create(*this, A, B, Contract);
  return arith::AddIOp::create(*this, A, B);
}

Value KernelBuilder::sub(Value A, Value B) {
  if (isFloat(A))
    return arith::SubFOp::create(*this, A, B, Contract);
  return arith::SubIOp::create(*this, A, B);
}

Value KernelBuilder::mul(Value A, Value B) {
  if (isFloat(A))
    return arith::MulFOp::create(*this, A, B, Contract);
  return arith::MulIOp::create(*this, A, B);
}

Value KernelBuilder::div(Value A, Value B) {
  if (isFloat(A))
    return arith::DivFOp::create(*this, A, B);
  return arith::DivSIOp::create(*this, A, B);
}

Value KernelBuilder::rem(Value A, Value B) { return arith::RemSIOp::create(*this, A, B); }

Value KernelBuilder::min(Value A, Value B) {
  if (!isFloat(A))
    return arith::MinSIOp::create(*this, A, B);
  return arith::MinimumFOp::create(*this, A, B);
}

Value KernelBuilder::max(Value A, Value B) {
  if (!isFloat(A))
    return arith::MaxSIOp::create(*this, A, B);
  return arith::MaximumFOp::create(*this, A, B);
}

Value KernelBuilder::fma(Value A, Value B, Value C) { return add(mul(A, B), C); }

Value KernelBuilder::lessThan(Value A, Value B) {
  if (isFloat(A))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, A, B);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, A, B);
}

Value KernelBuilder::equal(Value A, Value B) {
  if (isFloat(A))
    return arith::CmpFOp::create(*this, arith::CmpFPredicate::OEQ, A, B);
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, A, B);
}

Value KernelBuilder::select(Value Condition, Value A, Value B) {
  return arith::SelectOp::create(*this, Condition, A, B);
}

Value KernelBuilder::bitcast(Value A, Type Element) {
  int64_t Lanes = getLanes(A);
  return arith::BitcastOp::create(*this, Lanes ? Type(vectorOf(Element, Lanes)) : Element, A);
}

Value KernelBuilder::shl(Value A, Value B) { return arith::ShLIOp::create(*this, A, B); }
Value KernelBuilder::shr(Value A, Value B) { return arith::ShRUIOp::create(*this, A, B); }
Value KernelBuilder::sar(Value A, Value B) { return arith::ShRSIOp::create(*this, A, B); }
Value KernelBuilder::bitAnd(Value A, Value B) { return arith::AndIOp::create(*this, A, B); }
Value KernelBuilder::bitOr(Value A, Value B) { return arith::OrIOp::create(*this, A, B); }

Value KernelBuilder::toFloat(Value A) {
  int64_t Lanes = getLanes(A);
  return arith::SIToFPOp::create(*this, Lanes ? Type(f32Vector(Lanes)) : getF32Type(), A);
}

/// Combines halves until one lane is left: the same tree for every caller.
static Value reduceLanes(KernelBuilder &B, Value Vector,
                         function_ref<Value(Value, Value)> Combine) {
  for (int64_t Lanes = KernelBuilder::getLanes(Vector) / 2; Lanes; Lanes /= 2) {
    SmallVector<int64_t> Low, High;
    for (int64_t I = 0; I < Lanes; ++I) {
      Low.push_back(I);
      High.push_back(I + Lanes);
    }
    Value A = vector::ShuffleOp::create(B, Vector, Vector, Low);
    Value C = vector::ShuffleOp::create(B, Vector, Vector, High);
    Vector = Combine(A, C);
  }
  return B.firstLane(Vector);
}

Value KernelBuilder::firstLane(Value Vector) {
  return vector::ExtractOp::create(*this, Vector, ArrayRef<int64_t>{0});
}

Value KernelBuilder::sumLanes(Value Vector) {
  return reduceLanes(*this, Vector, [&](Value A, Value B) { return add(A, B); });
}

Value KernelBuilder::maxLanes(Value Vector) {
  return reduceLanes(*this, Vector, [&](Value A, Value B) { return max(A, B); });
}

//===- Control flow ---------------------------------------------------------------------------===//

void KernelBuilder::loop(Value Low, Value High, int64_t Step, LoopBody Body) {
  loop(Low, High, Step, {}, [&](Value I, ValueRange) {
    Body(I);
    return Values();
  });
}

SmallVector<Value> KernelBuilder::loop(Value Low, Value High, int64_t Step, ValueRange Init,
                                       CarryingBody Body) {
  return loop(Low, High, index(Step), Init, Body);
}

SmallVector<Value> KernelBuilder::loop(Value Low, Value High, Value Step, ValueRange Init,
                                       CarryingBody Body) {
  auto For = scf::ForOp::create(*this, Low, High, Step, Init);
  OpBuilder::InsertionGuard Guard(*this);
  setInsertionPointToStart(For.getBody());
  Values Next = Body(For.getInductionVar(), For.getRegionIterArgs());
  if (!Init.empty())
    scf::YieldOp::create(*this, Next);
  return For.getResults();
}

void KernelBuilder::ifThen(Value Condition, function_ref<void()> Then) {
  auto If = scf::IfOp::create(*this, Condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard Guard(*this);
  setInsertionPointToStart(If.thenBlock());
  Then();
}

void KernelBuilder::ifThenElse(Value Condition, function_ref<void()> Then,
                               function_ref<void()> Else) {
  auto If = scf::IfOp::create(*this, Condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard Guard(*this);
  setInsertionPointToStart(If.thenBlock());
  Then();
  setInsertionPointToStart(If.elseBlock());
  Else();
}

Value KernelBuilder::choose(Value Condition, Type Ty, function_ref<Value()> Then,
                            function_ref<Value()> Else) {
  auto If = scf::IfOp::create(*this, Ty, Condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard Guard(*this);
  auto Fill = [&](Block *Branch, function_ref<Value()> Body) {
    setInsertionPointToStart(Branch);
    // A branch that could not be emitted still has to be well formed.
    Value Result = Body();
    scf::YieldOp::create(*this, Result ? Result : constant(Ty, 0));
  };
  Fill(If.thenBlock(), Then);
  Fill(If.elseBlock(), Else);
  return If.getResult(0);
}
