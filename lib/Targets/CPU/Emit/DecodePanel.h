//===- DecodePanel.h - weights of a panel as f32 ----------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_DECODEPANEL_H
#define QOPT_LIB_TARGETS_CPU_DECODEPANEL_H

#include "qopt/Targets/CPU/Contraction.h"

namespace qopt::cpu {

/// What stored codes become.
enum class Decoded {
  Numbers, ///< what they mean
  Codes,   ///< codes less their zero points: sums of products are scaled later
};

/// Writes the weights of the inputs [Low, High) of the panel at `Panel` as f32 [inputs][32]. `Low`
/// is the first input of a group, or a multiple of 8 in it. Up to 7 inputs more are written.
void decodePanel(KernelBuilder &B, const PanelWeight &Weight, mlir::Value Panel, mlir::Value Low,
                 mlir::Value High, mlir::Value To, Decoded Form);

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_DECODEPANEL_H
