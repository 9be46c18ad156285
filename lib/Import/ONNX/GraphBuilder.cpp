#include "GraphBuilder.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

std::string onnx_import::describe(Type Ty) {
  std::string Text;
  llvm::raw_string_ostream(Text) << Ty;
  return Text;
}

/// Symbols by their names: "[batch, 2 * tokens, 128]".
std::string onnx_import::describe(ArrayRef<AffineExpr> Sizes, const DimSymbols &Symbols) {
  std::string Text = "[";
  for (AffineExpr Size : Sizes) {
    if (Text.size() > 1)
      Text += ", ";
    std::string One;
    llvm::raw_string_ostream(One) << Size;
    Text += One;
  }
  Text += "]";
  // From the highest number, so that s1 does not touch s10.
  for (unsigned I = Symbols.size(); I-- > 0;) {
    std::string Short = "s" + std::to_string(I), Name = Symbols.getName(I).str();
    for (size_t At = 0; (At = Text.find(Short, At)) != std::string::npos;) {
      bool Whole = (At == 0 || !llvm::isAlnum(Text[At - 1])) &&
                   (At + Short.size() >= Text.size() || !llvm::isAlnum(Text[At + Short.size()]));
      if (Whole)
        Text.replace(At, Short.size(), "\1" + Name);
      At += Whole ? Name.size() + 1 : Short.size();
    }
  }
  llvm::erase(Text, '\1');
  return Text;
}

GraphBuilder::GraphBuilder(func::FuncOp Function, DimSymbols &Symbols, Problems &Errors)
    : B(Function.getContext()), Symbols(Symbols), Weights(Function),
      Loc(UnknownLoc::get(Function.getContext())), Errors(Errors) {
  B.setInsertionPointToEnd(&Function.getBody().front());
  if (auto Known = DimAnalysis::run(Function); succeeded(Known))
    Analysis = *Known;
}

std::nullptr_t GraphBuilder::error(StatusCode Code, const Twine &Message) {
  Errors.add(Loc, Code, Describe ? Describe() + ": " + Message : Message);
  return nullptr;
}

//===- dimensions -----------------------------------------------------------------------------===//

AffineExpr GraphBuilder::constant(int64_t Value) const {
  return getAffineConstantExpr(Value, getContext());
}

Dims GraphBuilder::constants(ArrayRef<int64_t> Values) const {
  return llvm::map_to_vector<4>(Values, [&](int64_t Value) { return constant(Value); });
}

AffineExpr GraphBuilder::product(ArrayRef<AffineExpr> Sizes) const {
  return canonicalizeDim(getElementCount(Sizes, getContext()));
}

LogicalResult GraphBuilder::unify(AffineExpr A, AffineExpr B, StringRef What) {
  if (A == B)
    return success();
  if (areDimsEqual(A, B) != false && succeeded(Symbols.unify(A, B))) {
    Restart = true;
    return failure();
  }
  badInput("inconsistent shapes: " + What + " are " + describe(A, Symbols) + " and " +
           describe(B, Symbols));
  return failure();
}

FailureOr<Dims> GraphBuilder::broadcastDims(ArrayRef<AffineExpr> A, ArrayRef<AffineExpr> B) {
  Dims Result;
  size_t Rank = std::max(A.size(), B.size());
  for (size_t I = 0; I < Rank; ++I) {
    AffineExpr First = I < Rank - A.size() ? constant(1) : A[I - (Rank - A.size())];
    AffineExpr Second = I < Rank - B.size() ? constant(1) : B[I - (Rank - B.size())];
    if (First == constant(1))
      std::swap(First, Second);
    if (Second != constant(1) && failed(unify(First, Second, "dimensions of operands")))
      return failure();
    Result.push_back(First);
  }
  return Result;
}

RankedTensorType GraphBuilder::shaped(ArrayRef<AffineExpr> Sizes, Type Element) const {
  return RankedTensorType::get(getShape(Sizes), Element);
}

Value GraphBuilder::finish(Operation *Op) {
  if (failed(Analysis.visit(Op)))
    return error(StatusCode::Internal,
                 "the dimensions of " + Op->getName().getStringRef() + " cannot be inferred");
  return Op->getResult(0);
}

bool GraphBuilder::sameElements(Value X, Value Y) {
  if (element(X) == element(Y))
    return true;
  badInput("operands have element types " + describe(element(X)) + " and " + describe(element(Y)));
  return false;
}

bool GraphBuilder::isFloat(Value X, StringRef What) {
  if (isa<FloatType>(element(X)))
    return true;
  unsupported(What + " has elements of type " + describe(element(X)) + ", expected floats");
  return false;
}

//===- constants and weights ------------------------------------------------------------------===//

