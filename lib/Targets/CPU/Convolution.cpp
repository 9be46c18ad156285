// Convolutions with packed weights, [batch, channels, spatial…] in and out.
//
// A work item is a panel of 32 output channels (or one channel, where the outputs of a group are no
// whole panels) for one tile of outputs of one image. The input that a tile reads is staged once
// for all items of a worker that read it (Emit/SpatialTile.h); each tap of the window then reads
// neighbouring elements for neighbouring outputs, which are the lanes of a vector. A register tile
// is a few vectors of outputs times a few channels, whose weights lie beside each other in the
// panel. Sums stay in scratch while blocks of input channels are added, then the epilogue writes
// them row by row.
//
// The order in which the sum of one output is taken depends on nothing but its kernel.
#include "Emit/ConvolutionForm.h"
#include "Emit/DecodePanel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

using Values = KernelBuilder::Values;

/// Elements of a window that are added before the sums are stored: their weights, and the inputs of
/// a register tile, stay in the first cache.
static constexpr int64_t BlockColumns = 144;
/// Windows up to this size are written out tap by tap.
static constexpr int64_t MaxUnrolledTaps = 9;

namespace {

class ConvolutionEmitter {
public:
  ConvolutionEmitter(KernelBuilder &B, const ConvolutionForm &Form)
      : B(B), Info(B.getInfo()), Form(Form), Tile(Form.Tile), Parts(Form.getScratch(Info)),
        F32(B.getF32Type()), ItemOutputs(Form.getItemOutputs()) {}

  LogicalResult emit();

private:
  /// Where the items of a worker are.
  struct Unit {
    Value Image, Group;
    TilePlace Place;
  };

  Unit locate(Value Number);
  void stage(const Unit &At);
  void emitItem(const Unit &At, Value InGroup);
  Value weights(Value Item);

  // Sums.
  void accumulate(Value Weights, Value Outputs, Value Positions);
  void addBlock(Value Weights, Value Outputs, Value Positions, Value Channel, Value Count);
  void addTile(Value Weights, Value Position, Value FirstOutput, Value Channel, Value Count,
               int64_t Vectors);
  Values addTaps(Value Weights, Value Input, ValueRange Sums, int64_t Vectors);
  void addTap(Value Weights, Value Input, int64_t Vectors, Values &Sums);
  Value sum(Value Output, Value Position);
  int64_t getTileOutputs() const;
  int64_t getTileVectors() const;

  // Epilogue.
  void emitEpilogue(const Unit &At, Value Item, Value Outputs);
  Value epilogueOperand(Value Leaf, ArrayRef<Value> Index, int64_t Lanes, int64_t Count);

  KernelBuilder &B;
  const KernelInfo &Info;
  const ConvolutionForm &Form;
  const SpatialTile &Tile;
  ConvolutionForm::Parts Parts;
  Type F32;
  int64_t ItemOutputs;
  /// Offset of each tap in the staged input, where they are not written out.
  Value Offsets;
  bool Failed = false;
};

} // namespace

/// Channels and vectors of a register tile.
int64_t ConvolutionEmitter::getTileOutputs() const {
  return Form.usesPanels() ? B.getIsa().getTileRows() : 1;
}

int64_t ConvolutionEmitter::getTileVectors() const {
  bool IsWide = B.getIsa().isAvx512();
  if (!Form.usesPanels())
    return IsWide ? 8 : B.getIsa().isAvx2() ? 4 : 2;
  return IsWide ? 3 : 1;
}

//===- Items ----------------------------------------------------------------------------------===//

LogicalResult ConvolutionEmitter::emit() {
  int64_t InUnit = Form.getItemsOfGroup();
  if (Tile.getTaps() > MaxUnrolledTaps) {
    SmallVector<int64_t> Numbers;
    for (int64_t Tap = 0; Tap < Tile.getTaps(); ++Tap)
      Numbers.push_back(Tile.getOffset(Tap));
    Offsets = B.constantTable(B.getI64TensorAttr(Numbers));
  }
  B.ifThen(B.lessThan(B.getBegin(), B.getEnd()), [&] {
    B.loop(B.div(B.getBegin(), InUnit), B.ceilDiv(B.getEnd(), InUnit), 1, [&](Value Number) {
      Unit At = locate(Number);
      stage(At);
      Value First = B.mul(Number, InUnit);
      Value Low = B.max(B.sub(B.getBegin(), First), B.index(0));
      Value High = B.min(B.sub(B.getEnd(), First), B.index(InUnit));
      B.loop(Low, High, 1, [&](Value InGroup) { emitItem(At, InGroup); });
    });
  });
  return failure(Failed);
}

