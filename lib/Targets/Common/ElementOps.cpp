// The elementwise operations of the qopt dialect on numbers in registers.
#include "qopt/Targets/Common/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

bool codegen::isElementwise(Operation *Op) {
  return isa<UnaryOp, BinaryOp, CompareOp, SelectOp, CastOp, QuantizeOp, DequantizeOp>(Op);
}

static bool isFloat(Value X) { return isa<FloatType>(getElementTypeOrSelf(X.getType())); }

static Type withElement(Value Like, Type Element) {
  auto Vector = dyn_cast<VectorType>(Like.getType());
  return Vector ? Type(Vector.clone(Element)) : Element;
}

static Value reciprocal(KernelBuilder &B, Value X) {
  return B.div(B.constant(X.getType(), 1.0), X);
}

static Value geluTanh(KernelBuilder &B, Value X) {
  Type Ty = X.getType();
  Value Cube = B.mul(B.mul(X, X), X);
  Value Inner =
      B.mul(B.constant(Ty, 0.79788456080286535588), B.fma(B.constant(Ty, 0.044715), Cube, X));
  Value Half = B.mul(B.constant(Ty, 0.5), X);
  return B.fma(Half, B.tanh(Inner), Half);
}

static Value geluErf(KernelBuilder &B, Value X) {
  Value Half = B.mul(B.constant(X.getType(), 0.5), X);
  Value Erf = B.erf(B.mul(X, B.constant(X.getType(), 0.70710678118654752440)));
  return B.fma(Half, Erf, Half);
}

static Value emitUnaryOfInteger(KernelBuilder &B, UnaryKind Kind, Value X) {
  Value Zero = B.constant(X.getType(), 0);
  switch (Kind) {
  case UnaryKind::Abs:
    return B.max(X, B.sub(Zero, X));
  case UnaryKind::Neg:
    return B.sub(Zero, X);
  case UnaryKind::Relu:
    return B.max(X, Zero);
  case UnaryKind::Not:
    return arith::XOrIOp::create(B, X, B.constant(X.getType(), -1));
  case UnaryKind::Floor:
  case UnaryKind::Ceil:
    return X;
  default:
    return nullptr;
  }
}

static Value emitUnary(KernelBuilder &B, UnaryKind Kind, Value X) {
  if (!isFloat(X))
    return emitUnaryOfInteger(B, Kind, X);
  switch (Kind) {
  case UnaryKind::Abs:
    return math::AbsFOp::create(B, X);
  case UnaryKind::Neg:
    return arith::NegFOp::create(B, X);
  case UnaryKind::Exp:
    return B.exp(X);
  case UnaryKind::Log:
    return B.log(X);
  case UnaryKind::Sqrt:
    return B.sqrt(X);
  case UnaryKind::Rsqrt:
    return reciprocal(B, B.sqrt(X));
  case UnaryKind::Reciprocal:
    return reciprocal(B, X);
  case UnaryKind::Sigmoid:
    return B.sigmoid(X);
  case UnaryKind::Tanh:
    return B.tanh(X);
  case UnaryKind::Erf:
    return B.erf(X);
  case UnaryKind::Silu:
    return B.mul(X, B.sigmoid(X));
  case UnaryKind::GeluErf:
    return geluErf(B, X);
  case UnaryKind::GeluTanh:
    return geluTanh(B, X);
  case UnaryKind::QuickGelu:
    return B.mul(X, B.sigmoid(B.mul(X, B.constant(X.getType(), 1.702))));
  case UnaryKind::Relu:
    return B.max(X, B.constant(X.getType(), 0.0));
  case UnaryKind::Sin:
    return B.sin(X);
  case UnaryKind::Cos:
    return B.cos(X);
  case UnaryKind::Floor:
    return math::FloorOp::create(B, X);
  case UnaryKind::Ceil:
    return math::CeilOp::create(B, X);
  case UnaryKind::Not:
    return nullptr;
  }
  return nullptr;
}

