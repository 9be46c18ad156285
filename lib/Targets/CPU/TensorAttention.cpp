// Attention over given keys and values, [batch, context, kv heads, size]. A work item is one head
// of 16 neighbouring queries, which are the lanes of a vector: each element of a key or value that
// is read serves all of them, and nothing is added across lanes. Queries lie in scratch as
// [size][16], scores as [context][16], the result as [size][16].
#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/SingleOperation.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

using Values = KernelBuilder::Values;

namespace {

/// Parts of the scratch memory, by byte offset.
struct Parts {
  AffineExpr Queries, Scores, Result, Bytes;

  Parts(const KernelInfo &Info, AttentionOp Op) {
    ScratchLayout Layout(Info.getContext());
    Queries = Layout.add(Info.getDims(Op.getKey())[3] * (VectorLanes * 4));
    Scores = Layout.add(Info.getDims(Op.getKey())[1] * (VectorLanes * 4));
    Result = Layout.add(Info.getDims(Op.getValue())[3] * (VectorLanes * 4));
    Bytes = Layout.getBytes();
  }
};

class TensorAttentionEmitter {
public:
  TensorAttentionEmitter(KernelBuilder &B, AttentionOp Op)
      : B(B), Info(B.getInfo()), Op(Op), Scratch(Info, Op), F32(B.getF32Type()),
        Together(B.getIsa().getTileRows()) {
    skipCoding(skipReshapes(Info.getResults()[0]), Coding);
  }
  void emit();

private:
  void emitItem();
  void stageQueries();
  void findVisible();
  Value emitScores();
  Value addScores(Value Key, int64_t Count, Value Max);
  Value masked(Value Scores, Value Key);
  Value maskOf(Value Key, int64_t Lane);
  Value unseen(Value Scores, Value Key);
  Value emitWeights(Value Max);
  void quantizeWeights(QuantizationAttr By, Value Factor);
  void emitResult(Value Factor);
  void addValues(Value First, int64_t Count, Value Factor);
  void storeResult();

  Value dim(Value Of, unsigned Axis) { return B.size(Info.getDims(Of)[Axis]); }
  Value source(Value Of) { return B.getArgument(skipReshapes(Of)); }
  /// Address of a head of one position of a tensor [batch, positions, heads, size].
  Value head(Value Pointer, Value Of, Value Position, Value Head);
  /// Address of a vector of one element or score of all queries.
  Value lanes(AffineExpr Part, Value Index) {
    return B.element(B.getScratch(Part), B.mul(Index, VectorLanes), F32);
  }
  /// The token of a lane; lanes beyond the last one repeat it.
  Value tokenOf(Value Lane) {
    return B.min(B.add(First, Lane), B.sub(dim(Op.getQuery(), 1), B.index(1)));
  }
  /// Number `Index` of a row, in all lanes.
  Value loadSplat(Value Row, Value Index, Type Element) {
    return B.splat(B.loadScalar(B.element(Row, Index, Element), Element));
  }

  KernelBuilder &B;
  const KernelInfo &Info;
  AttentionOp Op;
  /// What the result goes through as codes.
  SmallVector<Operation *, 2> Coding;
  Parts Scratch;
  Type F32;
  /// Keys, or elements of values, whose sums are in registers together.
  int64_t Together;
  /// The item: a head of the queries from token `First` on.
  Value Batch, Head, KVHead, First;
  /// Some query sees a key of [Low, High); with `causal` the one of a lane sees those before
  /// `Ends`.
  Value Low, High, Ends;
};

class TensorAttentionLowering : public CpuLowering {
public:
  StringRef getName() const override { return "tensor-attention"; }

  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    SmallVector<Operation *> Coding;
    return bool(codegen::findAttention(Kernel, Reason, Coding));
  }
  KernelPlan plan(const KernelInfo &Kernel) const override {
    AttentionOp Op = find(Kernel);
    KernelPlan Plan;
    ArrayRef<AffineExpr> Query = Kernel.getDims(Op.getQuery());
    Plan.onlyStage().Items = Query[0] * Query[2] * Query[1].ceilDiv(VectorLanes);
    Plan.ScratchBytes = Parts(Kernel, Op).Bytes;
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override {
    TensorAttentionEmitter(B, find(B.getInfo())).emit();
    return success();
  }

private:
  static AttentionOp find(const KernelInfo &Kernel) {
    std::string Reason;
    SmallVector<Operation *> Coding;
    return codegen::findAttention(Kernel, Reason, Coding);
  }
};

} // namespace

