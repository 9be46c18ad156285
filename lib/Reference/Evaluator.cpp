#include "qopt/Reference/Evaluator.h"

#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Base/SeededNumbers.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace qopt;

/// Calls of functions and kernels inside one another; a recursion is a mistake, not a deep program.
static constexpr unsigned MaxDepth = 64;

FailureOr<SmallVector<ReferenceValue>> Evaluator::run(FunctionOpInterface Function,
                                                      ArrayRef<ReferenceValue> Inputs,
                                                      const llvm::StringMap<int64_t> &Given) {
  if (Function.isExternal())
    return Function.emitError() << "'" << Function.getName() << "' has no body to evaluate";
  if (Depth == MaxDepth)
    return Function.emitError() << "'" << Function.getName() << "' calls itself";
  ++Depth;
  llvm::scope_exit Leave([&] { --Depth; });

  Frame Frame(*this);
  if (failed(Frame.bindInputs(Function, Inputs, Given)))
    return failure();
  Block &Body = Function.getFunctionBody().front();
  for (Operation &Op : Body.without_terminator()) {
    const EvaluationFunction *Evaluate = Registry.lookup(Op.getName().getStringRef());
    if (!Evaluate)
      return Op.emitOpError("has no reference evaluation");
    if (failed((*Evaluate)(&Op, Frame)))
      return failure();
    if (Observe)
      Observe(&Op, llvm::map_to_vector(Op.getResults(),
                                       [&](Value Result) { return Frame.get(Result); }));
  }
  return llvm::map_to_vector(Body.getTerminator()->getOperands(),
                             [&](Value Result) { return Frame.get(Result); });
}

LogicalResult Frame::bindInputs(FunctionOpInterface Function, ArrayRef<ReferenceValue> Inputs,
                                const llvm::StringMap<int64_t> &Given) {
  if (Inputs.size() != Function.getNumArguments())
    return Function.emitError() << "'" << Function.getName() << "' takes "
                                << Function.getNumArguments() << " inputs, given " << Inputs.size();
  for (auto [Argument, Input] : llvm::zip_equal(Function.getArguments(), Inputs)) {
    if (!Input.fits(Argument.getType()))
      return Function.emitError() << "argument " << Argument.getArgNumber() << " of '"
                                  << Function.getName() << "' has type " << Argument.getType()
                                  << ", given " << Input.getType();
    Values.try_emplace(Argument, Input);
  }
  if (failed(bindSymbols(Function, Given)))
    return failure();
  return checkDims(Function);
}

static AffineMap getArgumentDims(FunctionOpInterface Function, unsigned Number) {
  auto Dims = Function.getArgAttrOfType<AffineMapAttr>(Number, QOptDialect::getDimsAttrName());
  return Dims ? Dims.getValue() : AffineMap();
}

LogicalResult Frame::bindSymbols(FunctionOpInterface Function,
                                 const llvm::StringMap<int64_t> &Given) {
  Symbols = getSymbols(Function);
  SmallVector<std::optional<int64_t>> Found(Symbols.size());
  for (auto [Symbol, Value] : llvm::zip_equal(Symbols, Found))
    if (auto It = Given.find(Symbol.getName()); It != Given.end())
      Value = It->second;
  for (BlockArgument Argument : Function.getArguments()) {
    AffineMap Map = getArgumentDims(Function, Argument.getArgNumber());
    if (!Map || !get(Argument).isTensor())
      continue;
    for (auto [Expr, Size] : llvm::zip(Map.getResults(), getTensor(Argument).getShape()))
      if (auto Symbol = dyn_cast<AffineSymbolExpr>(Expr);
          Symbol && Symbol.getPosition() < Found.size() && !Found[Symbol.getPosition()])
        Found[Symbol.getPosition()] = Size;
  }
  for (auto [Symbol, Value] : llvm::zip_equal(Symbols, Found)) {
    if (!Value)
      return Function.emitError() << "symbol '" << Symbol.getName() << "' of '"
                                  << Function.getName() << "' has no value";
    if (*Value < Symbol.getMin() || (Symbol.getMax() != -1 && *Value > Symbol.getMax()) ||
        *Value % Symbol.getDivisor() != 0)
      return Function.emitError() << "symbol '" << Symbol.getName() << "' is " << *Value
                                  << ", declared as " << Symbol;
    SymbolValues.push_back(*Value);
  }
  return success();
}

LogicalResult Frame::checkDims(FunctionOpInterface Function) const {
  for (BlockArgument Argument : Function.getArguments()) {
    AffineMap Map = getArgumentDims(Function, Argument.getArgNumber());
    if (!Map || !get(Argument).isTensor())
      continue;
    auto Shape = evaluate(Function, Map);
    if (failed(Shape))
      return failure();
    if (ArrayRef<int64_t>(*Shape) != getTensor(Argument).getShape())
      return Function.emitError() << "argument " << Argument.getArgNumber() << " of '"
                                  << Function.getName() << "' has dimensions "
                                  << AffineMapAttr::get(Map) << ", given "
                                  << getTensor(Argument).getType();
  }
  return success();
}

bool Frame::isComputed(int64_t Number, int64_t Count) const {
  int64_t Runs = llvm::divideCeil(Count, SampleRun), Run = Number / SampleRun;
  if (!Owner.Samples || Runs <= 4 || Run == 0 || Run == Runs - 1)
    return true;
  return Run == 1 + int64_t(seededBits(Count, 0) % (Runs - 2)) ||
         Run == 1 + int64_t(seededBits(Count, 1) % (Runs - 2));
}

LogicalResult Frame::set(OpResult Result, ReferenceValue Value) {
  if (!Value.fits(Result.getType()))
    return Result.getOwner()->emitOpError()
           << "computes " << Value.getType() << ", but its result is " << Result.getType();
  Values.try_emplace(Result, std::move(Value));
  return success();
}

FailureOr<SmallVector<int64_t>> Frame::evaluate(Operation *Op, AffineMap Map) const {
  SmallVector<int64_t> Results;
  for (AffineExpr Expr : Map.getResults()) {
    std::optional<int64_t> Value = qopt::evaluate(Expr, SymbolValues);
    if (!Value)
      return Op->emitOpError() << "the expressions " << AffineMapAttr::get(Map)
                               << " have no value for the declared symbols";
    Results.push_back(*Value);
  }
  return Results;
}

FailureOr<ReferenceTensor> Frame::getWeight(UseWeightOp Use, WeightOp Weight) const {
  if (!Owner.Weights)
    return Use.emitOpError("uses a weight, but the evaluator was given none");
  return Owner.Weights(Weight);
}

FailureOr<SmallVector<ReferenceValue>> Frame::call(Operation *Caller,
                                                   FunctionOpInterface Callee) const {
  llvm::StringMap<int64_t> Given;
  for (auto [Symbol, Value] : llvm::zip_equal(Symbols, SymbolValues))
    Given[Symbol.getName()] = Value;
  auto Inputs =
      llvm::map_to_vector(Caller->getOperands(), [&](Value Operand) { return get(Operand); });
  return Owner.run(Callee, Inputs, Given);
}
