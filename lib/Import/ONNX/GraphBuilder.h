//===- GraphBuilder.h - checked construction of qopt operations -------------------------------===//
//
// Emitters build operations through these helpers only. Each checks its operands (making symbolic
// dimensions equal where the operation requires it), so that no operation is ever made that could
// not infer its result. A null operand gives a null result: whoever found the problem has reported
// it, and everything that depends on it stays silent.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_GRAPHBUILDER_H
#define QOPT_IMPORT_ONNX_GRAPHBUILDER_H

#include "DimSymbols.h"
#include "Problems.h"
#include "WeightTable.h"

#include "qopt/Analysis/DimAnalysis.h"

namespace qopt::onnx_import {

/// How a window slides over spatial axes; `Pads` has those before each axis, then those after.
struct Window {
  llvm::SmallVector<int64_t> Kernel, Strides, Dilations, Pads;

  /// Elements from the first to the last one that a window sees on an axis.
  int64_t extent(size_t Axis) const { return (Kernel[Axis] - 1) * Dilations[Axis] + 1; }
  int64_t padding(size_t Axis) const { return Pads[Axis] + Pads[Axis + Kernel.size()]; }
};

class GraphBuilder {
public:
  GraphBuilder(mlir::func::FuncOp Function, DimSymbols &Symbols, Problems &Errors);

  mlir::OpBuilder B;
  DimSymbols &Symbols;
  WeightTable Weights;

  mlir::MLIRContext *getContext() const { return B.getContext(); }
  /// Where the next operations come from; `What` is how messages name it.
  void setLocation(mlir::Location New, std::function<std::string()> What) {
    Loc = New;
    Describe = std::move(What);
  }
  mlir::Location getLocation() const { return Loc; }

  /// Whether two dimensions were made equal: the pass must start again and its problems mean
  /// nothing.
  bool mustRestart() const { return Restart; }

  std::nullptr_t error(StatusCode Code, const llvm::Twine &Message);
  std::nullptr_t badInput(const llvm::Twine &Message) {
    return error(StatusCode::BadInput, Message);
  }
  std::nullptr_t unsupported(const llvm::Twine &Message) {
    return error(StatusCode::Unsupported, Message);
  }

  // Dimensions
  mlir::AffineExpr constant(int64_t Value) const;
  Dims constants(llvm::ArrayRef<int64_t> Values) const;
  /// By value: what the analysis holds moves when the next operation is made.
  Dims dims(mlir::Value V) const { return Dims(Analysis.getDims(V)); }
  mlir::AffineExpr product(llvm::ArrayRef<mlir::AffineExpr> Sizes) const;
  /// Makes two dimensions equal; failure reports the problem or asks for a restart.
  mlir::LogicalResult unify(mlir::AffineExpr A, mlir::AffineExpr B, llvm::StringRef What);
  /// Result of broadcasting, making equal what must be.
  mlir::FailureOr<Dims> broadcastDims(llvm::ArrayRef<mlir::AffineExpr> A,
                                      llvm::ArrayRef<mlir::AffineExpr> B);

