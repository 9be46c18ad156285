// New tokens into a cache: keys (and the queries that come along) are turned by their positions on
// the way. A work item is one token of one row of the batch. A rotary operation alone is the same
// without a cache.
//
// A token whose position lies beyond the capacity is padding (a step may be wider than what a row
// has left) and is not stored.
#include "qopt/Targets/CPU/CacheLayout.h"
#include "qopt/Targets/Common/AppendForm.h"
#include "qopt/Targets/Common/StoredRow.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
using codegen::AppendForm;
using codegen::getRotaryTable;
using codegen::getRotaryTables;
using codegen::Stream;

namespace {

class AppendEmitter {
public:
  AppendEmitter(KernelBuilder &B, const AppendForm &Form)
      : B(B), Info(B.getInfo()), Form(Form), Tables(getRotaryTables(Form.Rotaries)) {}
  void emit();

private:
  using HeadSink = function_ref<void(Value Head, Value Index, Value Lanes)>;
  void emitKeys(Value Batch, Value Token, Value Position);
  void emitValues(Value Batch, Value Token, Value Position);
  void emitSide(const CacheSide &Side, unsigned Part, const Stream &Stream, Value Tensor,
                Value Batch, Value Token, Value Position,
                function_ref<void(Value, Value, Value)> Store);
  void emitYielded(unsigned Result, const Stream &Stream, Value Batch, Value Token);
  /// Runs `Sink(head, index, lanes)` for all heads of a token, and `Finish(head)` after each.
  void forHeads(
      const Stream &Stream, Value Tensor, Value Batch, Value Token, HeadSink Sink,
      function_ref<void(Value Head)> Finish = [](Value) {});

  KernelBuilder &B;
  const KernelInfo &Info;
  const AppendForm &Form;
  SmallVector<RotaryTable> Tables;
};

class AppendLowering : public CpuLowering {
public:
  StringRef getName() const override { return "append"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return AppendForm::get(Kernel, Reason).has_value();
  }
  KernelPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    auto Form = *AppendForm::get(Kernel, Reason);
    KernelPlan Plan;
    Plan.onlyStage().Items = Form.getTokenCount(Kernel);
    Plan.ScratchBytes = Kernel.constant(Form.quantizes() ? 4 * Form.getCache().getHeadSize() : 0);
    Plan.Tables = getRotaryTables(Form.Rotaries);
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override {
    std::string Reason;
    auto Form = AppendForm::get(B.getInfo(), Reason);
    if (!Form)
      return B.getInfo().getKernel().emitError() << "is no append: " << Reason;
    AppendEmitter(B, *Form).emit();
    return success();
  }
};

} // namespace

void AppendEmitter::emit() {
  Value Tokens = B.size(Info.getDims(Form.getTokens())[1]);
  B.loop(B.getBegin(), B.getEnd(), 1, [&](Value Item) {
    Value Batch = B.div(Item, Tokens), Token = B.rem(Item, Tokens);
    for (auto &[Result, Stream] : Form.Yielded)
      emitYielded(Result, Stream, Batch, Token);
    if (!Form.Append)
      return;
    KVAppendOp Append = Form.Append;
    Value Past =
        B.loadIndex(B.getArgument(Append.getPast()), Batch, cpu::getElementType(Append.getPast()));
    Value Position = B.add(Past, Token);
    B.ifThen(B.lessThan(Position, B.index(Append.getCache().getType().getCapacity())), [&] {
      emitKeys(Batch, Token, Position);
      emitValues(Batch, Token, Position);
    });
  });
}

void AppendEmitter::forHeads(const Stream &Stream, Value Tensor, Value Batch, Value Token,
                             HeadSink Sink, function_ref<void(Value)> Finish) {
  auto Ty = cast<RankedTensorType>(Tensor.getType());
  int64_t Heads = Ty.getDimSize(2), Size = Ty.getDimSize(3);
  Type Element = cpu::getElementType(Stream.Source);
  Value Table;
  if (RotaryOp Rotary = Stream.Rotary) {
    unsigned Number = llvm::find(Tables, getRotaryTable(Rotary)) - Tables.begin();
    Value Position = emitPosition(B, Rotary.getPositions(), Batch, Token);
    if (Form.Append) {
      // A padding token turns by the last position: nobody reads it.
      KVAppendOp Append = Form.Append;
      Position = B.min(Position, B.index(Append.getCache().getType().getCapacity() - 1));
    }
    Table = getRotaryTableRow(B, Rotary, Number, Position);
  }
  Value Row = B.add(B.mul(Batch, B.size(Info.getDims(Tensor)[1])), Token);
  Value First = B.element(B.getArgument(Stream.Source), B.mul(Row, Heads * Size), Element);
  B.loop(B.index(0), B.index(Heads), 1, [&](Value Head) {
    Value Pointer = B.element(First, B.mul(Head, Size), Element);
    emitRotaryHead(B, Stream.Rotary, Pointer, Element, Size, Table, [&](Value I, Value Lanes) {
      Sink(Head, I, emitCoding(B, Stream.Coding, Lanes));
    });
    Finish(Head);
  });
}

