// Attention over a cache or over given keys and values: a warp for each query head of each token.
//
// The warp goes through the keys in blocks of 32 that begin at multiples of 32. Each thread scores
// one key; then the running maximum and the sums are brought up to date, and each thread adds the
// values of the block to its own channels. Nothing about a query's sums depends on which other
// queries there are, so that token by token and one full pass agree. What a query does not see may
// be anything and is not even multiplied with 0.
#include "qopt/Targets/Common/SingleOperation.h"
#include "qopt/Targets/Common/StoredRow.h"
#include "qopt/Targets/NVPTX/CacheLayout.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

using Values = KernelBuilder::Values;

static constexpr int64_t Warps = 4;
/// Head sizes are limited by the registers of a thread.
static constexpr int64_t MaxHeadSize = 1024;

namespace {

/// Where the operands of one kind of attention lie, and which keys a query sees.
class AttentionEmitter {
public:
  virtual ~AttentionEmitter() = default;
  void emit();

protected:
  /// `Op` is either attention.
  template <typename OpT>
  AttentionEmitter(KernelBuilder &B, OpT Op)
      : B(B), Info(B.getInfo()), Query(Op.getQuery()), Scale(Op.getScale().convertToDouble()),
        Softcap(Op.getSoftcap().convertToDouble()), ScoreCodes(Op.getScores()),
        ProbabilityCodes(Op.getProbabilities()) {
    codegen::skipCoding(skipReshapes(Info.getResults()[0]), Coding);
  }

  /// Sets Low and High: keys [Low, High) are seen.
  virtual void findVisible() = 0;
  /// Address of the key or value (Part 0 or 1) at a position, for the query's head.
  virtual Value getPart(unsigned Part, Value Position) = 0;
  /// The type of its elements, or of its codes.
  virtual Type getPartType(unsigned Part) = 0;
  /// `Number` times the scale of the key or value at a position, where it has one.
  virtual Value scaled(Value Number, unsigned Part, Value Position) { return Number; }
  virtual int64_t getKVHeads() = 0;
  virtual Value masked(Value Score, Value Position) { return Score; }

  KernelBuilder &B;
  const KernelInfo &Info;
  Value Query;
  double Scale, Softcap;
  std::optional<QuantizationAttr> ScoreCodes, ProbabilityCodes;
  /// What the result goes through as codes.
  SmallVector<Operation *, 2> Coding;
  Value Batch, Token, Head, KVHead;
  Value Low, High;

private:
  void emitQuery(Value Item);
  void stageQuery(Value First);
  Value emitScore(Value Position);
  Value emitVisibleScore(Value Position);
  Values emitRunningSums(Value Begin);
  Values emitQuantizedSums(Value Begin);
  Values addValues(Value Weight, Value Begin, ValueRange Sums);
  int64_t getSize() const { return cast<RankedTensorType>(Query.getType()).getDimSize(3); }
  int64_t getHeads() const { return cast<RankedTensorType>(Query.getType()).getDimSize(2); }
  /// Channels of one thread.
  int64_t getShare() const { return llvm::divideCeil(getSize(), WarpSize); }
  Value hidden() { return B.f32(-std::numeric_limits<double>::infinity(), 0); }
  /// Element of the warp's query in shared memory.
  Value stagedAt(Value I) {
    Value Mine = B.add(B.mul(B.getWarp(), getSize()), I);
    return B.element(B.shared(0), Mine, B.getF32Type());
  }
};

class CachedEmitter : public AttentionEmitter {
public:
  CachedEmitter(KernelBuilder &B, CachedAttentionOp Op)
      : AttentionEmitter(B, Op), Op(Op), Cache(Op.getCache().getType()) {}

private:
  void findVisible() override;
  Value getPart(unsigned Part, Value Position) override;
  Type getPartType(unsigned Part) override { return getCacheSide(Cache, Part).getElement(); }
  Value scaled(Value Number, unsigned Part, Value Position) override;
  int64_t getKVHeads() override { return Cache.getHeads(); }
  Value getBase(unsigned Part) { return B.getArgument(Op.getCache(), Part); }

  CachedAttentionOp Op;
  KVCacheType Cache;
};

class TensorEmitter : public AttentionEmitter {
public:
  TensorEmitter(KernelBuilder &B, AttentionOp Op) : AttentionEmitter(B, Op), Op(Op) {}

private:
  void findVisible() override;
  Value getPart(unsigned Part, Value Position) override;
  Type getPartType(unsigned Part) override { return nvptx::getElementType(getTensor(Part)); }
  int64_t getKVHeads() override {
    return cast<RankedTensorType>(Op.getKey().getType()).getDimSize(2);
  }
  Value masked(Value Score, Value Position) override;
  Value getTensor(unsigned Part) { return Part ? Op.getValue() : Op.getKey(); }
  Value source(Value Of) { return B.getArgument(skipReshapes(Of)); }