/// Tiles of queries innermost: they share keys and values.
void TensorAttentionEmitter::emit() {
  Value Heads = dim(Op.getQuery(), 2), Tiles = B.ceilDiv(dim(Op.getQuery(), 1), VectorLanes);
  int64_t Groups = cast<RankedTensorType>(Op.getQuery().getType()).getDimSize(2) /
                   cast<RankedTensorType>(Op.getKey().getType()).getDimSize(2);
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    First = B.mul(B.rem(Item, Tiles), VectorLanes);
    Value Row = B.div(Item, Tiles);
    Batch = B.div(Row, Heads);
    Head = B.rem(Row, Heads);
    KVHead = B.div(Head, Groups);
    emitItem();
  });
}

void TensorAttentionEmitter::emitItem() {
  stageQueries();
  findVisible();
  Value Max = emitScores();
  Value Sum = emitWeights(Max);
  // A query that sees nothing gives zeros.
  Value Factor = B.select(B.equal(Sum, B.f32(0.0)), B.f32(0.0), B.div(B.f32(1.0), Sum));
  if (auto By = Op.getProbabilities()) {
    quantizeWeights(*By, Factor);
    Factor = B.f32(1.0);
  }
  emitResult(Factor);
  storeResult();
}

Value TensorAttentionEmitter::head(Value Pointer, Value Of, Value Position, Value Head) {
  Value Row = B.add(B.mul(Batch, dim(Of, 1)), Position);
  Value Index = B.mul(B.add(B.mul(Row, dim(Of, 2)), Head), dim(Of, 3));
  return B.element(Pointer, Index, cpu::getElementType(Of));
}

void TensorAttentionEmitter::stageQueries() {
  Type Element = cpu::getElementType(Op.getQuery());
  B.loop(B.index(0), B.index(VectorLanes), 1, [&](Value Lane) {
    Value Query = head(source(Op.getQuery()), Op.getQuery(), tokenOf(Lane), Head);
    B.loopLanes(dim(Op.getQuery(), 3), [&](Value I, int64_t Lanes) {
      Value Numbers = B.loadVector(B.element(Query, I, Element), Element, Lanes);
      for (int64_t J = 0; J < Lanes; ++J)
        B.storeRaw(vector::ExtractOp::create(B, Numbers, ArrayRef<int64_t>{J}),
                   B.element(lanes(Scratch.Queries, B.add(I, J)), Lane, F32));
    });
  });
}

void TensorAttentionEmitter::findVisible() {
  Low = B.index(0);
  High = dim(Op.getKey(), 1);
  if (Value Lengths = Op.getLengths())
    High = B.max(B.min(High, B.loadIndex(source(Lengths), Batch, cpu::getElementType(Lengths))),
                 B.index(0));
  if (!Op.getCausal())
    return;
  // Query i sees the keys before i + 1 + context - tokens.
  Value Shift = B.add(B.sub(High, dim(Op.getQuery(), 1)), 1);
  Value Start = B.add(First, Shift);
  SmallVector<int64_t> Numbers = llvm::to_vector(llvm::seq<int64_t>(VectorLanes));
  Ends = B.add(B.splat(Start), arith::ConstantOp::create(B, B.getI64VectorAttr(Numbers)));
  if (int64_t Window = Op.getWindow(); Window > 0)
    Low = B.max(B.sub(Start, B.index(Window)), B.index(0));
  High = B.min(High, B.add(tokenOf(B.index(VectorLanes - 1)), Shift));
}

//===- Scores ---------------------------------------------------------------------------------===//

