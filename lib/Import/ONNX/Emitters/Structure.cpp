// Operators that move elements: Transpose, Concat, Split, Slice, Gather, Trilu.
#include "Folding.h"
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

//===- Transpose ------------------------------------------------------------------------------===//

static LogicalResult emitTranspose(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  int64_t Rank = E.rank(0);
  auto Permutation = E.getInts("perm");
  if (!Permutation) {
    Permutation = llvm::to_vector(llvm::seq<int64_t>(0, Rank));
    std::reverse(Permutation->begin(), Permutation->end());
  }
  SmallVector<int64_t> Sorted(*Permutation);
  llvm::sort(Sorted);
  if (Sorted != llvm::to_vector(llvm::seq<int64_t>(0, Rank)))
    return E.badInput("attribute 'perm' does not name each axis once");
  ImportedValue &X = E.in(0);
  if (Sorted == *Permutation)
    return E.out(X);
  if (X.Weight)
    return E.out(X.withWeight(X.Weight->transposed(*Permutation)));
  return E.out(E.B.transpose(E.value(0), *Permutation));
}

//===- Concat ---------------------------------------------------------------------------------===//

static std::optional<ImportedValue> concatElements(NodeEmitter &E) {
  SmallVector<AffineExpr> Elements;
  for (unsigned I = 0; I < E.getNumInputs(); ++I) {
    if (!E.in(I).Elements || E.in(I).rank() != 1 || E.element(I) != E.element(0))
      return std::nullopt;
    llvm::append_range(Elements, *E.in(I).Elements);
  }
  if (Elements.size() > size_t(MaxKnownElements))
    return std::nullopt;
  return ImportedValue::fromElements(Elements, {int64_t(Elements.size())}, E.element(0));
}

static std::optional<ImportedValue> concatWeights(NodeEmitter &E) {
  SmallVector<WeightRecipe> Parts;
  for (unsigned I = 0; I < E.getNumInputs(); ++I) {
    if (!E.in(I).Weight)
      return std::nullopt;
    Parts.push_back(*E.in(I).Weight);
  }
  auto Joined = WeightRecipe::concatenated(Parts);
  return Joined ? std::optional(E.in(0).withWeight(*Joined)) : std::nullopt;
}

static LogicalResult emitConcat(NodeEmitter &E) {
  for (unsigned I = 0; I < std::max(1u, E.getNumInputs()); ++I)
    if (!E.has(I))
      return E.badInput("an operand is missing");
  auto Axis = E.getAxis(1, E.rank(0));
  if (!Axis)
    return failure();
  if (auto Folded = concatElements(E))
    return E.out(*Folded);
  if (*Axis == 0)
    if (auto Folded = concatWeights(E))
      return E.out(*Folded);
  SmallVector<Value> Parts;
  for (unsigned I = 0; I < E.getNumInputs(); ++I)
    Parts.push_back(E.value(I));
  return E.out(E.B.concat(Parts, *Axis));
}

//===- parts of an axis -----------------------------------------------------------------------===//

/// Elements Start, Start + Step, … of one axis, whatever the value is.
static std::optional<ImportedValue> sliceValue(NodeEmitter &E, ImportedValue X, int64_t Axis,
                                               AffineExpr Start, AffineExpr Size, int64_t Step) {
  auto First = dyn_cast<AffineConstantExpr>(Start), Count = dyn_cast<AffineConstantExpr>(Size);
  if (First && Count && X.Elements && X.rank() == 1) {
    SmallVector<AffineExpr> Elements;
    for (int64_t I = 0; I < Count.getValue(); ++I)
      Elements.push_back((*X.Elements)[First.getValue() + I * Step]);
    return ImportedValue::fromElements(Elements, {Count.getValue()}, X.Element);
  }
  if (First && Count && X.Weight && Step == 1)
    return X.withWeight(X.Weight->sliced(Axis, First.getValue(), Count.getValue()));
  Value Result = E.B.slice(materialize(X, E.B), Axis, Start, Size, Step);
  if (!Result)
    return std::nullopt;
  return ImportedValue::fromResult(Result, E.B.dims(Result));
}

//===- Split ----------------------------------------------------------------------------------===//

