//===- KernelBudgets.h - the budget of a kernel's results -------------------------------------===//
#ifndef QOPT_LIB_PIPELINES_KERNELBUDGETS_H
#define QOPT_LIB_PIPELINES_KERNELBUDGETS_H

#include "QKernel/QKernel.h"
#include "qopt/Base/VerificationFormat.h"

namespace qopt {

/// The loosest entry of the table that holds for an operation of the kernel or for the rounding of
/// its result, an element type. Where sums may cancel the metric is "largest": the table's bounds
/// are for inputs and weights of one size, and a sum of large terms that comes out small is as
/// wrong as its terms.
artefact::ErrorBudget findKernelBudget(qkernel::KernelOp Kernel, mlir::Type Result,
                                       llvm::StringRef Target);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_KERNELBUDGETS_H
