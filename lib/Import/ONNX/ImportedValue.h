//===- ImportedValue.h - what an ONNX name stands for ----------------------------------------===//
//
// Shape arithmetic, constants and weights are not operations while they are only passed around: a
// name keeps what is known about it, and an operation is made when somebody reads it as data.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_IMPORTEDVALUE_H
#define QOPT_IMPORT_ONNX_IMPORTEDVALUE_H

#include "GraphBuilder.h"

namespace qopt::onnx_import {

/// Integer tensors up to this size are known element by element.
constexpr int64_t MaxKnownElements = 1024;

struct ImportedValue {
  mlir::Type Element;
  Dims Shape;
  /// The operation's result, once one was made.
  mlir::Value Result;
  /// At most one of these says what the value is before that.
  /// Large booleans are a weight of bytes, while `Element` says what they are.
  std::optional<WeightRecipe> Weight;
  mlir::DenseElementsAttr Constant;
  /// The tensor of the file that the value is as it stands, whatever form its size and type gave
  /// it, and its name.
  std::shared_ptr<const FileTensor> Tensor;
  std::string TensorName;
  /// Elements of a small integer or boolean tensor, row-major, over the symbols.
  std::optional<llvm::SmallVector<mlir::AffineExpr>> Elements;

  int64_t rank() const { return Shape.size(); }
  bool isFloat() const { return mlir::isa<mlir::FloatType>(Element); }
  /// The static shape; only for weights, constants and known elements.
  llvm::SmallVector<int64_t> staticShape() const { return getShape(Shape); }
  std::string describe(const DimSymbols &Symbols) const;

  static ImportedValue fromResult(mlir::Value Result, llvm::ArrayRef<mlir::AffineExpr> Shape);
  static ImportedValue fromWeight(WeightRecipe Recipe);
  /// A weight made from this one.
  ImportedValue withWeight(WeightRecipe Recipe) const;
  static ImportedValue fromConstant(mlir::DenseElementsAttr Constant);
  static ImportedValue fromElements(llvm::ArrayRef<mlir::AffineExpr> Elements,
                                    llvm::ArrayRef<int64_t> Shape, mlir::Type Element);
  /// An initializer or the tensor of a Constant node, in the form that fits its size and type.
  static ImportedValue fromTensor(std::shared_ptr<const FileTensor> Tensor, llvm::StringRef Name);
};

/// The value as a weight, also where it is small enough to be written out; nothing where it is
/// computed.
std::optional<WeightRecipe> asWeight(const ImportedValue &Value);

/// All floats of a constant or of an unchanged tensor of the file.
std::optional<llvm::SmallVector<double>> readFloats(const ImportedValue &Value);

/// All elements as numbers, where they are.
std::optional<llvm::SmallVector<int64_t>> getNumbers(const ImportedValue &Value);

/// The value as an operation's result, made now where there is none.
mlir::Value materialize(ImportedValue &Value, GraphBuilder &Builder);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_IMPORTEDVALUE_H