/// Units are numbered by image, tile and group.
ConvolutionEmitter::Unit ConvolutionEmitter::locate(Value Number) {
  Unit At;
  At.Group = B.rem(Number, Form.Groups);
  Value OfImage = B.div(Number, Form.Groups), Tiles = B.size(Tile.getTiles());
  At.Image = B.div(OfImage, Tiles);
  At.Place = Tile.getPlace(B, B.rem(OfImage, Tiles));
  return At;
}

void ConvolutionEmitter::stage(const Unit &At) {
  auto Conv = Form.Conv;
  Type Element = cpu::getElementType(Conv.getInput());
  Value Source = B.getArgument(Conv.getInput()), Staged = B.getScratch(Parts.Staged);
  Value Size = B.size(Tile.Rows.Input * Tile.Columns.Input);
  Value First = B.mul(B.add(B.mul(At.Image, Form.Groups), At.Group), Form.Channels);
  B.loop(B.index(0), B.index(Form.Channels), 1, [&](Value Channel) {
    Value From = B.element(Source, B.mul(B.add(First, Channel), Size), Element);
    Value To = B.element(Staged, B.mul(Channel, Tile.getChannelElements()), F32);
    Tile.stage(B, At.Place, From, Element, 0.0, To);
  });
}

void ConvolutionEmitter::emitItem(const Unit &At, Value InGroup) {
  Value Item = B.add(B.mul(At.Group, Form.getItemsOfGroup()), InGroup);
  Value Outputs = B.index(ItemOutputs);
  if (int64_t Rest = Form.OutputsOfGroup % ItemOutputs)
    Outputs =
        B.select(B.equal(InGroup, B.index(Form.getItemsOfGroup() - 1)), B.index(Rest), Outputs);
  accumulate(weights(Item), Outputs, Tile.countPositions(B, At.Place));
  emitEpilogue(At, Item, Outputs);
}

/// The weights of an item as f32 [columns][outputs].
Value ConvolutionEmitter::weights(Value Item) {
  auto Conv = Form.Conv;
  PanelWeight Weight = Form.getWeight();
  Value Pointer = B.getArgument(Conv.getWeight()), To = B.getScratch(Parts.Decoded);
  Value Columns = B.index(Form.getColumns());
  if (Form.usesPanels()) {
    Value Panel = B.bytes(Pointer, B.mul(Item, Weight.getPanelBytes()));
    if (!Form.decodes())
      return Panel;
    decodePanel(B, Weight, Panel, B.index(0), Columns, To, Decoded::Numbers);
    return To;
  }
  Value Panel = B.bytes(Pointer, B.mul(B.div(Item, PanelRows), Weight.getPanelBytes()));
  Value InPanel = B.rem(Item, PanelRows);
  B.loop(B.index(0), Columns, 1, [&](Value Column) {
    B.storeRaw(Weight.loadElement(B, Panel, InPanel, Column), B.element(To, Column, F32));
  });
  return To;
}

//===- Sums -----------------------------------------------------------------------------------===//

/// Address of a sum: [outputs][positions].
Value ConvolutionEmitter::sum(Value Output, Value Position) {
  Value At = B.add(B.mul(Output, Tile.getPositions()), Position);
  return B.element(B.getScratch(Parts.Sums), At, F32);
}

void ConvolutionEmitter::accumulate(Value Weights, Value Outputs, Value Positions) {
  B.loop(B.index(0), B.index(ItemOutputs * Tile.getPositions()), VectorLanes,
         [&](Value I) { B.storeRaw(B.f32(0.0), B.element(B.getScratch(Parts.Sums), I, F32)); });
  int64_t Block = std::max<int64_t>(BlockColumns / Tile.getTaps(), 1);
  Value Channels = B.index(Form.Channels);
  B.loop(B.index(0), Channels, Block, [&](Value Channel) {
    Value Count =
        Form.Channels % Block ? B.min(B.index(Block), B.sub(Channels, Channel)) : B.index(Block);
    addBlock(Weights, Outputs, Positions, Channel, Count);
  });
}

