#include "Rules.h"

#include "qopt/Analysis/DimAnalysis.h"

using namespace mlir;
using namespace qopt;

SmallVector<FunctionOpInterface> qopt::getBodies(ModuleOp Module) {
  return llvm::to_vector(
      llvm::make_filter_range(Module.getOps<FunctionOpInterface>(),
                              [](FunctionOpInterface Each) { return !Each.isExternal(); }));
}

LogicalResult qopt::verifyOneBlock(FunctionOpInterface Function) {
  if (!Function.getFunctionBody().hasOneBlock())
    return Function.emitError()
           << "'" << Function.getName()
           << "' has several blocks; control flow must be folded or unrolled by now";
  return success();
}

LogicalResult qopt::verifyOperations(ModuleOp Module, StringRef Level) {
  for (Operation &Op : *Module.getBody())
    if (!isa<WeightOp, func::FuncOp>(Op))
      return Op.emitOpError() << "does not belong to the '" << Level
                              << "' level, whose modules hold qopt.weight and func.func";
  for (FunctionOpInterface Function : getBodies(Module)) {
    if (failed(verifyOneBlock(Function)))
      return failure();
    for (Operation &Op : Function.getFunctionBody().front())
      if (!isa<QOptDialect, func::FuncDialect>(Op.getDialect()))
        return Op.emitOpError() << "does not belong to the '" << Level
                                << "' level, whose functions hold operations of qopt and func";
  }
  return success();
}

static bool isValue(Type Ty) {
  auto Tensor = dyn_cast<RankedTensorType>(Ty);
  return isa<KVCacheType>(Ty) || (Tensor && Tensor.getElementType().isIntOrFloat());
}

LogicalResult qopt::verifyValues(FunctionOpInterface Function) {
  Block &Body = Function.getFunctionBody().front();
  for (BlockArgument Argument : Body.getArguments())
    if (!isValue(Argument.getType()))
      return Function.emitError()
             << "argument " << Argument.getArgNumber() << " of '" << Function.getName()
             << "' has type " << Argument.getType()
             << ", expected a tensor of plain numbers or a cache; only weights are stored";
  for (Operation &Op : Body)
    for (Type Ty : Op.getResultTypes())
      if (!isa<UseWeightOp>(Op) && !isValue(Ty))
        return Op.emitOpError() << "gives a " << Ty
                                << ", expected a tensor of plain numbers or a cache";
  return success();
}

//===- dimensions -----------------------------------------------------------------------------===//

static bool areSame(AffineExpr A, AffineExpr B, unsigned Symbols) {
  return simplifyAffineExpr(A, 0, Symbols) == simplifyAffineExpr(B, 0, Symbols);
}

/// Declared dimensions of results, where there are any, are those of the values that are returned.
static LogicalResult verifyResultDims(FunctionOpInterface Function, const DimAnalysis &Dims) {
  unsigned Symbols = getSymbols(Function).size();
  Operation *Return = Function.getFunctionBody().front().getTerminator();
  for (OpOperand &Result : Return->getOpOperands()) {
    auto Declared = Function.getResultAttrOfType<AffineMapAttr>(Result.getOperandNumber(),
                                                                QOptDialect::getDimsAttrName());
    if (!Declared)
      continue;
    ArrayRef<AffineExpr> Found = Dims.getDims(Result.get()),
                         Expected = Declared.getValue().getResults();
    bool Same = Found.size() == Expected.size() &&
                llvm::all_of(llvm::zip_equal(Found, Expected), [&](auto Pair) {
                  return areSame(std::get<0>(Pair), std::get<1>(Pair), Symbols);
                });
    if (!Same)
      return Function.emitError() << "result " << Result.getOperandNumber() << " of '"
                                  << Function.getName() << "' declares dimensions " << Declared
                                  << ", but its value has "
                                  << AffineMapAttr::get(
                                         makeDimsMap(Found, Symbols, Function.getContext()));
  }
  return success();
}

LogicalResult qopt::verifyDimensions(FunctionOpInterface Function) {
  auto Dims = DimAnalysis::run(Function);
  if (failed(Dims))
    return failure();
  return verifyResultDims(Function, *Dims);
}

//===- caches ---------------------------------------------------------------------------------===//

/// Whether a use of a cache writes it: an append, or a launch of a kernel that appends to this
/// argument.
static bool appends(OpOperand &Use) {
  Operation *User = Use.getOwner();
  if (isa<KVAppendOp, func::CallOp>(User))
    return true;
  auto Launch = dyn_cast<qkernel::LaunchOp>(User);
  if (!Launch)
    return false;
  auto Kernel =
      SymbolTable::lookupNearestSymbolFrom<qkernel::KernelOp>(Launch, Launch.getKernelAttr());
  if (!Kernel || Kernel.getBody().empty())
    return false;
  return llvm::any_of(Kernel.getBody().getArgument(Use.getOperandNumber()).getUses(), appends);
}

static LogicalResult verifyLinear(Value Cache) {
  Operation *Append = nullptr;
  for (OpOperand &Use : Cache.getUses()) {
    if (!appends(Use))
      continue;
    if (Append)
      return Use.getOwner()->emitOpError(
          "appends to a cache that another operation appends to as well");
    Append = Use.getOwner();
  }
  if (!Append)
    return success();
  for (Operation *User : Cache.getUsers())
    if (Append->isBeforeInBlock(User)) {
      auto Error =
          User->emitOpError("uses a cache after it was appended to; use what the append gives");
      Error.attachNote(Append->getLoc()) << "the append happens in place";
      return Error;
    }
  return success();
}

LogicalResult qopt::verifyLinearCaches(FunctionOpInterface Function) {
  Block &Body = Function.getFunctionBody().front();
  SmallVector<Value> Caches;
  auto Collect = [&](ValueRange Values) {
    llvm::copy_if(Values, std::back_inserter(Caches),
                  [](Value Each) { return isa<KVCacheType>(Each.getType()); });
  };
  Collect(Body.getArguments());
  for (Operation &Op : Body)
    Collect(Op.getResults());
  for (Value Cache : Caches)
    if (failed(verifyLinear(Cache)))
      return failure();
  return success();
}

//===- matrices -------------------------------------------------------------------------------===//

LogicalResult qopt::verifyMatrices(FunctionOpInterface Function) {
  for (auto Linear : Function.getFunctionBody().getOps<LinearOp>())
    if (!Linear.getWeight().getDefiningOp<UseWeightOp>())
      return Linear.emitOpError(
          "multiplies with a matrix that is no weight; a product of two values is qopt.matmul");
  for (auto Conv : Function.getFunctionBody().getOps<ConvOp>())
    if (!Conv.getWeight().getDefiningOp<UseWeightOp>())
      return Conv.emitOpError("slides a matrix that is no weight");
  return success();
}