static std::optional<SmallVector<AffineExpr>> getSplitSizes(NodeEmitter &E, AffineExpr Whole) {
  int64_t Outputs = E.Node.Proto->output_size();
  int64_t Parts = E.getInt("num_outputs", Outputs);
  if (auto Sizes = E.getInts("split"))
    return llvm::map_to_vector(*Sizes, [&](int64_t Size) { return E.B.constant(Size); });
  if (E.has(1) && E.in(1).Elements)
    return SmallVector<AffineExpr>(*E.in(1).Elements);
  auto Number = dyn_cast<AffineConstantExpr>(Whole);
  if (E.has(1) || !Number || Parts != Outputs || Parts < 1) {
    (void)E.unsupported("the sizes of the parts depend on data");
    return std::nullopt;
  }
  // The last part is smaller where the parts are not equal.
  SmallVector<AffineExpr> Sizes;
  int64_t Part = llvm::divideCeil(Number.getValue(), Parts);
  for (int64_t I = 0, Left = Number.getValue(); I < Parts; ++I, Left -= Part)
    Sizes.push_back(E.B.constant(std::clamp<int64_t>(Left, 0, Part)));
  return Sizes;
}

static LogicalResult emitSplit(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  auto Axis = E.getAxis(0, E.rank(0));
  if (!Axis)
    return failure();
  AffineExpr Whole = E.in(0).Shape[*Axis], Start = E.B.constant(0);
  auto Sizes = getSplitSizes(E, Whole);
  if (!Sizes)
    return failure();
  if (int64_t(Sizes->size()) != E.Node.Proto->output_size())
    return E.badInput("has " + Twine(Sizes->size()) + " sizes for " +
                      Twine(E.Node.Proto->output_size()) + " outputs");
  AffineExpr Sum = E.B.constant(0);
  for (AffineExpr Size : *Sizes) {
    if (auto Number = dyn_cast<AffineConstantExpr>(Size); Number && Number.getValue() < 0)
      return E.badInput("has a negative size of a part");
    Sum = addSizes(Sum, Size);
    if (!Sum)
      return E.badInput("the sizes of the parts are too large");
  }
  if (failed(E.B.unify(Sum, Whole, "the sum of the parts and the whole")))
    return failure();
  for (auto [I, Size] : llvm::enumerate(*Sizes)) {
    auto Part = sliceValue(E, E.in(0), *Axis, Start, Size, 1);
    if (!Part || failed(E.out(I, *Part)))
      return failure();
    Start = addSizes(Start, Size);
  }
  return success();
}

//===- Slice ----------------------------------------------------------------------------------===//

/// A bound for a positive step within 0 .. Extent. What cannot be decided is taken to lie inside:
/// exporters write the length of one tensor to cut another.
static AffineExpr clampBound(GraphBuilder &B, AffineExpr Bound, AffineExpr Extent) {
  auto Number = dyn_cast<AffineConstantExpr>(Bound), Whole = dyn_cast<AffineConstantExpr>(Extent);
  if (Number && Whole) {
    int64_t Value =
        Number.getValue() < 0 ? Number.getValue() + Whole.getValue() : Number.getValue();
    return B.constant(std::clamp<int64_t>(Value, 0, Whole.getValue()));
  }
  if (Number && Number.getValue() < 0)
    return Number.getValue() < INT32_MIN ? B.constant(0) : addSizes(Extent, Bound);
  // "To the end" is written as a large number.
  if (Number && Number.getValue() >= INT32_MAX)
    return Extent;
  if (!Number && isDimLessOrEqual(Bound, B.constant(-1)) == true)
    return addSizes(Extent, Bound);
  auto Inside = isDimLessOrEqual(Bound, Extent);
  if (Inside)
    return *Inside ? Bound : Extent;
  if (Whole)
    B.Symbols.bound(Bound, Whole.getValue());
  return Bound;
}

