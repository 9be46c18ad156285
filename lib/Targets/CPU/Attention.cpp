// Causal attention over a cache. A work item is a tile of queries that read the same keys and
// values: up to 8 query heads of one kv head, or, where there are fewer, those heads of several
// neighbouring tokens.
//
//   scores    16 positions at a time: for each channel one vector of keys times one number of each
//   query softmax   the largest score, then exp and sum in 16 lanes (lane = position mod 16) output
//   for each position one number of each query times the vectors of its value row, in order of
//   positions
//
// Nothing about a query's sums depends on which other queries share its tile or on how many tokens
// the step has, so that token by token and one full pass agree. Scores of a tile lie in scratch.
// Lanes that a query does not see have the score -inf, and values that it does not see are not even
// multiplied with 0 (they may be anything).
#include "qopt/Targets/CPU/CacheLayout.h"
#include "qopt/Targets/Common/SingleOperation.h"
#include "qopt/Targets/Common/StoredRow.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

using Values = KernelBuilder::Values;

namespace {

/// The sizes that decide how a kernel is cut into tiles.
struct AttentionShape {
  CachedAttentionOp Op;
  /// What the result goes through as codes.
  SmallVector<Operation *, 2> Coding;
  KVCacheType Cache;
  CacheSide KeySide, ValueSide;
  int64_t Heads, Size;
  /// Query heads and tokens of a tile.
  int64_t TileHeads, TileTokens;
  AffineExpr Batch, Tokens;

  explicit AttentionShape(const KernelInfo &Info, CachedAttentionOp Op);
  int64_t getGroups() const { return Heads / TileHeads; }
  int64_t getTileRows() const { return TileHeads * TileTokens; }
  AffineExpr getItems() const { return Batch * getGroups() * Tokens.ceilDiv(TileTokens); }
};

/// Parts of the scratch memory.
struct AttentionScratch {
  AffineExpr Queries, Scores, Bytes;
  AttentionScratch(const KernelInfo &Info, const AttentionShape &Shape);
};

class AttentionEmitter {
public:
  AttentionEmitter(KernelBuilder &B, CachedAttentionOp Op)
      : B(B), Info(B.getInfo()), Shape(Info, Op), Scratch(Info, Shape) {}
  void emit();

private:
  /// One tile with a known number of tokens from `Token` on.
  struct Tile {
    Value Batch, Group, Token;
    int64_t Tokens;
    /// Positions [Low, High) that each token sees.
    Values Low, High;
    /// Keys and values of the tile's head, and their scales where they have some.
    Value Keys, KeyScales, CachedValues, ValueScales;
  };

  void emitTile(Value Batch, Value Group, Value Token, int64_t Tokens);
  Tile makeTile(Value Batch, Value Group, Value Token, int64_t Tokens);
  void loadQueries(const Tile &Tile);
  Values emitScores(const Tile &Tile);
  /// The scales of 16 positions, and that of one.
  Value loadScales(const CacheSide &Side, Value Scales, Value Position) {
    Type Ty = Side.getStored().getScaleType();
    return B.loadVector(B.element(Scales, Position, Ty), Ty);
  }
  Value loadScale(const CacheSide &Side, Value Scales, Value Position) {
    Type Ty = Side.getStored().getScaleType();
    return B.loadScalar(B.element(Scales, Position, Ty), Ty);
  }
  Value maskScores(Value Scores, Value Position, Value Low, Value High);
  Value emitSoftmax(const Tile &Tile, int64_t Row, Value Max);
  void emitOutput(const Tile &Tile, int64_t FirstHead, int64_t Heads, ArrayRef<Value> Sums);
  void emitOutputBlock(const Tile &Tile, ArrayRef<int64_t> Rows, ArrayRef<Value> Sums,
                       int64_t Channel, int64_t Vectors);
  Values accumulate(const Tile &Tile, ArrayRef<int64_t> Rows, Value Low, Value High,
                    int64_t Channel, int64_t Vectors, ValueRange Sums);
  void storeOutput(const Tile &Tile, int64_t Row, int64_t Channel, Value Vector);

  Value scoreAt(int64_t Row, Value Position) {
    Value Index = B.add(B.index(Row * getPaddedCapacity(Shape.Cache)), Position);
    return B.element(B.getScratch(Scratch.Scores), Index, B.getF32Type());
  }
  /// Index of the first element of a query in [batch, tokens, heads, size].
  Value queryIndex(const Tile &Tile, int64_t Row);

