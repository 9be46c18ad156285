#include "ConstantFolding.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"

using namespace mlir;
using namespace qopt;

static constexpr int64_t MaxBits = 64 * 1024 * 8;

std::optional<ReferenceTensor> qopt::runReference(const ReferenceRegistry &Registry,
                                                  func::FuncOp Function,
                                                  ArrayRef<ReferenceValue> Inputs) {
  ScopedDiagnosticHandler Silence(Function.getContext(), [](Diagnostic &) { return success(); });
  auto Results = Evaluator(Registry).run(Function, Inputs);
  if (failed(Results) || Results->empty() || !Results->front().isTensor())
    return std::nullopt;
  return Results->front().getTensor();
}

static DenseElementsAttr toElements(const ReferenceTensor &Tensor) {
  SmallVector<Attribute> Elements;
  for (int64_t I = 0; I < Tensor.getNumElements(); ++I) {
    if (auto Float = dyn_cast<FloatType>(Tensor.getElementType()))
      Elements.push_back(FloatAttr::get(Float, Tensor.getFloat(I)));
    else
      Elements.push_back(IntegerAttr::get(Tensor.getElementType(), Tensor.getInteger(I)));
  }
  if (!Elements.empty() && llvm::all_equal(Elements))
    Elements.resize(1);
  return DenseElementsAttr::get(Tensor.getType(), Elements);
}

namespace {

struct FoldConstants : RewritePattern {
  explicit FoldConstants(MLIRContext *Context) : RewritePattern(MatchAnyOpTypeTag(), 2, Context) {
    registerAllReferences(Registry);
  }

  LogicalResult matchAndRewrite(Operation *Op, PatternRewriter &Rewriter) const override {
    if (!isa<DimsOpInterface>(Op) || isa<ConstantOp, UseWeightOp>(Op) || Op->getNumResults() != 1)
      return Rewriter.notifyMatchFailure(Op, "is no operation on tensors");
    auto Ty = dyn_cast<RankedTensorType>(Op->getResult(0).getType());
    if (!Ty || !Ty.hasStaticShape() || !Ty.getElementType().isIntOrFloat() ||
        Ty.getNumElements() * Ty.getElementTypeBitWidth() > MaxBits)
      return Rewriter.notifyMatchFailure(Op, "the result is not a small constant");
    if (!llvm::all_of(Op->getOperands(),
                      [](Value Operand) { return Operand.getDefiningOp<ConstantOp>(); }))
      return Rewriter.notifyMatchFailure(Op, "an operand is no constant");
    auto Result = evaluate(Op);
    if (!Result)
      return Rewriter.notifyMatchFailure(Op, "the reference does not evaluate it");
    Rewriter.replaceOpWithNewOp<ConstantOp>(Op, toElements(*Result));
    return success();
  }

  /// Runs the operation alone, in a function of its own.
  std::optional<ReferenceTensor> evaluate(Operation *Op) const {
    OpBuilder Builder(Op->getContext());
    OwningOpRef<func::FuncOp> Function = func::FuncOp::create(
        Op->getLoc(), "constant", Builder.getFunctionType({}, Op->getResultTypes()));
    Builder.setInsertionPointToStart(Function->addEntryBlock());
    IRMapping Map;
    for (Value Operand : Op->getOperands())
      if (!Map.contains(Operand))
        Map.map(Operand, Builder.clone(*Operand.getDefiningOp())->getResult(0));
    Operation *Copy = Builder.clone(*Op, Map);
    func::ReturnOp::create(Builder, Op->getLoc(), Copy->getResults());
    return runReference(Registry, *Function, {});
  }

  ReferenceRegistry Registry;
};

} // namespace

void qopt::populateConstantFoldingPatterns(RewritePatternSet &Patterns) {
  Patterns.add<FoldConstants>(Patterns.getContext());
}
