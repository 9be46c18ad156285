#include "Rules.h"

namespace qopt {
#define GEN_PASS_DECL_VERIFYQUANTIZED
#define GEN_PASS_DEF_VERIFYQUANTIZED
#include "VerifyQuantized.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

/// Stored values go to qopt operations.
static LogicalResult verifyStoredValues(ModuleOp Module) {
  WalkResult Result = Module.walk([](Operation *Op) {
    for (Type Ty : llvm::concat<const Type>(SmallVector<Type>(Op->getOperandTypes()),
                                            SmallVector<Type>(Op->getResultTypes())))
      if (getStoredElementType(Ty) && !isa<QOptDialect>(Op->getDialect())) {
        Op->emitOpError() << "touches a stored value of type " << Ty
                          << "; only qopt operations know its groups and scales";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(Result.wasInterrupted());
}

/// What was decided for weights and caches has become their type.
static LogicalResult verifyDecisions(ModuleOp Module) {
  for (auto Weight : Module.getOps<WeightOp>())
    if (auto Decision = Weight.getPrecision())
      if (cast<RankedTensorType>(Weight.getType()).getElementType() != Decision->getStoredType())
        return Weight.emitOpError()
               << "was decided to be stored as " << Decision->getStoredType() << ", but has type "
               << Weight.getType() << "; run --qopt-quantize-blocks";
  WalkResult Undone = Module.walk([](LinearOp Linear) {
    auto Decision = Linear->getAttrOfType<PrecisionAttr>(QOptDialect::getInputPrecisionAttrName());
    if (!Decision)
      return WalkResult::advance();
    Linear.emitOpError() << "was decided to read its input as " << Decision.getStoredType()
                         << ", but reads " << Linear.getInput().getType()
                         << "; run --qopt-quantize-activations";
    return WalkResult::interrupt();
  });
  if (Undone.wasInterrupted())
    return failure();
  for (FunctionOpInterface Function : getBodies(Module))
    for (BlockArgument Argument : Function.getArguments()) {
      auto Decision =
          Function.getArgAttrOfType<PrecisionAttr>(Argument.getArgNumber(), "qopt.precision");
      auto Cache = dyn_cast<KVCacheType>(Argument.getType());
      if (Cache && Decision &&
          (Cache.getKey() != Decision.getStoredType() ||
           Cache.getValue() != Decision.getStoredType()))
        return Function.emitError()
               << "argument " << Argument.getArgNumber() << " of '" << Function.getName()
               << "' was decided to be stored as " << Decision.getStoredType() << ", but has type "
               << Cache << "; run --qopt-quantize-blocks";
    }
  return success();
}

namespace {
struct VerifyQuantizedPass : public qopt::impl::VerifyQuantizedBase<VerifyQuantizedPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verifyStoredValues(getOperation())) ||
        failed(verifyOperations(getOperation(), "quantized")) ||
        failed(verifyDecisions(getOperation())))
      return signalPassFailure();
    for (FunctionOpInterface Function : getBodies(getOperation()))
      if (failed(verifyValues(Function)) || failed(verifyDimensions(Function)) ||
          failed(verifyLinearCaches(Function)) || failed(verifyMatrices(Function)))
        return signalPassFailure();
  }
};
} // namespace