  // Operations
  mlir::Value constantOp(mlir::DenseElementsAttr Value);
  /// A constant of rank 0.
  mlir::Value scalar(mlir::Type Element, double Value);
  mlir::Value weight(const WeightRecipe &Recipe);
  mlir::Value unary(UnaryKind Kind, mlir::Value X);
  mlir::Value binary(BinaryKind Kind, mlir::Value X, mlir::Value Y);
  mlir::Value binary(BinaryKind Kind, mlir::Value X, double Y);
  mlir::Value compare(CompareKind Kind, mlir::Value X, mlir::Value Y);
  mlir::Value select(mlir::Value Condition, mlir::Value X, mlir::Value Y);
  mlir::Value cast(mlir::Value X, mlir::Type Element);
  mlir::Value reshape(mlir::Value X, llvm::ArrayRef<mlir::AffineExpr> To);
  mlir::Value broadcast(mlir::Value X, llvm::ArrayRef<mlir::AffineExpr> To);
  mlir::Value transpose(mlir::Value X, llvm::ArrayRef<int64_t> Permutation);
  mlir::Value slice(mlir::Value X, int64_t Axis, mlir::AffineExpr Start, mlir::AffineExpr Size,
                    int64_t Step = 1);
  mlir::Value concat(llvm::ArrayRef<mlir::Value> Parts, int64_t Axis);
  mlir::Value gather(mlir::Value Table, mlir::Value Indices, int64_t Axis);
  mlir::Value iota(mlir::AffineExpr Size, mlir::AffineExpr Start, mlir::AffineExpr Step,
                   mlir::Type Element);
  /// Expressions as a vector, or as a scalar where `Scalar` says so.
  mlir::Value sizes(llvm::ArrayRef<mlir::AffineExpr> Values, mlir::Type Element, bool Scalar);
  mlir::Value reduce(ReduceKind Kind, mlir::Value X, llvm::ArrayRef<int64_t> Axes, bool KeepDims);
  mlir::Value softmax(mlir::Value X, int64_t Axis);
  mlir::Value matmul(mlir::Value X, mlir::Value Y);
  /// x Wᵀ with a weight [out, in].
  mlir::Value linear(mlir::Value X, const WeightRecipe &Recipe,
                     std::optional<int64_t> AccuracyLevel = std::nullopt);
  mlir::Value quantize(mlir::Value X, mlir::Value Scale, mlir::Value ZeroPoint);
  mlir::Value dequantize(mlir::Value X, mlir::Value Scale, mlir::Value ZeroPoint);
  mlir::Value rmsNorm(mlir::Value X, mlir::Value Scale, double Epsilon);
  mlir::Value layerNorm(mlir::Value X, mlir::Value Scale, mlir::Value Bias, double Epsilon);
  /// With a weight [out, in / groups * window].
  mlir::Value conv(mlir::Value X, const WeightRecipe &Recipe, const Window &Of, int64_t Groups);
  mlir::Value pool(PoolKind Kind, mlir::Value X, const Window &Of);
  /// Borders of a number, which is the value of an attribute of the element type.
  mlir::Value pad(mlir::Value X, llvm::ArrayRef<int64_t> Low, llvm::ArrayRef<int64_t> High,
                  mlir::TypedAttr Fill);
  mlir::Value positions(mlir::Value Past, mlir::AffineExpr Tokens);

  /// Gives the result's dimensions to the analysis; null where they cannot be inferred.
  mlir::Value finish(mlir::Operation *Op);

  static mlir::RankedTensorType type(mlir::Value V) {
    return mlir::cast<mlir::RankedTensorType>(V.getType());
  }
  static int64_t rank(mlir::Value V) { return type(V).getRank(); }
  /// Size of the last axis; dynamic where it is symbolic or there is none.
  static int64_t lastSize(mlir::Value V) {
    return rank(V) == 0 ? mlir::ShapedType::kDynamic : type(V).getShape().back();
  }
  static mlir::Type element(mlir::Value V) { return type(V).getElementType(); }

private:
  bool sameElements(mlir::Value X, mlir::Value Y);
  bool isEpsilon(double Epsilon);
  bool canGrow(mlir::Value X, size_t Axis, int64_t By);
  bool fits(mlir::Value X, const Window &Of);
  bool isFloat(mlir::Value X, llvm::StringRef What);
  mlir::RankedTensorType shaped(llvm::ArrayRef<mlir::AffineExpr> Sizes, mlir::Type Element) const;

  mlir::Location Loc;
  std::function<std::string()> Describe;
  DimAnalysis Analysis;
  Problems &Errors;
  bool Restart = false;
  llvm::DenseMap<mlir::Attribute, mlir::Value> WeightValues;
};

/// A type as a message to the user spells it.
std::string describe(mlir::Type Ty);
/// Dimensions as a message to the user spells them.
std::string describe(llvm::ArrayRef<mlir::AffineExpr> Sizes, const DimSymbols &Symbols);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_GRAPHBUILDER_H
