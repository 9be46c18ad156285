#include "Rules.h"

namespace qopt {
#define GEN_PASS_DECL_VERIFYMODEL
#define GEN_PASS_DEF_VERIFYMODEL
#include "VerifyModel.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

static LogicalResult verifyNothingStored(ModuleOp Module) {
  for (auto Weight : Module.getOps<WeightOp>())
    if (getStoredElementType(Weight.getType()))
      return Weight.emitOpError() << "is stored as " << Weight.getType()
                                  << " at the 'model' level, where precision is only a decision";
  return success();
}

namespace {
struct VerifyModelPass : public qopt::impl::VerifyModelBase<VerifyModelPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verifyOperations(getOperation(), "model")) ||
        failed(verifyNothingStored(getOperation())))
      return signalPassFailure();
    for (FunctionOpInterface Function : getBodies(getOperation()))
      if (failed(verifyValues(Function)) || failed(verifyDimensions(Function)) ||
          failed(verifyLinearCaches(Function)) || failed(verifyMatrices(Function)))
        return signalPassFailure();
  }
};
} // namespace
