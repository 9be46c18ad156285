// Contractions with packed weights; include/qopt/Targets/CPU/Contraction.h says how they are built.
#include "qopt/Targets/CPU/Contraction.h"

#include "Emit/ByteProducts.h"
#include "Emit/DecodePanel.h"
#include "Emit/PanelContraction.h"
#include "Emit/Prefetch.h"
#include "qopt/Targets/Common/NormRow.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

using Values = KernelBuilder::Values;

static constexpr int64_t Halves = PanelRows / VectorLanes;

namespace {

/// Emits one contraction kernel.
class ContractionEmitter {
public:
  using EmitRow = function_ref<Values(const PanelWeight &, int64_t, Value, Value)>;

  ContractionEmitter(KernelBuilder &B, const PanelContraction &Form, EmitRow Row)
      : B(B), Info(B.getInfo()), Form(Form), Row(Row), Parts(Form.getScratch(Info)),
        TileRows(B.getIsa().getTileRows()) {
    if (Form.TakesBytes)
      Bytes.emplace(B, Form);
  }

  LogicalResult emit();

private:
  // Staging.
  void prepareRow(Value M, codegen::LanesSink Sink);
  codegen::CodedRow codeRow(Value M);
  void readRow(Value M, codegen::LanesSink Sink);
  Value byteRow(Value M);
  void stageBytes(Value M);
  Value stageSingleRow();
  void stageTiles();

  // One row.
  void emitSingleRow();
  void emitSingleRowPanels(const Segment &Segment, Value Panel, int64_t Count, Value Input);

  // More rows.
  void emitTiledRows();
  void emitTiledPanel(const Segment &Segment, Value Panel);
  void clearSums(const Segment &Segment);
  void accumulate(const PanelWeight &Weight, Value Panel, unsigned Linear);
  void multiplyBytes(const PanelWeight &Weight, Value Panel, unsigned Linear);
  void multiplyGroups(const PanelWeight &Weight, Value Panel, Value Low, Value High,
                      unsigned Linear);
  void multiplyBlock(Value Weights, Value Low, Value Count, unsigned Linear,
                     ArrayRef<Value> Scales = {});
  void multiplyTile(Value Weights, Value Input, Value Sums, Value Count, int64_t Rows,
                    int64_t FirstVector, ArrayRef<Value> Scales);
  Value sums(unsigned Linear, Value M);
  /// Runs `Body(m, i, size)` for tiles of rows [m + i, m + i + size), where m is a multiple of a
  /// full tile.
  void forTiles(function_ref<void(Value, Value, int64_t)> Body);

  // Epilogue.
  void emitEpilogue(const Segment &Segment, Value M, Value Panel, ArrayRef<Values> Vectors);
  void emitEpilogueVector(const Segment &Segment, Value M, Value Column, ArrayRef<Value> Vectors,
                          int64_t Count);
  Value epilogueOperand(Value Leaf, const Segment &Segment, Value M, Value Column, int64_t Count);

  /// Runs `Body(segment, low, high)` for the panels of each segment that are among the items of the
  /// call.
  void forSegments(function_ref<void(const Segment &, Value, Value)> Body);

  KernelBuilder &B;
  const KernelInfo &Info;
  const PanelContraction &Form;
  EmitRow Row;
  PanelContraction::Parts Parts;
  int64_t TileRows;
  /// Where products are taken of bytes.
  std::optional<ByteProducts> Bytes;
  bool Failed = false;
};

} // namespace

/// When a scale joins the sums of several rows. Where it can, it does so as for one row, so that
/// both give the same numbers and a 16-bit cache rounds both alike.
enum class ScaleTime {
  Decoding,   ///< each weight is scaled
  AfterGroup, ///< sums of codes times inputs of a group
  AtEnd       ///< the same; all inputs are one group
};

static ScaleTime getScaleTime(const PanelWeight &Weight) {
  if (!Weight.isStored())
    return ScaleTime::Decoding;
  if (Weight.getGroup() >= Weight.getInputs())
    return ScaleTime::AtEnd;
  return getBlockInputs(Weight) % Weight.getGroup() == 0 ? ScaleTime::AfterGroup
                                                         : ScaleTime::Decoding;
}

/// Loads one f32 and repeats it in all lanes.
static Value loadSplat(KernelBuilder &B, Value Pointer, Value Index) {
  return B.splat(B.loadRaw(B.element(Pointer, Index, B.getF32Type()), B.getF32Type()));
}

