// New tokens into a cache: keys (and the queries that come along) are turned by their positions on
// the way. A block is one token of one row of the batch, its warps share the heads. A rotary
// operation alone is the same without a cache.
//
// A token whose position lies beyond the capacity is padding (a step may be wider than what a row
// has left) and is not stored.
#include "qopt/Targets/Common/AppendForm.h"
#include "qopt/Targets/Common/StoredRow.h"
#include "qopt/Targets/NVPTX/CacheLayout.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::AppendForm;
using codegen::Stream;

namespace {

class AppendEmitter {
public:
  AppendEmitter(KernelBuilder &B, const AppendForm &Form)
      : B(B), Info(B.getInfo()), Form(Form), Tables(codegen::getRotaryTables(Form.Rotaries)) {}
  void emit();

private:
  /// Takes element `I` of head `Head`, a vector of one f32.
  using HeadSink = function_ref<void(Value Head, Value I, Value Number)>;
  /// All heads of the block's token, and `Finish(head)` after each.
  void forHeads(
      const Stream &Stream, Value Tensor, HeadSink Sink,
      function_ref<void(Value Head)> Finish = [](Value) {});
  void emitYielded(unsigned Result, const Stream &Stream);
  void emitSide(const Stream &Stream, Value Tensor, unsigned Part, Value Position);
  void emitCodes(const Stream &Stream, Value Tensor, unsigned Part, Value Position);
  Value getTableRow(RotaryOp Rotary);

  KernelBuilder &B;
  const KernelInfo &Info;
  const AppendForm &Form;
  SmallVector<RotaryTable> Tables;
  Value Batch, Token;
};

class AppendLowering : public GpuLowering {
public:
  StringRef getName() const override { return "append"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return AppendForm::get(Kernel, Reason).has_value();
  }
  GridPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    auto Form = *AppendForm::get(Kernel, Reason);
    GridPlan Plan;
    Plan.onlyStage().Items = Form.getTokenCount(Kernel);
    if (Form.quantizes())
      Plan.onlyStage().SharedBytes =
          Plan.onlyStage().Threads / WarpSize * 4 * Form.getCache().getHeadSize();
    Plan.Tables = codegen::getRotaryTables(Form.Rotaries);
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B, unsigned) const override {
    std::string Reason;
    AppendEmitter(B, *AppendForm::get(B.getInfo(), Reason)).emit();
    return success();
  }
};

} // namespace

void AppendEmitter::emit() {
  Value Tokens = B.size(Info.getDims(Form.getTokens())[1]);
  Batch = B.div(B.getBlock(), Tokens);
  Token = B.rem(B.getBlock(), Tokens);
  for (auto &[Result, Stream] : Form.Yielded)
    emitYielded(Result, Stream);
  if (!Form.Append)
    return;
  KVAppendOp Append = Form.Append;
  Value Past =
      B.loadIndex(B.getArgument(Append.getPast()), Batch, nvptx::getElementType(Append.getPast()));
  Value Position = B.add(Past, Token);
  B.ifThen(B.lessThan(Position, B.index(Form.getCache().getCapacity())), [&] {
    emitSide(Form.Key, Append.getKey(), 0, Position);
    emitSide(Form.Values, Append.getValue(), 1, Position);
  });
}

Value AppendEmitter::getTableRow(RotaryOp Rotary) {
  unsigned Number = llvm::find(Tables, codegen::getRotaryTable(Rotary)) - Tables.begin();
  Value Position = emitPosition(B, Rotary.getPositions(), Batch, Token);
  if (Form.Append)
    // A padding token turns by the last position: nobody reads it.
    Position = B.min(Position, B.index(Form.getCache().getCapacity() - 1));
  return getRotaryTableRow(B, Rotary, Number, Position);
}

