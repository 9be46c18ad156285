// Attention of the standard domain, and com.microsoft.MultiHeadAttention.
#include "Attention.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

/// Keys or values, [batch, tokens, heads, size], behind the past ones; `Present` is [batch, heads,
/// tokens, size].
static Value extendPast(NodeEmitter &E, Value New, unsigned Past, unsigned PresentOutput) {
  if (!New || (!E.has(Past) && !E.wants(PresentOutput)))
    return New;
  Value Present = swapTokensAndHeads(E, New);
  if (E.has(Past))
    Present = E.B.concat({E.value(Past), Present}, 2);
  if (failed(E.out(PresentOutput, Present)))
    return {};
  return E.has(Past) ? swapTokensAndHeads(E, Present) : New;
}

/// Booleans [tokens, context]: key j is seen by query i iff j <= i + Offset.
static Value makeCausalMask(NodeEmitter &E, AffineExpr Tokens, AffineExpr Context,
                            AffineExpr Offset) {
  Type I64 = E.B.B.getI64Type();
  AffineExpr One = E.B.constant(1);
  Value Last = E.B.reshape(E.B.iota(Tokens, Offset, One, I64), {Tokens, One});
  return E.B.compare(CompareKind::LessOrEqual, E.B.iota(Context, E.B.constant(0), One, I64), Last);
}

static Value combineMasks(NodeEmitter &E, Value Causal, Value Mask) {
  if (!Mask || !Causal)
    return Causal;
  if (GraphBuilder::element(Mask).isInteger(1))
    return E.B.binary(BinaryKind::And, Causal, Mask);
  return E.B.select(Causal, Mask, E.B.scalar(GraphBuilder::element(Mask), -INFINITY));
}

//===- the standard operator ------------------------------------------------------------------===//

static Value readHeads(NodeEmitter &E, unsigned Index, int64_t Heads) {
  Value X = E.value(Index);
  if (!X)
    return E.B.badInput("an operand is missing");
  return GraphBuilder::rank(X) == 4 ? swapTokensAndHeads(E, X) : splitHeads(E, X, Heads);
}

/// The operator's causal rule counts from the past length; ours from the end of the keys. Where
/// these are not shown to be the same, the rule becomes a mask.
static bool applyCausal(NodeEmitter &E, Value Query, Value Key, Value &Mask,
                        AttentionOptions &Options) {
  AffineExpr Tokens = E.B.dims(Query)[1], Context = E.B.dims(Key)[1];
  AffineExpr Past = E.has(4) ? E.B.dims(E.value(4))[2] : E.B.constant(0);
  if (E.has(6) || areDimsEqual(canonicalizeDim(Tokens + Past), Context) == true) {
    Options.Causal = true;
    return true;
  }
  Mask = combineMasks(E, makeCausalMask(E, Tokens, Context, Past), Mask);
  return bool(Mask);
}

static bool readWindow(NodeEmitter &E, AttentionOptions &Options) {
  int64_t Left = E.getInt("left_window_size", -1), Right = E.getInt("right_window_size", -1);
  if (Left < 0 && Right < 0)
    return true;
  if (!Options.Causal || Right > 0)
    return succeeded(E.unsupported("a window is supported for causal attention only"));
  Options.Window = Left < 0 ? 0 : Left + 1;
  return true;
}

static LogicalResult emitStandard(NodeEmitter &E) {
  int64_t Heads = E.getInt("q_num_heads", 0), KVHeads = E.getInt("kv_num_heads", 0);
  AttentionOptions Options;
  Options.Softcap = E.getFloat("softcap", 0);
  bool IsCausal = E.getInt("is_causal", 0) != 0;
  // Scores are always normalized in f32 or wider.
  E.attribute("softmax_precision");
  if (!E.requireInt("qk_matmul_output_mode", 0))
    return failure();
  if (E.wants(3))
    return E.unsupported("output 3 is not supported");
  bool IsJoined = E.has(0) && E.rank(0) == 3;
  Value Query = readHeads(E, 0, Heads), New = readHeads(E, 1, KVHeads),
        NewValues = readHeads(E, 2, KVHeads);
  Value Key = extendPast(E, New, 4, 1), Values = extendPast(E, NewValues, 5, 2);
  Value Mask = E.value(3), Lengths = E.value(6);
  if (!Query || !Key || !Values)
    return failure();
  if (Mask && !checkMask(E, Mask, Query, E.B.dims(Key)[1]))
    return failure();
  if ((IsCausal && !applyCausal(E, Query, Key, Mask, Options)) || !readWindow(E, Options))
    return failure();
  Options.Scale = E.getFloat("scale", 1 / std::sqrt(double(GraphBuilder::lastSize(Query))));
  Value Result = makeAttention(E, Query, Key, Values, Mask, Options, Lengths);
  return E.out(IsJoined ? joinHeads(E, Result) : swapTokensAndHeads(E, Result));
}