/// Whether two sizes differ by the exchange of one symbol for another: two names of one length.
static bool areNamesOfOneLength(AffineExpr A, AffineExpr B) {
  DimPolynomial Difference(A);
  Difference -= DimPolynomial(B);
  const auto &Terms = Difference.terms();
  if (Terms.size() != 2)
    return false;
  auto First = Terms.begin(), Second = std::next(First);
  auto IsSymbol = [](const DimPolynomial::Product &Atoms) {
    return Atoms.size() == 1 && isa<AffineSymbolExpr>(Atoms[0]);
  };
  return IsSymbol(First->first) && IsSymbol(Second->first) && std::abs(First->second) == 1 &&
         First->second == -Second->second;
}

static std::optional<ImportedValue> sliceBackward(NodeEmitter &E, const ImportedValue &X,
                                                  int64_t Axis, AffineExpr Start, AffineExpr End,
                                                  int64_t Step) {
  auto First = dyn_cast<AffineConstantExpr>(Start), Last = dyn_cast<AffineConstantExpr>(End);
  auto Whole = dyn_cast<AffineConstantExpr>(X.Shape[Axis]);
  if (!First || !Last || !Whole || Step == INT64_MIN) {
    (void)E.unsupported("a slice that runs backward over a symbolic size is not supported");
    return std::nullopt;
  }
  auto Clamp = [&](int64_t Bound) {
    return std::clamp<int64_t>(Bound < 0 ? Bound + Whole.getValue() : Bound, -1,
                               Whole.getValue() - 1);
  };
  int64_t From = Clamp(First.getValue());
  int64_t To = Last.getValue() < -Whole.getValue() ? -1 : Clamp(Last.getValue());
  int64_t Size = To < From ? llvm::divideCeil(From - To, -Step) : 0;
  return sliceValue(E, X, Axis, E.B.constant(std::max<int64_t>(From, 0)), E.B.constant(Size), Step);
}

static std::optional<ImportedValue> sliceAxis(NodeEmitter &E, ImportedValue X, int64_t Axis,
                                              AffineExpr Start, AffineExpr End, int64_t Step) {
  if (Step < 0)
    return sliceBackward(E, X, Axis, Start, End, Step);
  AffineExpr Whole = X.Shape[Axis];
  if (areNamesOfOneLength(End, Whole) &&
      failed(E.B.unify(End, Whole, "the end of a slice and the axis")))
    return std::nullopt;
  AffineExpr From = clampBound(E.B, Start, Whole), To = clampBound(E.B, End, Whole);
  AffineExpr Size = From && To ? subtractSizes(To, From) : AffineExpr();
  if (Size && Step > 1)
    Size = addSizes(Size, E.B.constant(Step - 1));
  if (!Size) {
    (void)E.badInput("the bounds of the slice are too large");
    return std::nullopt;
  }
  Size = canonicalizeDim(Size.floorDiv(Step));
  if (isDimLessOrEqual(Size, E.B.constant(0)) == true) {
    From = E.B.constant(0);
    Size = E.B.constant(0);
  }
  return sliceValue(E, X, Axis, From, Size, Step);
}

/// A list that version 10 made an input.
static std::optional<SmallVector<AffineExpr>> getBounds(NodeEmitter &E, unsigned Index,
                                                        StringRef Name) {
  if (auto Numbers = E.getInts(Name))
    return llvm::map_to_vector(*Numbers, [&](int64_t Number) { return E.B.constant(Number); });
  if (!E.has(Index) || !E.in(Index).Elements)
    return std::nullopt;
  return SmallVector<AffineExpr>(*E.in(Index).Elements);
}

static LogicalResult emitSlice(NodeEmitter &E) {
  auto Starts = getBounds(E, 1, "starts"), Ends = getBounds(E, 2, "ends"),
       Axes = getBounds(E, 3, "axes");
  if (!E.has(0) || !Starts || !Ends || (E.has(3) && !Axes))
    return E.unsupported("the bounds of the slice depend on data");
  SmallVector<int64_t> Steps(Starts->size(), 1);
  if (E.has(4)) {
    auto Numbers = E.numbers(4, "the list of steps");
    if (!Numbers)
      return failure();
    Steps = *Numbers;
  }
  if (!Axes)
    Axes = llvm::map_to_vector(llvm::seq<int64_t>(0, Starts->size()),
                               [&](int64_t Axis) { return E.B.constant(Axis); });
  if (Ends->size() != Starts->size() || Steps.size() != Starts->size() ||
      Axes->size() != Starts->size())
    return E.badInput("starts, ends, axes and steps differ in length");
  ImportedValue X = E.in(0);
  for (size_t I = 0; I < Starts->size(); ++I) {
    auto Number = dyn_cast<AffineConstantExpr>((*Axes)[I]);
    auto Axis = Number ? E.normalizeAxis(Number.getValue(), X.rank()) : std::nullopt;
    if (!Axis || Steps[I] == 0)
      return Axis ? E.badInput("a step is 0") : failure();
    auto Next = sliceAxis(E, X, *Axis, (*Starts)[I], (*Ends)[I], Steps[I]);
    if (!Next)
      return failure();
    X = *Next;
  }
  return E.out(X);
}

