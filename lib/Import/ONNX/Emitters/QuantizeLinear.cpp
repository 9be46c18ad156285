// Quantize and dequantize: of constants, which become stored weights, and of values.
#include "StoredWeight.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {
/// Which elements share a scale.
struct Granularity {
  enum { Tensor, Axis, Blocks } Kind = Tensor;
  int64_t Of = 0, Block = 0;

  /// Elements of a block along each axis of a tensor.
  SmallVector<int64_t, 2> getBlock(ArrayRef<int64_t> Shape) const;
};
} // namespace

SmallVector<int64_t, 2> Granularity::getBlock(ArrayRef<int64_t> Shape) const {
  SmallVector<int64_t, 2> Result;
  for (auto [I, Size] : llvm::enumerate(Shape)) {
    bool IsAxis = Kind != Tensor && int64_t(I) == Of;
    int64_t Along = IsAxis ? (Kind == Axis ? 1 : Block) : Kind == Blocks ? 1 : Size;
    Result.push_back(std::max<int64_t>(std::min(Along, Size), 1));
  }
  return Result;
}

static std::optional<Granularity> fail(LogicalResult) { return std::nullopt; }

/// By the shape of the scale; inputs are 0 value, 1 scale.
static std::optional<Granularity> getGranularity(NodeEmitter &E) {
  int64_t Block = E.getInt("block_size", 0);
  bool HasAxis = E.hasAttribute("axis");
  int64_t Axis = E.getInt("axis", 1);
  ImportedValue &X = E.in(0), &Scale = E.in(1);
  Granularity Result;
  bool IsSingle = Scale.rank() == 0 || (Scale.rank() == 1 && Scale.Shape[0] == E.B.constant(1));
  if (Block == 0 && (IsSingle || (E.Node.getDomain() == "com.microsoft" && !HasAxis)))
    return IsSingle ? std::optional(Result) : fail(E.badInput("the scale must be one number"));
  auto Normal = E.normalizeAxis(Axis, X.rank());
  if (!Normal)
    return std::nullopt;
  Result.Of = *Normal;
  if (Block == 0) {
    Result.Kind = Granularity::Axis;
    if (Scale.rank() != 1)
      return fail(E.badInput("a scale of shape " + describe(Scale.Shape, E.B.Symbols) +
                             " needs a block_size"));
    return succeeded(E.B.unify(Scale.Shape[0], X.Shape[Result.Of], "an axis and its scales"))
               ? std::optional(Result)
               : std::nullopt;
  }
  Result.Kind = Granularity::Blocks;
  Result.Block = Block;
  if (Block < 0 || Scale.rank() != X.rank())
    return fail(E.badInput("a scale of shape " + describe(Scale.Shape, E.B.Symbols) +
                           " does not fit blocks of " + Twine(Block)));
  for (int64_t I = 0; I < X.rank(); ++I) {
    AffineExpr Expected = I == Result.Of ? X.Shape[I].ceilDiv(Block) : X.Shape[I];
    if (failed(E.B.unify(Scale.Shape[I], Expected, "blocks and their scales")))
      return std::nullopt;
  }
  return Result;
}

static bool isCode(Type Element, bool AllowWide) {
  auto Integer = dyn_cast<IntegerType>(Element);
  return Integer &&
         (llvm::is_contained({4u, 8u, 16u}, Integer.getWidth()) ||
          (Integer.getWidth() == 32 && AllowWide) || (Integer.getWidth() == 2 && AllowWide));
}

//===- parameters of values -------------------------------------------------------------------===//

/// A scale or zero point so that it repeats along the value.
static Value spread(NodeEmitter &E, Value Parameter, const Granularity &Of, int64_t Rank) {
  if (!Parameter)
    return {};
  Dims Shape;
  if (Of.Kind == Granularity::Axis) {
    Shape.push_back(E.B.dims(Parameter)[0]);
    for (int64_t I = Of.Of + 1; I < Rank; ++I)
      Shape.push_back(E.B.constant(1));
  }
  return E.B.reshape(Parameter, Shape);
}

/// Codes of fewer than 8 bits are kept in bytes.
static IntegerType widened(IntegerType Code) {
  return Code.getWidth() >= 8
             ? Code
             : IntegerType::get(Code.getContext(), 8,
                                Code.isUnsigned() ? IntegerType::Unsigned : IntegerType::Signless);
}

/// The zero point as codes of this type, 0 where there is none.
static Value getZeroPoint(NodeEmitter &E, IntegerType Code, const Granularity &Of, int64_t Rank) {
  if (!E.has(2))
    return E.B.scalar(Code, 0);
  Value ZeroPoint = E.value(2);
  if (ZeroPoint && GraphBuilder::element(ZeroPoint) != Code) {
    auto Numbers = getNumbers(E.in(2));
    if (!Numbers) {
      (void)E.unsupported("a zero point of type " + describe(E.element(2)) + " must be constant");
      return {};
    }
    ZeroPoint = E.B.cast(ZeroPoint, Code);
  }
  return spread(E, ZeroPoint, Of, Rank);
}

static LogicalResult refuseBlocks(NodeEmitter &E, const Granularity &Of) {
  if (Of.Kind == Granularity::Blocks)
    return E.unsupported("a value in blocks of " + Twine(Of.Block) +
                         " is not supported, only constants are");
  return success();
}

//===- QuantizeLinear -------------------------------------------------------------------------===//

