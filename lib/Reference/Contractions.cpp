#include "Shapes.h"
#include "qopt/Reference/Evaluator.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;

//===- linear, matmul -------------------------------------------------------------------------===//

static constexpr double NotComputed = std::numeric_limits<double>::quiet_NaN();

/// An element as the contraction multiplies it: rounded to the compute type, where there is one.
static double readFactor(const ReferenceTensor &Tensor, int64_t Offset,
                         std::optional<Type> Compute) {
  double Factor = Tensor.getFloat(Offset);
  return Compute ? roundToFloat(cast<FloatType>(*Compute), Factor) : Factor;
}

static std::vector<double> readFactors(const ReferenceTensor &Tensor, int64_t First, int64_t Count,
                                       std::optional<Type> Compute) {
  std::vector<double> Factors(Count);
  for (int64_t I = 0; I < Count; ++I)
    Factors[I] = readFactor(Tensor, First + I, Compute);
  return Factors;
}

static LogicalResult evaluate(LinearOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Weight = Frame.getTensor(Op.getWeight());
  int64_t Outputs = Weight.getDim(0), Inputs = Weight.getDim(1);
  if (Input.getShape().back() != Inputs)
    return Op.emitOpError() << "weight takes " << Inputs << " inputs, but the input is "
                            << Input.getType();
  if (Op.getCompute() && !isa<FloatType>(*Op.getCompute()))
    return Op.emitOpError() << "cannot compute in " << *Op.getCompute();
  SmallVector<int64_t> Shape(Input.getShape());
  Shape.back() = Outputs;
  ReferenceTensor Result(Input.getType().clone(Shape));
  int64_t Rows = Outputs ? Result.getNumElements() / Outputs : 0;
  std::vector<double> X = readFactors(Input, 0, Input.getNumElements(), Op.getCompute());
  for (int64_t Output = 0; Output < Outputs; ++Output) {
    if (!Frame.isComputed(Output, Outputs)) {
      for (int64_t Row = 0; Row < Rows; ++Row)
        Result.setFloat(Row * Outputs + Output, NotComputed);
      continue;
    }
    std::vector<double> W = readFactors(Weight, Output * Inputs, Inputs, Op.getCompute());
    for (int64_t Row = 0; Row < Rows; ++Row) {
      double Sum = 0;
      for (int64_t K = 0; K < Inputs; ++K)
        Sum += X[Row * Inputs + K] * W[K];
      Result.setFloat(Row * Outputs + Output, Sum);
    }
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(MatmulOp Op, Frame &Frame) {
  const ReferenceTensor &Lhs = Frame.getTensor(Op.getLhs()), &Rhs = Frame.getTensor(Op.getRhs());
  ArrayRef<int64_t> A = Lhs.getShape(), B = Rhs.getShape();
  int64_t Rows = A[A.size() - 2], Inner = A.back(), Columns = B.back();
  auto Shape = broadcastShapes(A.drop_back(2), B.drop_back(2));
  if (failed(Shape) || B[B.size() - 2] != Inner)
    return Op.emitOpError() << "cannot multiply " << Lhs.getType() << " with " << Rhs.getType();
  Shape->append({Rows, Columns});
  ReferenceTensor Result(Lhs.getType().clone(*Shape));
  forEachIndex(*Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    if (!Frame.isComputed(I, Result.getNumElements()))
      return Result.setFloat(I, NotComputed);
    SmallVector<int64_t> Left(Index), Right(Index);
    double Sum = 0;
    for (int64_t K = 0; K < Inner; ++K) {
      Left.back() = Right[Right.size() - 2] = K;
      Sum += Lhs.getFloat(broadcastOffset(Lhs, Left)) * Rhs.getFloat(broadcastOffset(Rhs, Right));
    }
    Result.setFloat(I, Sum);
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- reduce ---------------------------------------------------------------------------------===//

/// What a reduction of floats starts with, so that one of no elements gives 0, NaN, -inf or inf.
static double initialFloat(ReduceKind Kind) {
  constexpr double Infinity = std::numeric_limits<double>::infinity();
  return Kind == ReduceKind::Max ? -Infinity : Kind == ReduceKind::Min ? Infinity : 0;
}

static double combine(ReduceKind Kind, double A, double B) {
  if (Kind == ReduceKind::Max) // NaN wins
    return std::isnan(A) || A > B ? A : B;
  if (Kind == ReduceKind::Min)
    return std::isnan(A) || A < B ? A : B;
  return A + B;
}

/// The smallest integer of the type for Max, the largest for Min, 0 for sums.
static int64_t initialInteger(ReduceKind Kind, Type Ty) {
  if (Kind != ReduceKind::Max && Kind != ReduceKind::Min)
    return 0;
  unsigned Width = Ty.isIndex() ? 64 : Ty.getIntOrFloatBitWidth();
  bool FromZero = Ty.isUnsignedInteger() || Width == 1;
  if (Kind == ReduceKind::Max)
    return FromZero ? 0 : llvm::minIntN(Width);
  return FromZero ? wrapToInteger(Ty, -1) : llvm::maxIntN(Width);
}

static int64_t combine(ReduceKind Kind, int64_t A, int64_t B) {
  if (Kind == ReduceKind::Max)
    return std::max(A, B);
  if (Kind == ReduceKind::Min)
    return std::min(A, B);
  return int64_t(uint64_t(A) + uint64_t(B));
}

namespace {
/// Where each element of the input goes.
struct Reduction {
  SmallVector<int64_t> ResultShape; // with reduced axes of size 1
  int64_t CountPerResult = 1;
};
} // namespace

static Reduction planReduction(ArrayRef<int64_t> Shape, ArrayRef<int64_t> Axes) {
  Reduction Plan;
  for (auto [Axis, Size] : llvm::enumerate(Shape)) {
    bool IsReduced = llvm::is_contained(Axes, int64_t(Axis));
    Plan.ResultShape.push_back(IsReduced ? 1 : Size);
    if (IsReduced)
      Plan.CountPerResult *= Size;
  }
  return Plan;
}

/// Position in the result, whose reduced axes have size 1, of an index of the input.
static int64_t reducedOffset(ArrayRef<int64_t> ResultShape, ArrayRef<int64_t> Index) {
  int64_t Offset = 0;
  for (auto [Size, Position] : llvm::zip_equal(ResultShape, Index))
    Offset = Offset * Size + (Size == 1 ? 0 : Position);
  return Offset;
}

template <typename T, typename ReadT>
static std::vector<T> reduce(ReduceKind Kind, const ReferenceTensor &Input, const Reduction &Plan,
                             T Initial, ReadT Read) {
  std::vector<T> Result(ShapedType::getNumElements(Plan.ResultShape), Initial);
  forEachIndex(Input.getShape(), [&](ArrayRef<int64_t> Index, int64_t I) {
    T &Into = Result[reducedOffset(Plan.ResultShape, Index)];
    Into = combine(Kind, Into, Read(I));
  });
  return Result;
}

static LogicalResult reduceFloats(ReduceOp Op, const ReferenceTensor &Input, const Reduction &Plan,
                                  ReferenceTensor &Result) {
  auto Values = reduce<double>(Op.getKind(), Input, Plan, initialFloat(Op.getKind()),
                               [&](int64_t I) { return Input.getFloat(I); });
  bool IsMean = Op.getKind() == ReduceKind::Mean;
  for (auto [I, Value] : llvm::enumerate(Values))
    Result.setFloat(I, IsMean ? Value / double(Plan.CountPerResult) : Value);
  return success();
}

static LogicalResult reduceIntegers(ReduceOp Op, const ReferenceTensor &Input,
                                    const Reduction &Plan, ReferenceTensor &Result) {
  auto Values = reduce<int64_t>(Op.getKind(), Input, Plan,
                                initialInteger(Op.getKind(), Input.getElementType()),
                                [&](int64_t I) { return Input.getInteger(I); });
  bool IsMean = Op.getKind() == ReduceKind::Mean;
  if (IsMean && Plan.CountPerResult == 0 && !Values.empty())
    return Op.emitOpError("takes the mean of no integers");
  for (auto [I, Value] : llvm::enumerate(Values))
    Result.setInteger(I, IsMean ? Value / Plan.CountPerResult : Value);
  return success();
}

static LogicalResult evaluate(ReduceOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  if (Input.isStored())
    return Op.emitOpError() << "reduces plain numbers only, found " << Input.getType();
  Reduction Plan = planReduction(Input.getShape(), Op.getAxes());
  SmallVector<int64_t> Shape;
  for (auto [Axis, Size] : llvm::enumerate(Plan.ResultShape))
    if (Op.getKeepDims() || !llvm::is_contained(Op.getAxes(), int64_t(Axis)))
      Shape.push_back(Size);
  ReferenceTensor Result(Input.getType().clone(Shape));
  if (failed(Input.isFloat() ? reduceFloats(Op, Input, Plan, Result)
                             : reduceIntegers(Op, Input, Plan, Result)))
    return failure();
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- softmax, norms -------------------------------------------------------------------------===//

/// Calls `Visit` with the offset of the first element of every line along `Axis` and the distance
/// between its elements.
template <typename VisitT>
static void forEachLine(const ReferenceTensor &Tensor, int64_t Axis, VisitT Visit) {
  ArrayRef<int64_t> Shape = Tensor.getShape();
  int64_t Stride = ShapedType::getNumElements(Shape.drop_front(Axis + 1));
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    if (Index[Axis] == 0)
      Visit(I, Stride);
  });
}

static LogicalResult evaluate(SoftmaxOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  ReferenceTensor Result(Input.getType());
  int64_t Size = Input.getDim(Op.getAxis());
  forEachLine(Input, Op.getAxis(), [&](int64_t First, int64_t Stride) {
    double Max = initialFloat(ReduceKind::Max), Sum = 0;
    for (int64_t I = 0; I < Size; ++I)
      Max = combine(ReduceKind::Max, Max, Input.getFloat(First + I * Stride));
    for (int64_t I = 0; I < Size; ++I)
      Sum += std::exp(Input.getFloat(First + I * Stride) - Max);
    for (int64_t I = 0; I < Size; ++I)
      Result.setFloat(First + I * Stride, std::exp(Input.getFloat(First + I * Stride) - Max) / Sum);
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

/// Fails unless there is one element per channel of the input.
static LogicalResult verifyPerChannel(Operation *Op, const ReferenceTensor &Input,
                                      const ReferenceTensor &Vector) {
  if (Vector.getNumElements() != Input.getShape().back())
    return Op->emitOpError() << "normalizes " << Input.getType() << " with a scale or bias of type "
                             << Vector.getType();
  return success();
}

static LogicalResult evaluate(RMSNormOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Scale = Frame.getTensor(Op.getScale());
  if (failed(verifyPerChannel(Op, Input, Scale)))
    return failure();
  ReferenceTensor Result(Input.getType());
  int64_t Size = Input.getShape().back();
  double Epsilon = Op.getEpsilon().convertToFloat();
  forEachLine(Input, Input.getRank() - 1, [&](int64_t First, int64_t) {
    double Squares = 0;
    for (int64_t I = 0; I < Size; ++I)
      Squares += Input.getFloat(First + I) * Input.getFloat(First + I);
    double Root = std::sqrt(Squares / Size + Epsilon);
    for (int64_t I = 0; I < Size; ++I)
      Result.setFloat(First + I, Input.getFloat(First + I) / Root * Scale.getFloat(I));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(LayerNormOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Scale = Frame.getTensor(Op.getScale());
  const ReferenceTensor *Bias = Op.getBias() ? &Frame.getTensor(Op.getBias()) : nullptr;
  if (failed(verifyPerChannel(Op, Input, Scale)) ||
      (Bias && failed(verifyPerChannel(Op, Input, *Bias))))
    return failure();
  ReferenceTensor Result(Input.getType());
  int64_t Size = Input.getShape().back();
  double Epsilon = Op.getEpsilon().convertToFloat();
  forEachLine(Input, Input.getRank() - 1, [&](int64_t First, int64_t) {
    double Mean = 0, Variance = 0;
    for (int64_t I = 0; I < Size; ++I)
      Mean += Input.getFloat(First + I) / Size;
    for (int64_t I = 0; I < Size; ++I)
      Variance += std::pow(Input.getFloat(First + I) - Mean, 2) / Size;
    double Root = std::sqrt(Variance + Epsilon);
    for (int64_t I = 0; I < Size; ++I)
      Result.setFloat(First + I, (Input.getFloat(First + I) - Mean) / Root * Scale.getFloat(I) +
                                     (Bias ? Bias->getFloat(I) : 0));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

namespace qopt {
void registerContractionsReferences(ReferenceRegistry &Registry) {
  Registry.add<LinearOp>(evaluate);
  Registry.add<MatmulOp>(evaluate);
  Registry.add<ReduceOp>(evaluate);
  Registry.add<SoftmaxOp>(evaluate);
  Registry.add<RMSNormOp>(evaluate);
  Registry.add<LayerNormOp>(evaluate);
}
} // namespace qopt
