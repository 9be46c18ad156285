#include "Masks.h"
#include "Values.h"

namespace qopt {
#define GEN_PASS_DECL_RAISEATTENTION
#define GEN_PASS_DEF_RAISEATTENTION
#include "RaiseAttention.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// A mask that is added to scores, or that chooses them.
struct Mask {
  Value Of;
  bool IsBoolean = false;
  bool Negated = false; ///< true hides
};

/// What stands between the product of queries and keys and the softmax.
struct Scores {
  MatmulOp Product;
  double Scale = 1, Softcap = 0;
  /// Of the product, where it goes through codes.
  QuantizationAttr Quantization;
  SmallVector<Mask, 2> Masks;
};

/// An operand as factor * a tensor [batch, tokens, heads, size].
struct Heads {
  Value Of;
  double Factor = 1;
};

/// Dims of the indices that operands are asked at.
enum Axis : unsigned { Batch = 0, Head = 1, Token = 2, Key = 3, Channel = 4 };

class AttentionRaiser {
public:
  AttentionRaiser(func::FuncOp Function, DimAnalysis &Dims)
      : DimsOf(Dims), Inputs(DecoderInputs::find(Function, Dims)), Context(Function.getContext()),
        NumSymbols(getSymbols(Function).size()), Function(Function),
        Elements(Dims, NumSymbols, Context), Tracker(Dims), Builder(Context, &Tracker) {
    HasCaches = llvm::any_of(Function.getOps<ConcatOp>(),
                             [](ConcatOp Op) { return CachedTensor::get(Op).has_value(); });
  }

  void run();

private:
  /// The reason why not, or nothing.
  std::optional<StringRef> raise(MatmulOp Op, SoftmaxOp Softmax, QuantizationAttr Probabilities);
  std::optional<StringRef> findScores(Value Value, Scores &Into);
  bool isScores(Value Value) const;
  std::optional<StringRef> findSelected(SelectOp Op, Scores &Into);
  std::optional<StringRef> findScaled(BinaryOp Op, Scores &Into);
  Heads getHeads(Value Operand, ArrayRef<unsigned> Axes, unsigned TokenAxis, int64_t QueryHeads);
  Value asHeads(const Term &Part, unsigned TokenAxis, int64_t QueryHeads);
  Value transposeToHeads(Value Operand, ArrayRef<unsigned> Axes, unsigned TokenAxis);
  Value combineMasks(ArrayRef<Mask> Masks, Location Loc, Type Element);
  AffineExpr dim(unsigned Axis) const { return getAffineDimExpr(Axis, Context); }

  DimAnalysis &DimsOf;
  DecoderInputs Inputs;
  MLIRContext *Context;
  unsigned NumSymbols;
  func::FuncOp Function;
  ElementAnalysis Elements;
  DimTracker Tracker;
  OpBuilder Builder;
  bool HasCaches;
};

struct RaiseAttentionPass : public qopt::impl::RaiseAttentionBase<RaiseAttentionPass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>()) {
      if (Function.isExternal())
        continue;
      auto Dims = DimAnalysis::run(Function);
      if (failed(Dims))
        return signalPassFailure();
      AttentionRaiser(Function, *Dims).run();
    }
  }
};

} // namespace

//===- scores ---------------------------------------------------------------------------------===//

/// Whether a product of two values stands behind, through what may happen to scores.
bool AttentionRaiser::isScores(Value Value) const {
  for (unsigned Depth = 0; Depth < 16; ++Depth) {
    Operation *Op = Value.getDefiningOp();
    if (!Op)
      return false;
    if (isa<MatmulOp>(Op))
      return true;
    if (auto Codes = getRequantized(Value)) {
      Value = Codes->Input;
      continue;
    }
    if (auto Binary = dyn_cast<BinaryOp>(Op)) {
      if (tensorType(Binary.getRhs()).getRank() == 4 && isScores(Binary.getRhs()))
        return true;
      Value = Binary.getLhs();
    } else if (auto Select = dyn_cast<SelectOp>(Op)) {
      Value = getSplat(Select.getLhs()) ? Select.getRhs() : Select.getLhs();
    } else if (isa<CastOp>(Op) || getOp<UnaryOp>(Value, UnaryKind::Tanh)) {
      Value = Op->getOperand(0);
    } else {
      return false;
    }
  }
  return false;
}

