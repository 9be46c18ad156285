#include "Values.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace qopt {
#define GEN_PASS_DECL_RAISENORM
#define GEN_PASS_DEF_RAISENORM
#include "RaiseNorm.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// The vector's size where the value is the mean over the last axis of `Of`; the value before the
/// mean in `Of`.
bool matchMean(Value Mean, Value &Of) {
  auto Reduce = Mean.getDefiningOp<ReduceOp>();
  double Divisor = 1;
  if (!Reduce) {
    // sum / n, or sum * (1 / n)
    auto Binary = Mean.getDefiningOp<BinaryOp>();
    auto Number = Binary ? getSplat(Binary.getRhs()) : std::nullopt;
    if (!Number || *Number == 0)
      return false;
    if (Binary.getKind() == BinaryKind::Div)
      Divisor = *Number;
    else if (Binary.getKind() == BinaryKind::Mul)
      Divisor = 1 / *Number;
    else
      return false;
    Reduce = Binary.getLhs().getDefiningOp<ReduceOp>();
  }
  if (!Reduce || !Reduce.getKeepDims() || Reduce.getAxes().size() != 1)
    return false;
  RankedTensorType Ty = tensorType(Reduce.getInput());
  int64_t Last = Ty.getRank() - 1, Size = Ty.getDimSize(Last);
  bool IsMean = Reduce.getKind() == ReduceKind::Mean && Divisor == 1;
  bool IsSum =
      Reduce.getKind() == ReduceKind::Sum && std::abs(Divisor - double(Size)) < 1e-3 * double(Size);
  if (Reduce.getAxes().front() != Last || ShapedType::isDynamic(Size) || (!IsMean && !IsSum))
    return false;
  Of = Reduce.getInput();
  return true;
}

bool matchSquare(Value Square, Value &Of) {
  auto Binary = Square.getDefiningOp<BinaryOp>();
  if (!Binary)
    return false;
  bool IsPower = Binary.getKind() == BinaryKind::Pow && isSplat(Binary.getRhs(), 2);
  bool IsProduct = Binary.getKind() == BinaryKind::Mul && Binary.getLhs() == Binary.getRhs();
  Of = Binary.getLhs();
  return IsPower || IsProduct;
}

/// mean(x²) + epsilon.
bool matchVariance(Value Variance, Value &Of, float &Epsilon) {
  auto Sum = getOp<BinaryOp>(Variance, BinaryKind::Add);
  if (!Sum)
    return false;
  for (auto [Mean, Constant] : bothOrders(Sum)) {
    auto Number = getSplat(Constant);
    Value Square;
    if (Number && *Number >= 0 && matchMean(Mean, Square) && matchSquare(Square, Of)) {
      Epsilon = float(*Number);
      return true;
    }
  }
  return false;
}

/// 1 / sqrt(v): the value v, or null.
Value matchReciprocalRoot(Value Root) {
  if (auto Rsqrt = getOp<UnaryOp>(Root, UnaryKind::Rsqrt))
    return Rsqrt.getInput();
  auto InnerRoot = [](Value Value) {
    auto Sqrt = getOp<UnaryOp>(Value, UnaryKind::Sqrt);
    return Sqrt ? Sqrt.getInput() : mlir::Value();
  };
  if (auto Reciprocal = getOp<UnaryOp>(Root, UnaryKind::Reciprocal))
    return InnerRoot(Reciprocal.getInput());
  auto Binary = Root.getDefiningOp<BinaryOp>();
  if (!Binary)
    return {};
  if (Binary.getKind() == BinaryKind::Div && isSplat(Binary.getLhs(), 1))
    return InnerRoot(Binary.getRhs());
  if (Binary.getKind() == BinaryKind::Pow && isSplat(Binary.getRhs(), -0.5))
    return Binary.getLhs();
  return {};
}

/// x / sqrt(mean(x²) + epsilon).
struct Normalized {
  Value Input;
  float Epsilon = 0;

  static std::optional<Normalized> match(Value Value) {
    auto Binary = Value.getDefiningOp<BinaryOp>();
    if (!Binary)
      return std::nullopt;
    Normalized Result;
    auto Fits = [&](mlir::Value X, mlir::Value Variance) {
      return Variance && matchVariance(Variance, Result.Input, Result.Epsilon) && Result.Input == X;
    };
    if (Binary.getKind() == BinaryKind::Mul)
      for (auto [X, Root] : bothOrders(Binary))
        if (Fits(X, matchReciprocalRoot(Root)))
          return Result;
    auto Sqrt = getOp<UnaryOp>(Binary.getRhs(), UnaryKind::Sqrt);
    if (Binary.getKind() == BinaryKind::Div && Sqrt && Fits(Binary.getLhs(), Sqrt.getInput()))
      return Result;
    return std::nullopt;
  }