Value GraphBuilder::constantOp(DenseElementsAttr Value) {
  return finish(ConstantOp::create(B, Loc, Value));
}

Value GraphBuilder::scalar(Type Element, double Value) {
  auto Ty = RankedTensorType::get({}, Element);
  if (isa<FloatType>(Element))
    return constantOp(DenseElementsAttr::get(Ty, B.getFloatAttr(Element, Value)));
  return constantOp(DenseElementsAttr::get(Ty, B.getIntegerAttr(Element, int64_t(Value))));
}

Value GraphBuilder::weight(const WeightRecipe &Recipe) {
  WeightOp Weight = Weights.intern(Recipe);
  Value &Known = WeightValues[Weight.getSymNameAttr()];
  if (!Known)
    Known = finish(UseWeightOp::create(B, Loc, Weight.getType(), Weight.getSymName()));
  return Known;
}

//===- elementwise ----------------------------------------------------------------------------===//

Value GraphBuilder::unary(UnaryKind Kind, Value X) {
  return X ? finish(UnaryOp::create(B, Loc, Kind, X)) : Value();
}

Value GraphBuilder::binary(BinaryKind Kind, Value X, Value Y) {
  if (!X || !Y || !sameElements(X, Y) || failed(broadcastDims(dims(X), dims(Y))))
    return {};
  return finish(BinaryOp::create(B, Loc, Kind, X, Y));
}

Value GraphBuilder::binary(BinaryKind Kind, Value X, double Y) {
  return X ? binary(Kind, X, scalar(element(X), Y)) : Value();
}

Value GraphBuilder::compare(CompareKind Kind, Value X, Value Y) {
  if (!X || !Y || !sameElements(X, Y) || failed(broadcastDims(dims(X), dims(Y))))
    return {};
  return finish(CompareOp::create(B, Loc, Kind, X, Y));
}

Value GraphBuilder::select(Value Condition, Value X, Value Y) {
  if (!Condition || !X || !Y || !sameElements(X, Y))
    return {};
  if (!element(Condition).isInteger(1))
    return badInput("the condition has elements of type " + describe(element(Condition)) +
                    ", expected booleans");
  auto Joined = broadcastDims(dims(X), dims(Y));
  if (failed(Joined) || failed(broadcastDims(*Joined, dims(Condition))))
    return {};
  return finish(SelectOp::create(B, Loc, Condition, X, Y));
}

Value GraphBuilder::cast(Value X, Type Element) {
  if (!X || element(X) == Element)
    return X;
  return finish(CastOp::create(B, Loc, type(X).clone(Element), X));
}

//===- structure ------------------------------------------------------------------------------===//

Value GraphBuilder::reshape(Value X, ArrayRef<AffineExpr> To) {
  if (!X || dims(X) == To)
    return X;
  if (failed(unify(product(dims(X)), product(To),
                   "the numbers of elements before and after a reshape")))
    return {};
  return finish(ReshapeOp::create(B, Loc, shaped(To, element(X)), X, Symbols.map(To)));
}

Value GraphBuilder::broadcast(Value X, ArrayRef<AffineExpr> To) {
  if (!X || dims(X) == To)
    return X;
  auto Joined = broadcastDims(dims(X), To);
  if (failed(Joined))
    return {};
  if (*Joined != Dims(To))
    return badInput("a shape " + describe(dims(X), Symbols) + " does not expand to " +
                    describe(To, Symbols));
  return finish(BroadcastOp::create(B, Loc, shaped(To, element(X)), X, Symbols.map(To)));
}

Value GraphBuilder::transpose(Value X, ArrayRef<int64_t> Permutation) {
  if (!X)
    return {};
  SmallVector<int64_t> Sorted(Permutation);
  llvm::sort(Sorted);
  if (Sorted != llvm::to_vector(llvm::seq<int64_t>(0, rank(X))))
    return badInput("the permutation does not name each axis once");
  return finish(TransposeOp::create(B, Loc, X, Permutation));
}

Value GraphBuilder::slice(Value X, int64_t Axis, AffineExpr Start, AffineExpr Size, int64_t Step) {
  if (!X)
    return {};
  if (Step == 1 && Start == constant(0) && Size == dims(X)[Axis])
    return X;
  Dims To(dims(X));
  To[Axis] = Size;
  return finish(
      SliceOp::create(B, Loc, shaped(To, element(X)), X, Axis, Symbols.map({Start, Size}), Step));
}