std::optional<StringRef> AttentionRaiser::findSelected(SelectOp Op, Scores &Into) {
  auto Lhs = getSplat(Op.getLhs()), Rhs = getSplat(Op.getRhs());
  bool HidesLhs = Lhs && *Lhs <= -1e4;
  if (!HidesLhs && !(Rhs && *Rhs <= -1e4))
    return "a selection of scores gives something else than a very negative number";
  Into.Masks.push_back({Op.getCondition(), /*IsBoolean=*/true, /*Negated=*/HidesLhs});
  return findScores(HidesLhs ? Op.getRhs() : Op.getLhs(), Into);
}

/// Scores times a number, or capped scores: c * tanh(s / c).
std::optional<StringRef> AttentionRaiser::findScaled(BinaryOp Op, Scores &Into) {
  bool IsProduct = Op.getKind() == BinaryKind::Mul;
  auto Number = getSplat(Op.getRhs());
  Value Of = Op.getLhs();
  if (!Number && IsProduct) {
    Number = getSplat(Op.getLhs());
    Of = Op.getRhs();
  }
  if (!Number || *Number == 0)
    return "scores are multiplied by something else than a number";
  double Factor = IsProduct ? *Number : 1 / *Number;
  if (auto Tanh = getOp<UnaryOp>(stripCasts(Of), UnaryKind::Tanh)) {
    Scores Inner;
    auto Reason = findScores(Tanh.getInput(), Inner);
    if (Reason || !Inner.Masks.empty() || Inner.Softcap != 0)
      return Reason ? Reason : "masks stand inside a soft cap";
    Into.Product = Inner.Product;
    Into.Quantization = Inner.Quantization;
    Into.Softcap = Factor;
    Into.Scale = Inner.Scale * Factor;
    return std::nullopt;
  }
  size_t Before = Into.Masks.size();
  auto Reason = findScores(Of, Into);
  if (!Reason && (Into.Masks.size() != Before || Into.Softcap != 0))
    return "scores are scaled after they were masked or capped";
  Into.Scale *= Factor;
  return Reason;
}

std::optional<StringRef> AttentionRaiser::findScores(Value Value, Scores &Into) {
  QuantizationAttr By;
  Operation *Op = stripRequantized(stripCasts(Value), By).getDefiningOp();
  if (!Op)
    return "no product of queries and keys stands before the softmax";
  if (By && !isa<MatmulOp>(Op))
    return "scores are quantized after they were scaled or masked";
  if (auto Product = dyn_cast<MatmulOp>(Op)) {
    Into.Product = Product;
    Into.Quantization = By;
    return std::nullopt;
  }
  if (auto Select = dyn_cast<SelectOp>(Op))
    return findSelected(Select, Into);
  auto Binary = dyn_cast<BinaryOp>(Op);
  if (!Binary)
    return "something else than masks, scales and soft caps happens to the scores";
  if (Binary.getKind() == BinaryKind::Mul || Binary.getKind() == BinaryKind::Div)
    return findScaled(Binary, Into);
  if (Binary.getKind() != BinaryKind::Add)
    return "something else than masks, scales and soft caps happens to the scores";
  for (auto [Score, Added] : bothOrders(Binary))
    if (isScores(Score)) {
      Into.Masks.push_back({Added});
      return findScores(Score, Into);
    }
  return "no product of queries and keys stands before the softmax";
}

//===- heads ----------------------------------------------------------------------------------===//