/// Integer powers go through f64, which holds every integer that such tensors carry.
static Value emitPow(KernelBuilder &B, Value X, Value Y) {
  if (isFloat(X))
    return B.pow(X, Y);
  Type Wide = withElement(X, B.getF64Type());
  Value Result = B.pow(arith::SIToFPOp::create(B, Wide, X), arith::SIToFPOp::create(B, Wide, Y));
  return arith::FPToSIOp::create(B, X.getType(), Result);
}

static Value emitBinary(KernelBuilder &B, BinaryKind Kind, Value X, Value Y) {
  switch (Kind) {
  case BinaryKind::Add:
    return B.add(X, Y);
  case BinaryKind::Sub:
    return B.sub(X, Y);
  case BinaryKind::Mul:
    return B.mul(X, Y);
  case BinaryKind::Div:
    return B.div(X, Y);
  case BinaryKind::Pow:
    return emitPow(B, X, Y);
  case BinaryKind::Min:
    return B.min(X, Y);
  case BinaryKind::Max:
    return B.max(X, Y);
  case BinaryKind::And:
    return B.bitAnd(X, Y);
  case BinaryKind::Or:
    return B.bitOr(X, Y);
  }
  return nullptr;
}

static Value emitCompare(KernelBuilder &B, CompareKind Kind, Value X, Value Y) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static constexpr std::pair<F, I> Predicates[] = {
      {F::OEQ, I::eq}, {F::OLT, I::slt}, {F::OLE, I::sle}, {F::OGT, I::sgt}, {F::OGE, I::sge}};
  auto [OfFloats, OfIntegers] = Predicates[unsigned(Kind)];
  if (isFloat(X))
    return arith::CmpFOp::create(B, OfFloats, X, Y);
  return arith::CmpIOp::create(B, OfIntegers, X, Y);
}