//===- MultiHeadAttention ---------------------------------------------------------------------===//

/// A projection with its third of the bias.
static Value readProjection(NodeEmitter &E, unsigned Index, int64_t Heads, int64_t BiasOffset) {
  Value X = E.value(Index);
  if (!X || GraphBuilder::rank(X) != 3)
    return E.B.unsupported("packed or transposed queries, keys and values are not supported");
  int64_t Width = GraphBuilder::lastSize(X);
  if (E.has(3) && !ShapedType::isDynamic(Width))
    X = E.B.binary(BinaryKind::Add, X, takeChannels(E, E.value(3), BiasOffset, Width));
  return splitHeads(E, X, Heads);
}

/// 1 for each key that counts, [batch, context], as a mask.
static Value readPadding(NodeEmitter &E) {
  Value Mask = E.value(4);
  if (!Mask)
    return {};
  if (GraphBuilder::rank(Mask) != 2 || isa<FloatType>(GraphBuilder::element(Mask)))
    return E.B.unsupported("a key_padding_mask of type " + describe(Mask.getType()) +
                           " is not supported");
  AffineExpr One = E.B.constant(1);
  Dims Shape = E.B.dims(Mask);
  return E.B.reshape(E.B.cast(Mask, E.B.B.getI1Type()), {Shape[0], One, One, Shape[1]});
}

static LogicalResult emitMultiHead(NodeEmitter &E) {
  int64_t Heads = E.getInt("num_heads", 0);
  AttentionOptions Options;
  Options.Scale = E.getFloat("scale", 0);
  bool IsCausal = E.getInt("unidirectional", 0) != 0;
  // What is masked is left out altogether.
  E.attribute("mask_filter_value");
  if (E.wants(3))
    return E.unsupported("output 3 is not supported");
  if (!E.has(0) || !E.has(1) || !E.has(2))
    return E.unsupported("packed queries, keys and values are not supported");
  auto Width = [&](unsigned I) {
    return E.value(I) ? std::max<int64_t>(GraphBuilder::lastSize(E.value(I)), 0) : 0;
  };
  Value Query = readProjection(E, 0, Heads, 0), New = readProjection(E, 1, Heads, Width(0));
  Value NewValues = readProjection(E, 2, Heads, Width(0) + Width(1));
  Value Key = extendPast(E, New, 6, 1), Values = extendPast(E, NewValues, 7, 2);
  Value Padding = readPadding(E), Mask = E.value(5);
  if (!Query || !Key || !Values || (E.has(4) && !Padding))
    return failure();
  Mask = Padding ? combineMasks(E, Padding, Mask) : Mask;
  if (Mask && !checkMask(E, Mask, Query, E.B.dims(Key)[1]))
    return failure();
  Options.Causal = IsCausal;
  if (Options.Scale == 0)
    Options.Scale = 1 / std::sqrt(double(GraphBuilder::lastSize(Query)));
  return E.out(joinHeads(E, makeAttention(E, Query, Key, Values, Mask, Options)));
}

namespace qopt::onnx_import {
void registerAttentionEmitters(EmitterRegistry &Registry) {
  Registry.add("", "Attention", 23, EmitterRegistry::Newest, emitStandard);
  Registry.addMicrosoft("MultiHeadAttention", emitMultiHead);
}
} // namespace qopt::onnx_import
