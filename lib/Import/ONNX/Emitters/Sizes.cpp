// Constants and what is made from sizes: Shape, Size, ConstantOfShape, Range.
#include "Folding.h"
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

//===- Constant -------------------------------------------------------------------------------===//

static LogicalResult outFloats(NodeEmitter &E, ArrayRef<float> Values, ArrayRef<int64_t> Shape) {
  auto Ty = RankedTensorType::get(Shape, E.B.B.getF32Type());
  return E.out(ImportedValue::fromConstant(DenseElementsAttr::get(Ty, Values)));
}

static LogicalResult outIntegers(NodeEmitter &E, ArrayRef<int64_t> Values,
                                 ArrayRef<int64_t> Shape) {
  auto Ty = RankedTensorType::get(Shape, E.B.B.getI64Type());
  return E.out(ImportedValue::fromConstant(DenseElementsAttr::get(Ty, Values)));
}

static LogicalResult emitConstant(NodeEmitter &E) {
  if (E.Node.Proto->attribute_size() != 1 || E.Node.Proto->output_size() != 1)
    return E.badInput("a constant has one attribute and one output");
  if (const auto *A = E.attribute("value")) {
    auto Value = E.getTensor(A->t(), E.Node.Proto->output(0));
    return Value ? E.out(*Value) : failure();
  }
  if (const auto *A = E.attribute("value_int"))
    return outIntegers(E, {A->i()}, {});
  if (const auto *A = E.attribute("value_float"))
    return outFloats(E, {A->f()}, {});
  if (const auto *A = E.attribute("value_ints"))
    return outIntegers(E, ArrayRef(A->ints().data(), A->ints_size()), {A->ints_size()});
  if (const auto *A = E.attribute("value_floats"))
    return outFloats(E, ArrayRef(A->floats().data(), A->floats_size()), {A->floats_size()});
  return E.unsupported("attribute '" + Twine(E.Node.Proto->attribute(0).name()) +
                       "' is not supported");
}

//===- Shape, Size ----------------------------------------------------------------------------===//

static LogicalResult emitShape(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  int64_t Rank = E.rank(0);
  auto Clamp = [&](int64_t Axis) {
    return std::clamp<int64_t>(Axis < 0 ? Axis + Rank : Axis, 0, Rank);
  };
  int64_t Start = Clamp(E.getInt("start", 0)), End = std::max(Start, Clamp(E.getInt("end", Rank)));
  return E.outElements(ArrayRef(E.in(0).Shape).slice(Start, End - Start), {End - Start},
                       E.B.B.getI64Type());
}

static LogicalResult emitSize(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  return E.outElements({E.B.product(E.in(0).Shape)}, {}, E.B.B.getI64Type());
}

//===- ConstantOfShape ------------------------------------------------------------------------===//

/// The one element that fills the tensor, as a value of rank 0.
static std::optional<ImportedValue> getFill(NodeEmitter &E) {
  const auto *A = E.attribute("value");
  if (!A) {
    auto Ty = RankedTensorType::get({}, E.B.B.getF32Type());
    return ImportedValue::fromConstant(DenseElementsAttr::get(Ty, 0.0f));
  }
  auto Value = E.getTensor(A->t(), "value");
  if (!Value)
    return std::nullopt;
  if (Value->Weight || Value->Shape.size() > 1 ||
      (Value->rank() == 1 && Value->Shape[0] != E.B.constant(1))) {
    (void)E.badInput("attribute 'value' must hold one element");
    return std::nullopt;
  }
  return reshapeValue(*Value, {}, E.B);
}

static LogicalResult emitConstantOfShape(NodeEmitter &E) {
  if (!E.has(0) || !E.in(0).Elements)
    return E.unsupported("the shape depends on data");
  auto Fill = getFill(E);
  if (!Fill)
    return failure();
  Dims Shape(ArrayRef<AffineExpr>(*E.in(0).Elements));
  SmallVector<int64_t> Static = getShape(Shape);
  bool IsStatic = llvm::none_of(Static, ShapedType::isDynamic);
  if (IsStatic && !getStorageBytes(Static, Fill->Element))
    return E.badInput("the shape " + describe(Shape, E.B.Symbols) + " is negative or too large");
  if (IsStatic && Fill->Elements) {
    int64_t Count = ShapedType::getNumElements(Static);
    if (Count <= MaxKnownElements)
      return E.outElements(SmallVector<AffineExpr>(Count, Fill->Elements->front()), Static,
                           Fill->Element);
  }
  return E.out(E.B.broadcast(materialize(*Fill, E.B), Shape));
}

//===- Range ----------------------------------------------------------------------------------===//

/// Number of steps from Start to Limit; null where it is not known.
static AffineExpr countSteps(AffineExpr Start, AffineExpr Limit, int64_t Step) {
  AffineExpr Distance = Step > 0 ? subtractSizes(Limit, Start) : subtractSizes(Start, Limit);
  if (!Distance || Step == 0 || Step == INT64_MIN)
    return {};
  AffineExpr Zero = getAffineConstantExpr(0, Start.getContext());
  if (isDimLessOrEqual(Distance, Zero) == true)
    return Zero;
  AffineExpr Rounded =
      addSizes(Distance, getAffineConstantExpr(std::abs(Step) - 1, Start.getContext()));
  return Rounded ? canonicalizeDim(Rounded.floorDiv(std::abs(Step))) : AffineExpr();
}

static LogicalResult emitRange(NodeEmitter &E) {
  SmallVector<AffineExpr> Bounds;
  for (unsigned I = 0; I < 3; ++I) {
    if (!E.has(I) || !E.in(I).Elements || E.in(I).Elements->size() != 1)
      return E.unsupported(
          "a range whose bounds depend on data, or are no integers, is not supported");
    Bounds.push_back(E.in(I).Elements->front());
  }
  auto Step = dyn_cast<AffineConstantExpr>(Bounds[2]);
  AffineExpr Size = Step ? countSteps(Bounds[0], Bounds[1], Step.getValue()) : AffineExpr();
  if (!Size)
    return E.unsupported("a range with this step is not supported");
  auto Start = dyn_cast<AffineConstantExpr>(Bounds[0]);
  auto Count = dyn_cast<AffineConstantExpr>(Size);
  if (!Start || !Count || Count.getValue() > MaxKnownElements)
    return E.out(E.B.iota(Size, Bounds[0], Bounds[2], E.element(0)));
  SmallVector<AffineExpr> Elements;
  for (int64_t I = 0; I < Count.getValue(); ++I)
    Elements.push_back(E.B.constant(Start.getValue() + I * Step.getValue()));
  return E.outElements(Elements, {Count.getValue()}, E.element(0));
}

namespace qopt::onnx_import {
void registerSizesEmitters(EmitterRegistry &Registry) {
  Registry.add("Constant", emitConstant);
  Registry.add("Shape", emitShape);
  Registry.add("Size", emitSize);
  Registry.add("", "ConstantOfShape", 9, EmitterRegistry::Newest, emitConstantOfShape);
  Registry.add("", "Range", 11, EmitterRegistry::Newest, emitRange);
}
} // namespace qopt::onnx_import
