#include "ImportedValue.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

/// Float tensors up to this size are written out.
static constexpr int64_t MaxSmallFloats = 16;
/// Codes, and float vectors along a middle axis, are written out up to this size.
static constexpr int64_t MaxConstant = 1024;
/// Masks and indices: a causal mask for 1024 tokens is a constant.
static constexpr int64_t MaxIntegers = 1 << 20;

std::string ImportedValue::describe(const DimSymbols &Symbols) const {
  return onnx_import::describe(Element) + onnx_import::describe(Shape, Symbols);
}

static Dims constantDims(ArrayRef<int64_t> Shape, MLIRContext *Context) {
  return llvm::map_to_vector<4>(Shape,
                                [&](int64_t Size) { return getAffineConstantExpr(Size, Context); });
}

ImportedValue ImportedValue::fromResult(Value Result, ArrayRef<AffineExpr> Shape) {
  ImportedValue V;
  V.Element = cast<RankedTensorType>(Result.getType()).getElementType();
  V.Shape = Dims(Shape);
  V.Result = Result;
  return V;
}

ImportedValue ImportedValue::fromWeight(WeightRecipe Recipe) {
  ImportedValue V;
  V.Element = Recipe.Type.getElementType();
  V.Shape = constantDims(Recipe.Type.getShape(), Recipe.Type.getContext());
  V.Weight = std::move(Recipe);
  return V;
}

ImportedValue ImportedValue::withWeight(WeightRecipe Recipe) const {
  ImportedValue V = fromWeight(std::move(Recipe));
  if (Element.isInteger(1))
    V.Element = Element;
  return V;
}

ImportedValue ImportedValue::fromElements(ArrayRef<AffineExpr> Elements, ArrayRef<int64_t> Shape,
                                          Type Element) {
  ImportedValue V;
  V.Element = Element;
  V.Shape = constantDims(Shape, Element.getContext());
  V.Elements.emplace(llvm::map_range(Elements, canonicalizeDim));
  return V;
}

ImportedValue ImportedValue::fromConstant(DenseElementsAttr Constant) {
  auto Ty = cast<RankedTensorType>(Constant.getType());
  Type Element = Ty.getElementType();
  if (isa<IntegerType>(Element) && Ty.getNumElements() <= MaxKnownElements) {
    SmallVector<AffineExpr> Elements;
    bool IsSigned = !Element.isUnsignedInteger() && !Element.isInteger(1);
    for (const APInt &Number : Constant.getValues<APInt>())
      Elements.push_back(getAffineConstantExpr(
          IsSigned ? Number.getSExtValue() : int64_t(Number.getZExtValue()), Ty.getContext()));
    return fromElements(Elements, Ty.getShape(), Element);
  }
  ImportedValue V;
  V.Element = Element;
  V.Shape = constantDims(Ty.getShape(), Ty.getContext());
  V.Constant = Constant;
  return V;
}

/// A vector in the shape of a higher tensor, such as [1, n, 1]: tables of rotary frequencies look
/// like this. A matrix or a plain vector is not one: those are weights and scales.
static bool isDressedVector(RankedTensorType Ty) {
  return Ty.getRank() >= 3 && Ty.getNumElements() <= MaxConstant &&
         llvm::count_if(Ty.getShape(), [](int64_t Size) { return Size != 1; }) <= 1;
}

static bool isWrittenOut(RankedTensorType Ty) {
  Type Element = Ty.getElementType();
  if (!isa<FloatType>(Element))
    return Ty.getNumElements() <=
           (Element.isInteger(1) || Element.isInteger(32) || Element.isInteger(64) ? MaxIntegers
                                                                                   : MaxConstant);
  bool IsMatrix = Ty.getRank() == 2 && Ty.getDimSize(0) != 1 && Ty.getDimSize(1) != 1;
  return (Ty.getNumElements() <= MaxSmallFloats && !IsMatrix) || isDressedVector(Ty);
}

static WeightRecipe recipeOf(std::shared_ptr<const FileTensor> Tensor, StringRef Name) {
  WeightRecipe Recipe;
  Recipe.Name = Name.str();
  Recipe.Type = Tensor->Type;
  Recipe.Sources.push_back(std::move(Tensor));
  return Recipe;
}

