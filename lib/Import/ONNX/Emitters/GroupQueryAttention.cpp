// com.microsoft.GroupQueryAttention, in plain operations.
#include "Attention.h"
#include "Rotary.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {

enum Input : unsigned {
  QueryInput,
  KeyInput,
  ValueInput,
  PastKey,
  PastValue,
  SequenceLengths,
  TotalLength,
  CosCache,
  SinCache,
  Positions,
  AttentionBias,
  HeadSink,
  KeyScale,
  ValueScale,
  QueryNorm,
  KeyNorm
};

struct Attributes {
  int64_t Heads, KVHeads;
  bool DoRotary, Interleaved;
  double NormEpsilonQuery, NormEpsilonKey;
  AttentionOptions Attention;
};

} // namespace

static std::optional<Attributes> readAttributes(NodeEmitter &E) {
  Attributes A;
  A.Heads = E.getInt("num_heads", 0);
  A.KVHeads = E.getInt("kv_num_heads", 0);
  A.DoRotary = E.getInt("do_rotary", 0) != 0;
  A.Interleaved = E.getInt("rotary_interleaved", 0) != 0;
  A.Attention.Scale = E.getFloat("scale", 0);
  A.Attention.Softcap = E.getFloat("softcap", 0);
  A.Attention.Window = std::max<int64_t>(E.getInt("local_window_size", -1), 0);
  A.Attention.Causal = true;
  double Epsilon = E.getFloat("qk_norm_epsilon", 1e-6);
  A.NormEpsilonQuery = E.getFloat("q_norm_epsilon", Epsilon);
  A.NormEpsilonKey = E.getFloat("k_norm_epsilon", Epsilon);
  if (A.Heads < 1 || A.KVHeads < 1 || A.Heads % A.KVHeads != 0) {
    (void)E.badInput("has " + Twine(A.Heads) + " heads and " + Twine(A.KVHeads) + " of keys");
    return std::nullopt;
  }
  if (E.getInt("smooth_softmax", -1) > 0) {
    (void)E.unsupported("attribute 'smooth_softmax' is not supported");
    return std::nullopt;
  }
  bool IsPlain = E.requireInt("causal", 1) && E.requireInt("qk_output", 0) &&
                 E.requireInt("kv_cache_bit_width", 0) && E.requireInt("sliding_window_cache", 0);
  for (StringRef Name : {"k_quant_type", "v_quant_type"})
    if (E.getString(Name, "NONE") != "NONE")
      IsPlain =
          succeeded(E.unsupported("a quantized cache (attribute '" + Name + "') is not supported"));
  return IsPlain ? std::optional<Attributes>(A) : std::nullopt;
}

/// Queries, keys and values [batch, tokens, heads, size], packed in one operand or apart.
static bool readProjections(NodeEmitter &E, const Attributes &A, Value (&Parts)[3]) {
  Value Packed = E.value(QueryInput);
  if (!Packed)
    return succeeded(E.badInput("has no query"));
  int64_t Counts[3] = {A.Heads, A.KVHeads, A.KVHeads};
  if (E.has(KeyInput) != E.has(ValueInput))
    return succeeded(E.badInput("has only one of key and value"));
  int64_t Width = GraphBuilder::lastSize(Packed), All = A.Heads + 2 * A.KVHeads;
  if (!E.has(KeyInput) && (ShapedType::isDynamic(Width) || Width % All != 0))
    return succeeded(E.badInput("a packed operand of type " + describe(Packed.getType()) +
                                " does not divide into " + Twine(All) + " heads"));
  int64_t Offset = 0;
  for (unsigned I = 0; I < 3; ++I) {
    int64_t Size = Counts[I] * (Width / All);
    Value Part = E.has(KeyInput) ? E.value(QueryInput + I) : takeChannels(E, Packed, Offset, Size);
    Parts[I] = splitHeads(E, Part, Counts[I]);
    if (!Parts[I])
      return false;
    Offset += Size;
  }
  return true;
}

