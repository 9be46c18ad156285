#include "Rules.h"

#include "qopt/Analysis/DimAnalysis.h"

namespace qopt {
#define GEN_PASS_DECL_VERIFYKERNELS
#define GEN_PASS_DEF_VERIFYKERNELS
#include "VerifyKernels.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;
using namespace qopt::qkernel;

//===- what the level holds -------------------------------------------------------------------===//

static LogicalResult verifyContents(ModuleOp Module) {
  for (Operation &Op : *Module.getBody())
    if (!isa<WeightOp, KernelOp, func::FuncOp>(Op))
      return Op.emitOpError(
          "does not belong to the 'kernels' level, whose modules hold qopt.weight, qkernel.kernel "
          "and func.func");
  for (FunctionOpInterface Function : getBodies(Module)) {
    if (failed(verifyOneBlock(Function)))
      return failure();
    bool IsKernel = isa<KernelOp>(Function);
    for (Operation &Op : Function.getFunctionBody().front().without_terminator()) {
      if (IsKernel && !isa<QOptDialect>(Op.getDialect()))
        return Op.emitOpError("is no qopt operation; kernels hold nothing else");
      if (!IsKernel && !isa<UseWeightOp, LaunchOp>(Op))
        return Op.emitOpError("stands outside of every kernel; run --qopt-form-kernels");
    }
  }
  return success();
}

/// Names of the symbols in order.
static SmallVector<StringRef> getSymbolNames(Operation *Function) {
  return llvm::map_to_vector(getSymbols(Function),
                             [](SymbolAttr Symbol) { return Symbol.getName(); });
}

/// A kernel's dimensions are read over the symbols of the function that launches it.
static LogicalResult verifySymbols(func::FuncOp Function, SymbolTable &Symbols) {
  for (auto Launch : Function.getOps<LaunchOp>()) {
    auto Kernel = Symbols.lookup<KernelOp>(Launch.getKernel());
    SmallVector<StringRef> Own = getSymbolNames(Kernel), Expected = getSymbolNames(Function);
    if (!Own.empty() && Own != Expected)
      return Launch.emitOpError() << "of '" << Launch.getKernel() << "' over the symbols ("
                                  << llvm::join(Own, ", ") << ") from a function over ("
                                  << llvm::join(Expected, ", ")
                                  << "); they must be the same, in the same order";
  }
  return success();
}

//===- layouts --------------------------------------------------------------------------------===//

static LogicalResult verifyLayouts(func::FuncOp Function, SymbolTable &Symbols) {
  for (auto Launch : Function.getOps<LaunchOp>()) {
    auto Kernel = Symbols.lookup<KernelOp>(Launch.getKernel());
    for (OpOperand &Operand : Launch->getOpOperands()) {
      auto Use = Operand.get().getDefiningOp<UseWeightOp>();
      if (!Use)
        continue;
      auto Weight = Symbols.lookup<WeightOp>(Use.getWeight());
      Attribute Layout = Weight.getLayoutAttr();
      if (!Layout)
        return Weight.emitOpError() << "has no layout, but '" << Launch.getLabel()
                                    << "' reads it; run --qopt-choose-layouts";
      Attribute Read =
          Kernel.getArgAttr(Operand.getOperandNumber(), QKernelDialect::getLayoutAttrName());
      if (Read == Layout)
        continue;
      auto Error = Launch.emitOpError()
                   << "passes weight '" << Weight.getSymName() << "' in layout " << Layout
                   << " to argument " << Operand.getOperandNumber() << " of '" << Launch.getKernel()
                   << "', which ";
      return Read ? Error << "reads it in " << Read : Error << "names none";
    }
  }
  return success();
}

//===- memory ---------------------------------------------------------------------------------===//

namespace {
/// Bytes [Begin, End) of the arena hold a value from its launch to its last reader.
struct Place {
  LaunchOp Launch;
  Operation *LastReader;
  int64_t Begin, End;
};
} // namespace

static constexpr int64_t Alignment = 64;

static Operation *getLastReader(Value Result) {
  Operation *Last = Result.getDefiningOp();
  for (Operation *User : Result.getUsers())
    if (Last->isBeforeInBlock(User))
      Last = User;
  return Last;
}

/// Bytes of a result for the largest request, or failure.
static FailureOr<int64_t> getMaxBytes(LaunchOp Launch, Value Result, const DimAnalysis &Dims,
                                      func::FuncOp Function) {
  auto Ty = cast<RankedTensorType>(Result.getType());
  auto Maxima =
      llvm::map_to_vector(getSymbols(Function), [](SymbolAttr Symbol) { return Symbol.getMax(); });
  auto Elements = evaluate(getElementCount(Dims.getDims(Result), Ty.getContext()), Maxima);
  int64_t Bytes = 0;
  if (llvm::is_contained(Maxima, -1) || !Elements ||
      llvm::MulOverflow<int64_t>(*Elements, llvm::divideCeil(Ty.getElementTypeBitWidth(), 8),
                                 Bytes))
    return Launch.emitOpError(
        "lies in an arena, but its size has no maximum; run --qopt-bind-sizes");
  return Bytes;
}

/// One result: in the arena or not, as it must be, and inside of it.
static LogicalResult verifyPlace(LaunchOp Launch, OpResult Result, int64_t ArenaBytes,
                                 const DimAnalysis &Dims, func::FuncOp Function,
                                 SmallVectorImpl<Place> &Places) {
  int64_t Begin = (*Launch.getArena())[Result.getResultNumber()];
  bool IsOutput =
      llvm::any_of(Result.getUsers(), [](Operation *User) { return isa<func::ReturnOp>(User); });
  bool Outside = IsOutput || !isa<RankedTensorType>(Result.getType());
  if (Outside != (Begin == -1))
    return Launch.emitOpError() << "result " << Result.getResultNumber()
                                << (Outside ? " is an output or a cache, but lies in the arena"
                                            : " is no output, but has no place in the arena");
  if (Outside)
    return success();
  auto Bytes = getMaxBytes(Launch, Result, Dims, Function);
  if (failed(Bytes))
    return failure();
  if (Begin < 0 || Begin % Alignment != 0 || *Bytes > ArenaBytes - Begin)
    return Launch.emitOpError() << "result " << Result.getResultNumber() << " takes " << *Bytes
                                << " bytes at " << Begin << " of an arena of " << ArenaBytes
                                << ", aligned to " << Alignment;
  Places.push_back({Launch, getLastReader(Result), Begin, Begin + *Bytes});
  return success();
}

/// No two values that are needed at the same time share a byte. Places are in the order of their
/// launches.
static LogicalResult verifyDisjoint(ArrayRef<Place> Places) {
  for (size_t Later = 0; Later < Places.size(); ++Later)
    for (size_t Earlier = 0; Earlier < Later; ++Earlier) {
      const Place &A = Places[Earlier], &B = Places[Later];
      bool BothNeeded = A.Launch == B.Launch || !A.LastReader->isBeforeInBlock(B.Launch);
      if (!BothNeeded || A.End <= B.Begin || B.End <= A.Begin)
        continue;
      auto Error = B.Launch->emitOpError() << "writes bytes " << B.Begin << " to " << B.End
                                           << " of the arena, where a value is still to be read";
      Error.attachNote(A.Launch->getLoc())
          << "that value lies at bytes " << A.Begin << " to " << A.End;
      return Error;
    }
  return success();
}

static LogicalResult verifyArena(func::FuncOp Function) {
  auto ArenaBytes = Function->getAttrOfType<IntegerAttr>(QKernelDialect::getArenaBytesAttrName());
  if (!ArenaBytes)
    return success();
  auto Dims = DimAnalysis::run(Function);
  if (failed(Dims))
    return failure();
  SmallVector<Place> Places;
  for (auto Launch : Function.getOps<LaunchOp>()) {
    if (Launch.getNumResults() && !Launch.getArena())
      return Launch.emitOpError(
          "has no place for its results, but memory was planned; run --qopt-plan-memory");
    for (OpResult Result : Launch->getResults())
      if (failed(verifyPlace(Launch, Result, ArenaBytes.getInt(), *Dims, Function, Places)))
        return failure();
  }
  return verifyDisjoint(Places);
}

namespace {
struct VerifyKernelsPass : public qopt::impl::VerifyKernelsBase<VerifyKernelsPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(verifyContents(getOperation())))
      return signalPassFailure();
    for (FunctionOpInterface Function : getBodies(getOperation()))
      if (failed(verifyDimensions(Function)) || failed(verifyLinearCaches(Function)))
        return signalPassFailure();
    SymbolTable Symbols(getOperation());
    for (auto Function : getOperation().getOps<func::FuncOp>())
      if (!Function.isExternal() &&
          (failed(verifySymbols(Function, Symbols)) || failed(verifyLayouts(Function, Symbols)) ||
           failed(verifyArena(Function))))
        return signalPassFailure();
  }
};
} // namespace
