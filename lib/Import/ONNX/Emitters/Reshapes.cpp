// The same elements under another shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout;
// and Expand.
#include "Folding.h"
#include "NodeEmitter.h"

#include <numeric>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

static LogicalResult outReshaped(NodeEmitter &E, ArrayRef<AffineExpr> Shape) {
  auto Result = reshapeValue(E.in(0), Shape, E.B);
  return Result ? E.out(*Result) : failure();
}

//===- Reshape --------------------------------------------------------------------------------===//

/// Every term of a sum divided by a product; null where one does not divide.
static AffineExpr divideByProduct(AffineExpr Dividend, const DimPolynomial::Product &Atoms,
                                  int64_t Factor) {
  MLIRContext *Context = Dividend.getContext();
  AffineExpr Result = getAffineConstantExpr(0, Context);
  DimPolynomial Sum(Dividend);
  for (const auto &[Term, Coefficient] : Sum.terms()) {
    SmallVector<AffineExpr> Rest(Term.begin(), Term.end());
    for (AffineExpr Atom : Atoms) {
      auto It = llvm::find(Rest, Atom);
      if (It == Rest.end())
        return {};
      Rest.erase(It);
    }
    if (Factor == 0 || Coefficient % Factor != 0)
      return {};
    Result = Result + getElementCount(Rest, Context) * (Coefficient / Factor);
  }
  return canonicalizeDim(Result);
}

/// The size that -1 stands for: the elements of `From` divided by the other sizes of `To`. Null
/// where that is no size.
static AffineExpr inferSize(GraphBuilder &B, ArrayRef<AffineExpr> From,
                            ArrayRef<AffineExpr> Others) {
  // Equal sizes cancel first, so that sums of symbols need no division.
  SmallVector<AffineExpr> Dividend(From), Divisor;
  for (AffineExpr Size : Others) {
    auto It = llvm::find(Dividend, Size);
    if (It != Dividend.end())
      Dividend.erase(It);
    else
      Divisor.push_back(Size);
  }
  DimPolynomial Below(B.product(Divisor));
  if (Below.terms().size() != 1)
    return {};
  const auto &[Atoms, Factor] = *Below.terms().begin();
  return divideByProduct(B.product(Dividend), Atoms, Factor);
}

static LogicalResult reshapeTo(NodeEmitter &E, SmallVector<AffineExpr> Target, bool KeepZero) {
  ImportedValue &X = E.in(0);
  std::optional<size_t> Inferred;
  for (auto [I, Size] : llvm::enumerate(Target)) {
    if (Size == E.B.constant(0) && !KeepZero) {
      if (int64_t(I) >= X.rank())
        return E.badInput("size 0 at axis " + Twine(I) +
                          " copies a dimension that the input lacks");
      Size = X.Shape[I];
    } else if (Size == E.B.constant(-1)) {
      if (Inferred)
        return E.badInput("has two sizes of -1");
      Inferred = I;
    }
  }
  if (Inferred) {
    SmallVector<AffineExpr> Others(Target);
    Others.erase(Others.begin() + *Inferred);
    Target[*Inferred] = inferSize(E.B, X.Shape, Others);
    if (!Target[*Inferred])
      return E.badInput("a shape " + describe(X.Shape, E.B.Symbols) + " does not divide into " +
                        describe(Others, E.B.Symbols));
  }
  return outReshaped(E, Target);
}

static LogicalResult emitReshape(NodeEmitter &E) {
  bool KeepZero = E.getInt("allowzero", 0) != 0;
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs an operand and a shape");
  if (!E.in(1).Elements || E.in(1).rank() != 1)
    return E.unsupported("the shape depends on data");
  return reshapeTo(E, SmallVector<AffineExpr>(*E.in(1).Elements), KeepZero);
}

static LogicalResult emitFlatten(NodeEmitter &E) {
  int64_t Axis = E.getInt("axis", 1);
  if (!E.has(0))
    return E.badInput("needs an operand");
  int64_t Rank = E.rank(0);
  if (Axis < -Rank || Axis > Rank)
    return E.badInput("axis " + Twine(Axis) + " is out of range for rank " + Twine(Rank));
  ArrayRef<AffineExpr> Shape = E.in(0).Shape;
  size_t Split = Axis < 0 ? Axis + Rank : Axis;
  return outReshaped(E,
                     {E.B.product(Shape.take_front(Split)), E.B.product(Shape.drop_front(Split))});
}

//===- Squeeze, Unsqueeze ---------------------------------------------------------------------===//