/// [batch, tokens]: given, or counted from the valid tokens of each row: seqlens_k + 1 is the
/// total, and the new tokens are its last ones.
static Value makePositions(NodeEmitter &E, Value Query) {
  AffineExpr Tokens = E.B.dims(Query)[1];
  if (Value Given = E.value(Positions)) {
    if (GraphBuilder::rank(Given) != 2)
      return E.B.badInput("position_ids are " + describe(Given.getType()) +
                          ", expected [batch, tokens]");
    return Given;
  }
  Value Last = E.value(SequenceLengths);
  if (!Last)
    return E.B.badInput("has no seqlens_k");
  if (GraphBuilder::rank(Last) == 2)
    Last = E.B.reshape(Last, {E.B.product(E.B.dims(Last))});
  if (!Last || GraphBuilder::rank(Last) != 1)
    return E.B.badInput("seqlens_k must have one number for each row of the batch");
  Type Element = GraphBuilder::element(Last);
  Value Total = E.B.binary(BinaryKind::Add, Last, 1);
  Value Past = E.B.binary(BinaryKind::Sub, Total, E.B.sizes({Tokens}, Element, /*Scalar=*/true));
  return E.B.positions(Past, Tokens);
}

/// Keys or values of all tokens, [batch, heads, tokens, size]: the past ones first.
static Value appendToPast(NodeEmitter &E, unsigned Past, Value New) {
  Value Swapped = swapTokensAndHeads(E, New);
  if (!E.has(Past))
    return Swapped;
  return E.B.concat({E.value(Past), Swapped}, 2);
}

static LogicalResult emitGroupQueryAttention(NodeEmitter &E) {
  auto A = readAttributes(E);
  Value Parts[3];
  if (!A || !readProjections(E, *A, Parts))
    return failure();
  if (E.has(QueryNorm))
    Parts[0] = E.B.rmsNorm(Parts[0], E.value(QueryNorm), A->NormEpsilonQuery);
  if (E.has(KeyNorm))
    Parts[1] = E.B.rmsNorm(Parts[1], E.value(KeyNorm), A->NormEpsilonKey);
  // Read even where positions are given: the causal mask counts from the end of the keys, which is
  // the same for rows that have as many tokens as the longest one.
  for (unsigned I : {SequenceLengths, TotalLength, CosCache, SinCache, Positions})
    if (E.has(I))
      (void)E.in(I);
  if (A->DoRotary) {
    auto Tables = recognizeTables(E, CosCache, SinCache);
    Value At = Tables && Parts[0] && Parts[1] ? makePositions(E, Parts[0]) : Value();
    if (!At)
      return failure();
    for (unsigned I : {0, 1})
      Parts[I] = makeRotary(E, Parts[I], At, *Tables, A->Interleaved);
  }
  Value Keys = appendToPast(E, PastKey, Parts[1]), Values = appendToPast(E, PastValue, Parts[2]);
  if (!Parts[0] || !Keys || !Values)
    return failure();
  if (E.has(TotalLength) && E.in(TotalLength).Elements && E.in(TotalLength).Elements->size() == 1 &&
      failed(E.B.unify(E.in(TotalLength).Elements->front(), E.B.dims(Keys)[2],
                       "total_sequence_length and the keys")))
    return failure();
  if (A->Attention.Scale == 0)
    A->Attention.Scale = 1 / std::sqrt(double(GraphBuilder::lastSize(Parts[0])));
  Value Bias = E.value(AttentionBias);
  if (Bias && !checkMask(E, Bias, Parts[0], E.B.dims(Keys)[2]))
    return failure();
  Value Result = makeAttention(E, Parts[0], swapTokensAndHeads(E, Keys),
                               swapTokensAndHeads(E, Values), Bias, A->Attention);
  if (failed(E.out(0, joinHeads(E, Result))) || failed(E.out(1, Keys)))
    return failure();
  return E.out(2, Values);
}

namespace qopt::onnx_import {
void registerGroupQueryAttentionEmitters(EmitterRegistry &Registry) {
  Registry.addMicrosoft("GroupQueryAttention", emitGroupQueryAttention);
}
} // namespace qopt::onnx_import