/// The source as [batch, tokens, kv heads, size], where its indices are these axes in some order;
/// else null.
Value AttentionRaiser::asHeads(const Term &Part, unsigned TokenAxis, int64_t QueryHeads) {
  if (!Part.Source || Part.Count || Part.Oscillation)
    return {};
  Value Source = Part.Source;
  ArrayRef<AffineExpr> Sizes = DimsOf.getDims(Source);
  const Indices &At = Part.SourceIndices;
  auto IsOne = [&](unsigned I) { return Sizes[I] == getAffineConstantExpr(1, Context); };
  auto IsHead = [&](unsigned I) {
    auto Size = dyn_cast<AffineConstantExpr>(Sizes[I]);
    if (!Size || Size.getValue() == 0 || QueryHeads % Size.getValue() != 0)
      return false;
    return Size.getValue() == 1 ? isa<AffineConstantExpr>(At[I]) || At[I] == dim(Head)
                                : At[I] == dim(Head).floorDiv(QueryHeads / Size.getValue());
  };
  auto Is = [&](unsigned I, unsigned Axis) { return At[I] == dim(Axis) || IsOne(I); };
  if (At.size() == 3 && Is(0, Batch) && Is(1, TokenAxis) && At[2] == dim(Channel)) {
    // One head, whose axis the evaluation saw through.
    Dims To = {Sizes[0], Sizes[1], getAffineConstantExpr(1, Context), Sizes[2]};
    return ReshapeOp::create(
        Builder, Source.getLoc(),
        RankedTensorType::get(getShape(To), tensorType(Source).getElementType()), Source,
        makeDimsMap(To, NumSymbols, Context));
  }
  if (At.size() != 4 || !Is(0, Batch) || At[3] != dim(Channel))
    return {};
  if (Is(1, TokenAxis) && IsHead(2))
    return Source;
  if (IsHead(1) && Is(2, TokenAxis))
    return createTranspose(Builder, Source.getLoc(), Source, {0, 2, 1, 3});
  return {};
}

/// The operand itself, with its axes in the order of heads.
Value AttentionRaiser::transposeToHeads(Value Operand, ArrayRef<unsigned> Axes,
                                        unsigned TokenAxis) {
  SmallVector<int64_t> Permutation;
  for (unsigned Axis : {unsigned(Batch), TokenAxis, unsigned(Head), unsigned(Channel)})
    Permutation.push_back(llvm::find(Axes, Axis) - Axes.begin());
  return createTranspose(Builder, Operand.getLoc(), Operand, Permutation);
}

Heads AttentionRaiser::getHeads(Value Operand, ArrayRef<unsigned> Axes, unsigned TokenAxis,
                                int64_t QueryHeads) {
  Indices At;
  for (unsigned Axis : Axes)
    At.push_back(dim(Axis));
  Element Value = Elements.evaluate(Operand, At);
  if (const Term *Part = Value.getSingleTerm())
    if (mlir::Value Of = asHeads(*Part, TokenAxis, QueryHeads))
      return {Of, Part->Factor};
  return {transposeToHeads(Operand, Axes, TokenAxis), 1};
}

//===- attention ------------------------------------------------------------------------------===//

/// One mask of several: booleans stay booleans where all are.
Value AttentionRaiser::combineMasks(ArrayRef<Mask> Masks, Location Loc, Type Element) {
  Value Result;
  bool AllBoolean = llvm::all_of(Masks, [](const Mask &Of) { return Of.IsBoolean; });
  auto Scalar = RankedTensorType::get({}, Element);
  for (const Mask &Next : Masks) {
    Value Of = Next.Of;
    if (Next.Negated)
      Of = UnaryOp::create(Builder, Loc, UnaryKind::Not, Of);
    if (!AllBoolean && Next.IsBoolean)
      Of = SelectOp::create(
          Builder, Loc, Of, createSplat(Builder, Loc, Scalar, 0),
          createSplat(Builder, Loc, Scalar, -std::numeric_limits<double>::infinity()));
    BinaryKind Join = AllBoolean ? BinaryKind::And : BinaryKind::Add;
    Result = Result ? Value(BinaryOp::create(Builder, Loc, Join, Result, Of)) : Of;
  }
  return Result;
}