static Value emitCastToFloat(KernelBuilder &B, Value X, Type To) {
  Type From = getElementTypeOrSelf(X.getType());
  Type Ty = withElement(X, To);
  if (From == To)
    return X;
  if (From.isInteger(1))
    return arith::UIToFPOp::create(B, Ty, X);
  if (isa<IntegerType>(From))
    return arith::SIToFPOp::create(B, Ty, X);
  if (From.getIntOrFloatBitWidth() < To.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(B, Ty, X);
  return arith::TruncFOp::create(B, Ty, X);
}

static Value emitCastToInteger(KernelBuilder &B, Value X, Type To) {
  Type From = getElementTypeOrSelf(X.getType());
  Type Ty = withElement(X, To);
  if (From == To)
    return X;
  if (To.isInteger(1)) {
    Value Zero = B.constant(X.getType(), 0);
    if (isFloat(X))
      return arith::CmpFOp::create(B, arith::CmpFPredicate::UNE, X, Zero);
    return arith::CmpIOp::create(B, arith::CmpIPredicate::ne, X, Zero);
  }
  if (isFloat(X))
    return arith::FPToSIOp::create(B, Ty, X);
  if (From.isInteger(1))
    return arith::ExtUIOp::create(B, Ty, X);
  if (From.getIntOrFloatBitWidth() < To.getIntOrFloatBitWidth())
    return arith::ExtSIOp::create(B, Ty, X);
  return arith::TruncIOp::create(B, Ty, X);
}

/// Codes less their zero point, as f32: the quotient in the scale's type between the limits (the
/// larger one for NaN), then rounded to nearest even by adding a number whose last place is 1.
/// Clamping first gives the same, as the limits are integers.
static Value emitCentredCode(KernelBuilder &B, Value X, Value Scale, Value Zero, IntegerType Code,
                             Type ScaleTy) {
  auto [Min, Max] = getCodeRange(Code);
  Type Ty = X.getType();
  Value Low = B.sub(B.constant(Ty, Min), Zero), High = B.sub(B.constant(Ty, Max), Zero);
  Value Quotient = B.rounded(B.div(X, Scale), ScaleTy);
  Quotient = B.select(B.lessThan(Quotient, High), Quotient, High);
  Quotient = B.select(B.lessThan(Low, Quotient), Quotient, Low);
  Value Shift = B.constant(Ty, 0x1.8p23);
  return B.sub(B.add(Quotient, Shift), Shift);
}

Value codegen::emitRequantized(KernelBuilder &B, QuantizationAttr By, Value X) {
  Value Scale = B.constant(X.getType(), By.getScale().getValueAsDouble());
  Value Zero = B.constant(X.getType(), double(By.getZeroPoint()));
  return B.mul(emitCentredCode(B, X, Scale, Zero, By.getCode(), B.getF32Type()), Scale);
}

/// Codes that are floats, as f32. NaN gives the largest, as it does for integers.
static Value emitFloatCode(KernelBuilder &B, Value X, Value Scale, FloatType Code, Type ScaleTy) {
  double Most = getLargestCode(Code);
  Value Low = B.constant(X.getType(), -Most), High = B.constant(X.getType(), Most);
  Value Quotient = B.rounded(B.div(X, Scale), ScaleTy);
  Quotient = B.select(B.lessThan(Quotient, High), Quotient, High);
  return B.rounded(B.select(B.lessThan(Low, Quotient), Quotient, Low), Code);
}

/// Only floats that are computed in f32.
static Value emitQuantize(KernelBuilder &B, QuantizeOp Op, ArrayRef<Value> Operands) {
  if (!getElementTypeOrSelf(Operands[0].getType()).isF32() ||
      !getElementTypeOrSelf(Operands[1].getType()).isF32())
    return nullptr;
  Type ScaleTy = codegen::getElementType(Op.getScale());
  Type CodeTy = codegen::getElementType(Op.getResult());
  if (auto Float = dyn_cast<FloatType>(CodeTy))
    return emitFloatCode(B, Operands[0], Operands[1], Float, ScaleTy);
  auto Code = cast<IntegerType>(CodeTy);
  Value Zero = B.toFloat(Operands[2]);
  Value Number = B.add(emitCentredCode(B, Operands[0], Operands[1], Zero, Code, ScaleTy), Zero);
  Value Wide = arith::FPToSIOp::create(B, withElement(Number, B.getI32Type()), Number);
  Type To = B.getComputeType(Code);
  return To.isInteger(32) ? Wide : Value(arith::TruncIOp::create(B, withElement(Wide, To), Wide));
}

static Value emitDequantize(KernelBuilder &B, ArrayRef<Value> Operands) {
  auto Widen = [&](Value X) -> Value {
    if (getElementTypeOrSelf(X.getType()).getIntOrFloatBitWidth() >= 32)
      return X;
    return arith::ExtSIOp::create(B, withElement(X, B.getI32Type()), X);
  };
  if (!getElementTypeOrSelf(Operands[1].getType()).isF32())
    return nullptr;
  if (isa<FloatType>(getElementTypeOrSelf(Operands[0].getType())))
    return B.mul(Operands[0], Operands[1]);
  return B.mul(B.toFloat(B.sub(Widen(Operands[0]), Widen(Operands[2]))), Operands[1]);
}

FailureOr<Value> codegen::emitElementwise(KernelBuilder &B, Operation *Op,
                                          ArrayRef<Value> Operands) {
  Value Result =
      llvm::TypeSwitch<Operation *, Value>(Op)
          .Case<UnaryOp>([&](UnaryOp Unary) { return emitUnary(B, Unary.getKind(), Operands[0]); })
          .Case<BinaryOp>([&](BinaryOp Binary) {
            return emitBinary(B, Binary.getKind(), Operands[0], Operands[1]);
          })
          .Case<CompareOp>([&](CompareOp Compare) {
            return emitCompare(B, Compare.getKind(), Operands[0], Operands[1]);
          })
          .Case<SelectOp>([&](SelectOp) { return B.select(Operands[0], Operands[1], Operands[2]); })
          .Case<CastOp>([&](CastOp Cast) {
            Type To = B.getComputeType(codegen::getElementType(Cast.getResult()));
            return isa<FloatType>(To) ? emitCastToFloat(B, Operands[0], To)
                                      : emitCastToInteger(B, Operands[0], To);
          })
          .Case<QuantizeOp>(
              [&](QuantizeOp Quantize) { return emitQuantize(B, Quantize, Operands); })
          .Case<DequantizeOp>([&](DequantizeOp) { return emitDequantize(B, Operands); })
          .Default([](auto) { return Value(); });
  if (!Result)
    return Op->emitOpError("is not defined for these element types");
  return Result;
}

FailureOr<Value> codegen::emitElementwiseTree(KernelBuilder &B, Value Of,
                                              llvm::DenseMap<Value, Value> &Known,
                                              function_ref<Value(Value)> Leaf) {
  if (Value Number = Known.lookup(Of))
    return Number;
  if (Value Number = Leaf(Of))
    return Known[Of] = Number;
  if (auto Reshape = Of.getDefiningOp<ReshapeOp>())
    return emitElementwiseTree(B, Reshape.getInput(), Known, Leaf);
  SmallVector<Value> Operands;
  for (Value Operand : Of.getDefiningOp()->getOperands()) {
    FailureOr<Value> Number = emitElementwiseTree(B, Operand, Known, Leaf);
    if (failed(Number))
      return failure();
    Operands.push_back(*Number);
  }
  FailureOr<Value> Result = emitElementwise(B, Of.getDefiningOp(), Operands);
  if (failed(Result))
    return failure();
  return Known[Of] = *Result;
}

Value codegen::skipCoding(Value Of, SmallVectorImpl<Operation *> &Ops) {
  auto IsNumber = [](Value Parameter) {
    return Parameter.getDefiningOp<ConstantOp>() &&
           cast<RankedTensorType>(Parameter.getType()).getNumElements() == 1 &&
           !codegen::getElementType(Parameter).isF64();
  };
  for (Operation *Op = Of.getDefiningOp(); isa_and_nonnull<QuantizeOp, DequantizeOp>(Op) &&
                                           llvm::all_of(Op->getOperands().drop_front(), IsNumber);
       Op = Of.getDefiningOp()) {
    Ops.push_back(Op);
    Of = Op->getOperand(0);
  }
  std::reverse(Ops.begin(), Ops.end());
  return Of;
}

Value codegen::loadNumber(KernelBuilder &B, Value Constant) {
  Value Pointer = B.constantTable(Constant.getDefiningOp<ConstantOp>().getValue());
  return B.loadScalar(Pointer, codegen::getElementType(Constant));
}

/// Defined for all types that `skipCoding` lets through.
Value codegen::emitCoding(KernelBuilder &B, ArrayRef<Operation *> Ops, Value X) {
  for (Operation *Op : Ops) {
    KernelBuilder::Values Operands = {X};
    for (Value Parameter : Op->getOperands().drop_front()) {
      Value Number = loadNumber(B, Parameter);
      Operands.push_back(B.getLanes(X) ? B.splat(Number, B.getLanes(X)) : Number);
    }
    X = *emitElementwise(B, Op, Operands);
  }
  return X;
}

Value codegen::emitDynamicScale(KernelBuilder &B, DynamicScaleOp Op, Value Largest) {
  double Code = getLargestCode(Op.getCode());
  double Infinity = std::numeric_limits<double>::infinity(),
         NaN = std::numeric_limits<double>::quiet_NaN();
  Value IsFinite = B.lessThan(Largest, B.f32(Infinity, 0));
  return B.select(IsFinite, B.div(Largest, B.f32(Code, 0)), B.f32(NaN, 0));
}
