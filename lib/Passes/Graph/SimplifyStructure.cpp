#include "ConstantFolding.h"
#include "SimplifyCodes.h"
#include "Values.h"
#include "WeightSteps.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace qopt {
#define GEN_PASS_DEF_SIMPLIFYSTRUCTURE
#include "SimplifyStructure.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

bool isConstant(AffineExpr Expr, int64_t Number) {
  auto Constant = dyn_cast<AffineConstantExpr>(Expr);
  return Constant && Constant.getValue() == Number;
}

bool isIdentity(ArrayRef<int64_t> Permutation) {
  return llvm::all_of(llvm::enumerate(Permutation),
                      [](auto It) { return int64_t(It.index()) == It.value(); });
}

/// Whether a cast keeps every value of the type.
bool isWidening(Type From, Type To) {
  if (From == To)
    return true;
  if (isa<FloatType>(From) && isa<FloatType>(To)) {
    auto A = cast<FloatType>(From), B = cast<FloatType>(To);
    return B.getFPMantissaWidth() >= A.getFPMantissaWidth() && B.getWidth() > A.getWidth();
  }
  if (From.isInteger() && To.isInteger())
    return From.isInteger(1) || From.getIntOrFloatBitWidth() <= To.getIntOrFloatBitWidth();
  return From.isInteger(1);
}

struct SimplifyCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp Op, PatternRewriter &Rewriter) const override {
    if (Op.getInput().getType() == Op.getType()) {
      Rewriter.replaceOp(Op, Op.getInput());
      return success();
    }
    auto Inner = Op.getInput().getDefiningOp<CastOp>();
    if (!Inner)
      return Rewriter.notifyMatchFailure(Op, "is no cast of a cast");
    Type From = tensorType(Inner.getInput()).getElementType();
    if (!isWidening(From, tensorType(Inner).getElementType()))
      return Rewriter.notifyMatchFailure(Op, "the inner cast loses values");
    Rewriter.replaceOpWithNewOp<CastOp>(Op, Op.getType(), Inner.getInput());
    return success();
  }
};

struct SimplifyTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp Op, PatternRewriter &Rewriter) const override {
    if (isIdentity(Op.getPermutation())) {
      Rewriter.replaceOp(Op, Op.getInput());
      return success();
    }
    auto Inner = Op.getInput().getDefiningOp<TransposeOp>();
    if (!Inner)
      return Rewriter.notifyMatchFailure(Op, "is no transpose of a transpose");
    SmallVector<int64_t> Permutation;
    for (int64_t Axis : Op.getPermutation())
      Permutation.push_back(Inner.getPermutation()[Axis]);
    Rewriter.replaceOpWithNewOp<TransposeOp>(Op, Inner.getInput(), Permutation);
    return success();
  }
};

/// Patterns that compare symbolic dimensions.
template <typename OpT> struct DimsPattern : OpRewritePattern<OpT> {
  DimsPattern(MLIRContext *Context, const DimAnalysis &Dims)
      : OpRewritePattern<OpT>(Context), DimsOf(Dims) {}
  const DimAnalysis &DimsOf;
};

struct SimplifyReshape : DimsPattern<ReshapeOp> {
  using DimsPattern::DimsPattern;
  LogicalResult matchAndRewrite(ReshapeOp Op, PatternRewriter &Rewriter) const override {
    if (DimsOf.getDims(Op.getInput()) == Op.getDims().getResults() &&
        Op.getInput().getType() == Op.getType()) {
      Rewriter.replaceOp(Op, Op.getInput());
      return success();
    }
    auto Inner = Op.getInput().getDefiningOp<ReshapeOp>();
    if (!Inner)
      return Rewriter.notifyMatchFailure(Op, "changes the shape of no reshape");
    Rewriter.replaceOpWithNewOp<ReshapeOp>(Op, Op.getType(), Inner.getInput(), Op.getDims());
    return success();
  }
};

struct SimplifyBroadcast : DimsPattern<BroadcastOp> {
  using DimsPattern::DimsPattern;
  LogicalResult matchAndRewrite(BroadcastOp Op, PatternRewriter &Rewriter) const override {
    if (DimsOf.getDims(Op.getInput()) == Op.getDims().getResults() &&
        Op.getInput().getType() == Op.getType()) {
      Rewriter.replaceOp(Op, Op.getInput());
      return success();
    }
    auto Inner = Op.getInput().getDefiningOp<BroadcastOp>();
    if (!Inner)
      return Rewriter.notifyMatchFailure(Op, "repeats elements");
    Rewriter.replaceOpWithNewOp<BroadcastOp>(Op, Op.getType(), Inner.getInput(), Op.getDims());
    return success();
  }
};

