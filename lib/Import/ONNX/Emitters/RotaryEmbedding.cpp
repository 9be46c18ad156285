// RotaryEmbedding, in the standard and in com.microsoft's form.
#include "Attention.h"
#include "Rotary.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {

/// The two layouts of the operand, brought to [batch, tokens, heads, size] and back.
struct Operand {
  Value X;
  bool IsJoined;

  LogicalResult out(NodeEmitter &E, Value Result) const {
    return E.out(IsJoined ? joinHeads(E, Result) : swapTokensAndHeads(E, Result));
  }
};

} // namespace

/// `Pairs` is how many the tables turn, where that is known: the head size of a joined operand that
/// does not name its heads.
static std::optional<Operand> readOperand(NodeEmitter &E, int64_t Heads, int64_t RotaryDim,
                                          AffineExpr Pairs) {
  Value X = E.value(0);
  if (!X)
    return std::nullopt;
  if (GraphBuilder::rank(X) == 4)
    return Operand{swapTokensAndHeads(E, X), false};
  int64_t Width = GraphBuilder::lastSize(X);
  auto Number = dyn_cast<AffineConstantExpr>(Pairs);
  if (Heads == 0 && RotaryDim == 0 && Number && Number.getValue() > 0 &&
      !ShapedType::isDynamic(Width))
    Heads = Width / (2 * Number.getValue());
  Value Split = splitHeads(E, X, Heads);
  return Split ? std::optional(Operand{Split, true}) : std::nullopt;
}

/// Given positions, or one number: where the first token of each row is.
static Value readPositions(NodeEmitter &E, unsigned Index, Value X) {
  Value Given = E.value(Index);
  if (!Given || GraphBuilder::rank(Given) == 2)
    return Given;
  if (GraphBuilder::rank(Given) > 1)
    return E.B.badInput("positions are " + describe(Given.getType()) +
                        ", expected [batch, tokens] or one number");
  Value Start = E.B.broadcast(E.B.reshape(Given, {E.B.constant(1)}), {E.B.dims(X)[0]});
  return E.B.positions(Start, E.B.dims(X)[1]);
}

static LogicalResult emitMicrosoft(NodeEmitter &E) {
  bool Interleaved = E.getInt("interleaved", 0) != 0;
  int64_t RotaryDim = E.getInt("rotary_embedding_dim", 0), Heads = E.getInt("num_heads", 0);
  if (!E.requireInt("is_packed_batching", 0))
    return failure();
  if (E.getFloat("scale", 1) != 1)
    return E.unsupported("attribute 'scale' is not supported");
  auto Tables = recognizeTables(E, 2, 3);
  if (!Tables)
    return failure();
  auto X = readOperand(E, Heads, RotaryDim, E.B.constant(Tables->InverseFrequencies.size()));
  if (!X || !X->X)
    return failure();
  return X->out(E, makeRotary(E, X->X, readPositions(E, 1, X->X), *Tables, Interleaved));
}

//===- spelled out ----------------------------------------------------------------------------===//

/// Turns pairs given as two halves or as neighbours by cosines and sines that are data, [batch,
/// tokens, pairs].
static Value turn(NodeEmitter &E, Value X, Value Cosines, Value Sines, bool Interleaved) {
  Dims Table = E.B.dims(Cosines);
  if (Table.size() != 3)
    return E.B.badInput("cosines are " + describe(Cosines.getType()) +
                        ", expected [batch, tokens, pairs]");
  AffineExpr One = E.B.constant(1), Two = E.B.constant(2), Zero = E.B.constant(0), Pairs = Table[2];
  Dims TableShape = {Table[0], Table[1], One, Pairs}, Shape(E.B.dims(X));
  AffineExpr Turned = canonicalizeDim(Pairs * 2), Rest = canonicalizeDim(Shape.back() - Turned);
  if (isDimLessOrEqual(Zero, Rest) != true)
    return E.B.badInput("tables of " + describe(Cosines.getType()) + " do not fit heads of " +
                        describe(X.getType()));
  Value Passed = Rest == Zero ? Value() : E.B.slice(X, 3, Turned, Rest);
  Value Head = E.B.slice(X, 3, Zero, Turned);
  // The pair's two members along an axis of their own: before the pairs, or behind them.
  int64_t Axis = Interleaved ? 4 : 3;
  Dims Members(Shape.begin(), Shape.begin() + 3);
  Members.append({Interleaved ? Pairs : Two, Interleaved ? Two : Pairs});
  TableShape.insert(TableShape.begin() + Axis, One);
  Value C = E.B.reshape(Cosines, TableShape), S = E.B.reshape(Sines, TableShape);
  Head = E.B.reshape(Head, Members);
  Value A = E.B.slice(Head, Axis, Zero, One), B = E.B.slice(Head, Axis, One, One);
  auto Multiply = [&](Value V, Value W) { return E.B.binary(BinaryKind::Mul, V, W); };
  Value Real = E.B.binary(BinaryKind::Sub, Multiply(C, A), Multiply(S, B));
  Value Imaginary = E.B.binary(BinaryKind::Add, Multiply(S, A), Multiply(C, B));
  Dims Flat(Shape.begin(), Shape.begin() + 3);
  Flat.push_back(Turned);
  Value Result = E.B.reshape(E.B.concat({Real, Imaginary}, Axis), Flat);
  return Passed ? E.B.concat({Result, Passed}, 3) : Result;
}

static LogicalResult emitStandard(NodeEmitter &E) {
  bool Interleaved = E.getInt("interleaved", 0) != 0;
  int64_t RotaryDim = E.getInt("rotary_embedding_dim", 0), Heads = E.getInt("num_heads", 0);
  if (!E.has(0) || !E.has(1) || !E.has(2) || E.rank(1) < 1)
    return E.badInput("needs an operand and tables");
  bool IsTable = E.has(3) && E.in(1).Weight && E.in(2).Weight;
  auto Tables = IsTable ? recognizeTables(E, 1, 2) : std::nullopt;
  auto X =
      IsTable && !Tables ? std::nullopt : readOperand(E, Heads, RotaryDim, E.in(1).Shape.back());
  if (!X || !X->X)
    return failure();
  Value Positions = readPositions(E, 3, X->X);
  if (Tables)
    return X->out(E, makeRotary(E, X->X, Positions, *Tables, Interleaved));
  Value Cosines = E.value(1), Sines = E.value(2);
  if (Positions) {
    Cosines = E.B.gather(Cosines, Positions, 0);
    Sines = E.B.gather(Sines, Positions, 0);
  }
  return Cosines && Sines ? X->out(E, turn(E, X->X, Cosines, Sines, Interleaved)) : failure();
}

namespace qopt::onnx_import {
void registerRotaryEmbeddingEmitters(EmitterRegistry &Registry) {
  Registry.add("", "RotaryEmbedding", 23, EmitterRegistry::Newest, emitStandard);
  Registry.addMicrosoft("RotaryEmbedding", emitMicrosoft);
}
} // namespace qopt::onnx_import
