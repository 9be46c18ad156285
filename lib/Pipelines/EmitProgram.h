//===- EmitProgram.h - from the kernels level to the launch table -----------------------------===//
#ifndef QOPT_LIB_PIPELINES_EMITPROGRAM_H
#define QOPT_LIB_PIPELINES_EMITPROGRAM_H

#include "qopt/Analysis/Target.h"
#include "qopt/Base/ArtefactFormat.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// How the target runs each kernel, by symbol name.
using KernelPlans = llvm::StringMap<KernelPlan>;

/// The function that a program is made of: the only one with a body.
mlir::FailureOr<mlir::func::FuncOp> findEntry(mlir::ModuleOp Module);

/// Asks the target for a plan of every kernel and notes the chosen lowering on it.
mlir::FailureOr<KernelPlans> planKernels(mlir::ModuleOp Module, const Target &Target);

/// The launch table of the entry function. Its kernels have no versions yet.
mlir::FailureOr<artefact::Program> emitProgram(mlir::ModuleOp Module, const Target &Target,
                                               const KernelPlans &Plans);

/// Notes the versions that were compiled of each kernel.
void addVariants(artefact::Program &Program, const CompiledModule &Code);

/// The expression of the artefact for an affine one.
Expression toExpression(mlir::AffineExpr Expr);

/// The artefact's name of a plain element type.
DataType toDataType(mlir::Type Element);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_EMITPROGRAM_H