  KernelBuilder &B;
  const KernelInfo &Info;
  AttentionShape Shape;
  AttentionScratch Scratch;
};

class AttentionLowering : public CpuLowering {
public:
  StringRef getName() const override { return "attention"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override;
  KernelPlan plan(const KernelInfo &Kernel) const override;
  LogicalResult emit(KernelBuilder &B) const override;
};

} // namespace

AttentionShape::AttentionShape(const KernelInfo &Info, CachedAttentionOp Op)
    : Op(Op), Cache(Op.getCache().getType()), KeySide(getKeySide(Cache)),
      ValueSide(getValueSide(Cache)) {
  skipCoding(skipReshapes(Info.getResults()[0]), Coding);
  auto Query = cast<RankedTensorType>(Op.getQuery().getType());
  Heads = Query.getDimSize(2);
  Size = Query.getDimSize(3);
  int64_t PerKVHead = Heads / Cache.getHeads();
  TileHeads = std::min<int64_t>(PerKVHead, 8);
  while (PerKVHead % TileHeads)
    --TileHeads;
  TileTokens = 8 / TileHeads;
  Batch = Info.getDims(Op.getQuery())[0];
  Tokens = Info.getDims(Op.getQuery())[1];
}

AttentionScratch::AttentionScratch(const KernelInfo &Info, const AttentionShape &Shape) {
  ScratchLayout Layout(Info.getContext());
  int64_t Rows = Shape.getTileRows();
  Queries = Layout.add(Info.constant(Rows * Shape.Size * 4));
  Scores = Layout.add(Info.constant(Rows * getPaddedCapacity(Shape.Cache) * 4));
  Bytes = Layout.getBytes();
}

//===- Tiles ----------------------------------------------------------------------------------===//

/// Items are numbered [batch][groups of heads][blocks of tokens]: neighbours differ in the token,
/// so that each worker gets short and long rows.
void AttentionEmitter::emit() {
  Value Tokens = B.size(Shape.Tokens), Blocks = B.size(Shape.Tokens.ceilDiv(Shape.TileTokens));
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    Value Block = B.rem(Item, Blocks), Rest = B.div(Item, Blocks);
    Value Group = B.rem(Rest, Shape.getGroups()), Batch = B.div(Rest, Shape.getGroups());
    Value Token = B.mul(Block, Shape.TileTokens);
    if (Shape.TileTokens == 1)
      return emitTile(Batch, Group, Token, 1);
    Value IsFull = B.lessThan(B.add(Token, Shape.TileTokens - 1), Tokens);
    B.ifThenElse(
        IsFull, [&] { emitTile(Batch, Group, Token, Shape.TileTokens); },
        [&] { B.loop(Token, Tokens, 1, [&](Value T) { emitTile(Batch, Group, T, 1); }); });
  });
}

AttentionEmitter::Tile AttentionEmitter::makeTile(Value Batch, Value Group, Value Token,
                                                  int64_t Tokens) {
  KVCacheType Cache = Shape.Cache;
  Tile Tile{Batch, Group, Token, Tokens, {}, {}, {}, {}, {}, {}};
  Value Past = B.loadIndex(B.getArgument(Shape.Op.getPast()), Batch,
                           cpu::getElementType(Shape.Op.getPast()));
  for (int64_t T = 0; T < Tokens; ++T) {
    // A padding token may lie beyond the capacity.
    Value High = B.min(B.add(B.add(Past, Token), T + 1), B.index(Cache.getCapacity()));
    Value Low = B.index(0);
    if (int64_t Window = Shape.Op.getWindow())
      Low = B.max(B.sub(High, B.index(Window)), B.index(0));
    Tile.Low.push_back(Low);
    Tile.High.push_back(High);
  }
  Value Head = B.div(B.mul(Group, Shape.TileHeads), Shape.Heads / Cache.getHeads());
  Value Keys = B.getArgument(Shape.Op.getCache(), 0),
        Cached = B.getArgument(Shape.Op.getCache(), 1);
  Tile.Keys = Shape.KeySide.getHead(B, Keys, Batch, Head);
  Tile.CachedValues = Shape.ValueSide.getHead(B, Cached, Batch, Head);
  if (Shape.KeySide.getStored())
    Tile.KeyScales = Shape.KeySide.getScales(B, Keys, Batch, Head);
  if (Shape.ValueSide.getStored())
    Tile.ValueScales = Shape.ValueSide.getScales(B, Cached, Batch, Head);
  return Tile;
}

