// RMS and layer normalization, also with a residual sum; batch normalization.
#include "NodeEmitter.h"

#include <cmath>

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

//===- BatchNormalization ---------------------------------------------------------------------===//

/// In inference a factor and an offset for each channel. They are constants, computed here, where
/// the file holds the statistics.
struct ChannelMap {
  Value Factor, Offset;
};

static Value channelConstant(NodeEmitter &E, ArrayRef<double> Numbers, Type Element) {
  SmallVector<int64_t> Shape(E.rank(0) - 1, 1);
  Shape.front() = Numbers.size();
  SmallVector<APFloat> Values;
  for (double Number : Numbers)
    Values.push_back(cast<FloatAttr>(E.B.B.getFloatAttr(Element, Number)).getValue());
  return E.B.constantOp(DenseElementsAttr::get(RankedTensorType::get(Shape, Element), Values));
}

static std::optional<ChannelMap> foldStatistics(NodeEmitter &E, double Epsilon) {
  auto Scale = readFloats(E.in(1)), Bias = readFloats(E.in(2)), Mean = readFloats(E.in(3)),
       Variance = readFloats(E.in(4));
  if (!Scale || !Bias || !Mean || !Variance)
    return std::nullopt;
  SmallVector<double> Factor, Offset;
  for (size_t I = 0; I < Scale->size(); ++I) {
    Factor.push_back((*Scale)[I] / std::sqrt((*Variance)[I] + Epsilon));
    Offset.push_back((*Bias)[I] - (*Mean)[I] * Factor.back());
  }
  Type Element = E.element(0);
  return ChannelMap{channelConstant(E, Factor, Element), channelConstant(E, Offset, Element)};
}

/// The same by operations, where the statistics are computed or their data is absent.
static ChannelMap computeStatistics(NodeEmitter &E, double Epsilon) {
  Dims Shape(E.rank(0) - 1, E.B.constant(1));
  Shape.front() = E.in(1).Shape.front();
  auto Channels = [&](unsigned Input) {
    return E.B.cast(E.B.reshape(E.value(Input), Shape), E.element(0));
  };
  Value Root = E.B.unary(UnaryKind::Sqrt, E.B.binary(BinaryKind::Add, Channels(4), Epsilon));
  Value Factor = E.B.binary(BinaryKind::Div, Channels(1), Root);
  Value Shift = E.B.binary(BinaryKind::Mul, Channels(3), Factor);
  return {Factor, E.B.binary(BinaryKind::Sub, Channels(2), Shift)};
}

static LogicalResult emitBatchNorm(NodeEmitter &E) {
  for (unsigned I = 0; I < 5; ++I)
    if (!E.has(I))
      return E.badInput("operand " + Twine(I) + " is missing");
  double Epsilon = E.getFloat("epsilon", 1e-5);
  // Training alone reads it.
  (void)E.getFloat("momentum", 0.9);
  if (!E.requireInt("training_mode", 0) || !E.requireInt("spatial", 1) || !checkOutputs(E, 1, 4))
    return failure();
  if (!E.in(0).isFloat() || E.rank(0) < 2)
    return E.unsupported("an input " + E.in(0).describe(E.B.Symbols) +
                         " is not supported; expected floats [batch, channels, …]");
  for (unsigned I = 1; I < 5; ++I) {
    if (E.rank(I) != 1 || !E.in(I).isFloat())
      return E.badInput("operand " + Twine(I) + " must be a vector of floats, found " +
                        E.in(I).describe(E.B.Symbols));
    if (failed(E.B.unify(E.in(I).Shape[0], E.in(0).Shape[1], "the channels and their statistics")))
      return failure();
  }
  auto Folded = foldStatistics(E, Epsilon);
  ChannelMap Map = Folded ? *Folded : computeStatistics(E, Epsilon);
  Value Scaled = E.B.binary(BinaryKind::Mul, E.value(0), Map.Factor);
  return E.out(E.B.binary(BinaryKind::Add, Scaled, Map.Offset));
}

namespace qopt::onnx_import {
void registerNormalizationsEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "BatchNormalization", 7, Newest, emitBatchNorm);
  Registry.add("", "LayerNormalization", 17, Newest, emitLayerNorm);
  Registry.add("", "RMSNormalization", 23, Newest, emitRMSNorm);
  // ONNX Runtime registers its own operator in the standard domain.
  Registry.add("SimplifiedLayerNormalization", emitSimplifiedLayerNorm);
  Registry.addMicrosoft("SimplifiedLayerNormalization", emitSimplifiedLayerNorm);
  Registry.addMicrosoft("SkipSimplifiedLayerNormalization", emitSkipRMSNorm);
  Registry.addMicrosoft("SkipLayerNormalization", emitSkipLayerNorm);
}
} // namespace qopt::onnx_import
