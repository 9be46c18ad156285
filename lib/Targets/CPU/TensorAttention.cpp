// Attention over given keys and values, [batch, context, kv heads, size]. A work item is one query
// head of one token; its scores lie in scratch. Keys and values are read in place, in vectors along
// the head.
#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/SingleOperation.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

class TensorAttentionEmitter {
public:
  TensorAttentionEmitter(KernelBuilder &B, AttentionOp Op) : B(B), Info(B.getInfo()), Op(Op) {}
  void emit();

private:
  void emitQuery(Value Batch, Value Token, Value Head);
  void findVisible(Value Batch, Value Token);
  void emitScores(Value Batch, Value Token, Value Head, Value KVHead);
  Value masked(Value Score, Value Batch, Value Token, Value Head, Value Key);
  void emitOutput(Value Batch, Value Token, Value Head, Value KVHead);
  Value dim(Value Of, unsigned Axis) { return B.size(Info.getDims(Of)[Axis]); }
  /// Address of a head of one position of a tensor [batch, positions, heads, size], an argument
  /// unless `Buffer` is given.
  Value head(Value Of, Value Batch, Value Position, Value Head, Value Buffer = nullptr);
  Value source(Value Of) { return B.getArgument(skipReshapes(Of)); }
  Value score(Value Key) { return B.element(B.getScratch(Info.constant(0)), Key, B.getF32Type()); }

  KernelBuilder &B;
  const KernelInfo &Info;
  AttentionOp Op;
  /// Keys [Low, High) are seen.
  Value Low, High;
};

class TensorAttentionLowering : public CpuLowering {
public:
  StringRef getName() const override { return "tensor-attention"; }

  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return bool(codegen::findAttention(Kernel, Reason));
  }
  KernelPlan plan(const KernelInfo &Kernel) const override {
    AttentionOp Op = find(Kernel);
    KernelPlan Plan;
    Plan.Items = Kernel.getRowCount(Op.getQuery());
    Plan.ScratchBytes = Kernel.getDims(Op.getKey())[1] * 4;
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override {
    TensorAttentionEmitter(B, find(B.getInfo())).emit();
    return success();
  }

private:
  static AttentionOp find(const KernelInfo &Kernel) {
    std::string Reason;
    return codegen::findAttention(Kernel, Reason);
  }
};

} // namespace

void TensorAttentionEmitter::emit() {
  Value Heads = dim(Op.getQuery(), 2), Tokens = dim(Op.getQuery(), 1);
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    // Heads innermost, as the queries lie.
    Value Row = B.div(Item, Heads);
    emitQuery(B.div(Row, Tokens), B.rem(Row, Tokens), B.rem(Item, Heads));
  });
}

Value TensorAttentionEmitter::head(Value Of, Value Batch, Value Position, Value Head,
                                   Value Buffer) {
  Value Row = B.add(B.mul(Batch, dim(Of, 1)), Position);
  Value Index = B.mul(B.add(B.mul(Row, dim(Of, 2)), Head), dim(Of, 3));
  return B.element(Buffer ? Buffer : source(Of), Index, cpu::getElementType(Of));
}

void TensorAttentionEmitter::findVisible(Value Batch, Value Token) {
  Low = B.index(0);
  High = dim(Op.getKey(), 1);
  if (Value Lengths = Op.getLengths())
    High = B.max(B.min(High, B.loadIndex(source(Lengths), Batch, cpu::getElementType(Lengths))),
                 B.index(0));
  Value Diagonal = B.add(B.sub(High, dim(Op.getQuery(), 1)), Token);
  if (int64_t Window = Op.getCausal() ? Op.getWindow() : 0)
    Low = B.max(B.sub(Diagonal, B.index(Window - 1)), B.index(0));
  if (Op.getCausal())
    High = B.min(High, B.add(Diagonal, 1));
}

void TensorAttentionEmitter::emitQuery(Value Batch, Value Token, Value Head) {
  int64_t Groups = cast<RankedTensorType>(Op.getQuery().getType()).getDimSize(2) /
                   cast<RankedTensorType>(Op.getKey().getType()).getDimSize(2);
  Value KVHead = B.div(Head, Groups);
  findVisible(Batch, Token);
  emitScores(Batch, Token, Head, KVHead);
  emitOutput(Batch, Token, Head, KVHead);
}

