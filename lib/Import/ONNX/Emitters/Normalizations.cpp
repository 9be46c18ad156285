// RMS and layer normalization, also with a residual sum.
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

/// Only the last axis; statistics are always taken in f32, which `stash_type` 1 asks for.
static bool checkAxis(NodeEmitter &E, Value X) {
  if (!X)
    return false;
  auto Axis = E.getAxis(-1, GraphBuilder::rank(X));
  if (!Axis)
    return false;
  if (*Axis != GraphBuilder::rank(X) - 1)
    return succeeded(E.unsupported("a normalization over several axes is not supported"));
  return E.requireInt("stash_type", 1);
}

/// Statistics that only training reads.
static bool checkOutputs(NodeEmitter &E, unsigned First, unsigned Last) {
  for (unsigned I = First; I <= Last; ++I)
    if (E.wants(I))
      return succeeded(E.unsupported("output " + Twine(I) + " is not supported"));
  return true;
}

static LogicalResult emitRMSNorm(NodeEmitter &E) {
  Value X = E.value(0), Scale = E.value(1);
  double Epsilon = E.getFloat("epsilon", 1e-5);
  if (!X || !Scale || !checkAxis(E, X))
    return failure();
  // Where the types differ the result has the scale's: the input was widened before.
  return E.out(E.B.rmsNorm(E.B.cast(X, GraphBuilder::element(Scale)), Scale, Epsilon));
}

static LogicalResult emitSimplifiedLayerNorm(NodeEmitter &E) {
  return checkOutputs(E, 1, 1) ? emitRMSNorm(E) : failure();
}

static LogicalResult emitLayerNorm(NodeEmitter &E) {
  Value X = E.value(0);
  double Epsilon = E.getFloat("epsilon", 1e-5);
  if (!X || !checkAxis(E, X) || !checkOutputs(E, 1, 2))
    return failure();
  return E.out(E.B.layerNorm(X, E.value(1), E.value(2), Epsilon));
}

/// input + skip (+ bias); the other outputs are statistics.
static Value addSkip(NodeEmitter &E, unsigned Bias) {
  Value Sum = E.B.binary(BinaryKind::Add, E.value(0), E.value(1));
  if (E.has(Bias))
    Sum = E.B.binary(BinaryKind::Add, Sum, E.value(Bias));
  if (!Sum || !checkOutputs(E, 1, 2) || failed(E.out(3, Sum)))
    return {};
  return Sum;
}

static LogicalResult emitSkipRMSNorm(NodeEmitter &E) {
  double Epsilon = E.getFloat("epsilon", 1e-12);
  Value Sum = addSkip(E, 3);
  return E.out(E.B.rmsNorm(Sum, E.value(2), Epsilon));
}

static LogicalResult emitSkipLayerNorm(NodeEmitter &E) {
  double Epsilon = E.getFloat("epsilon", 1e-12);
  Value Sum = addSkip(E, 4);
  return E.out(E.B.layerNorm(Sum, E.value(2), E.value(3), Epsilon));
}

namespace qopt::onnx_import {
void registerNormalizationsEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "LayerNormalization", 17, Newest, emitLayerNorm);
  Registry.add("", "RMSNormalization", 23, Newest, emitRMSNorm);
  // ONNX Runtime registers its own operator in the standard domain.
  Registry.add("SimplifiedLayerNormalization", emitSimplifiedLayerNorm);
  Registry.addMicrosoft("SimplifiedLayerNormalization", emitSimplifiedLayerNorm);
  Registry.addMicrosoft("SkipSimplifiedLayerNormalization", emitSkipRMSNorm);
  Registry.addMicrosoft("SkipLayerNormalization", emitSkipLayerNorm);
}
} // namespace qopt::onnx_import