LogicalResult ContractionEmitter::emit() {
  AffineExpr Rows = Form.getRows(Info);
  if (Rows == Info.constant(1)) {
    emitSingleRow();
  } else if (isa<AffineConstantExpr>(Rows)) {
    emitTiledRows();
  } else {
    B.ifThenElse(
        B.equal(B.size(Rows), B.index(1)), [&] { emitSingleRow(); }, [&] { emitTiledRows(); });
  }
  return failure(Failed);
}

void ContractionEmitter::forSegments(function_ref<void(const Segment &, Value, Value)> Body) {
  int64_t First = 0;
  for (const Segment &Segment : Form.Segments) {
    Value Low = B.max(B.sub(B.getBegin(), B.index(First)), B.index(0));
    Value High = B.min(B.sub(B.getEnd(), B.index(First)), B.index(getPanels(Segment)));
    Body(Segment, Low, High);
    First += getPanels(Segment);
  }
}

//===- Staging --------------------------------------------------------------------------------===//

/// Row M as f32, before it becomes codes.
void ContractionEmitter::prepareRow(Value M, codegen::LanesSink Sink) {
  emitNormRow(B, Form.Norm, emitSourceRow(B, Form, M), cpu::getElementType(Form.Source),
              B.index(Form.Inputs),
              [&](Value I, Value Lanes) { Sink(I, emitCoding(B, Form.Coding, Lanes)); });
}

/// The same in memory, to become codes.
codegen::CodedRow ContractionEmitter::codeRow(Value M) {
  Value Row = B.getScratch(Parts.Row);
  Type F32 = B.getF32Type();
  prepareRow(M, [&](Value I, Value Lanes) { B.storeRaw(Lanes, B.element(Row, I, F32)); });
  return codegen::CodedRow(B, *Form.Codes, Form.Inputs, [this, Row, F32](Value I, int64_t Lanes) {
    return B.loadRaw(B.element(Row, I, F32), B.f32Vector(Lanes));
  });
}

/// Row M as f32, as the contractions read it.
void ContractionEmitter::readRow(Value M, codegen::LanesSink Sink) {
  if (!Form.Codes)
    return prepareRow(M, Sink);
  codegen::CodedRow Row = codeRow(M);
  B.loopLanes(B.index(Form.Inputs), [&](Value I, int64_t Lanes) { Sink(I, Row.read(I, Lanes)); });
}

Value ContractionEmitter::byteRow(Value M) {
  return B.bytes(B.getScratch(Parts.Staged), B.mul(M, getByteRowSize(Form.Inputs)));
}

void ContractionEmitter::stageBytes(Value M) { Bytes->stageRow(codeRow(M), byteRow(M)); }

/// Where the only row is read.
Value ContractionEmitter::stageSingleRow() {
  if (!Form.stagesSingleRow())
    return B.getArgument(Form.Source);
  if (Bytes) {
    stageBytes(B.index(0));
    return byteRow(B.index(0));
  }
  Value Input = B.getScratch(Parts.Staged);
  readRow(B.index(0),
          [&](Value I, Value Lanes) { B.storeRaw(Lanes, B.element(Input, I, B.getF32Type())); });
  return Input;
}

/// Copies all rows as [rows / tile][inputs][tile], or as rows of bytes.
void ContractionEmitter::stageTiles() {
  Type F32 = B.getF32Type();
  if (Bytes)
    return B.loop(B.index(0), B.size(Form.getRows(Info)), 1, [&](Value M) { stageBytes(M); });
  Value Staged = B.getScratch(Parts.Staged);
  B.loop(B.index(0), B.size(Form.getRows(Info)), 1, [&](Value M) {
    Value InTile = B.rem(M, TileRows);
    Value First = B.add(B.mul(B.sub(M, InTile), Form.Inputs), InTile);
    readRow(M, [&](Value I, Value Lanes) {
      for (int64_t J = 0; J < B.getLanes(Lanes); ++J) {
        Value At = B.add(First, B.mul(B.add(I, J), TileRows));
        B.storeRaw(vector::ExtractOp::create(B, Lanes, ArrayRef<int64_t>{J}),
                   B.element(Staged, At, F32));
      }
    });
  });
}

//===- One row --------------------------------------------------------------------------------===//

