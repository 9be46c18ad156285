// Gelu in its forms, Swish, SwiGLU.
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

namespace qopt::onnx_import {
void registerActivationsEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "Gelu", 20, Newest, emitGelu);
  Registry.add("", "Swish", 24, Newest, emitSwish);
  Registry.add("", "SwiGLU", 28, Newest, emitSwiGLU);
  Registry.addMicrosoft("Gelu", emitBiasedGelu<UnaryKind::GeluErf>);
  Registry.addMicrosoft("BiasGelu", emitBiasedGelu<UnaryKind::GeluErf>);
  Registry.addMicrosoft("FastGelu", emitBiasedGelu<UnaryKind::GeluTanh>);
  Registry.addMicrosoft("QuickGelu", emitQuickGelu);
}
} // namespace qopt::onnx_import
