// Gelu in its forms, Swish, SwiGLU; pieces of straight lines.
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

static LogicalResult emitGelu(NodeEmitter &E) {
  std::string Form = E.getString("approximate", "none");
  if (Form != "none" && Form != "tanh")
    return E.badInput("attribute 'approximate' is '" + Form + "', expected 'none' or 'tanh'");
  return E.out(E.B.unary(Form == "tanh" ? UnaryKind::GeluTanh : UnaryKind::GeluErf, E.value(0)));
}

/// Of x, or of x + bias where there is one.
template <UnaryKind Kind> static LogicalResult emitBiasedGelu(NodeEmitter &E) {
  Value X = E.value(0);
  if (E.has(1))
    X = E.B.binary(BinaryKind::Add, X, E.value(1));
  return E.out(E.B.unary(Kind, X));
}

/// x * sigmoid(alpha * x)
static Value swish(NodeEmitter &E, Value X, double Alpha) {
  if (Alpha == 1)
    return E.B.unary(UnaryKind::Silu, X);
  if (float(Alpha) == 1.702f)
    return E.B.unary(UnaryKind::QuickGelu, X);
  Value Gate = E.B.unary(UnaryKind::Sigmoid, E.B.binary(BinaryKind::Mul, X, Alpha));
  return E.B.binary(BinaryKind::Mul, X, Gate);
}

static LogicalResult emitSwish(NodeEmitter &E) {
  return E.out(swish(E, E.value(0), E.getFloat("alpha", 1)));
}

static LogicalResult emitQuickGelu(NodeEmitter &E) {
  return E.out(swish(E, E.value(0), E.getFloat("alpha", 1.702)));
}

static LogicalResult emitSwiGLU(NodeEmitter &E) {
  Value Gate = swish(E, E.value(0), E.getFloat("alpha", 1));
  return E.out(E.B.binary(BinaryKind::Mul, Gate, E.value(1)));
}

//===- straight pieces ------------------------------------------------------------------------===//

/// x where it is positive, a slope times x elsewhere.
template <typename SlopeT> static Value leaky(NodeEmitter &E, Value X, SlopeT Slope) {
  Value Below = E.B.binary(BinaryKind::Mul, E.B.binary(BinaryKind::Min, X, 0.0), Slope);
  return E.B.binary(BinaryKind::Add, E.B.binary(BinaryKind::Max, X, 0.0), Below);
}

static LogicalResult emitLeakyRelu(NodeEmitter &E) {
  return E.out(leaky(E, E.value(0), double(E.getFloat("alpha", 0.01))));
}

static LogicalResult emitPRelu(NodeEmitter &E) { return E.out(leaky(E, E.value(0), E.value(1))); }

/// alpha * x + beta, cut to [0, 1]
static Value hardSigmoid(NodeEmitter &E, Value X, double Alpha, double Beta) {
  Value Line = E.B.binary(BinaryKind::Add, E.B.binary(BinaryKind::Mul, X, Alpha), Beta);
  return E.B.binary(BinaryKind::Min, E.B.binary(BinaryKind::Max, Line, 0.0), 1.0);
}

static LogicalResult emitHardSigmoid(NodeEmitter &E) {
  return E.out(hardSigmoid(E, E.value(0), E.getFloat("alpha", 0.2), E.getFloat("beta", 0.5)));
}

static LogicalResult emitHardSwish(NodeEmitter &E) {
  Value X = E.value(0);
  return E.out(E.B.binary(BinaryKind::Mul, X, hardSigmoid(E, X, 1.0 / 6, 0.5)));
}

namespace qopt::onnx_import {
void registerActivationsEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "Gelu", 20, Newest, emitGelu);
  Registry.add("", "Swish", 24, Newest, emitSwish);
  Registry.add("", "SwiGLU", 28, Newest, emitSwiGLU);
  Registry.add("", "LeakyRelu", 6, Newest, emitLeakyRelu);
  // Before version 9 slopes were not broadcast as in NumPy.
  Registry.add("", "PRelu", 9, Newest, emitPRelu);
  Registry.add("", "HardSigmoid", 6, Newest, emitHardSigmoid);
  Registry.add("", "HardSwish", 14, Newest, emitHardSwish);
  Registry.addMicrosoft("Gelu", emitBiasedGelu<UnaryKind::GeluErf>);
  Registry.addMicrosoft("BiasGelu", emitBiasedGelu<UnaryKind::GeluErf>);
  Registry.addMicrosoft("FastGelu", emitBiasedGelu<UnaryKind::GeluTanh>);
  Registry.addMicrosoft("QuickGelu", emitQuickGelu);
}
} // namespace qopt::onnx_import