/// Type of the codes: the zero point's, or an attribute's, or uint8.
static IntegerType getCodeType(NodeEmitter &E) {
  MLIRContext *Context = E.B.getContext();
  Type Named = IntegerType::get(Context, 8, IntegerType::Unsigned);
  if (int64_t Number = E.getInt("output_dtype", 0)) {
    Named = getElementType(Number, Context);
    if (!Named || (E.has(2) && E.element(2) != Named)) {
      (void)E.badInput("output_dtype is ONNX type number " + Twine(Number) +
                       ", which is not the zero point's");
      return {};
    }
  }
  Type Element = E.has(2) ? E.element(2) : Named;
  if (!isCode(Element, /*AllowWide=*/false)) {
    (void)E.unsupported("codes of type " + describe(Element) + " are not supported");
    return {};
  }
  return cast<IntegerType>(Element);
}

static LogicalResult emitQuantizeLinear(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs a value and a scale");
  auto Of = getGranularity(E);
  IntegerType Code = Of ? getCodeType(E) : IntegerType();
  if (!Code || failed(refuseBlocks(E, *Of)) || !E.requireInt("saturate", 1))
    return failure();
  if (int64_t Precision = E.getInt("precision", 0);
      Precision && getElementType(Precision, E.B.getContext()) != E.element(1))
    return E.unsupported("a precision of ONNX type number " + Twine(Precision) +
                         " is not supported");
  IntegerType Kept = widened(Code);
  int64_t Rank = E.rank(0);
  Value Codes =
      E.B.quantize(E.value(0), spread(E, E.value(1), *Of, Rank), getZeroPoint(E, Kept, *Of, Rank));
  if (Codes && Kept != Code) {
    auto [Min, Max] = getCodeRange(Code);
    Codes =
        E.B.binary(BinaryKind::Max, E.B.binary(BinaryKind::Min, Codes, double(Max)), double(Min));
  }
  return E.out(Codes);
}

//===- DequantizeLinear -----------------------------------------------------------------------===//

/// The constant as a weight that keeps its codes, where its parts are in the file.
static std::optional<WeightRecipe> getStored(NodeEmitter &E, const Granularity &Of,
                                             FloatType Element) {
  auto Codes = E.in(0).Tensor, Scales = E.in(1).Tensor;
  auto ZeroPoints = E.has(2) ? E.in(2).Tensor : nullptr;
  if (!Codes || !Codes->isInFile() || !Scales || (E.has(2) && !ZeroPoints) ||
      E.in(0).Weight.value_or(WeightRecipe()).Steps.size())
    return std::nullopt;
  StoredForm Form;
  ArrayRef<int64_t> Shape = Codes->Type.getShape();
  Form.Type = RankedTensorType::get(Shape, Element);
  Form.CodeType = Codes->Type;
  Form.Block = Of.getBlock(Shape);
  SmallVector<int64_t> Blocks;
  for (auto [Size, Along] : llvm::zip_equal(Shape, Form.Block))
    Blocks.push_back(llvm::divideCeil(Size, Along));
  Form.Scales = retyped(*Scales, Scales->Type.clone(Blocks));
  if (ZeroPoints)
    setZeroPoints(Form, retyped(*ZeroPoints, ZeroPoints->Type.clone(Blocks)));
  return makeStoredWeight(Codes, std::move(Form), E.Node.Proto->input(0));
}

static LogicalResult checkZeroPoint(NodeEmitter &E) {
  if (!E.has(2))
    return success();
  if (E.in(2).Shape != E.in(1).Shape && !(E.in(2).rank() <= 1 && E.in(1).rank() <= 1 &&
                                          E.B.product(E.in(2).Shape) == E.B.product(E.in(1).Shape)))
    return E.badInput("scale and zero point have shapes " + describe(E.in(1).Shape, E.B.Symbols) +
                      " and " + describe(E.in(2).Shape, E.B.Symbols));
  return success();
}

static LogicalResult emitDequantizeLinear(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs codes and a scale");
  if (!isCode(E.element(0), /*AllowWide=*/true))
    return E.unsupported("codes of type " + describe(E.element(0)) + " are not supported");
  auto Of = getGranularity(E);
  if (!Of || failed(checkZeroPoint(E)))
    return failure();
  Type Element = E.element(1);
  if (int64_t Number = E.getInt("output_dtype", 0))
    Element = getElementType(Number, E.B.getContext());
  auto Float = dyn_cast_or_null<FloatType>(Element);
  if (!Float || Float.getWidth() > 32 || Float.getWidth() < 16)
    return E.unsupported("a result of this type is not supported");
  if (auto Stored = getStored(E, *Of, Float))
    return E.out(ImportedValue::fromWeight(std::move(*Stored)));
  if (failed(refuseBlocks(E, *Of)))
    return failure();
  Value X = E.value(0);
  if (!X)
    return failure();
  auto Code = cast<IntegerType>(GraphBuilder::element(X));
  if (Code.getWidth() < 8 && E.in(0).Tensor)
    return E.unsupported(
        "codes of type " + describe(Code) +
        " are spelled out number by number; save the model with raw or external data");
  if (Code.getWidth() < 8)
    return E.unsupported("values of type " + describe(Code) +
                         " that are no constants are not supported");
  int64_t Rank = E.rank(0);
  Value Numbers =
      E.B.dequantize(X, spread(E, E.value(1), *Of, Rank), getZeroPoint(E, Code, *Of, Rank));
  return E.out(Numbers ? E.B.cast(Numbers, Float) : Numbers);
}

namespace qopt::onnx_import {
void registerQuantizeLinearEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "QuantizeLinear", 10, Newest, emitQuantizeLinear);
  Registry.add("", "DequantizeLinear", 10, Newest, emitDequantizeLinear);
  Registry.addMicrosoft("QuantizeLinear", emitQuantizeLinear);
  Registry.addMicrosoft("DequantizeLinear", emitDequantizeLinear);
}
} // namespace qopt::onnx_import