void AppendEmitter::emitYielded(unsigned Result, const Stream &Stream, Value Batch, Value Token) {
  RotaryOp Rotary = Stream.Rotary;
  auto Ty = cast<RankedTensorType>(Rotary.getResult().getType());
  int64_t Heads = Ty.getDimSize(2), Size = Ty.getDimSize(3);
  Type Element = cpu::getElementType(Info.getResults()[Result]);
  Value Row = B.add(B.mul(Batch, B.size(Info.getDims(Rotary.getResult())[1])), Token);
  forHeads(Stream, Rotary.getInput(), Batch, Token, [&](Value Head, Value I, Value Lanes) {
    Value At = B.add(B.add(B.mul(Row, Heads * Size), B.mul(Head, Size)), I);
    B.storeVector(Lanes, B.element(B.getResult(Result), At, Element), Element);
  });
}

/// Keys of 16 positions are interleaved: the channels of a token lie 16 elements apart.
void AppendEmitter::emitKeys(Value Batch, Value Token, Value Position) {
  KVAppendOp Append = Form.Append;
  CacheSide Keys = getKeySide(Form.getCache());
  Type Element = Keys.getElement();
  int64_t Size = Form.getCache().getHeadSize();
  Value First =
      B.add(B.mul(B.div(Position, VectorLanes), Size * VectorLanes), B.rem(Position, VectorLanes));
  emitSide(Keys, 0, Form.Key, Append.getKey(), Batch, Token, Position,
           [&](Value Head, Value I, Value Lanes) {
             for (int64_t J = 0; J < B.getLanes(Lanes); ++J) {
               Value Number = vector::ExtractOp::create(B, Lanes, ArrayRef<int64_t>{J});
               B.storeRaw(Number,
                          B.element(Head, B.add(First, B.mul(B.add(I, J), VectorLanes)), Element));
             }
           });
}

void AppendEmitter::emitValues(Value Batch, Value Token, Value Position) {
  KVAppendOp Append = Form.Append;
  CacheSide Values = getValueSide(Form.getCache());
  Value First = B.mul(Position, Form.getCache().getHeadSize());
  emitSide(Values, 1, Form.Values, Append.getValue(), Batch, Token, Position,
           [&](Value Head, Value I, Value Lanes) {
             B.storeRaw(Lanes, B.element(Head, B.add(First, I), Values.getElement()));
           });
}

/// Runs `Store(head's address, index, lanes as memory holds them)` for a token of one side.
void AppendEmitter::emitSide(const CacheSide &Side, unsigned Part, const Stream &Stream,
                             Value Tensor, Value Batch, Value Token, Value Position,
                             function_ref<void(Value, Value, Value)> Store) {
  Value Base = B.getArgument(KVAppendOp(Form.Append).getCache(), Part);
  StoredTypeInterface Stored = Side.getStored();
  if (!Stored) {
    forHeads(Stream, Tensor, Batch, Token, [&](Value Head, Value I, Value Lanes) {
      Store(Side.getHead(B, Base, Batch, Head), I, B.narrow(Lanes, Side.getElement()));
    });
    return;
  }
  Value Row = B.getScratch(Info.constant(0));
  int64_t Size = Form.getCache().getHeadSize();
  auto Collect = [&](Value, Value I, Value Lanes) {
    B.storeRaw(Lanes, B.element(Row, I, B.getF32Type()));
  };
  auto Quantize = [&](Value Head) {
    Value Scale = B.element(Side.getScales(B, Base, Batch, Head), Position, Stored.getScaleType());
    Value At = Side.getHead(B, Base, Batch, Head);
    codegen::emitQuantizedRow(B, Stored, Row, Size, Scale,
                              [&](Value I, Value Codes) { Store(At, I, Codes); });
  };
  forHeads(Stream, Tensor, Batch, Token, Collect, Quantize);
}

namespace qopt::cpu {
void registerAppendLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<AppendLowering>());
}
} // namespace qopt::cpu