  /// x where the input is x - mean(x).
  Value getCentered() const {
    auto Difference = getOp<BinaryOp>(Input, BinaryKind::Sub);
    Value Of;
    if (!Difference || !matchMean(Difference.getRhs(), Of) || Of != Difference.getLhs())
      return {};
    return Difference.getLhs();
  }
};

bool isVector(Value Value, RankedTensorType Of) {
  RankedTensorType Ty = tensorType(Value);
  return Ty.getRank() == 1 && Ty.getDimSize(0) == Of.getShape().back();
}

/// The input as it was before a cast that only serves the norm's precision.
Value narrowInput(Value Input, Type Element) {
  auto Cast = Input.getDefiningOp<CastOp>();
  return Cast && tensorType(Cast.getInput()).getElementType() == Element ? Cast.getInput() : Input;
}

/// The norm of the normalized value with this scale, in the type that the file's operations gave.
Value createNorm(PatternRewriter &Rewriter, Location Loc, const Normalized &Of, Value Scale,
                 Type Element) {
  Value Centered = Of.getCentered(), Input = narrowInput(Centered ? Centered : Of.Input, Element),
        Norm;
  if (Centered)
    Norm = LayerNormOp::create(Rewriter, Loc, Input, Scale, Value(),
                               Rewriter.getF32FloatAttr(Of.Epsilon));
  else
    Norm = RMSNormOp::create(Rewriter, Loc, Input, Scale, Rewriter.getF32FloatAttr(Of.Epsilon));
  if (tensorType(Norm).getElementType() == Element)
    return Norm;
  return CastOp::create(Rewriter, Loc, tensorType(Norm).clone(Element), Norm);
}

/// normalized * scale, with a cast between.
struct RaiseScaledNorm : OpRewritePattern<BinaryOp> {
  RaiseScaledNorm(MLIRContext *Context) : OpRewritePattern(Context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(BinaryOp Op, PatternRewriter &Rewriter) const override {
    if (Op.getKind() != BinaryKind::Mul)
      return Rewriter.notifyMatchFailure(Op, "is no product");
    for (auto [Value, Scale] : bothOrders(Op)) {
      auto Of = Normalized::match(stripCasts(Value));
      if (!Of || !isVector(Scale, tensorType(Of->Input)))
        continue;
      Rewriter.replaceOp(
          Op, createNorm(Rewriter, Op.getLoc(), *Of, Scale, tensorType(Op).getElementType()));
      return success();
    }
    return Rewriter.notifyMatchFailure(
        Op, "no operand is a normalized value with a vector as the other");
  }
};

/// A normalized value that nobody scales.
struct RaisePlainNorm : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp Op, PatternRewriter &Rewriter) const override {
    auto Of = Normalized::match(Op);
    if (!Of)
      return Rewriter.notifyMatchFailure(Op, "is no normalized value");
    auto Ty = RankedTensorType::get({tensorType(Of->Input).getShape().back()},
                                    tensorType(Op).getElementType());
    Value Ones = createSplat(Rewriter, Op.getLoc(), Ty, 1);
    Rewriter.replaceOp(Op, createNorm(Rewriter, Op.getLoc(), *Of, Ones, Ty.getElementType()));
    return success();
  }
};

/// layer_norm(x) + bias.
struct AddNormBias : OpRewritePattern<BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BinaryOp Op, PatternRewriter &Rewriter) const override {
    if (Op.getKind() != BinaryKind::Add)
      return Rewriter.notifyMatchFailure(Op, "is no sum");
    for (auto [Value, Bias] : bothOrders(Op)) {
      auto Norm = Value.getDefiningOp<LayerNormOp>();
      if (!Norm || Norm.getBias() || !Norm->hasOneUse() || !isVector(Bias, tensorType(Norm)))
        continue;
      Rewriter.replaceOpWithNewOp<LayerNormOp>(Op, Norm.getInput(), Norm.getScale(), Bias,
                                               Norm.getEpsilonAttr());
      return success();
    }
    return Rewriter.notifyMatchFailure(Op, "adds no vector to a layer norm without bias");
  }
};

struct RaiseNormPass : public qopt::impl::RaiseNormBase<RaiseNormPass> {
  void runOnOperation() override {
    for (auto Function : getOperation().getOps<func::FuncOp>())
      if (failed(raise<RaiseScaledNorm>(Function)) || failed(raise<RaisePlainNorm>(Function)) ||
          failed(raise<AddNormBias>(Function)))
        return signalPassFailure();
  }

  template <typename PatternT> LogicalResult raise(func::FuncOp Function) {
    RewritePatternSet Patterns(&getContext());
    Patterns.add<PatternT>(&getContext());
    return applyPatternsGreedily(Function, std::move(Patterns));
  }
};

} // namespace