void AttentionEmitter::emitTile(Value Batch, Value Group, Value Token, int64_t Tokens) {
  Tile Tile = makeTile(Batch, Group, Token, Tokens);
  loadQueries(Tile);
  Values Max = emitScores(Tile), Sums;
  for (int64_t Row = 0; Row < Tokens * Shape.TileHeads; ++Row)
    Sums.push_back(emitSoftmax(Tile, Row, Max[Row]));
  // As many heads together as the accumulators' registers allow.
  int64_t Together = B.getIsa().isAvx512() ? 4 : 2;
  for (int64_t Head = 0; Head < Shape.TileHeads; Head += Together)
    emitOutput(Tile, Head, std::min(Together, Shape.TileHeads - Head), Sums);
}

/// Row r of a tile is head r mod TileHeads of token r / TileHeads.
Value AttentionEmitter::queryIndex(const Tile &Tile, int64_t Row) {
  Value Token = B.add(Tile.Token, Row / Shape.TileHeads);
  Value First = B.add(B.mul(Tile.Batch, B.size(Shape.Tokens)), Token);
  Value Head = B.add(B.mul(Tile.Group, Shape.TileHeads), Row % Shape.TileHeads);
  return B.mul(B.add(B.mul(First, Shape.Heads), Head), Shape.Size);
}

/// The queries times the scale (unless the products are quantized first), as f32 [size][rows].
void AttentionEmitter::loadQueries(const Tile &Tile) {
  Type Element = cpu::getElementType(Shape.Op.getQuery());
  Value Source = skipReshapes(Shape.Op.getQuery());
  Value Scale = B.f32(Shape.Op.getScores() ? 1 : Shape.Op.getScale().convertToFloat(), 0);
  int64_t Rows = Tile.Tokens * Shape.TileHeads;
  for (int64_t Row = 0; Row < Rows; ++Row) {
    Value Query = B.element(B.getArgument(Source), queryIndex(Tile, Row), Element);
    B.loop(B.index(0), B.index(Shape.Size), 1, [&](Value I) {
      Value Number = B.mul(B.loadScalar(B.element(Query, I, Element), Element), Scale);
      Value At = B.add(B.mul(I, Rows), Row);
      B.storeRaw(Number, B.element(B.getScratch(Scratch.Queries), At, B.getF32Type()));
    });
  }
}

//===- Scores and softmax ---------------------------------------------------------------------===//

/// -inf where a lane's position is not seen.
Value AttentionEmitter::maskScores(Value Scores, Value Position, Value Low, Value High) {
  SmallVector<int64_t> Lanes = llvm::to_vector(llvm::seq<int64_t>(0, VectorLanes));
  auto Ty = B.vectorOf(B.getI64Type());
  Value Numbers = arith::ConstantOp::create(B, DenseElementsAttr::get(Ty, ArrayRef(Lanes)));
  Value Hidden = B.f32(-std::numeric_limits<double>::infinity());
  Value Result = B.select(B.lessThan(Numbers, B.splat(B.sub(High, Position))), Scores, Hidden);
  if (Shape.Op.getWindow())
    Result = B.select(B.lessThan(Numbers, B.splat(B.sub(Low, Position))), Hidden, Result);
  return Result;
}

