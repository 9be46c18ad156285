#include "qopt/Targets/Common/NormRow.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

namespace {
/// One row in memory.
struct Row {
  KernelBuilder &B;
  Value Pointer;
  Type Element;
  Value load(Value I, int64_t Lanes) const {
    return B.loadVector(B.element(Pointer, I, Element), Element, Lanes);
  }
};
} // namespace

/// 1 / sqrt(Sum / Count + Epsilon)
static Value inverseRoot(KernelBuilder &B, Value Sum, Value Count, APFloat Epsilon) {
  Value Mean = B.div(Sum, B.toFloat(Count));
  Value Root = B.sqrt(B.add(Mean, B.f32(Epsilon.convertToFloat(), 0)));
  return B.div(B.f32(1.0, 0), Root);
}

static void emitRMSNorm(KernelBuilder &B, RMSNormOp Norm, const Row &X, Value Count,
                        LanesSink Sink) {
  Value Sum = B.sumOver(Count, [&](Value I, int64_t Lanes) {
    Value Number = X.load(I, Lanes);
    return B.mul(Number, Number);
  });
  Value Factor = inverseRoot(B, Sum, Count, Norm.getEpsilon());
  Row Scale{B, B.getArgument(Norm.getScale()), codegen::getElementType(Norm.getScale())};
  B.loopLanes(Count, [&](Value I, int64_t Lanes) {
    Sink(I, B.mul(B.mul(X.load(I, Lanes), B.splat(Factor, Lanes)), Scale.load(I, Lanes)));
  });
}

static void emitLayerNorm(KernelBuilder &B, LayerNormOp Norm, const Row &X, Value Count,
                          LanesSink Sink) {
  Value Sum = B.sumOver(Count, [&](Value I, int64_t Lanes) { return X.load(I, Lanes); });
  Value Mean = B.div(Sum, B.toFloat(Count));
  auto Centered = [&](Value I, int64_t Lanes) {
    return B.sub(X.load(I, Lanes), B.splat(Mean, Lanes));
  };
  Value Squares = B.sumOver(Count, [&](Value I, int64_t Lanes) {
    Value Number = Centered(I, Lanes);
    return B.mul(Number, Number);
  });
  Value Factor = inverseRoot(B, Squares, Count, Norm.getEpsilon());
  Row Scale{B, B.getArgument(Norm.getScale()), codegen::getElementType(Norm.getScale())};
  B.loopLanes(Count, [&](Value I, int64_t Lanes) {
    Value Result = B.mul(B.mul(Centered(I, Lanes), B.splat(Factor, Lanes)), Scale.load(I, Lanes));
    if (Value Bias = Norm.getBias())
      Result =
          B.add(Result, Row{B, B.getArgument(Bias), codegen::getElementType(Bias)}.load(I, Lanes));
    Sink(I, Result);
  });
}

void codegen::emitNormRow(KernelBuilder &B, Operation *Norm, Value Pointer, Type Element,
                          Value Count, LanesSink Sink) {
  Row X{B, Pointer, Element};
  if (auto RMS = dyn_cast_or_null<RMSNormOp>(Norm))
    return emitRMSNorm(B, RMS, X, Count, Sink);
  if (auto Layer = dyn_cast_or_null<LayerNormOp>(Norm))
    return emitLayerNorm(B, Layer, X, Count, Sink);
  B.loopLanes(Count, [&](Value I, int64_t Lanes) { Sink(I, X.load(I, Lanes)); });
}