void ContractionEmitter::emitSingleRow() {
  // A worker without items has nothing to stage.
  B.ifThen(B.lessThan(B.getBegin(), B.getEnd()), [&] {
    Value Input = stageSingleRow();
    forSegments([&](const Segment &Segment, Value Low, Value High) {
      int64_t Together = std::min(B.getIsa().getPanelsInFlight(), getPanels(Segment));
      Value Rest = B.add(Low, B.mul(B.div(B.sub(High, Low), Together), Together));
      B.loop(Low, Rest, Together,
             [&](Value Panel) { emitSingleRowPanels(Segment, Panel, Together, Input); });
      if (Together > 1)
        B.loop(Rest, High, 1, [&](Value Panel) { emitSingleRowPanels(Segment, Panel, 1, Input); });
    });
  });
}

static Values panelPointers(KernelBuilder &B, const PanelWeight &Weight, int64_t Panels,
                            Value Weights, Value Offset) {
  Values Pointers;
  for (int64_t P = 0; P < Panels; ++P)
    Pointers.push_back(B.bytes(Weights, B.add(Offset, P * Weight.getPanelBytes())));
  return Pointers;
}

void ContractionEmitter::emitSingleRowPanels(const Segment &Segment, Value Panel, int64_t Count,
                                             Value Input) {
  SmallVector<Values> OfLinear;
  for (LinearOp Linear : Segment.Linears) {
    PanelWeight Weight = Form.getWeight(Linear);
    Value Weights =
        B.bytes(B.getArgument(Linear.getWeight()), B.mul(Panel, Weight.getPanelBytes()));
    if (Bytes)
      OfLinear.push_back(Bytes->multiply(
          Weight, Input, panelPointers(B, Weight, Count, Weights, B.index(0)), 0, Halves));
    else
      OfLinear.push_back(Row(Weight, Count, Weights, Input));
  }
  for (int64_t P = 0; P < Count; ++P) {
    SmallVector<Values> OfPanel;
    for (const Values &Vectors : OfLinear)
      OfPanel.push_back({Vectors[Halves * P], Vectors[Halves * P + 1]});
    emitEpilogue(Segment, B.index(0), B.add(Panel, P), OfPanel);
  }
}

/// Adds `Count` inputs from `Input` on, times the codes (less their zero points, which is exact) or
/// floats at each pointer, to the sums.
static Values addInputs(KernelBuilder &B, const PanelWeight &Weight, ArrayRef<Value> Pointers,
                        ArrayRef<Value> Zeros, Value Input, int64_t Count, Values Sums) {
  bool IsWord = Weight.isNibbles();
  Type Element = Weight.getElementType();
  Values Inputs;
  for (int64_t J = 0; J < Count; ++J)
    Inputs.push_back(loadSplat(B, Input, B.index(J)));
  for (auto [P, Pointer] : llvm::enumerate(Pointers))
    for (int64_t Half = 0; Half < Halves; ++Half) {
      Value &Sum = Sums[Halves * P + Half];
      Value Word = IsWord ? Weight.loadCodes(B, Pointer, Half) : Value();
      for (int64_t J = 0; J < Count; ++J) {
        Value Number;
        if (IsWord)
          Number = Weight.decode(B, Word, J);
        else if (Weight.isStored())
          Number = Weight.decode(
              B, Weight.loadCodes(B, B.bytes(Pointer, B.index(J * PanelRows)), Half), 0);
        else
          Number = B.loadVector(
              B.element(Pointer, B.index(J * PanelRows + Half * VectorLanes), Element), Element);
        if (Weight.hasZeroPoint())
          Number = B.sub(Number, Zeros[Halves * P + Half]);
        Sum = B.fma(Number, Inputs[J], Sum);
      }
    }
  return Sums;
}

