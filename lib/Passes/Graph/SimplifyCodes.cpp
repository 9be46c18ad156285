#include "SimplifyCodes.h"

#include "Values.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace qopt;

namespace {

struct CodesBeforeMoves : RewritePattern {
  explicit CodesBeforeMoves(MLIRContext *Context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, Context) {}

  LogicalResult matchAndRewrite(Operation *Op, PatternRewriter &Rewriter) const override {
    if (!isCoding(Op))
      return Rewriter.notifyMatchFailure(
          Op, "makes or reads no codes, or their scale differs between elements");
    Operation *Move = Op->getOperand(0).getDefiningOp();
    if (!isa_and_nonnull<TransposeOp, ReshapeOp, BroadcastOp>(Move) || !Move->hasOneUse())
      return Rewriter.notifyMatchFailure(Op, "its input is not moved, or is read as well");
    Type Element = tensorType(Op->getResult(0)).getElementType();
    Value Coded = cloneOn(Rewriter, Op, Move->getOperand(0), Element);
    Rewriter.replaceOp(Op, cloneOn(Rewriter, Move, Coded, Element));
    return success();
  }

private:
  /// The operation with another first operand, whose result has elements of a type. The types are
  /// right before the operation is inserted.
  static Value cloneOn(PatternRewriter &Rewriter, Operation *Op, Value Input, Type Element) {
    IRMapping Mapping;
    Mapping.map(Op->getOperand(0), Input);
    Operation *New = Op->clone(Mapping);
    // What moves elements keeps its shape; codes have that of their input.
    RankedTensorType Shape =
        isa<QuantizeOp, DequantizeOp>(Op) ? tensorType(Input) : tensorType(Op->getResult(0));
    New->getResult(0).setType(Shape.clone(Element));
    return Rewriter.insert(New)->getResult(0);
  }
};

/// quantize(dequantize(codes)) = codes, with one scale and zero point that both share and a scale
/// whose products neither overflow nor lose digits.
struct SameCodesAgain : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp Op, PatternRewriter &Rewriter) const override {
    auto Read = Op.getInput().getDefiningOp<DequantizeOp>();
    if (!Read || !isCoding(Op) || !isCoding(Read))
      return Rewriter.notifyMatchFailure(Op, "does not quantize what was read from codes");
    if (Read.getInput().getType() != Op.getType() ||
        !isSameConstant(Read.getScale(), Op.getScale()) ||
        !isSameConstant(Read.getZeroPoint(), Op.getZeroPoint()))
      return Rewriter.notifyMatchFailure(Op, "makes other codes");
    auto Scale = getSplat(Op.getScale());
    if (!tensorType(Op.getScale()).getElementType().isF32() || !Scale ||
        !(std::abs(*Scale) > 1e-30) || !(std::abs(*Scale) < 1e30))
      return Rewriter.notifyMatchFailure(Op, "products of codes and scale are rounded coarsely");
    Rewriter.replaceOp(Op, Read.getInput());
    return success();
  }

private:
  static bool isSameConstant(Value A, Value B) {
    auto X = A.getDefiningOp<ConstantOp>(), Y = B.getDefiningOp<ConstantOp>();
    return A == B || (X && Y && X.getValue() == Y.getValue());
  }
};

} // namespace

void qopt::populateSimplifyCodesPatterns(RewritePatternSet &Patterns) {
  Patterns.add<CodesBeforeMoves, SameCodesAgain>(Patterns.getContext());
}
