//===- QOpt.h - the qopt dialect --------------------------------------------------------------===//
//
// Include this to use the dialect: types, attributes, interfaces, operations.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_DIALECTS_QOPT_QOPT_H
#define QOPT_DIALECTS_QOPT_QOPT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace qopt {
/// The dimensions of one value: affine expressions over the program's symbols.
using Dims = llvm::SmallVector<mlir::AffineExpr, 4>;
} // namespace qopt

#include "QOpt/QOptDialect.h.inc"
#include "QOpt/QOptEnums.h.inc"
#include "QOpt/QOptOpInterfaces.h.inc"
#include "QOpt/QOptTypeInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "QOpt/QOptAttributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "QOpt/QOptTypes.h.inc"
#define GET_OP_CLASSES
#include "QOpt/QOptOps.h.inc"

namespace qopt {

/// The stored element type of a tensor, or null when its elements are plain numbers.
StoredTypeInterface getStoredElementType(mlir::Type type);

/// `type` with a stored element type replaced by the float type that it reads as (its scale's type
/// or f32).
mlir::RankedTensorType getReadType(mlir::RankedTensorType type, mlir::FloatType readAs);

/// Result shape of NumPy broadcasting, or failure where static sizes differ. A dynamic size against
/// a static one other than 1 gives the static one.
mlir::FailureOr<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> lhs,
                                                            llvm::ArrayRef<int64_t> rhs);

/// The same for symbolic dimensions; failure also where two expressions cannot be shown to be
/// equal.
mlir::FailureOr<Dims> broadcastDims(llvm::ArrayRef<mlir::AffineExpr> lhs,
                                    llvm::ArrayRef<mlir::AffineExpr> rhs);

/// The shape of dimensions: constants stay, everything else is dynamic.
llvm::SmallVector<int64_t> getShape(llvm::ArrayRef<mlir::AffineExpr> dims);

/// The tensor that a source holds, as it reads.
mlir::RankedTensorType getSourceType(mlir::Attribute source);

/// All ranges of files that a source consists of.
llvm::SmallVector<SourceAttr> getFileRanges(mlir::Attribute source);

/// Smallest and largest code of an integer type, whose signless integers are signed.
std::pair<int64_t, int64_t> getCodeRange(mlir::IntegerType code);
/// The largest number that a code is: of integers, or of 8-bit floats.
double getLargestCode(mlir::Type code);

/// The scheme of weights whose codes are those of the file.
constexpr llvm::StringLiteral FileScheme = "file";

/// Whether a weight comes from stored sources, and the type in which it keeps their codes: null
/// where its steps cut blocks or turn them away from the last axis, or where no packed type holds
/// them.
bool hasStoredSources(WeightOp weight);
PackedType getFileStoredType(WeightOp weight);

/// Type of a weight after its sources were concatenated and its steps applied, before any
/// quantization.
mlir::FailureOr<mlir::RankedTensorType> getUnquantizedType(WeightOp weight);

} // namespace qopt

#endif // QOPT_DIALECTS_QOPT_QOPT_H