static LogicalResult emitSqueeze(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  Dims Shape = E.in(0).Shape, Result;
  bool Given = false;
  auto Axes = E.getAxes(1, Shape.size(), Given);
  if (!Axes)
    return failure();
  for (auto [I, Size] : llvm::enumerate(Shape)) {
    bool IsOne = Size == E.B.constant(1);
    if (Given && llvm::is_contained(*Axes, int64_t(I))) {
      if (!IsOne && failed(E.B.unify(Size, E.B.constant(1), "a squeezed dimension and 1")))
        return failure();
      continue;
    }
    if (Given || !IsOne)
      Result.push_back(Size);
  }
  return outReshaped(E, Result);
}

static LogicalResult emitUnsqueeze(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  auto Count = E.getInts("axes");
  if (!Count && E.has(1))
    Count = getNumbers(E.in(1));
  if (!Count)
    return E.unsupported("the list of axes must be constant");
  bool Given = false;
  int64_t Rank = E.rank(0) + Count->size();
  auto Axes = E.getAxes(1, Rank, Given);
  if (!Axes)
    return failure();
  Dims Result;
  ArrayRef<AffineExpr> Rest = E.in(0).Shape;
  for (int64_t I = 0; I < Rank; ++I) {
    bool IsNew = llvm::is_contained(*Axes, I);
    Result.push_back(IsNew ? E.B.constant(1) : Rest.front());
    Rest = Rest.drop_front(!IsNew);
  }
  return outReshaped(E, Result);
}

//===- Identity, Dropout ----------------------------------------------------------------------===//

static LogicalResult emitIdentity(NodeEmitter &E) {
  return E.has(0) ? E.out(E.in(0)) : E.badInput("needs an operand");
}

/// Inference: nothing is dropped.
static LogicalResult emitDropout(NodeEmitter &E) {
  E.attribute("seed");
  E.attribute("ratio");
  E.attribute("is_test");
  if (E.has(1))
    (void)E.in(1);
  if (E.has(2)) {
    auto Training = getNumbers(E.in(2));
    if (!Training || Training->size() != 1 || Training->front() != 0)
      return E.unsupported("training is not supported");
  }
  return emitIdentity(E);
}

//===- Expand ---------------------------------------------------------------------------------===//

static LogicalResult emitExpand(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs an operand and a shape");
  if (!E.in(1).Elements || E.in(1).rank() != 1)
    return E.unsupported("the shape depends on data");
  auto Joined = E.B.broadcastDims(E.in(0).Shape, *E.in(1).Elements);
  if (failed(Joined))
    return failure();
  SmallVector<int64_t> Static = getShape(*Joined);
  if (E.in(0).Elements && llvm::none_of(Static, ShapedType::isDynamic)) {
    SmallVector<AffineExpr> Zeros(
        std::min<int64_t>(ShapedType::getNumElements(Static), MaxKnownElements + 1),
        E.B.constant(0));
    ImportedValue Like = ImportedValue::fromElements(Zeros, Static, E.element(0));
    if (Zeros.size() <= size_t(MaxKnownElements))
      if (auto Folded = foldElements({&E.in(0), &Like}, E.element(0),
                                     [](ArrayRef<AffineExpr> X) { return X[0]; }))
        return E.out(*Folded);
  }
  return E.out(E.B.broadcast(E.value(0), *Joined));
}

//===- Tile -----------------------------------------------------------------------------------===//

/// Each repeated axis gets an axis of size 1 before it, which is then expanded.
static LogicalResult emitTile(NodeEmitter &E) {
  if (!E.in(1).Elements || int64_t(E.in(1).Elements->size()) != E.rank(0))
    return E.unsupported("the repeats must be known, one for each axis");
  Dims Shape = E.in(0).Shape, Split, Wide, Result;
  for (auto [Size, Repeats] : llvm::zip(Shape, *E.in(1).Elements)) {
    if (isDimLessOrEqual(E.B.constant(0), Repeats) != true)
      return E.badInput("has a negative number of repeats");
    Split.append({E.B.constant(1), Size});
    Wide.append({Repeats, Size});
    Result.push_back(canonicalizeDim(Size * Repeats));
  }
  Value X = E.B.broadcast(E.B.reshape(E.value(0), Split), Wide);
  return E.out(E.B.reshape(X, Result));
}

namespace qopt::onnx_import {
void registerReshapesEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "Reshape", 5, Newest, emitReshape);
  Registry.add("Flatten", emitFlatten);
  Registry.add("Squeeze", emitSqueeze);
  Registry.add("Unsqueeze", emitUnsqueeze);
  Registry.add("Identity", emitIdentity);
  Registry.add("Dropout", emitDropout);
  Registry.add("", "Expand", 8, Newest, emitExpand);
  Registry.add("", "Tile", 6, Newest, emitTile);
}
} // namespace qopt::onnx_import