/// Writes the scores of all rows; returns the largest of each row in 16 lanes.
Values AttentionEmitter::emitScores(const Tile &Tile) {
  Type F32 = B.getF32Type(), KeyType = Shape.KeySide.getElement();
  int64_t Rows = Tile.Tokens * Shape.TileHeads, Size = Shape.Size;
  Value Low = B.mul(B.div(Tile.Low.front(), VectorLanes), VectorLanes);
  Values Init(Rows, B.f32(-std::numeric_limits<double>::infinity()));
  return B.loop(Low, Tile.High.back(), VectorLanes, Init, [&](Value Position, ValueRange Max) {
    Value Keys = B.element(Tile.Keys, B.mul(Position, Size), KeyType);
    Values Zero(Rows, B.f32(0.0));
    Values Scores =
        B.loop(B.index(0), B.index(Size), 1, Zero, [&](Value Channel, ValueRange Carried) {
          Value Key = codegen::loadElements(
              B, B.element(Keys, B.mul(Channel, VectorLanes), KeyType), KeyType, VectorLanes);
          Values Next;
          for (int64_t Row = 0; Row < Rows; ++Row) {
            Value At = B.add(B.mul(Channel, Rows), Row);
            Value Query = B.loadRaw(B.element(B.getScratch(Scratch.Queries), At, F32), F32);
            Next.push_back(B.fma(B.splat(Query), Key, Carried[Row]));
          }
          return Next;
        });
    Values Largest;
    Value Scales = Tile.KeyScales ? loadScales(Shape.KeySide, Tile.KeyScales, Position) : Value();
    for (int64_t Row = 0; Row < Rows; ++Row) {
      Value Score = Scales ? B.mul(Scores[Row], Scales) : Scores[Row];
      if (auto By = Shape.Op.getScores())
        Score = B.mul(emitRequantized(B, *By, Score), B.f32(Shape.Op.getScale().convertToFloat()));
      if (double Cap = Shape.Op.getSoftcap().convertToDouble(); Cap > 0)
        Score = B.mul(B.f32(Cap), B.tanh(B.mul(Score, B.f32(1 / Cap))));
      int64_t Token = Row / Shape.TileHeads;
      Score = maskScores(Score, Position, Tile.Low[Token], Tile.High[Token]);
      B.storeRaw(Score, scoreAt(Row, Position));
      Largest.push_back(B.max(Max[Row], Score));
    }
    return Largest;
  });
}

/// Turns a row of scores into exponentials and returns their sum, or into quantized probabilities,
/// which need no more division.
Value AttentionEmitter::emitSoftmax(const Tile &Tile, int64_t Row, Value Max) {
  Value Largest = B.splat(B.maxLanes(Max));
  int64_t Token = Row / Shape.TileHeads;
  Value Low = B.mul(B.div(Tile.Low[Token], VectorLanes), VectorLanes);
  Value Sum = B.loop(Low, Tile.High[Token], VectorLanes, B.f32(0.0),
                     [&](Value Position, ValueRange Carried) {
                       Value At = scoreAt(Row, Position);
                       Value Number = B.exp(B.sub(B.loadRaw(At, B.f32Vector()), Largest));
                       B.storeRaw(Number, At);
                       return Values{B.add(Carried[0], Number)};
                     })[0];
  auto By = Shape.Op.getProbabilities();
  if (!By)
    return B.sumLanes(Sum);
  Value Divisor = B.splat(B.sumLanes(Sum));
  B.loop(Low, Tile.High[Token], VectorLanes, [&](Value Position) {
    Value At = scoreAt(Row, Position);
    B.storeRaw(emitRequantized(B, *By, B.div(B.loadRaw(At, B.f32Vector()), Divisor)), At);
  });
  return B.f32(1.0, 0);
}

//===- Output ---------------------------------------------------------------------------------===//

void AttentionEmitter::emitOutput(const Tile &Tile, int64_t FirstHead, int64_t Heads,
                                  ArrayRef<Value> Sums) {
  int64_t MostVectors = B.getIsa().isAvx512() ? 4 : 1;
  int64_t Vectors = llvm::divideCeil(Shape.Size, VectorLanes);
  for (int64_t First = 0; First < Vectors; First += MostVectors)
    for (int64_t Token = 0; Token < Tile.Tokens;) {
      // Tokens share a pass over the values as long as their accumulators do.
      int64_t Together = std::min<int64_t>(
          Tile.Tokens - Token, std::max<int64_t>(1, (B.getIsa().isAvx512() ? 4 : 2) / Heads));
      SmallVector<int64_t> Rows;
      for (int64_t T = Token; T < Token + Together; ++T)
        for (int64_t Head = FirstHead; Head < FirstHead + Heads; ++Head)
          Rows.push_back(T * Shape.TileHeads + Head);
      emitOutputBlock(Tile, Rows, Sums, First, std::min(MostVectors, Vectors - First));
      Token += Together;
    }
}

