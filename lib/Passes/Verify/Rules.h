//===- Rules.h - what several levels promise --------------------------------------------------===//
//
// Each rule emits a diagnostic that names what breaks it.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_PASSES_VERIFY_RULES_H
#define QOPT_LIB_PASSES_VERIFY_RULES_H

#include "QKernel/QKernel.h"

namespace qopt {

/// The functions and kernels of a module that have a body.
llvm::SmallVector<mlir::FunctionOpInterface> getBodies(mlir::ModuleOp Module);

/// The module holds weights and functions of one block of qopt and func operations.
mlir::LogicalResult verifyOperations(mlir::ModuleOp Module, llvm::StringRef Level);

/// A function or kernel has one block.
mlir::LogicalResult verifyOneBlock(mlir::FunctionOpInterface Function);

/// Values are tensors of plain numbers and caches; only a weight may be stored.
mlir::LogicalResult verifyValues(mlir::FunctionOpInterface Function);

/// Every dimension is an expression over the symbols; declared dimensions are the ones that were
/// found.
mlir::LogicalResult verifyDimensions(mlir::FunctionOpInterface Function);

/// A cache is appended to at most once and not read after that.
mlir::LogicalResult verifyLinearCaches(mlir::FunctionOpInterface Function);

/// The matrix of a linear operation is a weight.
mlir::LogicalResult verifyMatrices(mlir::FunctionOpInterface Function);

} // namespace qopt

#endif // QOPT_LIB_PASSES_VERIFY_RULES_H
