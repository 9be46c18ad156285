#include "Attention.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

/// Part of a vector of biases, as a constant or a weight where it was one.
static Value takeBias(NodeEmitter &E, Value Bias, int64_t Offset, int64_t Size) {
  if (auto Use = Bias.getDefiningOp<UseWeightOp>())
    return E.B.weight(E.B.Weights.getRecipe(Use.getWeightAttr().getAttr()).sliced(0, Offset, Size));
  return E.B.slice(Bias, 0, E.B.constant(Offset), E.B.constant(Size));
}

Value onnx_import::takeChannels(NodeEmitter &E, Value X, int64_t Offset, int64_t Size) {
  if (!X)
    return {};
  int64_t Width = GraphBuilder::lastSize(X);
  if (ShapedType::isDynamic(Width) || Size > Width || Offset > Width - Size)
    return E.B.badInput("channels " + Twine(Offset) + " to " + Twine(Offset + Size) +
                        " are not there in " + describe(X.getType()));
  if (GraphBuilder::rank(X) == 1)
    return takeBias(E, X, Offset, Size);
  if (auto Linear = X.getDefiningOp<LinearOp>())
    if (auto Use = Linear.getWeight().getDefiningOp<UseWeightOp>()) {
      const WeightRecipe &Whole = E.B.Weights.getRecipe(Use.getWeightAttr().getAttr());
      std::optional<int64_t> Level = Linear.getAccuracyLevel();
      return E.B.linear(Linear.getInput(), Whole.sliced(0, Offset, Size), Level);
    }
  auto Add = X.getDefiningOp<BinaryOp>();
  if (Add && Add.getKind() == BinaryKind::Add)
    for (auto [Sum, Bias] :
         {std::pair<Value, Value>(Add.getLhs(), Add.getRhs()), {Add.getRhs(), Add.getLhs()}})
      if (Sum.getDefiningOp<LinearOp>() && GraphBuilder::rank(Bias) == 1 &&
          Sum.getType() == X.getType())
        return E.B.binary(BinaryKind::Add, takeChannels(E, Sum, Offset, Size),
                          takeBias(E, Bias, Offset, Size));
  return E.B.slice(X, GraphBuilder::rank(X) - 1, E.B.constant(Offset), E.B.constant(Size));
}

Value onnx_import::splitHeads(NodeEmitter &E, Value X, int64_t Heads) {
  if (!X)
    return {};
  int64_t Width = GraphBuilder::lastSize(X);
  if (GraphBuilder::rank(X) != 3 || ShapedType::isDynamic(Width) || Heads < 1 || Width % Heads != 0)
    return E.B.badInput("an operand of type " + describe(X.getType()) + " is no [batch, tokens, " +
                        Twine(Heads) + " heads]");
  Dims Shape = E.B.dims(X);
  return E.B.reshape(X, {Shape[0], Shape[1], E.B.constant(Heads), E.B.constant(Width / Heads)});
}

Value onnx_import::joinHeads(NodeEmitter &E, Value X) {
  if (!X)
    return {};
  Dims Shape = E.B.dims(X);
  return E.B.reshape(X, {Shape[0], Shape[1], E.B.product({Shape[2], Shape[3]})});
}

Value onnx_import::swapTokensAndHeads(NodeEmitter &E, Value X) {
  return E.B.transpose(X, {0, 2, 1, 3});
}

bool onnx_import::checkMask(NodeEmitter &E, Value Mask, Value Query, AffineExpr Context) {
  if (GraphBuilder::rank(Mask) > 4 || GraphBuilder::rank(Query) != 4)
    return succeeded(E.badInput("a mask of type " + describe(Mask.getType()) + " does not fit"));
  if (!GraphBuilder::element(Mask).isInteger(1) &&
      GraphBuilder::element(Mask) != GraphBuilder::element(Query))
    return succeeded(
        E.unsupported("a mask of type " + describe(Mask.getType()) + " is not supported"));
  Dims Q = E.B.dims(Query);
  Dims Scores = {Q[0], Q[2], Q[1], Context};
  auto Joined = E.B.broadcastDims(Scores, E.B.dims(Mask));
  if (succeeded(Joined) && *Joined != Scores)
    return succeeded(E.badInput("a mask of type " + describe(Mask.getType()) +
                                " does not fit scores of shape " + describe(Scores, E.B.Symbols)));
  return succeeded(Joined);
}

/// Heads and their sizes must be known, and the query's heads share the keys' evenly.
static bool checkHeads(NodeEmitter &E, Value Query, Value Key, Value Values) {
  for (Value V : {Query, Key, Values})
    if (GraphBuilder::rank(V) != 4 || GraphBuilder::type(V).isDynamicDim(2) ||
        GraphBuilder::type(V).isDynamicDim(3))
      return succeeded(E.badInput("an operand of type " + describe(V.getType()) +
                                  " is no [batch, tokens, heads, size] with known heads and size"));
  ArrayRef<int64_t> Q = GraphBuilder::type(Query).getShape(),
                    K = GraphBuilder::type(Key).getShape(),
                    V = GraphBuilder::type(Values).getShape();
  if (Q[3] != K[3] || K[2] != V[2] || K[2] == 0 || Q[2] % K[2] != 0)
    return succeeded(E.badInput("queries, keys and values of types " + describe(Query.getType()) +
                                ", " + describe(Key.getType()) + " and " +
                                describe(Values.getType()) + " do not fit together"));
  return true;
}

Value onnx_import::makeAttention(NodeEmitter &E, Value Query, Value Key, Value Values, Value Mask,
                                 const AttentionOptions &Options, Value Lengths) {
  if (!Query || !Key || !Values || !checkHeads(E, Query, Key, Values))
    return {};
  for (Value V : {Key, Values})
    if (failed(E.B.unify(E.B.dims(Query)[0], E.B.dims(V)[0], "the batches of queries and keys")))
      return {};
  if (failed(E.B.unify(E.B.dims(Key)[1], E.B.dims(Values)[1], "the lengths of keys and values")))
    return {};
  if (Lengths &&
      (GraphBuilder::rank(Lengths) != 1 || !isa<IntegerType>(GraphBuilder::element(Lengths))))
    return E.B.badInput("lengths of type " + describe(Lengths.getType()) +
                        " are no numbers for each row");
  return E.B.finish(AttentionOp::create(E.B.B, E.B.getLocation(), Query, Key, Values, Mask, Lengths,
                                        APFloat(float(Options.Scale)), Options.Causal,
                                        Options.Window, APFloat(float(Options.Softcap)),
                                        QuantizationAttr(), QuantizationAttr()));
}
