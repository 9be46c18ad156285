#include "Folding.h"

#include "qopt/Base/CheckedMath.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

static constexpr int64_t MaxFoldedFloats = 16;

/// Position in an operand of element `Index` of the broadcast result.
static int64_t broadcastPosition(int64_t Index, ArrayRef<int64_t> Result,
                                 ArrayRef<int64_t> Operand) {
  int64_t Position = 0, Stride = 1;
  for (size_t I = 0; I < Result.size(); ++I) {
    int64_t Coordinate = Index % Result[Result.size() - 1 - I];
    Index /= Result[Result.size() - 1 - I];
    if (I >= Operand.size())
      continue;
    int64_t Size = Operand[Operand.size() - 1 - I];
    Position += Size == 1 ? 0 : Coordinate * Stride;
    Stride *= Size;
  }
  return Position;
}

/// Broadcast shape of static operands within a limit of elements.
static std::optional<SmallVector<int64_t>> joinShapes(ArrayRef<const ImportedValue *> Operands,
                                                      int64_t Limit) {
  SmallVector<int64_t> Shape;
  for (const ImportedValue *Operand : Operands) {
    auto Joined = broadcastShapes(Shape, Operand->staticShape());
    if (failed(Joined))
      return std::nullopt;
    Shape = *Joined;
  }
  auto Count = checkedProduct(Shape);
  if (!Count || *Count > Limit)
    return std::nullopt;
  return Shape;
}

std::optional<ImportedValue> onnx_import::foldElements(ArrayRef<const ImportedValue *> Operands,
                                                       Type Element, SizeFunction Function) {
  if (llvm::any_of(Operands, [](const ImportedValue *V) { return !V->Elements; }))
    return std::nullopt;
  auto Shape = joinShapes(Operands, MaxKnownElements);
  if (!Shape)
    return std::nullopt;
  SmallVector<AffineExpr> Results;
  for (int64_t I = 0, E = *checkedProduct(*Shape); I < E; ++I) {
    SmallVector<AffineExpr> Arguments;
    for (const ImportedValue *Operand : Operands)
      Arguments.push_back(
          (*Operand->Elements)[broadcastPosition(I, *Shape, Operand->staticShape())]);
    AffineExpr Result = Function(Arguments);
    if (!Result)
      return std::nullopt;
    Results.push_back(Result);
  }
  return ImportedValue::fromElements(Results, *Shape, Element);
}

std::optional<SmallVector<double>> onnx_import::getFloats(const ImportedValue &Value) {
  if (!Value.Constant || !Value.isFloat() || Value.Constant.getNumElements() > MaxFoldedFloats)
    return std::nullopt;
  SmallVector<double> Numbers;
  for (APFloat Number : Value.Constant.getValues<APFloat>()) {
    bool Loses;
    Number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &Loses);
    Numbers.push_back(Number.convertToDouble());
  }
  return Numbers;
}

std::optional<ImportedValue>
onnx_import::foldFloats(ArrayRef<const ImportedValue *> Operands, Type Element,
                        llvm::function_ref<double(ArrayRef<double>)> Function) {
  SmallVector<SmallVector<double>> Numbers;
  for (const ImportedValue *Operand : Operands) {
    auto Values = getFloats(*Operand);
    if (!Values)
      return std::nullopt;
    Numbers.push_back(*Values);
  }
  auto Shape = joinShapes(Operands, MaxFoldedFloats);
  if (!Shape)
    return std::nullopt;
  SmallVector<APFloat> Results;
  for (int64_t I = 0, E = *checkedProduct(*Shape); I < E; ++I) {
    SmallVector<double> Arguments;
    for (auto [Operand, Values] : llvm::zip(Operands, Numbers))
      Arguments.push_back(Values[broadcastPosition(I, *Shape, Operand->staticShape())]);
    APFloat Result(Function(Arguments));
    bool Loses;
    Result.convert(cast<FloatType>(Element).getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &Loses);
    Results.push_back(Result);
  }
  return ImportedValue::fromConstant(
      DenseElementsAttr::get(RankedTensorType::get(*Shape, Element), Results));
}