/// The form that fits the tensor's size and type.
static ImportedValue chooseForm(std::shared_ptr<const FileTensor> Tensor, StringRef Name) {
  RankedTensorType Ty = Tensor->Type;
  // A tensor that the file spells out has no bytes to refer to.
  if (!Tensor->isInFile() || (isWrittenOut(Ty) && Tensor->Mapped))
    return ImportedValue::fromConstant(readTensor(*Tensor));
  WeightRecipe Recipe = recipeOf(Tensor, Name);
  if (!Ty.getElementType().isInteger(1))
    return ImportedValue::fromWeight(std::move(Recipe));
  // A boolean takes a byte in the file.
  auto Bytes = std::make_shared<FileTensor>(*Tensor);
  Bytes->Type = Recipe.Type = RankedTensorType::get(
      Ty.getShape(), IntegerType::get(Ty.getContext(), 8, IntegerType::Unsigned));
  Recipe.Sources.front() = std::move(Bytes);
  ImportedValue V = ImportedValue::fromWeight(std::move(Recipe));
  V.Element = Ty.getElementType();
  return V;
}

ImportedValue ImportedValue::fromTensor(std::shared_ptr<const FileTensor> Tensor, StringRef Name) {
  ImportedValue V = chooseForm(Tensor, Name);
  V.Tensor = std::move(Tensor);
  V.TensorName = Name.str();
  return V;
}

std::optional<WeightRecipe> onnx_import::asWeight(const ImportedValue &Value) {
  if (Value.Weight)
    return Value.Weight;
  if (Value.Constant && Value.Tensor && Value.Tensor->isInFile())
    return recipeOf(Value.Tensor, Value.TensorName);
  return std::nullopt;
}

std::optional<SmallVector<double>> onnx_import::readFloats(const ImportedValue &Value) {
  DenseElementsAttr Elements = Value.Constant;
  if (Value.Weight && Value.Weight->isPlain() && Value.Weight->Sources.front()->Mapped)
    Elements = readTensor(*Value.Weight->Sources.front());
  if (!Elements || !isa<FloatType>(Elements.getElementType()))
    return std::nullopt;
  return llvm::map_to_vector(Elements.getValues<APFloat>(), [](APFloat Number) {
    bool LosesInfo;
    Number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &LosesInfo);
    return Number.convertToDouble();
  });
}

std::optional<SmallVector<int64_t>> onnx_import::getNumbers(const ImportedValue &Value) {
  if (!Value.Elements)
    return std::nullopt;
  SmallVector<int64_t> Numbers;
  for (AffineExpr Expr : *Value.Elements) {
    auto Number = dyn_cast<AffineConstantExpr>(Expr);
    if (!Number)
      return std::nullopt;
    Numbers.push_back(Number.getValue());
  }
  return Numbers;
}

static Value materializeElements(ImportedValue &V, GraphBuilder &Builder) {
  SmallVector<int64_t> Shape = V.staticShape();
  if (auto Numbers = getNumbers(V)) {
    SmallVector<APInt> Values;
    for (int64_t Number : *Numbers)
      Values.emplace_back(V.Element.getIntOrFloatBitWidth(), uint64_t(Number), /*isSigned=*/false,
                          /*implicitTrunc=*/true);
    return Builder.constantOp(
        DenseElementsAttr::get(RankedTensorType::get(Shape, V.Element), Values));
  }
  Value Flat = Builder.sizes(*V.Elements, V.Element, /*Scalar=*/Shape.empty());
  return Shape.size() > 1 ? Builder.reshape(Flat, V.Shape) : Flat;
}

Value onnx_import::materialize(ImportedValue &V, GraphBuilder &Builder) {
  if (V.Result || (!V.Elements && !V.Constant && !V.Weight))
    return V.Result;
  if (V.Elements)
    V.Result = materializeElements(V, Builder);
  else if (V.Constant)
    V.Result = Builder.constantOp(V.Constant);
  else if (V.Weight->isPlain() || !isDressedVector(V.Weight->Type) ||
           !llvm::all_of(V.Weight->Steps, llvm::IsaPred<ReshapeStepAttr>) ||
           V.Weight->Sources.size() != 1 || !V.Weight->Forms.empty() ||
           !V.Weight->Sources.front()->Mapped)
    V.Result = Builder.cast(Builder.weight(*V.Weight), V.Element);
  else
    // A plain vector that was reshaped to [1, n, 1] on the way: rotary frequencies again.
    V.Result = Builder.constantOp(readTensor(*V.Weight->Sources.front()).reshape(V.Weight->Type));
  return V.Result;
}
