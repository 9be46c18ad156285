#include "Shapes.h"
#include "qopt/Reference/Evaluator.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;

/// Fails unless the vector has one number per row of the batch, from `Min` to `Max`.
static LogicalResult verifyPerRow(Operation *Op, StringRef What, const ReferenceTensor &Vector,
                                  int64_t Rows, int64_t Min, int64_t Max) {
  if (Vector.getNumElements() != Rows)
    return Op->emitOpError() << What << " has " << Vector.getNumElements() << " numbers for "
                             << Rows << " rows of the batch";
  for (int64_t Row = 0; Row < Rows; ++Row)
    if (Vector.getInteger(Row) < Min || Vector.getInteger(Row) > Max)
      return Op->emitOpError() << What << " of row " << Row << " is " << Vector.getInteger(Row)
                               << ", expected " << Min << " to " << Max;
  return success();
}

/// Fails unless two tensors agree on an axis.
static LogicalResult verifySame(Operation *Op, const ReferenceTensor &A, const ReferenceTensor &B,
                                int64_t Axis) {
  if (A.getDim(Axis) != B.getDim(Axis))
    return Op->emitOpError() << "operands " << A.getType() << " and " << B.getType()
                             << " differ on axis " << Axis;
  return success();
}

//===- positions, take_last -------------------------------------------------------------------===//

