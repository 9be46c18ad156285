// Functions and kernels: a launch means what its kernel's region means.
#include "qopt/Reference/Evaluator.h"

#include "QKernel/QKernel.h"

using namespace mlir;
using namespace qopt;

static LogicalResult setResults(Operation *Op, FunctionOpInterface Callee, Frame &Frame) {
  auto Results = Frame.call(Op, Callee);
  if (failed(Results))
    return failure();
  if (Results->size() != Op->getNumResults())
    return Op->emitOpError() << "expects " << Op->getNumResults() << " results, '"
                             << Callee.getName() << "' gives " << Results->size();
  for (auto [Result, Value] : llvm::zip_equal(Op->getResults(), *Results))
    if (failed(Frame.set(Result, Value)))
      return failure();
  return success();
}

static LogicalResult evaluate(qkernel::LaunchOp Op, Frame &Frame) {
  auto Kernel = SymbolTable::lookupNearestSymbolFrom<qkernel::KernelOp>(Op, Op.getKernelAttr());
  if (!Kernel)
    return Op.emitOpError() << "'" << Op.getKernel() << "' does not name a qkernel.kernel";
  return setResults(Op, Kernel, Frame);
}

static LogicalResult evaluate(func::CallOp Op, Frame &Frame) {
  auto Function = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(Op, Op.getCalleeAttr());
  if (!Function)
    return Op.emitOpError() << "'" << Op.getCallee() << "' does not name a function";
  return setResults(Op, Function, Frame);
}

namespace qopt {
void registerCallsReferences(ReferenceRegistry &Registry) {
  Registry.add<qkernel::LaunchOp>(evaluate);
  Registry.add<func::CallOp>(evaluate);
}
} // namespace qopt