  AttentionOp Op;
};

/// One of the two forms, by their common operands.
template <typename OpT, typename EmitterT,
          OpT (*Find)(const KernelInfo &, std::string &, codegen::CodingOps &)>
class AttentionLowering : public GpuLowering {
public:
  explicit AttentionLowering(StringRef Name) : Name(Name) {}
  StringRef getName() const override { return Name; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    SmallVector<Operation *> Coding;
    OpT Op = Find(Kernel, Reason, Coding);
    if (Op && getSize(Op) > MaxHeadSize) {
      Reason = "a head has " + std::to_string(getSize(Op)) + " channels, supported are " +
               std::to_string(MaxHeadSize);
      return false;
    }
    return bool(Op);
  }
  GridPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    SmallVector<Operation *> Coding;
    OpT Op = Find(Kernel, Reason, Coding);
    GridPlan Plan;
    Plan.onlyStage().Items = Kernel.getRowCount(Op.getQuery()).ceilDiv(Warps);
    Plan.onlyStage().Threads = Warps * WarpSize;
    Plan.onlyStage().SharedBytes = Warps * getSize(Op) * 4;
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B, unsigned) const override {
    std::string Reason;
    SmallVector<Operation *> Coding;
    EmitterT(B, Find(B.getInfo(), Reason, Coding)).emit();
    return success();
  }

private:
  static int64_t getSize(OpT Op) {
    return cast<RankedTensorType>(Op.getQuery().getType()).getDimSize(3);
  }
  StringRef Name;
};

} // namespace

//===- A query --------------------------------------------------------------------------------===//

/// Queries are numbered as they lie: heads innermost.
void AttentionEmitter::emit() {
  Value Item = B.add(B.mul(B.getBlock(), Warps), B.getWarp());
  B.ifThen(B.lessThan(Item, B.size(Info.getRowCount(Query))), [&] { emitQuery(Item); });
}

/// The query times the scale (unless the products are quantized first), as f32 in shared memory.
void AttentionEmitter::stageQuery(Value First) {
  Type Element = nvptx::getElementType(Query);
  Value Source = B.element(B.getArgument(skipReshapes(Query)), First, Element);
  B.loopLanes(B.index(getSize()), [&](Value I, int64_t Lanes) {
    Value Number = B.loadVector(B.element(Source, I, Element), Element, Lanes);
    Value Factor = B.f32(ScoreCodes ? 1 : Scale, Lanes);
    B.storeVector(B.mul(Number, Factor), stagedAt(I), B.getF32Type());
  });
  B.syncWarp();
}

/// The score of one key, by one thread.
Value AttentionEmitter::emitScore(Value Position) {
  Value Key = getPart(0, Position);
  Type Stored = getPartType(0);
  Value Score =
      B.loop(B.index(0), B.index(getSize()), 1, B.f32(0.0, 0), [&](Value I, ValueRange Carried) {
        Value Number = codegen::loadElements(B, B.element(Key, I, Stored), Stored, 0);
        Value Of = B.loadScalar(stagedAt(I), B.getF32Type());
        return Values{B.fma(Of, Number, Carried[0])};
      })[0];
  Score = scaled(Score, 0, Position);
  if (ScoreCodes)
    Score = B.mul(emitRequantized(B, *ScoreCodes, Score), B.f32(Scale, 0));
  if (Softcap > 0)
    Score = B.mul(B.f32(Softcap, 0), B.tanh(B.mul(Score, B.f32(1 / Softcap, 0))));
  return masked(Score, Position);
}

/// Adds the visible values of the block of keys from `Begin` on, whose weights the threads hold.
Values AttentionEmitter::addValues(Value Weight, Value Begin, ValueRange Sums) {
  Value From = B.max(Low, Begin), To = B.min(High, B.add(Begin, WarpSize));
  Type Stored = getPartType(1);
  return B.loop(From, To, 1, Sums, [&](Value Position, ValueRange Carried) {
    Value Factor = B.shuffle(Weight, B.sub(Position, Begin)), Row = getPart(1, Position);
    Value Scaled = scaled(Factor, 1, Position);
    Values Next;
    for (int64_t J = 0; J < getShare(); ++J) {
      Value Channel = B.add(B.getLane(), J * WarpSize);
      // A mask may hide what is in the range.
      Value Counts = arith::CmpFOp::create(B, arith::CmpFPredicate::UNE, Factor, B.f32(0.0, 0));
      if (getSize() % WarpSize && J + 1 == getShare())
        Counts = B.bitAnd(Counts, B.lessThan(Channel, B.index(getSize())));
      Next.push_back(B.choose(
          Counts, B.getF32Type(),
          [&] {
            Value Number = codegen::loadElements(B, B.element(Row, Channel, Stored), Stored, 0);
            return B.fma(Scaled, Number, Carried[J]);
          },
          [&] { return Carried[J]; }));
    }
    return Next;
  });
}