//===- Gather ---------------------------------------------------------------------------------===//

/// Chosen elements of a vector whose elements are known.
static std::optional<ImportedValue> gatherElements(NodeEmitter &E) {
  ImportedValue &Table = E.in(0);
  auto Indices = getNumbers(E.in(1));
  if (!Table.Elements || Table.rank() != 1 || !Indices)
    return std::nullopt;
  int64_t Size = Table.Elements->size();
  SmallVector<AffineExpr> Elements;
  for (int64_t Index : *Indices) {
    if (Index < -Size || Index >= Size)
      return std::nullopt;
    Elements.push_back((*Table.Elements)[Index < 0 ? Index + Size : Index]);
  }
  return ImportedValue::fromElements(Elements, E.in(1).staticShape(), Table.Element);
}

static LogicalResult emitGather(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs a table and indices");
  auto Axis = E.getAxis(0, E.rank(0));
  if (!Axis)
    return failure();
  if (auto Folded = gatherElements(E))
    return E.out(*Folded);
  auto Whole = dyn_cast<AffineConstantExpr>(E.in(0).Shape[*Axis]);
  if (auto Indices = getNumbers(E.in(1)); Indices && Whole)
    for (int64_t Index : *Indices)
      if (Index < -Whole.getValue() || Index >= Whole.getValue())
        return E.badInput("index " + Twine(Index) + " is out of range for an axis of " +
                          Twine(Whole.getValue()));
  return E.out(E.B.gather(E.value(0), E.value(1), *Axis));
}

//===- Trilu ----------------------------------------------------------------------------------===//

/// One triangle of matrices: the columns and rows are counted, compared, and the rest is set to
/// zero.
static LogicalResult emitTrilu(NodeEmitter &E) {
  if (!E.has(0) || E.rank(0) < 2)
    return E.badInput("needs matrices");
  bool Upper = E.getInt("upper", 1) != 0;
  AffineExpr Diagonal = E.B.constant(0);
  if (E.has(1)) {
    if (!E.in(1).Elements || E.in(1).Elements->size() != 1)
      return E.unsupported("the number of the diagonal depends on data");
    Diagonal = E.in(1).Elements->front();
  }
  Value X = E.value(0);
  AffineExpr One = E.B.constant(1), Zero = E.B.constant(0), Columns = E.B.dims(X).back(),
             Rows = E.B.dims(X)[GraphBuilder::rank(X) - 2];
  Type I64 = E.B.B.getI64Type();
  // Element (i, j) lies in the upper triangle where j >= i + diagonal.
  Value Row = E.B.reshape(E.B.iota(Rows, Diagonal, One, I64), {Rows, One});
  Value Column = E.B.iota(Columns, Zero, One, I64);
  Value Keep =
      E.B.compare(Upper ? CompareKind::GreaterOrEqual : CompareKind::LessOrEqual, Column, Row);
  return E.out(E.B.select(Keep, X, E.B.scalar(E.element(0), 0)));
}

namespace qopt::onnx_import {
void registerStructureEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("Transpose", emitTranspose);
  Registry.add("", "Concat", 4, Newest, emitConcat);
  Registry.add("", "Split", 2, Newest, emitSplit);
  Registry.add("Slice", emitSlice);
  Registry.add("Gather", emitGather);
  Registry.add("", "Trilu", 14, Newest, emitTrilu);
}
} // namespace qopt::onnx_import
