#include "Values.h"
#include "WeightSteps.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace qopt {
#define GEN_PASS_DEF_SPLITLINEARS
#include "SplitLinears.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// A slice with known bounds and step 1.
struct Range {
  int64_t Axis, Start, Size;

  static std::optional<Range> get(SliceOp Op) {
    auto Start = dyn_cast<AffineConstantExpr>(Op.getBounds().getResult(0));
    auto Size = dyn_cast<AffineConstantExpr>(Op.getBounds().getResult(1));
    if (!Start || !Size || Op.getStep() != 1)
      return std::nullopt;
    return Range{int64_t(Op.getAxis()), Start.getValue(), Size.getValue()};
  }
};

AffineMap makeBounds(const Range &Of, unsigned NumSymbols, MLIRContext *Context) {
  return makeDimsMap(
      {getAffineConstantExpr(Of.Start, Context), getAffineConstantExpr(Of.Size, Context)},
      NumSymbols, Context);
}

/// Whether everybody who reads the value takes a part of it.
bool isOnlySliced(Value Value) {
  return llvm::all_of(Value.getUsers(), [](Operation *User) { return isa<SliceOp>(User); });
}

RankedTensorType withSize(RankedTensorType Ty, int64_t Axis, int64_t Size) {
  SmallVector<int64_t> Shape(Ty.getShape());
  Shape[Axis] = Size;
  return Ty.clone(Shape);
}

/// slice(x Wᵀ) = x (rows of W)ᵀ.
struct SliceOfLinear : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp Op, PatternRewriter &Rewriter) const override {
    auto Linear = Op.getInput().getDefiningOp<LinearOp>();
    auto Of = Range::get(Op);
    if (!Linear || !Of || Of->Axis != tensorType(Linear).getRank() - 1)
      return Rewriter.notifyMatchFailure(Op, "takes no channels of a linear");
    if (!isOnlySliced(Linear))
      return Rewriter.notifyMatchFailure(Op, "the whole product is read as well");
    auto Use = Linear.getWeight().getDefiningOp<UseWeightOp>();
    if (!Use)
      return Rewriter.notifyMatchFailure(Op, "the weight is no weight of the module");
    auto Part =
        addWeightSteps(Rewriter, Use, SliceStepAttr::get(getContext(), 0, Of->Start, Of->Size));
    if (failed(Part))
      return Rewriter.notifyMatchFailure(Op, "the weight is stored");
    Rewriter.replaceOpWithNewOp<LinearOp>(Op, Linear.getInput(), *Part, Linear.getComputeAttr(),
                                          Linear.getAccuracyLevelAttr());
    return success();
  }
};

/// The slice of an operand of an elementwise operation, which may repeat along the axis.
Value sliceOperand(PatternRewriter &Rewriter, SliceOp Op, Value Operand, const Range &Of) {
  RankedTensorType Ty = tensorType(Operand);
  int64_t Axis = Of.Axis - (tensorType(Op.getInput()).getRank() - Ty.getRank());
  if (Axis < 0 || Ty.getDimSize(Axis) == 1)
    return Operand;
  return SliceOp::create(Rewriter, Op.getLoc(), withSize(Ty, Axis, Of.Size), Operand, Axis,
                         makeBounds(Of, Op.getBounds().getNumSymbols(), Op.getContext()));
}

/// slice(a + bias) = slice(a) + slice(bias).
struct SliceOfBias : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp Op, PatternRewriter &Rewriter) const override {
    auto Sum = getOp<BinaryOp>(Op.getInput(), BinaryKind::Add);
    auto Of = Range::get(Op);
    if (!Sum || !Of || !isOnlySliced(Sum))
      return Rewriter.notifyMatchFailure(Op, "takes no part of a sum that is only sliced");
    for (auto [Product, Bias] : bothOrders(Sum)) {
      Operation *Constant = Bias.getDefiningOp();
      if (!Constant || !isa<UseWeightOp, ConstantOp>(Constant) ||
          Product.getType() != Sum.getType())
        continue;
      Value A = sliceOperand(Rewriter, Op, Product, *Of), B = sliceOperand(Rewriter, Op, Bias, *Of);
      Rewriter.replaceOpWithNewOp<BinaryOp>(Op, BinaryKind::Add, A, B);
      return success();
    }
    return Rewriter.notifyMatchFailure(Op, "no operand of the sum is a bias");
  }
};

/// A slice along an axis that a reshape made of the last one: [.., N * D] -> [.., N, D].
struct SliceOfHeads : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp Op, PatternRewriter &Rewriter) const override {
    auto Reshape = Op.getInput().getDefiningOp<ReshapeOp>();
    auto Of = Range::get(Op);
    if (!Reshape || !Of || !isOnlySliced(Reshape))
      return Rewriter.notifyMatchFailure(Op, "takes no part of a reshape that is only sliced");
    RankedTensorType From = tensorType(Reshape.getInput()), To = tensorType(Reshape);
    ArrayRef<int64_t> Inner = To.getShape().drop_front(Of->Axis);
    if (From.getRank() != Of->Axis + 1 || ShapedType::isDynamicShape(Inner) ||
        ShapedType::getNumElements(Inner) != From.getShape().back())
      return Rewriter.notifyMatchFailure(
          Op, "the axis is not the first that the reshape makes of the last one");
    if (!isOnlySliced(Reshape.getInput()) && !llvm::hasSingleElement(Reshape.getInput().getUsers()))
      return Rewriter.notifyMatchFailure(Op, "the whole product is read as well");
    int64_t Stride = ShapedType::getNumElements(Inner.drop_front());
    Range Channels{Of->Axis, Of->Start * Stride, Of->Size * Stride};
    Value Part = SliceOp::create(
        Rewriter, Op.getLoc(), withSize(From, Of->Axis, Channels.Size), Reshape.getInput(),
        Channels.Axis, makeBounds(Channels, Op.getBounds().getNumSymbols(), getContext()));
    SmallVector<AffineExpr> Dims(Reshape.getDims().getResults());
    Dims[Of->Axis] = getAffineConstantExpr(Of->Size, getContext());
    Rewriter.replaceOpWithNewOp<ReshapeOp>(
        Op, Op.getType(), Part, makeDimsMap(Dims, Reshape.getDims().getNumSymbols(), getContext()));
    return success();
  }
};

struct SplitLinearsPass : public qopt::impl::SplitLinearsBase<SplitLinearsPass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>()) {
      RewritePatternSet Patterns(&getContext());
      Patterns.add<SliceOfLinear, SliceOfBias, SliceOfHeads>(&getContext());
      populateWeightStepPatterns(Patterns);
      if (failed(applyPatternsGreedily(Function, std::move(Patterns))))
        return signalPassFailure();
    }
  }
};

} // namespace