void AttentionEmitter::emitQuery(Value Item) {
  Value Heads = B.index(getHeads()), Tokens = B.size(Info.getDims(Query)[1]);
  Head = B.rem(Item, Heads);
  Value Row = B.div(Item, Heads);
  Batch = B.div(Row, Tokens);
  Token = B.rem(Row, Tokens);
  KVHead = B.div(Head, getHeads() / getKVHeads());
  Value First = B.mul(Item, getSize());
  stageQuery(First);
  findVisible();

  Value Begin = B.mul(B.div(Low, WarpSize), WarpSize);
  Values Sums = ProbabilityCodes ? emitQuantizedSums(Begin) : emitRunningSums(Begin);
  Type To = nvptx::getElementType(Info.getResults()[0]);
  for (int64_t J = 0; J < getShare(); ++J) {
    Value Channel = B.add(B.getLane(), J * WarpSize);
    B.ifThen(B.lessThan(Channel, B.index(getSize())), [&] {
      Value At = B.element(B.getResult(0), B.add(First, Channel), To);
      B.storeScalar(emitCoding(B, Coding, Sums[J]), At, To);
    });
  }
}

/// The score of a key, -inf where the query does not see it.
Value AttentionEmitter::emitVisibleScore(Value Position) {
  Value IsSeen = B.bitAnd(B.lessThan(Position, High), B.lessThan(B.sub(Low, B.index(1)), Position));
  return B.choose(
      IsSeen, B.getF32Type(), [&] { return emitScore(Position); }, [&] { return hidden(); });
}

/// This thread's channels of the result, in one pass over the keys.
Values AttentionEmitter::emitRunningSums(Value Begin) {
  // Running: maximum, sum of the weights, and the channels of this thread.
  Values Init(getShare() + 2, B.f32(0.0, 0));
  Init[0] = hidden();
  Values Sums = B.loop(Begin, High, WarpSize, Init, [&](Value Block, ValueRange Carried) {
    Value Score = emitVisibleScore(B.add(Block, B.getLane()));
    Value Max = B.max(Carried[0], B.warpMax(Score));
    // As long as nothing is seen the maximum is -inf, which must not be subtracted from itself.
    Value Base = B.select(B.equal(Max, hidden()), B.f32(0.0, 0), Max);
    Value Weight = B.exp(B.sub(Score, Base)), Factor = B.exp(B.sub(Carried[0], Base));
    Values Next{Max, B.fma(Carried[1], Factor, B.warpSum(Weight))};
    Values Scaled;
    for (Value Sum : Carried.drop_front(2))
      Scaled.push_back(B.mul(Sum, Factor));
    Next.append(addValues(Weight, Block, Scaled));
    return Next;
  });
  Value IsEmpty = B.equal(Sums[1], B.f32(0.0, 0));
  Value Factor = B.select(IsEmpty, B.f32(0.0, 0), B.div(B.f32(1.0, 0), Sums[1]));
  Values Channels;
  for (Value Sum : ArrayRef(Sums).drop_front(2))
    Channels.push_back(B.mul(Sum, Factor));
  return Channels;
}

/// The same where weights become codes, which needs their sum first: a second pass scores the keys
/// again.
Values AttentionEmitter::emitQuantizedSums(Value Begin) {
  auto Base = [&](Value Max) { return B.select(B.equal(Max, hidden()), B.f32(0.0, 0), Max); };
  Values Sums = B.loop(Begin, High, WarpSize, Values{hidden(), B.f32(0.0, 0)},
                       [&](Value Block, ValueRange Carried) {
                         Value Score = emitVisibleScore(B.add(Block, B.getLane()));
                         Value Max = B.max(Carried[0], B.warpMax(Score));
                         Value Weight = B.exp(B.sub(Score, Base(Max)));
                         Value Factor = B.exp(B.sub(Carried[0], Base(Max)));
                         return Values{Max, B.fma(Carried[1], Factor, B.warpSum(Weight))};
                       });
  Value IsEmpty = B.equal(Sums[1], B.f32(0.0, 0));
  Value Sum = B.select(IsEmpty, B.f32(1.0, 0), Sums[1]);
  Values Init(getShare(), B.f32(0.0, 0));
  return B.loop(Begin, High, WarpSize, Init, [&](Value Block, ValueRange Carried) {
    Value Score = emitVisibleScore(B.add(Block, B.getLane()));
    Value Weight = B.div(B.exp(B.sub(Score, Base(Sums[0]))), Sum);
    return addValues(emitRequantized(B, *ProbabilityCodes, Weight), Block, Carried);
  });
}