/// Sums over `Count` inputs whose codes or floats begin at `Offset` of each panel. Words of 8
/// inputs, or 8 bytes, or 4 floats are a step; what remains is a shorter step.
static Values sumInputs(KernelBuilder &B, const PanelWeight &Weight, int64_t Panels, Value Weights,
                        Value Offset, ArrayRef<Value> Zeros, Value Input, int64_t Count) {
  int64_t Step = Weight.isStored() ? 8 : 4;
  int64_t StepBytes =
      Weight.isNibbles()
          ? 4 * PanelRows
          : Step * PanelRows * (Weight.isStored() ? 1 : getElementBytes(Weight.getElementType()));
  int64_t Steps = Count / Step, Rest = Count % Step;
  Values Zero(Halves * Panels, B.f32(0.0));
  Values Sums = B.loop(B.index(0), B.index(Steps), 1, Zero, [&](Value I, ValueRange Carried) {
    Values Pointers = panelPointers(B, Weight, Panels, Weights, B.add(Offset, B.mul(I, StepBytes)));
    prefetchAhead(B, Pointers, StepBytes);
    return addInputs(B, Weight, Pointers, Zeros, B.element(Input, B.mul(I, Step), B.getF32Type()),
                     Step, Values(Carried));
  });
  if (!Rest)
    return Sums;
  Values Pointers = panelPointers(B, Weight, Panels, Weights, B.add(Offset, Steps * StepBytes));
  return addInputs(B, Weight, Pointers, Zeros,
                   B.element(Input, B.index(Steps * Step), B.getF32Type()), Rest, Sums);
}

/// Sums over a group, times its scales, added to `Totals`.
static Values addGroup(KernelBuilder &B, const PanelWeight &Weight, int64_t Panels, Value Weights,
                       Value Group, Value Input, int64_t Count, ValueRange Totals) {
  Value Offset = B.mul(Group, Weight.getGroupBytes());
  Value Inputs = B.element(Input, B.mul(Group, Weight.getGroup()), B.getF32Type());
  Values Scales =
      panelPointers(B, Weight, Panels, Weights, B.add(Offset, Weight.getCodeBytes(Count)));
  Values Zeros;
  if (Weight.hasZeroPoint())
    for (Value At : Scales)
      for (int64_t Half = 0; Half < Halves; ++Half)
        Zeros.push_back(Weight.loadZeroPoints(B, At, Half));
  Values Sums = sumInputs(B, Weight, Panels, Weights, Offset, Zeros, Inputs, Count);
  Values Result;
  for (auto [I, Total] : llvm::enumerate(Totals))
    Result.push_back(B.fma(Sums[I], Weight.loadScales(B, Scales[I / Halves], I % Halves), Total));
  return Result;
}

Values ContractionLowering::emitRow(KernelBuilder &B, const PanelWeight &Weight, int64_t Panels,
                                    Value Weights, Value Input) const {
  if (!Weight.isStored())
    return sumInputs(B, Weight, Panels, Weights, B.index(0), {}, Input, Weight.getInputs());
  int64_t Full = Weight.getInputs() / Weight.getGroup(),
          Rest = Weight.getInputs() % Weight.getGroup();
  Values Zero(Halves * Panels, B.f32(0.0));
  Values Totals = B.loop(B.index(0), B.index(Full), 1, Zero, [&](Value G, ValueRange Carried) {
    return addGroup(B, Weight, Panels, Weights, G, Input, Weight.getGroup(), Carried);
  });
  if (Rest)
    Totals = addGroup(B, Weight, Panels, Weights, B.index(Full), Input, Rest, Totals);
  return Totals;
}

//===- More rows ------------------------------------------------------------------------------===//

void ContractionEmitter::emitTiledRows() {
  B.ifThen(B.lessThan(B.getBegin(), B.getEnd()), [&] {
    stageTiles();
    forSegments([&](const Segment &Segment, Value Low, Value High) {
      B.loop(Low, High, 1, [&](Value Panel) { emitTiledPanel(Segment, Panel); });
    });
  });
}

/// Address of the sums of row M of a panel: [linears][rows][32].
Value ContractionEmitter::sums(unsigned Linear, Value M) {
  Value Row = B.add(B.mul(B.size(Form.getRows(Info)), Linear), M);
  return B.element(B.getScratch(Parts.Sums), B.mul(Row, PanelRows), B.getF32Type());
}