/// Rows of one or more tokens times `Vectors` vectors of channels from vector `First` on. What all
/// tokens see is read once for all of them, what lies before and after once for each.
void AttentionEmitter::emitOutputBlock(const Tile &Tile, ArrayRef<int64_t> Rows,
                                       ArrayRef<Value> Sums, int64_t First, int64_t Vectors) {
  int64_t FirstToken = Rows.front() / Shape.TileHeads, LastToken = Rows.back() / Shape.TileHeads;
  Value CommonHigh = Tile.High[FirstToken];
  Value CommonLow = B.min(Tile.Low[LastToken], CommonHigh);
  int64_t PerToken = Rows.size() / (LastToken - FirstToken + 1);
  Values Totals(Rows.size() * Vectors, B.f32(0.0));
  auto OfToken = [&](int64_t Token, Value Low, Value High) {
    size_t At = (Token - FirstToken) * PerToken;
    ArrayRef<Value> Mine = ArrayRef(Totals).slice(At * Vectors, PerToken * Vectors);
    Values Next = accumulate(Tile, Rows.slice(At, PerToken), Low, High, First, Vectors, Mine);
    std::copy(Next.begin(), Next.end(), Totals.begin() + At * Vectors);
  };
  if (Shape.Op.getWindow())
    for (int64_t Token = FirstToken; Token <= LastToken; ++Token)
      OfToken(Token, Tile.Low[Token], CommonLow);
  Totals = accumulate(Tile, Rows, CommonLow, CommonHigh, First, Vectors, Totals);
  for (int64_t Token = FirstToken + 1; Token <= LastToken; ++Token)
    OfToken(Token, B.max(CommonHigh, Tile.Low[Token]), Tile.High[Token]);
  for (auto [I, Row] : llvm::enumerate(Rows)) {
    Value Factor = B.splat(B.div(B.f32(1.0, 0), Sums[Row]));
    for (int64_t V = 0; V < Vectors; ++V)
      storeOutput(Tile, Row, First + V, B.mul(Totals[I * Vectors + V], Factor));
  }
}

Values AttentionEmitter::accumulate(const Tile &Tile, ArrayRef<int64_t> Rows, Value Low, Value High,
                                    int64_t First, int64_t Vectors, ValueRange Sums) {
  Type F32 = B.getF32Type(), ValueType = Shape.ValueSide.getElement();
  return B.loop(Low, High, 1, Sums, [&](Value Position, ValueRange Carried) {
    Values Next(Carried), Columns;
    Value Row = B.element(Tile.CachedValues, B.mul(Position, Shape.Size), ValueType);
    for (int64_t V = 0; V < Vectors; ++V)
      Columns.push_back(
          codegen::loadElements(B, B.element(Row, B.index((First + V) * VectorLanes), ValueType),
                                ValueType, VectorLanes));
    Value Scale =
        Tile.ValueScales ? loadScale(Shape.ValueSide, Tile.ValueScales, Position) : Value();
    for (auto [I, R] : llvm::enumerate(Rows)) {
      Value Weight = B.loadRaw(scoreAt(R, Position), F32);
      Weight = B.splat(Scale ? B.mul(Weight, Scale) : Weight);
      for (int64_t V = 0; V < Vectors; ++V)
        Next[I * Vectors + V] = B.fma(Weight, Columns[V], Next[I * Vectors + V]);
    }
    return Next;
  });
}

void AttentionEmitter::storeOutput(const Tile &Tile, int64_t Row, int64_t Vector, Value Numbers) {
  Type Element = cpu::getElementType(Info.getResults()[0]);
  Numbers = emitCoding(B, Shape.Coding, Numbers);
  Value Index = B.add(queryIndex(Tile, Row), Vector * VectorLanes);
  Value At = B.element(B.getResult(0), Index, Element);
  int64_t Count = Shape.Size - Vector * VectorLanes;
  if (Count < VectorLanes)
    B.storeFirst(Numbers, At, Element, Count);
  else
    B.storeVector(Numbers, At, Element);
}

//===- The lowering ---------------------------------------------------------------------------===//

static CachedAttentionOp find(const KernelInfo &Kernel) {
  std::string Reason;
  SmallVector<Operation *> Coding;
  return codegen::findCachedAttention(Kernel, Reason, Coding);
}

bool AttentionLowering::match(const KernelInfo &Kernel, std::string &Reason) const {
  SmallVector<Operation *> Coding;
  return bool(codegen::findCachedAttention(Kernel, Reason, Coding));
}

KernelPlan AttentionLowering::plan(const KernelInfo &Kernel) const {
  AttentionShape Shape(Kernel, find(Kernel));
  KernelPlan Plan;
  Plan.onlyStage().Items = Shape.getItems();
  Plan.ScratchBytes = AttentionScratch(Kernel, Shape).Bytes;
  return Plan;
}

LogicalResult AttentionLowering::emit(KernelBuilder &B) const {
  AttentionEmitter(B, find(B.getInfo())).emit();
  return success();
}

namespace qopt::cpu {
void registerAttentionLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<AttentionLowering>());
}
} // namespace qopt::cpu