/// Stores the scores of all keys that some query sees; returns the largest of each query.
Value TensorAttentionEmitter::emitScores() {
  Value Unseen = B.f32(-std::numeric_limits<double>::infinity());
  Value Rest = B.add(Low, B.mul(B.div(B.sub(High, Low), Together), Together));
  auto Loop = [&](Value From, Value To, int64_t Count, Value Max) {
    return B.loop(From, To, Count, Max, [&](Value Key, ValueRange Carried) {
      return Values{addScores(Key, Count, Carried[0])};
    })[0];
  };
  return Loop(Rest, High, 1, Loop(Low, Rest, Together, Unseen));
}

/// The scores of `Count` keys; returns the larger of `Max` and them.
Value TensorAttentionEmitter::addScores(Value Key, int64_t Count, Value Max) {
  Type Element = cpu::getElementType(Op.getKey());
  Values Keys;
  for (int64_t I = 0; I < Count; ++I)
    Keys.push_back(head(source(Op.getKey()), Op.getKey(), B.add(Key, I), KVHead));
  Values Zero(Count, B.f32(0.0));
  Values Sums = B.loop(B.index(0), dim(Op.getKey(), 3), 1, Zero, [&](Value C, ValueRange Carried) {
    Value Queries = B.loadRaw(lanes(Scratch.Queries, C), B.f32Vector());
    Values Next;
    for (auto [Row, Sum] : llvm::zip_equal(Keys, Carried))
      Next.push_back(B.fma(loadSplat(Row, C, Element), Queries, Sum));
    return Next;
  });
  Value Scale = B.f32(Op.getScale().convertToFloat());
  for (int64_t I = 0; I < Count; ++I) {
    Value Product = Op.getScores() ? emitRequantized(B, *Op.getScores(), Sums[I]) : Sums[I];
    Value Scores = masked(B.mul(Product, Scale), B.add(Key, I));
    B.storeRaw(Scores, lanes(Scratch.Scores, B.add(Key, I)));
    Max = B.max(Max, Scores);
  }
  return Max;
}

Value TensorAttentionEmitter::masked(Value Scores, Value Key) {
  if (double Cap = Op.getSoftcap().convertToDouble(); Cap > 0)
    Scores = B.mul(B.tanh(B.mul(Scores, B.f32(1 / Cap))), B.f32(Cap));
  Value Mask = Op.getMask();
  if (!Mask)
    return unseen(Scores, Key);
  ArrayRef<AffineExpr> Dims = Info.getDims(Mask);
  bool SharedByQueries = Dims.size() < 2 || Dims[Dims.size() - 2] == Info.constant(1);
  Value Numbers;
  if (SharedByQueries) {
    Numbers = B.splat(maskOf(Key, 0));
  } else {
    Values OfLanes;
    for (int64_t Lane = 0; Lane < VectorLanes; ++Lane)
      OfLanes.push_back(maskOf(Key, Lane));
    VectorType Ty = B.vectorOf(OfLanes.front().getType());
    Numbers = vector::FromElementsOp::create(B, Ty, OfLanes);
  }
  if (cpu::getElementType(Mask).isInteger(1))
    Scores = B.select(Numbers, Scores, B.f32(-std::numeric_limits<double>::infinity()));
  else
    Scores = B.add(Scores, Numbers);
  return unseen(Scores, Key);
}

/// The mask, broadcast to [batch, heads, tokens, context], at the query of a lane.
Value TensorAttentionEmitter::maskOf(Value Key, int64_t Lane) {
  Value Mask = Op.getMask();
  Value At[] = {Batch, Head, tokenOf(B.index(Lane)), Key};
  ArrayRef<AffineExpr> Dims = Info.getDims(Mask);
  Value Index = B.index(0);
  for (auto [Axis, Size] : llvm::enumerate(Dims))
    if (Size != Info.constant(1))
      Index = B.add(B.mul(Index, B.size(Size)), At[4 - Dims.size() + Axis]);
  Type Element = cpu::getElementType(Mask);
  return B.loadScalar(B.element(source(Mask), Index, Element), Element);
}

