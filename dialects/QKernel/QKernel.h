//===- QKernel.h - the qkernel dialect --------------------------------------------------------===//
//
// Include this to use the dialect.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_DIALECTS_QKERNEL_QKERNEL_H
#define QOPT_DIALECTS_QKERNEL_QKERNEL_H

#include "QOpt/QOpt.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include "QKernel/QKernelDialect.h.inc"
#include "QKernel/QKernelEnums.h.inc"
namespace qopt::qkernel {
class WeightLayoutInterface;
}
#include "QKernel/QKernelAttrInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "QKernel/QKernelAttributes.h.inc"
#define GET_OP_CLASSES
#include "QKernel/QKernelOps.h.inc"

#endif // QOPT_DIALECTS_QKERNEL_QKERNEL_H
