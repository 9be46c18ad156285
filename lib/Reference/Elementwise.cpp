#include "Shapes.h"
#include "qopt/Reference/Evaluator.h"

#include <cmath>

using namespace mlir;
using namespace qopt;

//===- scalar functions -----------------------------------------------------------------------===//

static double sigmoid(double X) { return 1 / (1 + std::exp(-X)); }

/// Functions of a float. NaN gives NaN everywhere.
static double compute(UnaryKind Kind, double X) {
  switch (Kind) {
  case UnaryKind::Abs:
    return std::fabs(X);
  case UnaryKind::Neg:
    return -X;
  case UnaryKind::Exp:
    return std::exp(X);
  case UnaryKind::Log:
    return std::log(X);
  case UnaryKind::Sqrt:
    return std::sqrt(X);
  case UnaryKind::Rsqrt:
    return 1 / std::sqrt(X);
  case UnaryKind::Reciprocal:
    return 1 / X;
  case UnaryKind::Sigmoid:
    return sigmoid(X);
  case UnaryKind::Tanh:
    return std::tanh(X);
  case UnaryKind::Erf:
    return std::erf(X);
  case UnaryKind::Silu:
    return X * sigmoid(X);
  case UnaryKind::GeluErf:
    return X / 2 * (1 + std::erf(X / std::sqrt(2.0)));
  case UnaryKind::GeluTanh:
    return X / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (X + 0.044715 * X * X * X)));
  case UnaryKind::QuickGelu:
    return X * sigmoid(1.702 * X);
  case UnaryKind::Relu:
    return X < 0 ? 0 : X;
  case UnaryKind::Sin:
    return std::sin(X);
  case UnaryKind::Cos:
    return std::cos(X);
  case UnaryKind::Floor:
    return std::floor(X);
  case UnaryKind::Ceil:
    return std::ceil(X);
  case UnaryKind::Not:
    break; // booleans only
  }
  llvm_unreachable("not a function of floats");
}

/// Functions of an integer; sums and products wrap.
static std::optional<int64_t> compute(UnaryKind Kind, int64_t X) {
  switch (Kind) {
  case UnaryKind::Abs:
    return X < 0 ? int64_t(-uint64_t(X)) : X;
  case UnaryKind::Neg:
    return int64_t(-uint64_t(X));
  case UnaryKind::Relu:
    return X < 0 ? 0 : X;
  case UnaryKind::Not:
    return X == 0;
  default:
    return std::nullopt;
  }
}

static double compute(BinaryKind Kind, double A, double B) {
  switch (Kind) {
  case BinaryKind::Add:
    return A + B;
  case BinaryKind::Sub:
    return A - B;
  case BinaryKind::Mul:
    return A * B;
  case BinaryKind::Div:
    return A / B;
  case BinaryKind::Pow:
    return std::pow(A, B);
  case BinaryKind::Min: // NaN wins
    return std::isnan(A) || A < B ? A : B;
  case BinaryKind::Max:
    return std::isnan(A) || A > B ? A : B;
  case BinaryKind::And:
  case BinaryKind::Or:
    break; // booleans only
  }
  llvm_unreachable("not a function of floats");
}

/// Base to an integer power, wrapping; a negative power truncates as 1 / base^|power| would.
/// Nothing for 0^-1.
static std::optional<int64_t> power(int64_t Base, int64_t Exponent) {
  if (Exponent < 0) {
    if (Base == 0)
      return std::nullopt;
    return Base == 1 ? 1 : Base == -1 ? (Exponent % 2 ? -1 : 1) : 0;
  }
  uint64_t Result = 1, Factor = Base;
  for (; Exponent; Exponent /= 2, Factor *= Factor)
    if (Exponent % 2)
      Result *= Factor;
  return int64_t(Result);
}

/// Nothing where the division is by zero. Division truncates; the smallest integer over -1 wraps to
/// itself.
static std::optional<int64_t> compute(BinaryKind Kind, int64_t A, int64_t B) {
  switch (Kind) {
  case BinaryKind::Add:
    return int64_t(uint64_t(A) + uint64_t(B));
  case BinaryKind::Sub:
    return int64_t(uint64_t(A) - uint64_t(B));
  case BinaryKind::Mul:
    return int64_t(uint64_t(A) * uint64_t(B));
  case BinaryKind::Div:
    if (B == 0)
      return std::nullopt;
    return B == -1 ? int64_t(-uint64_t(A)) : A / B;
  case BinaryKind::Pow:
    return power(A, B);
  case BinaryKind::Min:
    return std::min(A, B);
  case BinaryKind::Max:
    return std::max(A, B);
  case BinaryKind::And:
    return A & B;
  case BinaryKind::Or:
    return A | B;
  }
  llvm_unreachable("unknown kind");
}

/// A comparison with NaN is false.
template <typename T> static bool compute(CompareKind Kind, T A, T B) {
  switch (Kind) {
  case CompareKind::Equal:
    return A == B;
  case CompareKind::Less:
    return A < B;
  case CompareKind::LessOrEqual:
    return A <= B;
  case CompareKind::Greater:
    return A > B;
  case CompareKind::GreaterOrEqual:
    return A >= B;
  }
  llvm_unreachable("unknown kind");
}