/// Adds the products with `Count` channels from `Channel` on.
void ConvolutionEmitter::addBlock(Value Weights, Value Outputs, Value Positions, Value Channel,
                                  Value Count) {
  int64_t Together = getTileVectors();
  Value Vectors = B.ceilDiv(Positions, VectorLanes);
  Value Full = B.mul(B.div(Vectors, Together), Together);
  auto Add = [&](Value Vector, int64_t Number) {
    B.loop(B.index(0), Outputs, getTileOutputs(), [&](Value Output) {
      addTile(Weights, B.mul(Vector, VectorLanes), Output, Channel, Count, Number);
    });
  };
  B.loop(B.index(0), Full, Together, [&](Value Vector) { Add(Vector, Together); });
  if (Together > 1)
    B.loop(Full, Vectors, 1, [&](Value Vector) { Add(Vector, 1); });
}

/// A tile of sums in registers.
void ConvolutionEmitter::addTile(Value Weights, Value Position, Value FirstOutput, Value Channel,
                                 Value Count, int64_t Vectors) {
  int64_t Outputs = getTileOutputs();
  auto SumAt = [&](int64_t O, int64_t V) {
    return sum(B.add(FirstOutput, O), B.add(Position, V * VectorLanes));
  };
  Values Init;
  for (int64_t O = 0; O < Outputs; ++O)
    for (int64_t V = 0; V < Vectors; ++V)
      Init.push_back(B.loadRaw(SumAt(O, V), B.f32Vector()));
  Value Staged = B.element(B.getScratch(Parts.Staged), Position, F32);
  Values Result = B.loop(B.index(0), Count, 1, Init, [&](Value I, ValueRange Sums) {
    Value Of = B.add(Channel, I);
    Value Input = B.element(Staged, B.mul(Of, Tile.getChannelElements()), F32);
    Value First = B.add(B.mul(Of, Tile.getTaps() * ItemOutputs), FirstOutput);
    return addTaps(B.element(Weights, First, F32), Input, Sums, Vectors);
  });
  for (int64_t O = 0; O < Outputs; ++O)
    for (int64_t V = 0; V < Vectors; ++V)
      B.storeRaw(Result[O * Vectors + V], SumAt(O, V));
}

/// One channel: all taps.
Values ConvolutionEmitter::addTaps(Value Weights, Value Input, ValueRange Sums, int64_t Vectors) {
  if (!Offsets) {
    Values Next(Sums);
    for (int64_t Tap = 0; Tap < Tile.getTaps(); ++Tap)
      addTap(B.element(Weights, B.index(Tap * ItemOutputs), F32),
             B.element(Input, B.index(Tile.getOffset(Tap)), F32), Vectors, Next);
    return Next;
  }
  return B.loop(B.index(0), B.index(Tile.getTaps()), 1, Sums, [&](Value Tap, ValueRange Carried) {
    Values Next(Carried);
    Value Offset = B.loadIndex(Offsets, Tap, B.getI64Type());
    addTap(B.element(Weights, B.mul(Tap, ItemOutputs), F32), B.element(Input, Offset, F32), Vectors,
           Next);
    return Next;
  });
}

void ConvolutionEmitter::addTap(Value Weights, Value Input, int64_t Vectors, Values &Sums) {
  Values Inputs;
  for (int64_t V = 0; V < Vectors; ++V)
    Inputs.push_back(B.loadRaw(B.element(Input, B.index(V * VectorLanes), F32), B.f32Vector()));
  for (int64_t O = 0; O < getTileOutputs(); ++O) {
    Value Factor = B.splat(B.loadRaw(B.element(Weights, B.index(O), F32), F32));
    for (int64_t V = 0; V < Vectors; ++V)
      Sums[O * Vectors + V] = B.fma(Inputs[V], Factor, Sums[O * Vectors + V]);
  }
}

//===- Epilogue -------------------------------------------------------------------------------===//