void ContractionEmitter::emitTiledPanel(const Segment &Segment, Value Panel) {
  clearSums(Segment);
  for (unsigned I = 0; I < Segment.Linears.size(); ++I) {
    LinearOp Linear = Segment.Linears[I];
    PanelWeight Weight = Form.getWeight(Linear);
    Value Weights =
        B.bytes(B.getArgument(Linear.getWeight()), B.mul(Panel, Weight.getPanelBytes()));
    accumulate(Weight, Weights, I);
  }
  B.loop(B.index(0), B.size(Form.getRows(Info)), 1, [&](Value M) {
    SmallVector<Values> OfLinear;
    for (unsigned I = 0; I < Segment.Linears.size(); ++I) {
      LinearOp Linear = Segment.Linears[I];
      PanelWeight Weight = Form.getWeight(Linear);
      Value Scales =
          B.bytes(B.getArgument(Linear.getWeight()),
                  B.add(B.mul(Panel, Weight.getPanelBytes()),
                        Weight.isStored() ? Weight.getCodeBytes(Weight.getInputs()) : 0));
      Values Vectors;
      for (int64_t Half = 0; Half < Halves; ++Half) {
        Vectors.push_back(B.loadRaw(
            B.element(sums(I, M), B.index(Half * VectorLanes), B.getF32Type()), B.f32Vector()));
        if (!Bytes && getScaleTime(Weight) == ScaleTime::AtEnd)
          // Not a product, which an addition that follows might be contracted with.
          Vectors.back() = B.fma(Vectors.back(), Weight.loadScales(B, Scales, Half), B.f32(0.0));
      }
      OfLinear.push_back(Vectors);
    }
    emitEpilogue(Segment, M, Panel, OfLinear);
  });
}

void ContractionEmitter::clearSums(const Segment &Segment) {
  Value Rows = B.mul(B.size(Form.getRows(Info)), int64_t(Segment.Linears.size()));
  B.loop(B.index(0), B.mul(Rows, PanelRows), VectorLanes, [&](Value I) {
    B.storeRaw(B.f32(0.0), B.element(B.getScratch(Parts.Sums), I, B.getF32Type()));
  });
}

/// Adds the products with one panel to its sums, block by block of inputs.
void ContractionEmitter::accumulate(const PanelWeight &Weight, Value Panel, unsigned Linear) {
  if (Bytes)
    return multiplyBytes(Weight, Panel, Linear);
  int64_t Block = getBlockInputs(Weight);
  B.loop(B.index(0), B.index(Form.Inputs), Block, [&](Value Low) {
    Value High = B.min(B.add(Low, Block), B.index(Form.Inputs));
    Value Weights;
    if (Weight.getElementType().isF32()) {
      Weights = B.element(Panel, B.mul(Low, PanelRows), B.getF32Type());
    } else {
      Weights = B.getScratch(Parts.Decoded);
      auto To = getScaleTime(Weight) == ScaleTime::Decoding ? Decoded::Numbers : Decoded::Codes;
      decodePanel(B, Weight, Panel, Low, High, Weights, To);
    }
    if (getScaleTime(Weight) == ScaleTime::AfterGroup)
      multiplyGroups(Weight, Panel, Low, High, Linear);
    else
      multiplyBlock(Weights, Low, B.sub(High, Low), Linear);
  });
}

/// The decoded block of the inputs [Low, High), group by group.
void ContractionEmitter::multiplyGroups(const PanelWeight &Weight, Value Panel, Value Low,
                                        Value High, unsigned Linear) {
  int64_t Group = Weight.getGroup();
  Value Decoded = B.getScratch(Parts.Decoded);
  B.loop(Low, High, Group, [&](Value First) {
    Value Count = B.min(B.index(Group), B.sub(High, First));
    Value Codes = B.bytes(Panel, B.mul(B.div(First, Group), Weight.getGroupBytes()));
    Value CodeBytes =
        Weight.isNibbles() ? B.mul(B.ceilDiv(Count, 8), 4 * PanelRows) : B.mul(Count, PanelRows);
    Values Scales;
    for (int64_t Half = 0; Half < Halves; ++Half)
      Scales.push_back(Weight.loadScales(B, B.bytes(Codes, CodeBytes), Half));
    Value Start = B.mul(B.sub(First, Low), PanelRows);
    multiplyBlock(B.element(Decoded, Start, B.getF32Type()), First, Count, Linear, Scales);
  });
}

/// All rows times `Count` inputs from `Low` on; sums of these inputs are scaled if there are
/// scales.
void ContractionEmitter::multiplyBlock(Value Weights, Value Low, Value Count, unsigned Linear,
                                       ArrayRef<Value> Scales) {
  Type F32 = B.getF32Type();
  forTiles([&](Value M, Value InTile, int64_t TileSize) {
    Value First = B.add(B.add(B.mul(M, Form.Inputs), B.mul(Low, TileRows)), InTile);
    Value Input = B.element(B.getScratch(Parts.Staged), First, F32);
    int64_t Vectors = B.getIsa().getTileVectors();
    for (int64_t V = 0; V < Halves; V += Vectors)
      multiplyTile(Weights, Input, sums(Linear, B.add(M, InTile)), Count, TileSize, V, Scales);
  });
}