/// Truncates toward zero. What no integer of the type holds goes to the nearest one, NaN to 0.
static int64_t truncate(IntegerType Ty, double X) {
  if (std::isnan(X))
    return 0;
  bool IsExact;
  llvm::APSInt Result(Ty.getWidth(), /*isUnsigned=*/Ty.isUnsigned());
  APFloat(X).convertToInteger(Result, APFloat::rmTowardZero, &IsExact);
  return Result.isUnsigned() ? int64_t(Result.getZExtValue()) : Result.getSExtValue();
}

/// The nearest double that the float type holds: one rounding, also for an integer that no double
/// holds.
static double convert(FloatType Ty, int64_t X) {
  APFloat Result(Ty.getFloatSemantics());
  Result.convertFromAPInt(APInt(64, X, /*isSigned=*/true), /*IsSigned=*/true,
                          APFloat::rmNearestTiesToEven);
  return Result.convertToDouble();
}

//===- operations -----------------------------------------------------------------------------===//

static LogicalResult evaluate(UnaryOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  ReferenceTensor Result(Input.getType());
  bool IsNot = Op.getKind() == UnaryKind::Not;
  for (int64_t I = 0; I < Input.getNumElements(); ++I) {
    if (Input.isFloat() && !IsNot) {
      Result.setFloat(I, compute(Op.getKind(), Input.getFloat(I)));
      continue;
    }
    auto Value = Input.isInteger() ? compute(Op.getKind(), Input.getInteger(I)) : std::nullopt;
    if (!Value)
      return Op.emitOpError() << "no such function of " << Input.getElementType();
    Result.setInteger(I, *Value);
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(BinaryOp Op, Frame &Frame) {
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  auto Shape = joinShapes(Op, {&Lhs, &Rhs});
  if (failed(Shape))
    return failure();
  bool IsLogical = Op.getKind() == BinaryKind::And || Op.getKind() == BinaryKind::Or;
  if (Lhs.isStored() || (Lhs.isFloat() && IsLogical))
    return Op.emitOpError() << "no such function of " << Lhs.getElementType();
  ReferenceTensor Result(Lhs.getType().clone(*Shape));
  bool DividesByZero = false;
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    int64_t A = broadcastOffset(Lhs, Index), B = broadcastOffset(Rhs, Index);
    if (Lhs.isFloat())
      return Result.setFloat(I, compute(Op.getKind(), Lhs.getFloat(A), Rhs.getFloat(B)));
    auto Value = compute(Op.getKind(), Lhs.getInteger(A), Rhs.getInteger(B));
    DividesByZero |= !Value;
    Result.setInteger(I, Value.value_or(0));
  });
  if (DividesByZero)
    return Op.emitOpError("divides an integer by zero");
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(CompareOp Op, Frame &Frame) {
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  auto Shape = joinShapes(Op, {&Lhs, &Rhs});
  if (failed(Shape))
    return failure();
  ReferenceTensor Result(RankedTensorType::get(*Shape, IntegerType::get(Op.getContext(), 1)));
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    int64_t A = broadcastOffset(Lhs, Index), B = broadcastOffset(Rhs, Index);
    Result.setInteger(I, Lhs.isInteger()
                             ? compute(Op.getKind(), Lhs.getInteger(A), Rhs.getInteger(B))
                             : compute(Op.getKind(), Lhs.getFloat(A), Rhs.getFloat(B)));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(SelectOp Op, Frame &Frame) {
  const ReferenceTensor &Condition = Frame.getTensor(Op.getCondition());
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  auto Shape = joinShapes(Op, {&Condition, &Lhs, &Rhs});
  if (failed(Shape))
    return failure();
  if (Lhs.isStored())
    return Op.emitOpError("chooses among plain numbers only");
  ReferenceTensor Result(Lhs.getType().clone(*Shape));
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    const ReferenceTensor &From =
        Condition.getInteger(broadcastOffset(Condition, Index)) ? Lhs : Rhs;
    Result.copyElement(I, From, broadcastOffset(From, Index));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static void castElement(const ReferenceTensor &Input, int64_t I, ReferenceTensor &Result) {
  Type To = Result.getElementType();
  if (auto Float = dyn_cast<FloatType>(To))
    return Result.setFloat(I, Input.isInteger() ? convert(Float, Input.getInteger(I))
                                                : Input.getFloat(I));
  if (To.isInteger(1))
    return Result.setInteger(I,
                             Input.isInteger() ? Input.getInteger(I) != 0 : Input.getFloat(I) != 0);
  Result.setInteger(I, Input.isInteger() ? Input.getInteger(I)
                                         : truncate(cast<IntegerType>(To), Input.getFloat(I)));
}

static LogicalResult evaluate(CastOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  ReferenceTensor Result(cast<RankedTensorType>(Op.getType()).clone(Input.getShape()));
  for (int64_t I = 0; I < Input.getNumElements(); ++I)
    castElement(Input, I, Result);
  return Frame.set(Op->getResult(0), std::move(Result));
}

namespace qopt {
void registerElementwiseReferences(ReferenceRegistry &Registry) {
  Registry.add<UnaryOp>(evaluate);
  Registry.add<BinaryOp>(evaluate);
  Registry.add<CompareOp>(evaluate);
  Registry.add<SelectOp>(evaluate);
  Registry.add<CastOp>(evaluate);
}
} // namespace qopt