/// -inf where the query of a lane does not see what another one of the item sees.
Value TensorAttentionEmitter::unseen(Value Scores, Value Key) {
  if (!Op.getCausal())
    return Scores;
  Value Unseen = B.f32(-std::numeric_limits<double>::infinity());
  Value Position = B.splat(Key);
  Scores = B.select(B.lessThan(Position, Ends), Scores, Unseen);
  int64_t Window = Op.getWindow();
  if (Window <= 0)
    return Scores;
  Value Reach = B.add(Position, B.splat(B.index(Window)));
  return B.select(B.lessThan(Reach, Ends), Unseen, Scores);
}

/// Scores become weights; returns their sums.
Value TensorAttentionEmitter::emitWeights(Value Max) {
  Value Unseen = B.f32(-std::numeric_limits<double>::infinity());
  Max = B.select(B.equal(Max, Unseen), B.f32(0.0), Max);
  return B.loop(Low, High, 1, B.f32(0.0), [&](Value Key, ValueRange Carried) {
    Value At = lanes(Scratch.Scores, Key);
    Value Weights = B.exp(B.sub(B.loadRaw(At, B.f32Vector()), Max));
    B.storeRaw(Weights, At);
    return Values{B.add(Carried[0], Weights)};
  })[0];
}

/// Weights become probabilities that went through codes.
void TensorAttentionEmitter::quantizeWeights(QuantizationAttr By, Value Factor) {
  B.loop(Low, High, 1, [&](Value Key) {
    Value At = lanes(Scratch.Scores, Key);
    B.storeRaw(emitRequantized(B, By, B.mul(B.loadRaw(At, B.f32Vector()), Factor)), At);
  });
}

//===- The result -----------------------------------------------------------------------------===//

void TensorAttentionEmitter::emitResult(Value Factor) {
  Value Size = dim(Op.getValue(), 3), Rest = B.mul(B.div(Size, Together), Together);
  B.loop(B.index(0), Rest, Together, [&](Value C) { addValues(C, Together, Factor); });
  B.loop(Rest, Size, 1, [&](Value C) { addValues(C, 1, Factor); });
}

/// The elements from `First` on of the weighted sums of values.
void TensorAttentionEmitter::addValues(Value First, int64_t Count, Value Factor) {
  Type Element = cpu::getElementType(Op.getValue());
  Values Zero(Count, B.f32(0.0));
  Values Sums = B.loop(Low, High, 1, Zero, [&](Value Key, ValueRange Carried) {
    Value Row = head(source(Op.getValue()), Op.getValue(), Key, KVHead);
    Value Weights = B.loadRaw(lanes(Scratch.Scores, Key), B.f32Vector());
    // What is not seen may be anything, NaN included.
    Value IsHidden = B.equal(Weights, B.f32(0.0));
    Values Next;
    for (auto [I, Sum] : llvm::enumerate(Carried)) {
      Value Added = B.fma(loadSplat(Row, B.add(First, I), Element), Weights, Sum);
      Next.push_back(B.select(IsHidden, Sum, Added));
    }
    return Next;
  });
  for (auto [I, Sum] : llvm::enumerate(Sums))
    B.storeRaw(emitCoding(B, Coding, B.mul(Sum, Factor)), lanes(Scratch.Result, B.add(First, I)));
}

void TensorAttentionEmitter::storeResult() {
  Type Element = cpu::getElementType(Op.getResult());
  Value Count = B.min(B.sub(dim(Op.getQuery(), 1), First), B.index(VectorLanes));
  B.loop(B.index(0), Count, 1, [&](Value Lane) {
    Value Row = head(B.getResult(0), Op.getResult(), B.add(First, Lane), Head);
    B.loop(B.index(0), dim(Op.getValue(), 3), 1, [&](Value C) {
      Value Number = B.loadRaw(B.element(lanes(Scratch.Result, C), Lane, F32), F32);
      B.storeScalar(Number, B.element(Row, C, Element), Element);
    });
  });
}

namespace qopt::cpu {
void registerTensorAttentionLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<TensorAttentionLowering>());
}
} // namespace qopt::cpu
