//===- Evaluator.h - the readable meaning of a program ----------------------------------------===//
//
// Runs a func.func or a qkernel.kernel, operation by operation, on reference values. It defines
// what "correct" means: numbers are computed in double and rounded once, to the result's element
// type; every faster form is compared with it.
//
//   ReferenceRegistry Registry;
//   registerAllReferences(Registry);
//   Evaluator Evaluator(Registry, Weights);
//   auto Results = Evaluator.run(Function, {Ids, Cache, Past});
//
// A failure has emitted a diagnostic at the operation: a value or index out of range, a symbol
// without a value, a shape that is not what the type says, an operation without an evaluation
// function. Nothing is undefined behaviour.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_REFERENCE_EVALUATOR_H
#define QOPT_REFERENCE_EVALUATOR_H

#include "qopt/Reference/ReferenceValue.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringMap.h"

#include <functional>

namespace qopt {

class Frame;

/// The value of a weight: a tensor of the weight's type. Failure after a diagnostic at the weight.
using WeightProvider = std::function<mlir::FailureOr<ReferenceTensor>(WeightOp Weight)>;

/// Computes an operation's results from its operands: reads them from the frame and sets the
/// results there.
using EvaluationFunction = std::function<mlir::LogicalResult(mlir::Operation *Op, Frame &Frame)>;

/// Evaluation functions by operation name. A plugin adds its own, or replaces one.
class ReferenceRegistry {
public:
  void add(llvm::StringRef OperationName, EvaluationFunction Function) {
    Functions[OperationName] = std::move(Function);
  }
  template <typename OpT> void add(mlir::LogicalResult (*Function)(OpT Op, Frame &Frame)) {
    add(OpT::getOperationName(), [Function](mlir::Operation *Op, Frame &Values) {
      return Function(mlir::cast<OpT>(Op), Values);
    });
  }
  /// The function of an operation, or null.
  const EvaluationFunction *lookup(llvm::StringRef OperationName) const {
    auto It = Functions.find(OperationName);
    return It == Functions.end() ? nullptr : &It->second;
  }

private:
  llvm::StringMap<EvaluationFunction> Functions;
};

/// Every operation of the qopt dialect, qkernel.launch and func.call. Generated from the files of
/// lib/Reference.
void registerAllReferences(ReferenceRegistry &Registry);

class Evaluator {
public:
  /// The registry must outlive the evaluator. Without a provider, a program that uses a weight
  /// fails.
  explicit Evaluator(const ReferenceRegistry &Registry, WeightProvider Weights = {})
      : Registry(Registry), Weights(std::move(Weights)) {}

  /// Called after each operation, with its results.
  using Observer = std::function<void(mlir::Operation *Op, llvm::ArrayRef<ReferenceValue> Results)>;
  void setObserver(Observer NewObserver) { Observe = std::move(NewObserver); }

  /// From now on, expensive operations compute only some elements of a large result (see
  /// Frame::isComputed); the others, and what depends on them, are NaN.
  void setSampling(bool Sampling) { Samples = Sampling; }

  /// Runs the body of a function or kernel and returns what its terminator names. A symbol takes
  /// its value from `Symbols`, else from the first dimension of an input that is this symbol alone.
  /// Inputs must agree with the argument types, their `qopt.dims`, and the declared range and
  /// divisor of each symbol.
  mlir::FailureOr<llvm::SmallVector<ReferenceValue>>
  run(mlir::FunctionOpInterface Function, llvm::ArrayRef<ReferenceValue> Inputs,
      const llvm::StringMap<int64_t> &Symbols = {});

private:
  friend class Frame;
  const ReferenceRegistry &Registry;
  WeightProvider Weights;
  Observer Observe;
  bool Samples = false;
  unsigned Depth = 0;
};

/// The values of one run of one function: what an evaluation function works with.
class Frame {
public:
  const ReferenceTensor &getTensor(mlir::Value Value) const { return Values.at(Value).getTensor(); }
  const ReferenceCache &getCache(mlir::Value Value) const { return Values.at(Value).getCache(); }
  const ReferenceValue &get(mlir::Value Value) const { return Values.at(Value); }

  /// Whether element `Number` of `Count` is to be computed. All are, unless the evaluator samples:
  /// then a few runs of SampleRun neighbours each, the first and the last among them.
  bool isComputed(int64_t Number, int64_t Count) const;
  static constexpr int64_t SampleRun = 16;

  /// Sets a result; fails, with a diagnostic, where it is not of the result's type.
  mlir::LogicalResult set(mlir::OpResult Result, ReferenceValue Value);

  /// Results of a map over the symbols; fails, with a diagnostic, on overflow and division by zero.
  mlir::FailureOr<llvm::SmallVector<int64_t>> evaluate(mlir::Operation *Op,
                                                       mlir::AffineMap Map) const;

  mlir::FailureOr<ReferenceTensor> getWeight(UseWeightOp Use, WeightOp Weight) const;

  /// Runs another function or kernel, which sees this one's symbols by name.
  mlir::FailureOr<llvm::SmallVector<ReferenceValue>> call(mlir::Operation *Caller,
                                                          mlir::FunctionOpInterface Callee) const;

private:
  friend class Evaluator;
  Frame(Evaluator &Owner) : Owner(Owner) {}

  mlir::LogicalResult bindInputs(mlir::FunctionOpInterface Function,
                                 llvm::ArrayRef<ReferenceValue> Inputs,
                                 const llvm::StringMap<int64_t> &Given);
  mlir::LogicalResult bindSymbols(mlir::FunctionOpInterface Function,
                                  const llvm::StringMap<int64_t> &Given);
  mlir::LogicalResult checkDims(mlir::FunctionOpInterface Function) const;

  Evaluator &Owner;
  llvm::DenseMap<mlir::Value, ReferenceValue> Values;
  llvm::SmallVector<SymbolAttr> Symbols;
  llvm::SmallVector<int64_t> SymbolValues;
};

} // namespace qopt

#endif // QOPT_REFERENCE_EVALUATOR_H
