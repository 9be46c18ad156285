#include "WeightSteps.h"

#include "Values.h"

using namespace mlir;
using namespace qopt;

WeightOp qopt::getWeight(Value Value) {
  auto Use = Value.getDefiningOp<UseWeightOp>();
  return Use ? SymbolTable::lookupNearestSymbolFrom<WeightOp>(Use, Use.getWeightAttr())
             : WeightOp();
}

/// Transposes that cancel and whole slices leave nothing.
static SmallVector<Attribute> joinSteps(ArrayAttr Old, ArrayRef<Attribute> New) {
  SmallVector<Attribute> Steps(Old.begin(), Old.end());
  for (Attribute Step : New) {
    auto Next = dyn_cast<TransposeStepAttr>(Step);
    auto Last = Steps.empty() ? TransposeStepAttr() : dyn_cast<TransposeStepAttr>(Steps.back());
    if (!Next || !Last) {
      Steps.push_back(Step);
      continue;
    }
    SmallVector<int64_t> Permutation;
    for (int64_t Axis : Next.getPermutation())
      Permutation.push_back(Last.getPermutation()[Axis]);
    Steps.pop_back();
    if (!llvm::is_sorted(Permutation))
      Steps.push_back(TransposeStepAttr::get(Step.getContext(), Permutation));
  }
  return Steps;
}

static WeightOp findEqual(ModuleOp Module, WeightOp Of, ArrayAttr Steps) {
  for (auto Weight : Module.getOps<WeightOp>())
    if (Weight.getSources() == Of.getSources() && Weight.getSteps() == Steps && !Weight.getScheme())
      return Weight;
  return {};
}

FailureOr<Value> qopt::addWeightSteps(RewriterBase &Rewriter, UseWeightOp Use,
                                      ArrayRef<Attribute> Steps) {
  WeightOp Old = getWeight(Use);
  if (!Old || Old.getScheme() || getStoredElementType(Old.getType()))
    return failure();
  auto Module = Old->getParentOfType<ModuleOp>();
  ArrayAttr Joined = Rewriter.getArrayAttr(joinSteps(Old.getSteps(), Steps));
  WeightOp New = findEqual(Module, Old, Joined);
  if (!New) {
    New = cast<WeightOp>(Old->clone());
    New.setStepsAttr(Joined);
    auto Ty = getUnquantizedType(New);
    if (failed(Ty)) {
      New->erase();
      return failure();
    }
    New.setTypeAttr(TypeAttr::get(*Ty));
    SymbolTable(Module).insert(New, std::next(Old->getIterator()));
  }
  return Value(UseWeightOp::create(Rewriter, Use.getLoc(), New.getType(), New.getSymName()));
}

namespace {

/// The step that an operation on a weight is, or null.
Attribute getStep(Operation *Op) {
  MLIRContext *Context = Op->getContext();
  if (auto Transpose = dyn_cast<TransposeOp>(Op))
    return TransposeStepAttr::get(Context, Transpose.getPermutation());
  if (auto Reshape = dyn_cast<ReshapeOp>(Op))
    return ReshapeStepAttr::get(Context, tensorType(Reshape).getShape());
  if (auto Cast = dyn_cast<CastOp>(Op)) {
    auto To = dyn_cast<FloatType>(tensorType(Cast).getElementType());
    return To && isa<FloatType>(tensorType(Cast.getInput()).getElementType())
               ? CastStepAttr::get(Context, To)
               : Attribute();
  }
  auto Slice = dyn_cast<SliceOp>(Op);
  if (!Slice || Slice.getStep() != 1)
    return {};
  auto Start = dyn_cast<AffineConstantExpr>(Slice.getBounds().getResult(0));
  auto Size = dyn_cast<AffineConstantExpr>(Slice.getBounds().getResult(1));
  return Start && Size
             ? SliceStepAttr::get(Context, Slice.getAxis(), Start.getValue(), Size.getValue())
             : Attribute();
}

struct FoldIntoWeight : RewritePattern {
  explicit FoldIntoWeight(MLIRContext *Context) : RewritePattern(MatchAnyOpTypeTag(), 1, Context) {}
  LogicalResult matchAndRewrite(Operation *Op, PatternRewriter &Rewriter) const override {
    if (!isa<TransposeOp, ReshapeOp, CastOp, SliceOp>(Op))
      return Rewriter.notifyMatchFailure(Op, "is no step of a weight");
    auto Use = Op->getOperand(0).getDefiningOp<UseWeightOp>();
    Attribute Step = Use ? getStep(Op) : Attribute();
    if (!Step)
      return Rewriter.notifyMatchFailure(Op, "does not read a weight, or is not constant");
    auto New = addWeightSteps(Rewriter, Use, Step);
    if (failed(New))
      return Rewriter.notifyMatchFailure(Op, "the weight is stored");
    Rewriter.replaceOp(Op, *New);
    return success();
  }
};

/// x W with a weight W [in, out] is a linear with Wᵀ.
struct ProductWithWeight : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp Op, PatternRewriter &Rewriter) const override {
    auto Use = Op.getRhs().getDefiningOp<UseWeightOp>();
    if (!Use || tensorType(Use).getRank() != 2)
      return Rewriter.notifyMatchFailure(Op, "the right operand is no matrix of weights");
    auto New = addWeightSteps(Rewriter, Use, TransposeStepAttr::get(getContext(), {1, 0}));
    if (failed(New))
      return Rewriter.notifyMatchFailure(Op, "the weight is stored");
    Rewriter.replaceOpWithNewOp<LinearOp>(Op, Op.getLhs(), *New, TypeAttr(), IntegerAttr());
    return success();
  }
};

} // namespace

void qopt::populateWeightStepPatterns(RewritePatternSet &Patterns) {
  Patterns.add<FoldIntoWeight, ProductWithWeight>(Patterns.getContext());
}