/// All rows of bytes times one panel; the sums are complete and scaled.
void ContractionEmitter::multiplyBytes(const PanelWeight &Weight, Value Panel, unsigned Linear) {
  int64_t Vectors = B.getIsa().getTileVectors();
  forTiles([&](Value M, Value InTile, int64_t TileSize) {
    Value First = B.add(M, InTile);
    Values Rows;
    for (int64_t R = 0; R < TileSize; ++R)
      Rows.push_back(byteRow(B.add(First, R)));
    for (int64_t V = 0; V < Halves; V += Vectors)
      for (auto [I, Sum] : llvm::enumerate(Bytes->multiply(Weight, Rows, Panel, V, Vectors))) {
        int64_t Row = I / Vectors, Vector = V + I % Vectors;
        Value To = sums(Linear, B.add(First, Row));
        B.storeRaw(Sum, B.element(To, B.index(Vector * VectorLanes), B.getF32Type()));
      }
  });
}

void ContractionEmitter::forTiles(function_ref<void(Value, Value, int64_t)> Body) {
  Value Rows = B.size(Form.getRows(Info));
  Value Rest = B.rem(Rows, TileRows), Full = B.sub(Rows, Rest);
  B.loop(B.index(0), Full, TileRows, [&](Value M) { Body(M, B.index(0), TileRows); });
  // The last rows in tiles of half, a quarter, … the size.
  for (int64_t Size = TileRows / 2; Size; Size /= 2) {
    Value HasTile = B.lessThan(B.index(0), B.bitAnd(Rest, B.index(Size)));
    B.ifThen(HasTile, [&] { Body(Full, B.bitAnd(Rest, B.index(TileRows - 2 * Size)), Size); });
  }
}

/// A tile of sums in registers.
void ContractionEmitter::multiplyTile(Value Weights, Value Input, Value Sums, Value Count,
                                      int64_t Rows, int64_t FirstVector, ArrayRef<Value> Scales) {
  Type F32 = B.getF32Type();
  int64_t Vectors = B.getIsa().getTileVectors();
  auto SumAt = [&](int64_t R, int64_t V) {
    return B.element(Sums, B.index(R * PanelRows + (FirstVector + V) * VectorLanes), F32);
  };
  Values Init;
  for (int64_t R = 0; R < Rows; ++R)
    for (int64_t V = 0; V < Vectors; ++V)
      Init.push_back(Scales.empty() ? B.loadRaw(SumAt(R, V), B.f32Vector()) : B.f32(0.0));
  Values Result = B.loop(B.index(0), Count, 1, Init, [&](Value K, ValueRange Carried) {
    Values Columns, Next(Carried);
    for (int64_t V = 0; V < Vectors; ++V) {
      Value At = B.add(B.mul(K, PanelRows), (FirstVector + V) * VectorLanes);
      Columns.push_back(B.loadRaw(B.element(Weights, At, F32), B.f32Vector()));
    }
    for (int64_t R = 0; R < Rows; ++R) {
      Value Number = loadSplat(B, Input, B.add(B.mul(K, TileRows), R));
      for (int64_t V = 0; V < Vectors; ++V)
        Next[R * Vectors + V] = B.fma(Number, Columns[V], Next[R * Vectors + V]);
    }
    return Next;
  });
  for (int64_t R = 0; R < Rows; ++R)
    for (int64_t V = 0; V < Vectors; ++V) {
      Value Sum = Result[R * Vectors + V];
      if (!Scales.empty())
        Sum = B.fma(Sum, Scales[FirstVector + V], B.loadRaw(SumAt(R, V), B.f32Vector()));
      B.storeRaw(Sum, SumAt(R, V));
    }
}

//===- Epilogue -------------------------------------------------------------------------------===//

