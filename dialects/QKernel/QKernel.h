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

namespace qopt::qkernel {

/// How `#qkernel.fragments` cuts a matrix, and where a number lies in a tile.
struct FragmentTiling {
  static constexpr int64_t Outputs = 32, Inputs = 128, UnitInputs = 32;
  /// Bytes that a lane holds of a unit, and all codes of a tile.
  static constexpr int64_t LaneBytes = 16, CodeBytes = Outputs * Inputs / 2;

  /// None for a type that the layout does not take.
  static std::optional<FragmentTiling> get(mlir::RankedTensorType Type);

  int64_t Panels, Tiles;
  /// Inputs of a tile that share a scale.
  int64_t Step;
  /// Bytes of one scale, and of one zero point.
  int64_t ScaleBytes, ZeroBytes;

  int64_t getSteps() const { return Inputs / Step; }
  int64_t getScales() const { return Outputs * getSteps(); }
  int64_t getZerosOffset() const { return CodeBytes + getScales() * ScaleBytes; }
  int64_t getTileBytes() const { return getZerosOffset() + getScales() * ZeroBytes; }
  int64_t getPanelBytes() const { return Tiles * getTileBytes(); }
};

} // namespace qopt::qkernel

#endif // QOPT_DIALECTS_QKERNEL_QKERNEL_H