std::optional<StringRef> AttentionRaiser::raise(MatmulOp Op, SoftmaxOp Softmax,
                                                QuantizationAttr Probabilities) {
  Scores Found;
  if (auto Reason = findScores(Softmax.getInput(), Found))
    return Reason;
  RankedTensorType ScoreTy = tensorType(Found.Product), ValueTy = tensorType(Op.getRhs());
  if (ScoreTy.getRank() != 4 || ValueTy.getRank() != 4 ||
      tensorType(Found.Product.getLhs()).getRank() != 4 ||
      tensorType(Found.Product.getRhs()).getRank() != 4)
    return StringRef("its operands are not [batch, heads, tokens, size]");
  int64_t NumHeads = ScoreTy.getDimSize(1);
  if (Softmax.getAxis() != 3 || ShapedType::isDynamic(NumHeads) ||
      ShapedType::isDynamic(ValueTy.getDimSize(3)))
    return StringRef("the number or size of its heads is not known");
  MaskMeaning All;
  SmallVector<Mask> Kept;
  MaskProver Prover(Found.Product, Inputs, DimsOf, NumSymbols, HasCaches);
  for (const Mask &Next : Found.Masks) {
    auto Meaning = Prover.prove(Next.Of, Next.IsBoolean, Next.Negated);
    if (!Meaning || (Meaning->UsesContract && !Meaning->Causal)) {
      Kept.push_back(Next);
      continue;
    }
    All.Causal |= Meaning->Causal;
    if (Meaning->Window)
      All.Window = All.Window ? std::min(All.Window, Meaning->Window) : Meaning->Window;
  }
  if (All.Window && !All.Causal)
    return StringRef("its mask is a window without being causal");
  Builder.setInsertionPoint(Op);
  Location Loc = Op.getLoc();
  Heads Query = getHeads(Found.Product.getLhs(), {Batch, Head, Token, Channel}, Token, NumHeads);
  Heads Keys = getHeads(Found.Product.getRhs(), {Batch, Head, Channel, Key}, Key, NumHeads);
  Heads Values = getHeads(Op.getRhs(), {Batch, Head, Key, Channel}, Key, NumHeads);
  if (Values.Factor != 1)
    Values = {transposeToHeads(Op.getRhs(), {Batch, Head, Key, Channel}, Key), 1};
  // What is quantized is the product of the operands as they are.
  if (Found.Quantization && Query.Factor * Keys.Factor != 1) {
    Query = {transposeToHeads(Found.Product.getLhs(), {Batch, Head, Token, Channel}, Token), 1};
    Keys = {transposeToHeads(Found.Product.getRhs(), {Batch, Head, Channel, Key}, Key), 1};
    Values = {transposeToHeads(Op.getRhs(), {Batch, Head, Key, Channel}, Key), 1};
  }
  if (tensorType(Keys.Of).getDimSize(2) != tensorType(Values.Of).getDimSize(2))
    return StringRef("keys and values have different numbers of heads");
  Type Element = tensorType(Op).getElementType();
  Value Mask = combineMasks(Kept, Loc, tensorType(Softmax).getElementType());
  Value Result = AttentionOp::create(
      Builder, Loc, Query.Of, Keys.Of, Values.Of, Mask, Value(),
      Builder.getF32FloatAttr(float(Found.Scale * Query.Factor * Keys.Factor)),
      All.Causal ? Builder.getUnitAttr() : UnitAttr(), Builder.getI64IntegerAttr(All.Window),
      Builder.getF32FloatAttr(float(Found.Softcap)), Found.Quantization, Probabilities);
  Result = createTranspose(Builder, Loc, Result, {0, 2, 1, 3});
  if (tensorType(Result).getElementType() != Element)
    Result = CastOp::create(Builder, Loc, tensorType(Result).clone(Element), Result);
  Op.getResult().replaceAllUsesWith(Result);
  return std::nullopt;
}

void AttentionRaiser::run() {
  for (auto Op : llvm::make_early_inc_range(Function.getOps<MatmulOp>())) {
    QuantizationAttr Probabilities;
    auto Softmax =
        stripRequantized(stripCasts(Op.getLhs()), Probabilities).getDefiningOp<SoftmaxOp>();
    if (!Softmax)
      continue;
    if (auto Reason = raise(Op, Softmax, Probabilities))
      Op.emitWarning() << "attention was not recognised and its scores are written to memory: "
                       << *Reason;
  }
  eraseUnused(Function);
}