Value GraphBuilder::concat(ArrayRef<Value> Parts, int64_t Axis) {
  if (!llvm::all_of(Parts, [](Value V) { return bool(V); }))
    return {};
  Value First = Parts.front();
  for (Value Next : Parts.drop_front()) {
    if (!sameElements(First, Next))
      return {};
    if (rank(First) != rank(Next))
      return badInput("inputs of ranks " + Twine(rank(First)) + " and " + Twine(rank(Next)) +
                      " cannot be joined");
    for (int64_t I = 0; I < rank(First); ++I)
      if (I != Axis && failed(unify(dims(First)[I], dims(Next)[I], "dimensions of joined inputs")))
        return {};
  }
  return Parts.size() == 1 ? First : finish(ConcatOp::create(B, Loc, Parts, Axis));
}

Value GraphBuilder::gather(Value Table, Value Indices, int64_t Axis) {
  if (!Table || !Indices)
    return {};
  if (!element(Indices).isSignlessInteger(64) && !element(Indices).isSignlessInteger(32))
    return badInput("indices have elements of type " + describe(element(Indices)) +
                    ", expected i32 or i64");
  return finish(GatherOp::create(B, Loc, Table, Indices, Axis));
}

Value GraphBuilder::iota(AffineExpr Size, AffineExpr Start, AffineExpr Step, Type Element) {
  return finish(IotaOp::create(B, Loc, shaped({Size}, Element), Symbols.map({Size, Start, Step})));
}

Value GraphBuilder::sizes(ArrayRef<AffineExpr> Values, Type Element, bool Scalar) {
  SmallVector<int64_t> Shape;
  if (!Scalar)
    Shape.push_back(Values.size());
  return finish(
      SizesOp::create(B, Loc, RankedTensorType::get(Shape, Element), Symbols.map(Values)));
}

//===- contractions ---------------------------------------------------------------------------===//

Value GraphBuilder::reduce(ReduceKind Kind, Value X, ArrayRef<int64_t> Axes, bool KeepDims) {
  if (!X || Axes.empty())
    return X;
  return finish(ReduceOp::create(B, Loc, Kind, X, Axes, KeepDims));
}

Value GraphBuilder::softmax(Value X, int64_t Axis) {
  if (!X || !isFloat(X, "the input"))
    return {};
  return finish(SoftmaxOp::create(B, Loc, X.getType(), X, Axis));
}

static ArrayRef<AffineExpr> batchOf(const Dims &Matrix) {
  return ArrayRef<AffineExpr>(Matrix).drop_back(2);
}

Value GraphBuilder::matmul(Value X, Value Y) {
  if (!X || !Y || !sameElements(X, Y) || !isFloat(X, "the left matrix"))
    return {};
  Dims Lhs = dims(X), Rhs = dims(Y);
  if (Lhs.size() < 2 || Rhs.size() < 2)
    return badInput("needs matrices, found " + describe(X.getType()) + " and " +
                    describe(Y.getType()));
  if (failed(unify(Lhs.back(), Rhs[Rhs.size() - 2], "the contracted dimensions")) ||
      failed(broadcastDims(batchOf(Lhs), batchOf(Rhs))))
    return {};
  return finish(MatmulOp::create(B, Loc, X, Y));
}

Value GraphBuilder::linear(Value X, const WeightRecipe &Recipe,
                           std::optional<int64_t> AccuracyLevel) {
  if (!X || !isFloat(X, "the input"))
    return {};
  if (element(X) != Recipe.Type.getElementType())
    return badInput("operands have element types " + describe(element(X)) + " and " +
                    describe(Recipe.Type.getElementType()));
  if (rank(X) < 1 || failed(unify(dims(X).back(), constant(Recipe.Type.getDimSize(1)),
                                  "the contracted dimensions")))
    return rank(X) < 1 ? badInput("the input has no axis to contract") : nullptr;
  IntegerAttr Level = AccuracyLevel ? B.getI64IntegerAttr(*AccuracyLevel) : IntegerAttr();
  return finish(LinearOp::create(B, Loc, X, weight(Recipe), /*compute=*/TypeAttr(), Level));
}

Value GraphBuilder::quantize(Value X, Value Scale, Value ZeroPoint) {
  if (!X || !Scale || !ZeroPoint || !isFloat(X, "the input") || !isFloat(Scale, "the scale"))
    return {};
  for (Value Parameter : {Scale, ZeroPoint})
    if (failed(broadcastDims(dims(X), dims(Parameter))))
      return {};
  return finish(QuantizeOp::create(B, Loc, X, Scale, ZeroPoint));
}

Value GraphBuilder::dequantize(Value X, Value Scale, Value ZeroPoint) {
  if (!X || !Scale || !ZeroPoint || !sameElements(X, ZeroPoint) || !isFloat(Scale, "the scale"))
    return {};
  for (Value Parameter : {Scale, ZeroPoint})
    if (failed(broadcastDims(dims(X), dims(Parameter))))
      return {};
  return finish(DequantizeOp::create(B, Loc, X, Scale, ZeroPoint));
}