void AppendEmitter::forHeads(const Stream &Stream, Value Tensor, HeadSink Sink,
                             function_ref<void(Value)> Finish) {
  auto Ty = cast<RankedTensorType>(Tensor.getType());
  int64_t Heads = Ty.getDimSize(2), Size = Ty.getDimSize(3);
  Type Element = nvptx::getElementType(Stream.Source);
  Value Table = Stream.Rotary ? getTableRow(Stream.Rotary) : Value();
  Value Row = B.add(B.mul(Batch, B.size(Info.getDims(Tensor)[1])), Token);
  Value First = B.element(B.getArgument(Stream.Source), B.mul(Row, Heads * Size), Element);
  B.loop(B.getWarp(), B.index(Heads), B.getWarps(), [&](Value Head) {
    Value Pointer = B.element(First, B.mul(Head, Size), Element);
    emitRotaryHead(B, Stream.Rotary, Pointer, Element, Size, Table, [&](Value I, Value Number) {
      Sink(Head, I, emitCoding(B, Stream.Coding, Number));
    });
    Finish(Head);
  });
}

void AppendEmitter::emitYielded(unsigned Result, const Stream &Stream) {
  RotaryOp Rotary = Stream.Rotary;
  auto Ty = cast<RankedTensorType>(Rotary.getResult().getType());
  int64_t Heads = Ty.getDimSize(2), Size = Ty.getDimSize(3);
  Type Element = nvptx::getElementType(Info.getResults()[Result]);
  Value Row = B.add(B.mul(Batch, B.size(Info.getDims(Rotary.getResult())[1])), Token);
  forHeads(Stream, Rotary.getInput(), [&](Value Head, Value I, Value Number) {
    Value At = B.add(B.add(B.mul(Row, Heads * Size), B.mul(Head, Size)), I);
    B.storeVector(Number, B.element(B.getResult(Result), At, Element), Element);
  });
}

void AppendEmitter::emitSide(const Stream &Stream, Value Tensor, unsigned Part, Value Position) {
  CacheSide Side = getCacheSide(Form.getCache(), Part);
  if (Side.getStored())
    return emitCodes(Stream, Tensor, Part, Position);
  Value Base = B.getArgument(KVAppendOp(Form.Append).getCache(), Part);
  Value First = B.mul(Position, Form.getCache().getHeadSize());
  forHeads(Stream, Tensor, [&](Value Head, Value I, Value Number) {
    Value At = B.element(Side.getHead(B, Base, Batch, Head), B.add(First, I), Side.getElement());
    B.storeVector(Number, At, Side.getElement());
  });
}

/// A warp collects a head in shared memory: the scale depends on all its numbers.
void AppendEmitter::emitCodes(const Stream &Stream, Value Tensor, unsigned Part, Value Position) {
  CacheSide Side = getCacheSide(Form.getCache(), Part);
  StoredTypeInterface Stored = Side.getStored();
  Value Base = B.getArgument(KVAppendOp(Form.Append).getCache(), Part);
  int64_t Size = Form.getCache().getHeadSize();
  Value Row = B.element(B.shared(0), B.mul(B.getWarp(), Size), B.getF32Type());
  auto Collect = [&](Value, Value I, Value Number) {
    B.storeVector(Number, B.element(Row, I, B.getF32Type()), B.getF32Type());
  };
  auto Quantize = [&](Value Head) {
    B.syncWarp();
    Value Scale = B.element(Side.getScales(B, Base, Batch, Head), Position, Stored.getScaleType());
    Value Codes =
        B.element(Side.getHead(B, Base, Batch, Head), B.mul(Position, Size), Side.getElement());
    codegen::emitQuantizedRow(B, Stored, Row, Size, Scale, [&](Value I, Value Code) {
      B.storeRaw(Code, B.element(Codes, I, Side.getElement()));
    });
    B.syncWarp();
  };
  forHeads(Stream, Tensor, Collect, Quantize);
}

namespace qopt::nvptx {
void registerAppendLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<AppendLowering>());
}
} // namespace qopt::nvptx
