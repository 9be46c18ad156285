//===- Folding.h - arithmetic on sizes and small constants while importing --------------------===//
#ifndef QOPT_IMPORT_ONNX_FOLDING_H
#define QOPT_IMPORT_ONNX_FOLDING_H

#include "ImportedValue.h"

namespace qopt::onnx_import {

/// A function of sizes; null where the result is not known for all values of the symbols.
using SizeFunction = llvm::function_ref<mlir::AffineExpr(llvm::ArrayRef<mlir::AffineExpr>)>;

/// Applies a function to the elements of operands that are all known, with broadcasting. Nothing
/// where one is not, the result would be too large, or the function gives nothing for one of them.
std::optional<ImportedValue> foldElements(llvm::ArrayRef<const ImportedValue *> Operands,
                                          mlir::Type Element, SizeFunction Function);

/// The same for small float constants, computed in double and rounded once.
std::optional<ImportedValue>
foldFloats(llvm::ArrayRef<const ImportedValue *> Operands, mlir::Type Element,
           llvm::function_ref<double(llvm::ArrayRef<double>)> Function);

/// The elements under another shape of as many elements, whatever the value is.
std::optional<ImportedValue>
reshapeValue(ImportedValue &Value, llvm::ArrayRef<mlir::AffineExpr> Shape, GraphBuilder &Builder);

/// Values of small constants.
std::optional<llvm::SmallVector<double>> getFloats(const ImportedValue &Value);

/// A truth value as an element.
mlir::AffineExpr truth(std::optional<bool> Value, mlir::MLIRContext *Context);

/// Division of sizes that truncates toward zero, where that is known; null otherwise.
mlir::AffineExpr divideSizes(mlir::AffineExpr A, mlir::AffineExpr B);

/// Sum, difference, product; null where constants overflow.
mlir::AffineExpr addSizes(mlir::AffineExpr A, mlir::AffineExpr B);
mlir::AffineExpr subtractSizes(mlir::AffineExpr A, mlir::AffineExpr B);
mlir::AffineExpr multiplySizes(mlir::AffineExpr A, mlir::AffineExpr B);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_FOLDING_H