std::optional<ImportedValue>
onnx_import::reshapeValue(ImportedValue &Value, ArrayRef<AffineExpr> Shape, GraphBuilder &Builder) {
  SmallVector<int64_t> Static = getShape(Shape);
  bool IsStatic = llvm::none_of(Static, ShapedType::isDynamic);
  if (IsStatic && (Value.Elements || Value.Constant || Value.Weight)) {
    if (checkedProduct(Static) != checkedProduct(Value.staticShape())) {
      Builder.badInput("a shape " + describe(Value.Shape, Builder.Symbols) +
                       " does not reshape to " + describe(Shape, Builder.Symbols));
      return std::nullopt;
    }
    if (Value.Elements)
      return ImportedValue::fromElements(*Value.Elements, Static, Value.Element);
    if (Value.Constant)
      return ImportedValue::fromConstant(
          Value.Constant.reshape(RankedTensorType::get(Static, Value.Element)));
    return Value.withWeight(Value.Weight->reshaped(Static));
  }
  mlir::Value Result = Builder.reshape(materialize(Value, Builder), Shape);
  if (!Result)
    return std::nullopt;
  return ImportedValue::fromResult(Result, Builder.dims(Result));
}

AffineExpr onnx_import::truth(std::optional<bool> Value, MLIRContext *Context) {
  return Value ? getAffineConstantExpr(*Value, Context) : AffineExpr();
}

template <typename Checked, typename Symbolic>
static AffineExpr combine(AffineExpr A, AffineExpr B, Checked OnNumbers, Symbolic OnSizes) {
  auto First = dyn_cast<AffineConstantExpr>(A), Second = dyn_cast<AffineConstantExpr>(B);
  if (!First || !Second)
    return canonicalizeDim(OnSizes(A, B));
  std::optional<int64_t> Result = OnNumbers(First.getValue(), Second.getValue());
  return Result ? getAffineConstantExpr(*Result, A.getContext()) : AffineExpr();
}

AffineExpr onnx_import::addSizes(AffineExpr A, AffineExpr B) {
  return combine(A, B, checkedAdd, [](AffineExpr X, AffineExpr Y) { return X + Y; });
}

AffineExpr onnx_import::subtractSizes(AffineExpr A, AffineExpr B) {
  auto OnNumbers = [](int64_t X, int64_t Y) {
    int64_t Result;
    return llvm::SubOverflow(X, Y, Result) ? std::nullopt : std::optional<int64_t>(Result);
  };
  return combine(A, B, OnNumbers, [](AffineExpr X, AffineExpr Y) { return X - Y; });
}

AffineExpr onnx_import::multiplySizes(AffineExpr A, AffineExpr B) {
  return combine(A, B, checkedMul, [](AffineExpr X, AffineExpr Y) { return X * Y; });
}

AffineExpr onnx_import::divideSizes(AffineExpr A, AffineExpr B) {
  auto Divisor = dyn_cast<AffineConstantExpr>(B);
  if (!Divisor)
    return A == B ? getAffineConstantExpr(1, A.getContext()) : AffineExpr();
  if (auto Number = dyn_cast<AffineConstantExpr>(A)) {
    if (Divisor.getValue() == 0 || (Number.getValue() == INT64_MIN && Divisor.getValue() == -1))
      return {};
    return getAffineConstantExpr(Number.getValue() / Divisor.getValue(), A.getContext());
  }
  // Whole division rounds down, ONNX toward zero: the same for what is not negative.
  if (Divisor.getValue() <= 0 || !DimPolynomial(A).hasOnlyNonNegativeTerms())
    return {};
  return canonicalizeDim(A.floorDiv(B));
}
