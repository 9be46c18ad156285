//===- Rotary.h - frequencies of rotary embeddings from their tables --------------------------===//
#ifndef QOPT_IMPORT_ONNX_ROTARY_H
#define QOPT_IMPORT_ONNX_ROTARY_H

#include "NodeEmitter.h"

namespace qopt::onnx_import {

struct RotaryTables {
  llvm::SmallVector<float> InverseFrequencies;
  float Scale = 1.0f;
  int64_t Length = 0;
};

/// Recovers the inverse frequencies that two constant tables [positions, n] of cosines and sines
/// hold, such that all their rows agree; a problem is reported where there are none.
std::optional<RotaryTables> recognizeTables(NodeEmitter &E, unsigned Cosines, unsigned Sines);

/// `qopt.rotary` on [batch, tokens, heads, size]; null where X or Positions is.
mlir::Value makeRotary(NodeEmitter &E, mlir::Value X, mlir::Value Positions,
                       const RotaryTables &Tables, bool Interleaved);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_ROTARY_H