Value TensorAttentionEmitter::masked(Value Score, Value Batch, Value Token, Value Head, Value Key) {
  if (double Cap = Op.getSoftcap().convertToDouble(); Cap > 0)
    Score = B.mul(B.firstLane(B.tanh(B.splat(B.mul(Score, B.f32(1 / Cap, 0)), 1))), B.f32(Cap, 0));
  Value Mask = Op.getMask();
  if (!Mask)
    return Score;
  // Broadcast to [batch, heads, tokens, context].
  Value At[] = {Batch, Head, Token, Key};
  ArrayRef<AffineExpr> Dims = Info.getDims(Mask);
  Value Index = B.index(0);
  for (auto [Axis, Size] : llvm::enumerate(Dims))
    if (Size != Info.constant(1))
      Index = B.add(B.mul(Index, B.size(Size)), At[4 - Dims.size() + Axis]);
  Type Element = cpu::getElementType(Mask);
  Value Number = B.loadScalar(B.element(source(Mask), Index, Element), Element);
  if (Element.isInteger(1))
    return B.select(Number, Score, B.f32(-std::numeric_limits<double>::infinity(), 0));
  return B.add(Score, Number);
}

void TensorAttentionEmitter::emitScores(Value Batch, Value Token, Value Head, Value KVHead) {
  Value Query = head(Op.getQuery(), Batch, Token, Head);
  Type QueryType = cpu::getElementType(Op.getQuery()), KeyType = cpu::getElementType(Op.getKey());
  Value Scale = B.f32(Op.getScale().convertToFloat(), 0);
  B.loop(Low, High, 1, [&](Value Key) {
    Value Keys = head(Op.getKey(), Batch, Key, KVHead);
    Value Sum = B.sumOver(dim(Op.getKey(), 3), [&](Value I, int64_t Lanes) {
      return B.mul(B.loadVector(B.element(Query, I, QueryType), QueryType, Lanes),
                   B.loadVector(B.element(Keys, I, KeyType), KeyType, Lanes));
    });
    B.storeRaw(masked(B.mul(Sum, Scale), Batch, Token, Head, Key), score(Key));
  });
}

/// Softmax and the sum of values; a query that sees nothing gives zeros.
void TensorAttentionEmitter::emitOutput(Value Batch, Value Token, Value Head, Value KVHead) {
  Type F32 = B.getF32Type(), From = cpu::getElementType(Op.getValue()),
       To = cpu::getElementType(Op.getResult());
  Value Count = B.sub(High, Low);
  auto Scores = [&](Value I) { return score(B.add(Low, I)); };
  Value Max = B.maxOver(
      Count, [&](Value I, int64_t Lanes) { return B.loadRaw(Scores(I), B.f32Vector(Lanes)); });
  Value Hidden = B.f32(-std::numeric_limits<double>::infinity(), 0);
  Max = B.select(B.equal(Max, Hidden), B.f32(0.0, 0), Max);
  Value Sum = B.sumOver(Count, [&](Value I, int64_t Lanes) {
    Value Number = B.exp(B.sub(B.loadRaw(Scores(I), B.f32Vector(Lanes)), B.splat(Max, Lanes)));
    B.storeRaw(Number, Scores(I));
    return Number;
  });
  Value Factor = B.select(B.equal(Sum, B.f32(0.0, 0)), B.f32(0.0, 0), B.div(B.f32(1.0, 0), Sum));
  Value Result = head(Op.getResult(), Batch, Token, Head, B.getResult(0));
  B.loopLanes(dim(Op.getValue(), 3), [&](Value I, int64_t Lanes) {
    Value Total = B.loop(Low, High, 1, B.f32(0.0, Lanes), [&](Value Key, ValueRange Carried) {
      Value Row =
          B.loadVector(B.element(head(Op.getValue(), Batch, Key, KVHead), I, From), From, Lanes);
      Value Weight = B.loadRaw(score(Key), F32);
      // What is not seen may be anything, NaN included.
      Value Added = B.fma(B.splat(Weight, Lanes), Row, Carried[0]);
      Value IsHidden = B.splat(B.equal(Weight, B.f32(0.0, 0)), Lanes);
      return KernelBuilder::Values{B.select(IsHidden, Carried[0], Added)};
    })[0];
    B.storeVector(B.mul(Total, B.splat(Factor, Lanes)), B.element(Result, I, To), To);
  });
}

namespace qopt::cpu {
void registerTensorAttentionLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<TensorAttentionLowering>());
}
} // namespace qopt::cpu