static LogicalResult evaluate(PositionsOp Op, Frame &Frame) {
  const ReferenceTensor &Past = Frame.getTensor(Op.getPast());
  auto Tokens = Frame.evaluate(Op, Op.getTokens());
  if (failed(Tokens))
    return failure();
  if (Tokens->front() < 0)
    return Op.emitOpError() << "has " << Tokens->front() << " tokens";
  SmallVector<int64_t> Shape = {Past.getDim(0), Tokens->front()};
  ReferenceTensor Result(Past.getType().clone(Shape));
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    Result.setInteger(I, int64_t(uint64_t(Past.getInteger(Index[0])) + uint64_t(Index[1])));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(TakeLastOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Count = Frame.getTensor(Op.getCount());
  auto Size = Frame.evaluate(Op, Op.getSize());
  int64_t Tokens = Input.getDim(1);
  if (failed(Size) || failed(verifyPerRow(Op, "count", Count, Input.getDim(0), 0, Tokens)))
    return failure();
  SmallVector<int64_t> Shape(Input.getShape());
  Shape[1] = Size->front();
  if (Shape[1] < 0 || (Tokens == 0 && ShapedType::getNumElements(Shape) > 0))
    return Op.emitOpError() << "takes " << Shape[1] << " of " << Tokens << " tokens";
  if (Input.isStored())
    return Op.emitOpError() << "moves plain numbers only, found " << Input.getType();
  ReferenceTensor Result(Input.getType().clone(Shape));
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    SmallVector<int64_t> From(Index);
    From[1] = std::max<int64_t>(Count.getInteger(Index[0]) - Shape[1] + Index[1], 0);
    Result.copyElement(I, Input, Input.offset(From));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- rotary ---------------------------------------------------------------------------------===//

/// Fails where a position is none, or beyond the model's tables.
static LogicalResult verifyPositions(RotaryOp Op, const ReferenceTensor &Positions) {
  int64_t Length = Op.getTableLength().value_or(std::numeric_limits<int64_t>::max());
  for (int64_t I = 0; I < Positions.getNumElements(); ++I)
    if (Positions.getInteger(I) < 0 || Positions.getInteger(I) >= Length)
      return Op.emitOpError() << "position " << Positions.getInteger(I)
                              << " is not one of the model's " << Length;
  return success();
}

static LogicalResult evaluate(RotaryOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  const ReferenceTensor &Positions = Frame.getTensor(Op.getPositions());
  if (failed(verifySame(Op, Input, Positions, 0)) || failed(verifySame(Op, Input, Positions, 1)) ||
      failed(verifyPositions(Op, Positions)))
    return failure();
  ArrayRef<float> Frequencies = Op.getInverseFrequencies();
  int64_t Pairs = Frequencies.size(), Size = Input.getDim(3);
  double Scale = Op.getScale().convertToFloat();
  ReferenceTensor Result = Input;
  forEachIndex(Input.getShape().drop_back(), [&](ArrayRef<int64_t> Index, int64_t Head) {
    double Position = Positions.getInteger(Index.take_front(2));
    for (int64_t Pair = 0; Pair < Pairs; ++Pair) {
      double Angle = Position * Frequencies[Pair];
      double Cos = std::cos(Angle) * Scale, Sin = std::sin(Angle) * Scale;
      int64_t First = Head * Size + (Op.getInterleaved() ? 2 * Pair : Pair);
      int64_t Second = First + (Op.getInterleaved() ? 1 : Pairs);
      double A = Input.getFloat(First), B = Input.getFloat(Second);
      Result.setFloat(First, A * Cos - B * Sin);
      Result.setFloat(Second, B * Cos + A * Sin);
    }
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- attention ------------------------------------------------------------------------------===//

static constexpr double Unseen = -std::numeric_limits<double>::infinity();

static double softcap(double Score, double Cap) {
  return Cap > 0 ? Cap * std::tanh(Score / Cap) : Score;
}

/// A number after it went through codes, where something asks for that.
static double requantize(std::optional<QuantizationAttr> By, double Value) {
  if (!By)
    return Value;
  double Scale = By->getScale().getValueAsDouble();
  auto Float = cast<FloatType>(By->getScale().getType());
  int64_t Code =
      quantizeNumber(Float, By->getCode(), double(float(Value)), Scale, By->getZeroPoint());
  return double(float(double(Code - By->getZeroPoint()) * Scale));
}

static void requantize(std::optional<QuantizationAttr> By, std::vector<double> &Values) {
  for (double &Value : Values)
    Value = requantize(By, Value);
}

/// softmax(Scores), in place. A score of -inf is a key that is not seen; a query that sees nothing
/// gets weights of zero.
static void attend(std::vector<double> &Scores) {
  double Max = Unseen, Sum = 0;
  for (double Score : Scores)
    Max = std::isnan(Max) || Max > Score ? Max : Score;
  for (double &Score : Scores)
    Sum += Score = Score == Unseen ? 0 : std::exp(Score - Max);
  for (double &Score : Scores)
    Score = Sum == 0 ? 0 : Score / Sum;
}

/// Sum of the values of the seen keys. What is not seen may hold anything, NaN too.
static double weightedSum(ArrayRef<double> Weights, llvm::function_ref<double(int64_t Key)> Value) {
  double Sum = 0;
  for (auto [Key, Weight] : llvm::enumerate(Weights))
    if (Weight != 0)
      Sum += Weight * Value(Key);
  return Sum;
}

/// What the optional mask makes of a score.
static double applyMask(const ReferenceTensor *Mask, ArrayRef<int64_t> Index, double Score) {
  if (!Mask)
    return Score;
  int64_t Offset = broadcastOffset(*Mask, Index);
  if (Mask->isFloat())
    return Score + Mask->getFloat(Offset);
  return Mask->getInteger(Offset) ? Score : Unseen;
}

/// A query that is not among the sampled ones.
static void skipQuery(ReferenceTensor &Result, int64_t Number) {
  int64_t Size = Result.getShape().back();
  for (int64_t C = 0; C < Size; ++C)
    Result.setFloat(Number * Size + C, std::numeric_limits<double>::quiet_NaN());
}

static LogicalResult verifyMask(AttentionOp Op, const ReferenceTensor &Mask,
                                ArrayRef<int64_t> ScoreShape) {
  auto Joined = broadcastShapes(Mask.getShape(), ScoreShape);
  if (failed(Joined) || ArrayRef<int64_t>(*Joined) != ScoreShape)
    return Op.emitOpError() << "mask " << Mask.getType() << " does not broadcast to "
                            << RankedTensorType::get(ScoreShape, Mask.getElementType());
  return success();
}

static LogicalResult evaluate(AttentionOp Op, Frame &Frame) {
  const ReferenceTensor &Query = Frame.getTensor(Op.getQuery()),
                        &Key = Frame.getTensor(Op.getKey());
  const ReferenceTensor &Value = Frame.getTensor(Op.getValue());
  const ReferenceTensor *Mask = Op.getMask() ? &Frame.getTensor(Op.getMask()) : nullptr;
  const ReferenceTensor *Lengths = Op.getLengths() ? &Frame.getTensor(Op.getLengths()) : nullptr;
  int64_t Batch = Query.getDim(0), Tokens = Query.getDim(1), Heads = Query.getDim(2),
          Size = Query.getDim(3);
  int64_t Context = Key.getDim(1), HeadsPerKey = Heads / Key.getDim(2), ValueSize = Value.getDim(3);
  if (failed(verifySame(Op, Query, Key, 0)) || failed(verifySame(Op, Key, Value, 0)) ||
      failed(verifySame(Op, Key, Value, 1)) ||
      (Mask && failed(verifyMask(Op, *Mask, {Batch, Heads, Tokens, Context}))) ||
      (Lengths && failed(verifyPerRow(Op, "lengths", *Lengths, Batch, 0, Context))))
    return failure();
  double Scale = Op.getScale().convertToFloat(), Cap = Op.getSoftcap().convertToFloat();
  int64_t Window = Op.getWindow();
  SmallVector<int64_t> Shape = {Batch, Tokens, Heads, ValueSize};
  ReferenceTensor Result(Query.getType().clone(Shape));

  forEachIndex({Batch, Tokens, Heads}, [&](ArrayRef<int64_t> Index, int64_t Number) {
    int64_t Row = Index[0], Token = Index[1], Head = Index[2], KeyHead = Head / HeadsPerKey;
    if (!Frame.isComputed(Number, Batch * Tokens * Heads))
      return skipQuery(Result, Number);
    int64_t Length = Lengths ? Lengths->getInteger(Row) : Context;
    int64_t Last = Op.getCausal() ? Token + Length - Tokens : Length - 1;
    auto Sees = [&](int64_t J) {
      return J < Length && J <= Last && (!Op.getCausal() || Window <= 0 || J - Last > -Window);
    };
    std::vector<double> Scores(Context, Unseen);
    for (int64_t J = 0; J < Context; ++J) {
      if (!Sees(J))
        continue;
      double Score = 0;
      for (int64_t C = 0; C < Size; ++C)
        Score += Query.getFloat({Row, Token, Head, C}) * Key.getFloat({Row, J, KeyHead, C});
      Scores[J] = applyMask(Mask, {Row, Head, Token, J},
                            softcap(Scale * requantize(Op.getScores(), Score), Cap));
    }
    attend(Scores);
    requantize(Op.getProbabilities(), Scores);
    for (int64_t C = 0; C < ValueSize; ++C)
      Result.setFloat({Row, Token, Head, C}, weightedSum(Scores, [&](int64_t J) {
                        return Value.getFloat({Row, J, KeyHead, C});
                      }));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- kv_append, cached_attention ------------------------------------------------------------===//

/// Fails unless every new token has its place in the cache.
static LogicalResult verifyRoom(Operation *Op, const ReferenceCache &Cache,
                                const ReferenceTensor &Past, const ReferenceTensor &New) {
  if (New.getDim(0) != Cache.getBatch())
    return Op->emitOpError() << "has " << New.getDim(0) << " rows, the cache " << Cache.getBatch();
  if (New.getDim(1) > Cache.getCapacity())
    return Op->emitOpError() << "has " << New.getDim(1) << " tokens for a cache of "
                             << Cache.getCapacity();
  return verifyPerRow(Op, "past", Past, Cache.getBatch(), 0, Cache.getCapacity() - New.getDim(1));
}

static LogicalResult evaluate(KVAppendOp Op, Frame &Frame) {
  const ReferenceCache &Cache = Frame.getCache(Op.getCache());
  const ReferenceTensor &Key = Frame.getTensor(Op.getKey()),
                        &Value = Frame.getTensor(Op.getValue());
  const ReferenceTensor &Past = Frame.getTensor(Op.getPast());
  if (failed(verifySame(Op, Key, Value, 0)) || failed(verifySame(Op, Key, Value, 1)) ||
      failed(verifyRoom(Op, Cache, Past, Key)))
    return failure();
  ReferenceCache Result = Cache;
  int64_t Size = Key.getDim(3);
  forEachIndex(Key.getShape().drop_back(), [&](ArrayRef<int64_t> Index, int64_t Head) {
    std::vector<double> Keys, Values;
    for (int64_t I = Head * Size; I < (Head + 1) * Size; ++I) {
      Keys.push_back(Key.getFloat(I));
      Values.push_back(Value.getFloat(I));
    }
    int64_t Position = Past.getInteger(Index[0]) + Index[1];
    Result.set(Index[0], Position, Index[2], Keys, Values);
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

/// Fails where a query would see a position that was never appended.
static LogicalResult verifyWritten(CachedAttentionOp Op, const ReferenceCache &Cache, int64_t Row,
                                   int64_t First, int64_t Last) {
  for (int64_t Position = First; Position <= Last; ++Position)
    if (!Cache.isWritten(Row, Position))
      return Op.emitOpError() << "reads position " << Position << " of row " << Row
                              << " of the cache, which was never appended";
  return success();
}

static LogicalResult evaluate(CachedAttentionOp Op, Frame &Frame) {
  const ReferenceTensor &Query = Frame.getTensor(Op.getQuery()),
                        &Past = Frame.getTensor(Op.getPast());
  const ReferenceCache &Cache = Frame.getCache(Op.getCache());
  if (failed(verifyRoom(Op, Cache, Past, Query)))
    return failure();
  int64_t Batch = Query.getDim(0), Tokens = Query.getDim(1), Heads = Query.getDim(2),
          Size = Query.getDim(3);
  int64_t HeadsPerKey = Heads / Cache.getType().getHeads(), Window = Op.getWindow();
  auto FirstSeen = [&](int64_t Last) {
    return Window > 0 ? std::max<int64_t>(Last - Window + 1, 0) : 0;
  };
  for (int64_t Row = 0; Row < Batch && Tokens > 0; ++Row)
    if (int64_t FirstPast = Past.getInteger(Row);
        failed(verifyWritten(Op, Cache, Row, FirstSeen(FirstPast), FirstPast + Tokens - 1)))
      return failure();
  double Scale = Op.getScale().convertToFloat(), Cap = Op.getSoftcap().convertToFloat();
  ReferenceTensor Result(Query.getType());

  forEachIndex({Batch, Tokens, Heads}, [&](ArrayRef<int64_t> Index, int64_t Number) {
    int64_t Row = Index[0], Token = Index[1], Head = Index[2], KeyHead = Head / HeadsPerKey;
    if (!Frame.isComputed(Number, Batch * Tokens * Heads))
      return skipQuery(Result, Number);
    int64_t Last = Past.getInteger(Row) + Token, First = FirstSeen(Last);
    std::vector<double> Scores(Last - First + 1, 0);
    for (int64_t J = First; J <= Last; ++J) {
      double Score = 0;
      for (int64_t C = 0; C < Size; ++C)
        Score += Query.getFloat({Row, Token, Head, C}) * Cache.getKey(Row, J, KeyHead, C);
      Scores[J - First] = softcap(Scale * requantize(Op.getScores(), Score), Cap);
    }
    attend(Scores);
    requantize(Op.getProbabilities(), Scores);
    for (int64_t C = 0; C < Size; ++C)
      Result.setFloat({Row, Token, Head, C}, weightedSum(Scores, [&](int64_t J) {
                        return Cache.getValue(Row, First + J, KeyHead, C);
                      }));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

namespace qopt {
void registerDecoderReferences(ReferenceRegistry &Registry) {
  Registry.add<PositionsOp>(evaluate);
  Registry.add<TakeLastOp>(evaluate);
  Registry.add<RotaryOp>(evaluate);
  Registry.add<AttentionOp>(evaluate);
  Registry.add<KVAppendOp>(evaluate);
  Registry.add<CachedAttentionOp>(evaluate);
}
} // namespace qopt