bool GraphBuilder::isEpsilon(double Epsilon) {
  if (Epsilon >= 0 && std::isfinite(Epsilon))
    return true;
  badInput("epsilon is " + std::to_string(Epsilon));
  return false;
}

Value GraphBuilder::rmsNorm(Value X, Value Scale, double Epsilon) {
  if (!X || !Scale || !isFloat(X, "the input") || !isEpsilon(Epsilon))
    return {};
  if (rank(X) < 1 || rank(Scale) != 1 ||
      failed(unify(dims(X).back(), dims(Scale).back(), "the last axis and its scale")))
    return rank(Scale) != 1 ? unsupported("the scale must be a vector") : nullptr;
  return finish(RMSNormOp::create(B, Loc, X, Scale, APFloat(float(Epsilon))));
}

Value GraphBuilder::layerNorm(Value X, Value Scale, Value Bias, double Epsilon) {
  if (!X || !Scale || !isFloat(X, "the input") || !isEpsilon(Epsilon))
    return {};
  for (Value Vector : {Scale, Bias})
    if (Vector &&
        (rank(X) < 1 || rank(Vector) != 1 ||
         failed(unify(dims(X).back(), dims(Vector).back(), "the last axis and its scale or bias"))))
      return rank(Vector) != 1 ? unsupported("scale and bias must be vectors") : nullptr;
  return finish(LayerNormOp::create(B, Loc, X, Scale, Bias, APFloat(float(Epsilon))));
}

//===- windows --------------------------------------------------------------------------------===//

/// Whether an axis can get some more elements.
bool GraphBuilder::canGrow(Value X, size_t Axis, int64_t By) {
  auto Known = dyn_cast<AffineConstantExpr>(dims(X)[Axis]);
  int64_t Size;
  if (!Known || !llvm::AddOverflow(Known.getValue(), By, Size))
    return true;
  badInput("axis " + Twine(Axis) + " of " + describe(dims(X), Symbols) + " with " + Twine(By) +
           " of padding is too large");
  return false;
}

/// Whether a window fits into the spatial axes; symbolic ones are bounded so that it does.
bool GraphBuilder::fits(Value X, const Window &Of) {
  Dims Sizes = dims(X);
  for (size_t Axis = 0; Axis < Of.Kernel.size(); ++Axis) {
    if (!canGrow(X, Axis + 2, Of.padding(Axis)))
      return false;
    int64_t Least = Of.extent(Axis) - Of.padding(Axis);
    auto Known = dyn_cast<AffineConstantExpr>(Sizes[Axis + 2]);
    if (Known && Known.getValue() < Least) {
      badInput("a window of " + Twine(Of.extent(Axis)) + " elements does not fit into axis " +
               Twine(Axis + 2) + " of " + describe(Sizes, Symbols) + " with " +
               Twine(Of.padding(Axis)) + " of padding");
      return false;
    }
    if (!Known)
      Symbols.boundBelow(Sizes[Axis + 2], Least);
  }
  return true;
}

Value GraphBuilder::conv(Value X, const WeightRecipe &Recipe, const Window &Of, int64_t Groups) {
  if (!X || !isFloat(X, "the input") || !fits(X, Of))
    return {};
  if (element(X) != Recipe.Type.getElementType())
    return badInput("operands have element types " + describe(element(X)) + " and " +
                    describe(Recipe.Type.getElementType()));
  return finish(ConvOp::create(B, Loc, X, weight(Recipe), Of.Kernel, Of.Strides, Of.Dilations,
                               Of.Pads, Groups));
}

Value GraphBuilder::pool(PoolKind Kind, Value X, const Window &Of) {
  if (!X || !isFloat(X, "the input") || !fits(X, Of))
    return {};
  return finish(PoolOp::create(B, Loc, Kind, X, Of.Kernel, Of.Strides, Of.Dilations, Of.Pads));
}

Value GraphBuilder::pad(Value X, ArrayRef<int64_t> Low, ArrayRef<int64_t> High, TypedAttr Fill) {
  auto IsZero = [](int64_t Size) { return Size == 0; };
  if (!X || (llvm::all_of(Low, IsZero) && llvm::all_of(High, IsZero)))
    return X;
  for (size_t Axis = 0; Axis < Low.size(); ++Axis)
    if (!canGrow(X, Axis, Low[Axis] + High[Axis]))
      return {};
  return finish(PadOp::create(B, Loc, X, Low, High, Fill));
}

Value GraphBuilder::positions(Value Past, AffineExpr Tokens) {
  if (!Past)
    return {};
  return finish(PositionsOp::create(B, Loc, shaped({dims(Past).front(), Tokens}, element(Past)),
                                    Past, Symbols.map({Tokens})));
}
