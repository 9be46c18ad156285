//===- Attention.h - what the attention operators of all exporters share ----------------------===//
#ifndef QOPT_IMPORT_ONNX_ATTENTION_H
#define QOPT_IMPORT_ONNX_ATTENTION_H

#include "NodeEmitter.h"

namespace qopt::onnx_import {

/// Part of the last axis. Where the value comes from linear operations (with biases or without),
/// the part is computed by linear operations with parts of their weights.
mlir::Value takeChannels(NodeEmitter &E, mlir::Value X, int64_t Offset, int64_t Size);

/// [batch, tokens, heads * size] as [batch, tokens, heads, size]; null (and a problem) where that
/// does not fit.
mlir::Value splitHeads(NodeEmitter &E, mlir::Value X, int64_t Heads);
/// [batch, tokens, heads, size] as [batch, tokens, heads * size].
mlir::Value joinHeads(NodeEmitter &E, mlir::Value X);
/// [batch, tokens, heads, size] as [batch, heads, tokens, size], and back.
mlir::Value swapTokensAndHeads(NodeEmitter &E, mlir::Value X);

/// Whether a mask (booleans, or floats to add) broadcasts to [batch, heads, tokens, context]; a
/// problem where not.
bool checkMask(NodeEmitter &E, mlir::Value Mask, mlir::Value Query, mlir::AffineExpr Context);

struct AttentionOptions {
  double Scale = 1;
  bool Causal = false;
  int64_t Window = 0;
  double Softcap = 0;
};

/// `qopt.attention` over [batch, tokens, heads, size]; null where an operand is null or they do not
/// fit together. Mask and lengths may be absent.
mlir::Value makeAttention(NodeEmitter &E, mlir::Value Query, mlir::Value Key, mlir::Value Values,
                          mlir::Value Mask, const AttentionOptions &Options,
                          mlir::Value Lengths = {});

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_ATTENTION_H
