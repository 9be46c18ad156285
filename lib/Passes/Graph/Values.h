//===- Values.h - small questions about values, shared by the raising passes ------------------===//
#ifndef QOPT_PASSES_GRAPH_VALUES_H
#define QOPT_PASSES_GRAPH_VALUES_H

#include "qopt/Analysis/DimAnalysis.h"

#include "mlir/IR/PatternMatch.h"

#include <optional>

namespace qopt {

inline mlir::RankedTensorType tensorType(mlir::Value Value) {
  return mlir::cast<mlir::RankedTensorType>(Value.getType());
}

/// The number that every element is, seen through casts, reshapes and broadcasts of a constant.
std::optional<double> getSplat(mlir::Value Value);

inline bool isSplat(mlir::Value Value, double Number, double Relative = 1e-6) {
  auto Splat = getSplat(Value);
  return Splat && std::abs(*Splat - Number) <= Relative * std::abs(Number);
}

/// The value before any casts.
mlir::Value stripCasts(mlir::Value Value);

/// Whether an operation makes or reads codes with one scale and zero point for all elements.
bool isCoding(mlir::Operation *Op);

/// A value that is quantized and read again with one scale and zero point, and what it was before.
struct Requantized {
  mlir::Value Input;
  QuantizationAttr By;
};
std::optional<Requantized> getRequantized(mlir::Value Value);

/// The same for a value that may be anything: strips the pair where there is one, and says how it
/// quantized.
mlir::Value stripRequantized(mlir::Value Value, QuantizationAttr &By);

/// A value quantized and read again.
mlir::Value createRequantized(mlir::OpBuilder &Builder, mlir::Location Loc, mlir::Value Value,
                              QuantizationAttr By);

/// The defining operation if it is of this class and kind.
template <typename OpT, typename KindT> OpT getOp(mlir::Value Value, KindT Kind) {
  auto Op = Value.getDefiningOp<OpT>();
  return Op && Op.getKind() == Kind ? Op : OpT();
}

/// The two operands of a commutative operation, in both orders.
inline std::array<std::pair<mlir::Value, mlir::Value>, 2> bothOrders(BinaryOp Op) {
  return {{{Op.getLhs(), Op.getRhs()}, {Op.getRhs(), Op.getLhs()}}};
}

/// A splat constant of this type.
mlir::Value createSplat(mlir::OpBuilder &Builder, mlir::Location Loc, mlir::RankedTensorType Ty,
                        double Number);

/// `Value` with its axes permuted.
mlir::Value createTranspose(mlir::OpBuilder &Builder, mlir::Location Loc, mlir::Value Value,
                            llvm::ArrayRef<int64_t> Permutation);

/// Readable name of a node for a message: the last name in a location.
std::string describe(mlir::Location Loc);

/// Keeps the dimensions of all values known while patterns create operations.
class DimTracker : public mlir::RewriterBase::Listener {
public:
  explicit DimTracker(DimAnalysis &Dims) : DimsOf(Dims) {}
  void notifyOperationInserted(mlir::Operation *Op, mlir::OpBuilder::InsertPoint) override {
    (void)DimsOf.visit(Op);
  }

private:
  DimAnalysis &DimsOf;
};

/// Erases the operations of the body whose results nobody uses.
void eraseUnused(mlir::FunctionOpInterface Function);

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_VALUES_H