struct SimplifySlice : DimsPattern<SliceOp> {
  using DimsPattern::DimsPattern;
  LogicalResult matchAndRewrite(SliceOp Op, PatternRewriter &Rewriter) const override {
    AffineMap Bounds = Op.getBounds();
    if (Op.getStep() != 1 || !isConstant(Bounds.getResult(0), 0) ||
        DimsOf.getDims(Op.getInput())[Op.getAxis()] != Bounds.getResult(1) ||
        Op.getInput().getType() != Op.getType())
      return Rewriter.notifyMatchFailure(Op, "does not take everything");
    Rewriter.replaceOp(Op, Op.getInput());
    return success();
  }
};

struct SimplifyConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp Op, PatternRewriter &Rewriter) const override {
    if (Op.getInputs().size() != 1)
      return Rewriter.notifyMatchFailure(Op, "joins several tensors");
    Rewriter.replaceOp(Op, Op.getInputs().front());
    return success();
  }
};

/// x + 0, x - 0, x * 1, x / 1.
struct DropNeutralOperand : DimsPattern<BinaryOp> {
  using DimsPattern::DimsPattern;
  LogicalResult matchAndRewrite(BinaryOp Op, PatternRewriter &Rewriter) const override {
    BinaryKind Kind = Op.getKind();
    bool IsSum = Kind == BinaryKind::Add || Kind == BinaryKind::Sub;
    if (!IsSum && Kind != BinaryKind::Mul && Kind != BinaryKind::Div)
      return Rewriter.notifyMatchFailure(Op, "has no neutral element");
    bool Commutes = Kind == BinaryKind::Add || Kind == BinaryKind::Mul;
    for (auto [Keep, Drop] : bothOrders(Op)) {
      auto Splat = getSplat(Drop);
      if (Splat && *Splat == (IsSum ? 0.0 : 1.0) && Keep.getType() == Op.getType() &&
          DimsOf.getDims(Keep) == DimsOf.getDims(Op)) {
        Rewriter.replaceOp(Op, Keep);
        return success();
      }
      if (!Commutes)
        break;
    }
    return Rewriter.notifyMatchFailure(Op, "no operand is neutral");
  }
};

/// An elementwise operation repeats elements by itself.
struct DropOperandBroadcast : RewritePattern {
  DropOperandBroadcast(MLIRContext *Context, const DimAnalysis &Dims)
      : RewritePattern(MatchAnyOpTypeTag(), 1, Context), DimsOf(Dims) {}

  LogicalResult matchAndRewrite(Operation *Op, PatternRewriter &Rewriter) const override {
    if (!isa<BinaryOp, CompareOp, SelectOp>(Op))
      return Rewriter.notifyMatchFailure(Op, "is not elementwise with broadcasting");
    for (OpOperand &Operand : Op->getOpOperands()) {
      auto Broadcast = Operand.get().getDefiningOp<BroadcastOp>();
      if (!Broadcast || !keepsDims(Op, Operand, Broadcast))
        continue;
      Rewriter.modifyOpInPlace(Op, [&] { Operand.set(Broadcast.getInput()); });
      return success();
    }
    return Rewriter.notifyMatchFailure(Op, "every broadcast is needed");
  }

  bool keepsDims(Operation *Op, OpOperand &Operand, BroadcastOp Broadcast) const {
    ArrayRef<AffineExpr> First = DimsOf.getDims(Broadcast.getInput());
    Dims Joined(First.begin(), First.end());
    SmallVector<int64_t> Shape(tensorType(Broadcast.getInput()).getShape());
    for (OpOperand &Other : Op->getOpOperands()) {
      if (&Other == &Operand)
        continue;
      auto Next = broadcastDims(Joined, DimsOf.getDims(Other.get()));
      auto NextShape = broadcastShapes(Shape, tensorType(Other.get()).getShape());
      if (failed(Next) || failed(NextShape))
        return false;
      Joined = *Next;
      Shape = *NextShape;
    }
    return ArrayRef(Joined) == DimsOf.getDims(Op->getResult(0)) &&
           ArrayRef(Shape) == tensorType(Op->getResult(0)).getShape();
  }

  const DimAnalysis &DimsOf;
};

struct SimplifyStructurePass : public qopt::impl::SimplifyStructureBase<SimplifyStructurePass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>())
      if (!Function.isExternal() && failed(simplify(Function)))
        return signalPassFailure();
  }

  LogicalResult simplify(func::FuncOp Function) {
    auto Dims = DimAnalysis::run(Function);
    if (failed(Dims))
      return failure();
    RewritePatternSet Patterns(&getContext());
    Patterns.add<SimplifyCast, SimplifyTranspose, SimplifyConcat>(&getContext());
    Patterns.add<SimplifyReshape, SimplifyBroadcast, SimplifySlice, DropNeutralOperand,
                 DropOperandBroadcast>(&getContext(), *Dims);
    populateConstantFoldingPatterns(Patterns);
    populateSimplifyCodesPatterns(Patterns);
    populateWeightStepPatterns(Patterns);
    DimTracker Tracker(*Dims);
    GreedyRewriteConfig Config;
    Config.setListener(&Tracker);
    return applyPatternsGreedily(Function, std::move(Patterns), Config);
  }
};

} // namespace