void ConvolutionEmitter::emitEpilogue(const Unit &At, Value Item, Value Outputs) {
  SmallVector<Value> Results = Info.getResults();
  auto Conv = Form.Conv;
  Value AllOutputs = B.index(Form.Groups * Form.OutputsOfGroup);
  Value Height = B.size(Tile.Rows.Output), Width = B.size(Tile.Columns.Output);
  // In panels of a group that fill no whole number of panels there is one group only.
  Value FirstOutput = B.mul(Item, ItemOutputs);
  B.loop(B.index(0), Outputs, 1, [&](Value Output) {
    Value Channel = B.add(FirstOutput, Output);
    auto Write = [&](Value Row, Value Column, int64_t Lanes, int64_t Count) {
      Value Position = B.add(B.mul(Row, Tile.getPitch()), Column);
      Value InImage = B.add(At.Place.FirstRow, Row), InRow = B.add(At.Place.FirstColumn, Column);
      Values Index = {At.Image, Channel, InImage, InRow};
      if (Conv.getKernel().size() == 1)
        Index.erase(Index.begin() + 2);
      Value Line = B.add(B.mul(B.add(B.mul(At.Image, AllOutputs), Channel), Height), InImage);
      Value To = B.add(B.mul(Line, Width), InRow);
      llvm::DenseMap<Value, Value> Known;
      Known[Conv.getResult()] = B.loadRaw(sum(Output, Position), B.f32Vector(Lanes));
      for (auto [I, Result] : llvm::enumerate(Results)) {
        FailureOr<Value> Vector = emitElementwiseTree(B, Result, Known, [&](Value Of) {
          return isArgumentOrConstant(Of) ? epilogueOperand(Of, Index, Lanes, Count) : Value();
        });
        if (failed(Vector)) {
          Failed = true;
          return;
        }
        Type Element = cpu::getElementType(Result);
        Value Pointer = B.element(B.getResult(I), To, Element);
        if (Count)
          B.storeFirst(*Vector, Pointer, Element, Count);
        else
          B.storeVector(*Vector, Pointer, Element);
      }
    };
    Tile.forOutputs(B, At.Place, Write);
  });
}

/// Elements of an argument or constant that broadcasts to the result, from `Index` on.
Value ConvolutionEmitter::epilogueOperand(Value Leaf, ArrayRef<Value> Index, int64_t Lanes,
                                          int64_t Count) {
  Type Element = cpu::getElementType(Leaf);
  auto Constant = Leaf.getDefiningOp<ConstantOp>();
  Value Pointer = Constant ? B.constantTable(Constant.getValue()) : B.getArgument(Leaf);
  ArrayRef<AffineExpr> Dims = Info.getDims(Leaf);
  Value Offset = B.index(0);
  for (auto [Size, Position] : llvm::zip_equal(Dims, Index.take_back(Dims.size())))
    if (Size != Info.constant(1))
      Offset = B.add(B.mul(Offset, B.size(Size)), Position);
  Value At = B.element(Pointer, Offset, Element);
  if (Dims.empty() || Dims.back() == Info.constant(1))
    return B.splat(B.loadScalar(At, Element), Lanes);
  return Count ? B.loadFirst(At, Element, Count) : B.loadVector(At, Element, Lanes);
}

//===- The lowering ---------------------------------------------------------------------------===//

namespace {
class ConvolutionLowering : public CpuLowering {
public:
  StringRef getName() const override { return "convolution"; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return ConvolutionForm::get(Kernel, Reason).has_value();
  }
  KernelPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    auto Form = *ConvolutionForm::get(Kernel, Reason);
    KernelPlan Plan;
    Plan.onlyStage().Items = Form.getItems(Kernel);
    Plan.ScratchBytes = Form.getScratch(Kernel).Bytes;
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B) const override {
    std::string Reason;
    auto Form = ConvolutionForm::get(B.getInfo(), Reason);
    if (!Form)
      return B.getInfo().getKernel().emitError() << "is no convolution: " << Reason;
    return ConvolutionEmitter(B, *Form).emit();
  }
};
} // namespace

namespace qopt::cpu {
void registerConvolutionLowerings(CpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<ConvolutionLowering>());
}
} // namespace qopt::cpu