//===- Over a cache ---------------------------------------------------------------------------===//

void CachedEmitter::findVisible() {
  Value Past = B.loadIndex(B.getArgument(Op.getPast()), Batch, nvptx::getElementType(Op.getPast()));
  // A padding token may lie beyond the capacity.
  High = B.min(B.add(B.add(Past, Token), 1), B.index(Cache.getCapacity()));
  Low = B.index(0);
  if (int64_t Window = Op.getWindow())
    Low = B.max(B.sub(High, B.index(Window)), B.index(0));
}

Value CachedEmitter::getPart(unsigned Part, Value Position) {
  CacheSide Side = getCacheSide(Cache, Part);
  Value First = B.mul(Position, Cache.getHeadSize());
  return B.element(Side.getHead(B, getBase(Part), Batch, KVHead), First, Side.getElement());
}

Value CachedEmitter::scaled(Value Number, unsigned Part, Value Position) {
  CacheSide Side = getCacheSide(Cache, Part);
  if (!Side.getStored())
    return Number;
  Type Ty = Side.getStored().getScaleType();
  Value Scales = Side.getScales(B, getBase(Part), Batch, KVHead);
  return B.mul(Number, B.loadScalar(B.element(Scales, Position, Ty), Ty));
}

//===- Over tensors ---------------------------------------------------------------------------===//

void TensorEmitter::findVisible() {
  Low = B.index(0);
  High = B.size(Info.getDims(Op.getKey())[1]);
  if (Value Lengths = Op.getLengths())
    High = B.max(B.min(High, B.loadIndex(source(Lengths), Batch, nvptx::getElementType(Lengths))),
                 B.index(0));
  Value Diagonal = B.add(B.sub(High, B.size(Info.getDims(Op.getQuery())[1])), Token);
  if (int64_t Window = Op.getCausal() ? Op.getWindow() : 0)
    Low = B.max(B.sub(Diagonal, B.index(Window - 1)), B.index(0));
  if (Op.getCausal())
    High = B.min(High, B.add(Diagonal, 1));
}

Value TensorEmitter::getPart(unsigned Part, Value Position) {
  Value Of = getTensor(Part);
  auto Dim = [&](unsigned Axis) { return B.size(Info.getDims(Of)[Axis]); };
  Value Row = B.add(B.mul(Batch, Dim(1)), Position);
  Value Index = B.mul(B.add(B.mul(Row, Dim(2)), KVHead), Dim(3));
  return B.element(source(Of), Index, nvptx::getElementType(Of));
}

Value TensorEmitter::masked(Value Score, Value Position) {
  Value Mask = Op.getMask();
  if (!Mask)
    return Score;
  // Broadcast to [batch, heads, tokens, context].
  Value At[] = {Batch, Head, Token, Position};
  ArrayRef<AffineExpr> Dims = Info.getDims(Mask);
  Value Index = B.index(0);
  for (auto [Axis, Size] : llvm::enumerate(Dims))
    if (Size != Info.constant(1))
      Index = B.add(B.mul(Index, B.size(Size)), At[4 - Dims.size() + Axis]);
  Type Element = nvptx::getElementType(Mask);
  Value Number = B.loadScalar(B.element(source(Mask), Index, Element), Element);
  if (Element.isInteger(1))
    return B.select(Number, Score, B.f32(-std::numeric_limits<double>::infinity(), 0));
  return B.add(Score, Number);
}

namespace qopt::nvptx {
void registerAttentionLowerings(GpuLoweringRegistry &Registry) {
  using Cached = AttentionLowering<CachedAttentionOp, CachedEmitter, codegen::findCachedAttention>;
  using Tensor = AttentionLowering<AttentionOp, TensorEmitter, codegen::findAttention>;
  Registry.add(std::make_unique<Cached>("attention"));
  Registry.add(std::make_unique<Tensor>("tensor-attention"));
}
} // namespace qopt::nvptx