/// Runs the epilogue on 32 outputs of row M. `Vectors` are the two halves for each linear of the
/// segment.
void ContractionEmitter::emitEpilogue(const Segment &Segment, Value M, Value Panel,
                                      ArrayRef<Values> Vectors) {
  auto EmitHalf = [&](int64_t Half, int64_t Count) {
    Values OfHalf;
    for (const Values &OfLinear : Vectors)
      OfHalf.push_back(OfLinear[Half]);
    Value Column = B.add(B.mul(Panel, PanelRows), Half * VectorLanes);
    emitEpilogueVector(Segment, M, Column, OfHalf, Count);
  };
  auto EmitFull = [&] {
    for (int64_t Half = 0; Half < Halves; ++Half)
      EmitHalf(Half, 0);
  };
  int64_t Rest = Segment.Outputs % PanelRows;
  if (!Rest)
    return EmitFull();
  auto EmitRest = [&] {
    for (int64_t Half = 0; Half < Halves; ++Half)
      if (int64_t Count = Rest - Half * VectorLanes; Count >= VectorLanes)
        EmitHalf(Half, 0);
      else if (Count > 0)
        EmitHalf(Half, Count);
  };
  B.ifThenElse(B.equal(Panel, B.index(getPanels(Segment) - 1)), EmitRest, EmitFull);
}

/// Sixteen outputs from `Column` on, or the first `Count` of them unless it is 0.
void ContractionEmitter::emitEpilogueVector(const Segment &Segment, Value M, Value Column,
                                            ArrayRef<Value> Vectors, int64_t Count) {
  llvm::DenseMap<Value, Value> Known;
  for (unsigned I = 0; I < Vectors.size(); ++I) {
    LinearOp Linear = Segment.Linears[I];
    Known[Linear.getResult()] = Vectors[I];
  }
  SmallVector<Value> Results = Info.getResults();
  for (unsigned Result : Segment.Results) {
    FailureOr<Value> Vector = emitElementwiseTree(B, Results[Result], Known, [&](Value Of) {
      return isArgumentOrConstant(Of) ? epilogueOperand(Of, Segment, M, Column, Count) : Value();
    });
    if (failed(Vector)) {
      Failed = true;
      return;
    }
    Type Element = cpu::getElementType(Results[Result]);
    Value To = B.element(B.getResult(Result), B.add(B.mul(M, Segment.Outputs), Column), Element);
    if (Count)
      B.storeFirst(*Vector, To, Element, Count);
    else
      B.storeVector(*Vector, To, Element);
  }
}

/// Sixteen elements of an argument or constant: one number, a vector along the outputs, or a tensor
/// of all rows.
Value ContractionEmitter::epilogueOperand(Value Leaf, const Segment &Segment, Value M, Value Column,
                                          int64_t Count) {
  Type Element = cpu::getElementType(Leaf);
  Value Pointer;
  if (auto Constant = Leaf.getDefiningOp<ConstantOp>())
    Pointer = B.constantTable(Constant.getValue());
  else
    Pointer = B.getArgument(Leaf);
  AffineExpr Elements = Info.getElementCount(Leaf);
  if (Elements == Info.constant(1))
    return B.splat(B.loadScalar(Pointer, Element));
  Value Index = Column;
  if (Elements != Info.constant(Segment.Outputs) || Form.getRows(Info) == Info.constant(1))
    Index = B.add(B.mul(M, Segment.Outputs), Column);
  Value At = B.element(Pointer, Index, Element);
  return Count ? B.loadFirst(At, Element, Count) : B.loadVector(At, Element);
}

//===- The lowering ---------------------------------------------------------------------------===//

bool ContractionLowering::match(const KernelInfo &Kernel, std::string &Reason) const {
  return PanelContraction::get(Kernel, Reason).has_value();
}

KernelPlan ContractionLowering::plan(const KernelInfo &Kernel) const {
  std::string Reason;
  auto Form = *PanelContraction::get(Kernel, Reason);
  KernelPlan Plan;
  Plan.onlyStage().Items = Form.getItems(Kernel);
  Plan.ScratchBytes = Form.getScratch(Kernel).Bytes;
  return Plan;
}

LogicalResult ContractionLowering::emit(KernelBuilder &Builder) const {
  std::string Reason;
  auto Form = PanelContraction::get(Builder.getInfo(), Reason);
  if (!Form)
    return Builder.getInfo().getKernel().emitError() << "is no contraction: " << Reason;
  auto Row = [&](const PanelWeight &Weight, int64_t Panels, Value Weights, Value Input) {
    return emitRow(Builder, Weight, Panels, Weights, Input);
  };
  return ContractionEmitter(Builder, *Form, Row).emit();
}

namespace qopt::cpu {
void registerContractionLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<ContractionLowering>());
}
} // namespace qopt::cpu
