// Contractions with any stored weight, correct first. A block computes one panel of 32 outputs of
// one segment for a tile of rows; kernels for particular types win over this one.
//
//   staging   the block copies the tile's rows, normalised or chosen where they must be, to shared
//             memory as f32 [inputs][rows]; a warp makes codes of a row that has a scale of its own
//   products  the warps share the groups of inputs that have one scale; a thread holds the sums of
//             one output for all rows, so that each weight is decoded once
//   epilogue  the warps' sums are added in their order, and what fusion put behind the contractions
//             is evaluated element by element
//
// The order of a row's sums depends neither on the number of rows nor on the tile.
#include "Emit/PanelSums.h"
#include "qopt/Targets/Common/CodedRow.h"
#include "qopt/Targets/Common/FragmentWeight.h"
#include "qopt/Targets/Common/NormRow.h"
#include "qopt/Targets/Common/PanelWeight.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::ContractionForm;
using codegen::PanelWeight;
using codegen::Segment;

using Values = KernelBuilder::Values;

static constexpr int64_t Warps = 4;
static constexpr int64_t MaxRows = 8;
/// Inputs of floats that are shared out like groups.
static constexpr int64_t FloatGroup = 32;

namespace {

struct TiledContraction : PanelBlocks {
  static std::optional<TiledContraction> get(const KernelInfo &Info, std::string &Reason);
  /// Staged inputs; whole words of codes are decoded, also where the last one reaches beyond.
  int64_t getStagedInputs() const { return llvm::alignTo(Form.Inputs, 8); }
  /// Where the scales of the rows' codes lie, where there are some.
  int64_t ScalesOffset = 0;
};

class ContractionEmitter {
public:
  ContractionEmitter(KernelBuilder &B, const TiledContraction &Tiled)
      : B(B), Info(B.getInfo()), Tiled(Tiled), Form(Tiled.Form),
        Sums(Tiled.Form, Warps, Tiled.Rows, Tiled.SumsOffset) {}
  LogicalResult emit();

private:
  void stage(Value Rows);
  void encodeRows(Value Rows);
  Value emitRowScale(Value Row);
  void emitTile(const Segment &Segment, Value Panel, Value FirstRow, int64_t Rows);
  Values multiply(LinearOp Linear, Value Panel, Value FirstRow, int64_t Rows);
  Values multiplyFloats(const PanelWeight &Weight, Value Panel, Value FirstRow, ValueRange Zero);
  Values multiplyCodes(const PanelWeight &Weight, Value Panel, Value FirstRow, ValueRange Zero);
  Values multiplyFragments(LinearOp Linear, Value Panel, Value FirstRow, ValueRange Zero);
  Values addWord(const PanelWeight &Weight, Value Word, Value Zero, Value First, Value End,
                 Value FirstRow, ValueRange Sums);
  Value emitInput(Value Input, Value Row);
  Values addProducts(Value Factor, Value Input, Value FirstRow, ValueRange Sums);

  KernelBuilder &B;
  const KernelInfo &Info;
  const TiledContraction &Tiled;
  const ContractionForm &Form;
  PanelSums Sums;
  /// The first row of the block's tile.
  Value TileStart;
  LogicalResult Status = success();
};

class ContractionLowering : public PanelLowering<TiledContraction, ContractionEmitter, Warps> {
public:
  StringRef getName() const override { return "contraction"; }
};

} // namespace

std::optional<TiledContraction> TiledContraction::get(const KernelInfo &Info, std::string &Reason) {
  auto Form = ContractionForm::get(Info, Reason);
  if (!Form || !haveWeightsInPanels(Info, *Form, Reason))
    return std::nullopt;
  TiledContraction Tiled;
  Tiled.Form = std::move(*Form);
  int64_t StagedRow = Tiled.getStagedInputs() * 4,
          SumsOfRow = PanelSums::getRowBytes(Tiled.Form, Warps),
          ScaleOfRow = Tiled.Form.Codes ? 4 : 0;
  int64_t RowBytes = StagedRow + SumsOfRow + ScaleOfRow;
  Tiled.Rows = MaxRows;
  while (Tiled.Rows && Tiled.Rows * RowBytes > MaxBlockBytes)
    Tiled.Rows /= 2;
  if (!Tiled.Rows) {
    Reason =
        "a row of " + std::to_string(Tiled.Form.Inputs) + " inputs does not fit into shared memory";
    return std::nullopt;
  }
  Tiled.SumsOffset = Tiled.Rows * StagedRow;
  Tiled.ScalesOffset = Tiled.Rows * (StagedRow + SumsOfRow);
  Tiled.SharedBytes = Tiled.Rows * RowBytes;
  return Tiled;
}

/// Neighbouring blocks read the same rows and other panels.
LogicalResult ContractionEmitter::emit() {
  Value Panel = B.rem(B.getBlock(), getPanels(Tiled.Form));
  TileStart = B.mul(B.div(B.getBlock(), getPanels(Tiled.Form)), Tiled.Rows);
  Value Rows = B.min(B.sub(B.size(Form.getRows(Info)), TileStart), B.index(Tiled.Rows));
  stage(Rows);
  if (Form.Codes)
    encodeRows(Rows);
  B.syncBlock();
  forSegment(B, Form, Panel, [&](const Segment &Segment, Value Mine) {
    auto OneByOne = [&] {
      B.loop(B.index(0), Rows, 1, [&](Value Row) { emitTile(Segment, Mine, Row, 1); });
    };
    if (Tiled.Rows == 1)
      return OneByOne();
    B.ifThenElse(
        B.equal(Rows, B.index(Tiled.Rows)),
        [&] { emitTile(Segment, Mine, B.index(0), Tiled.Rows); }, OneByOne);
  });
  return Status;
}

//===- Staging --------------------------------------------------------------------------------===//

/// Input `Input` of row `Row` of the tile, in shared memory.
Value ContractionEmitter::emitInput(Value Input, Value Row) {
  return B.element(B.shared(0), B.add(B.mul(Input, Tiled.Rows), Row), B.getF32Type());
}

void ContractionEmitter::stage(Value Rows) {
  B.setTeam(KernelBuilder::Team::Block);
  B.loop(B.index(0), Rows, 1, [&](Value Row) {
    Value Source = emitSourceRow(B, Form, B.add(TileStart, Row));
    emitNormRow(B, Form.Norm, Source, nvptx::getElementType(Form.Source), B.index(Form.Inputs),
                [&](Value I, Value Number) {
                  B.storeVector(emitCoding(B, Form.Coding, Number), emitInput(I, Row),
                                B.getF32Type());
                });
    B.loopLanes(B.index(Tiled.getStagedInputs() - Form.Inputs), [&](Value I, int64_t Lanes) {
      B.storeVector(B.f32(0.0, Lanes), emitInput(B.add(I, Form.Inputs), Row), B.getF32Type());
    });
  });
}

Value ContractionEmitter::emitRowScale(Value Row) {
  return B.element(B.shared(Tiled.ScalesOffset), Row, B.getF32Type());
}

/// The codes of the staged rows in their place, and their scales. The warps share the rows.
void ContractionEmitter::encodeRows(Value Rows) {
  B.syncBlock();
  B.setTeam(KernelBuilder::Team::Warp);
  B.loop(B.getWarp(), Rows, Warps, [&](Value Number) {
    codegen::CodedRow Row(B, *Form.Codes, Form.Inputs, [this, Number](Value I, int64_t Lanes) {
      return B.loadVector(emitInput(I, Number), B.getF32Type(), Lanes);
    });
    B.ifThen(B.equal(B.getLane(), B.index(0)),
             [&] { B.storeScalar(Row.getScale(), emitRowScale(Number), B.getF32Type()); });
    B.syncWarp();
    B.loopLanes(B.index(Form.Inputs), [&](Value I, int64_t Lanes) {
      B.storeVector(Row.encodeCentred(I, Lanes), emitInput(I, Number), B.getF32Type());
    });
  });
}

//===- Products -------------------------------------------------------------------------------===//

/// Sums + Factor * input `Input` of every row.
Values ContractionEmitter::addProducts(Value Factor, Value Input, Value FirstRow, ValueRange Sums) {
  Values Next;
  for (auto [Row, Sum] : llvm::enumerate(Sums)) {
    Value X = B.loadScalar(emitInput(Input, B.add(FirstRow, int64_t(Row))), B.getF32Type());
    Next.push_back(B.fma(Factor, X, Sum));
  }
  return Next;
}

Values ContractionEmitter::multiplyFloats(const PanelWeight &Weight, Value Panel, Value FirstRow,
                                          ValueRange Zero) {
  Type Element = Weight.getElementType();
  Value Start = B.mul(B.getWarp(), FloatGroup), Inputs = B.index(Form.Inputs);
  return B.loop(Start, Inputs, FloatGroup * Warps, Zero, [&](Value First, ValueRange Outer) {
    Value End = B.min(B.add(First, FloatGroup), Inputs);
    return B.loop(First, End, 1, Outer, [&](Value Input, ValueRange Sums) {
      Value At = B.add(B.mul(Input, PanelRows), B.getLane());
      Value Factor = B.loadScalar(B.element(Panel, At, Element), Element);
      return addProducts(Factor, Input, FirstRow, Sums);
    });
  });
}

/// Eight codes, of the inputs from `First` on; those from `End` on read as zero.
Values ContractionEmitter::addWord(const PanelWeight &Weight, Value Word, Value Zero, Value First,
                                   Value End, Value FirstRow, ValueRange Sums) {
  auto Constant = [&](int64_t Number) { return B.i32(Number, 0); };
  // The next group's inputs may be infinite, and infinity times zero is not zero.
  bool Reaches = Weight.getGroup() % 8 != 0 && Weight.getGroups() > 1;
  Values Next(Sums);
  for (int64_t J = 0; J < 8; ++J) {
    Value Top = B.shl(Word, Constant(28 - 4 * J));
    Value Code = Weight.hasZeroPoint() ? B.shr(Top, Constant(28)) : B.sar(Top, Constant(28));
    Value Factor = B.toFloat(Zero ? B.sub(Code, Zero) : Code);
    Value Input = B.add(First, J);
    if (!Reaches || J == 0) {
      Next = addProducts(Factor, Input, FirstRow, Next);
      continue;
    }
    Values Added = addProducts(Factor, B.min(Input, B.sub(End, B.index(1))), FirstRow, Next);
    for (auto [Old, New] : llvm::zip_equal(Next, Added))
      Old = B.select(B.lessThan(Input, End), New, Old);
  }
  return Next;
}

static Values addScaled(KernelBuilder &B, Value Scale, ValueRange Sums, ValueRange Totals) {
  Values Next;
  for (auto [Sum, Total] : llvm::zip_equal(Sums, Totals))
    Next.push_back(B.fma(Scale, Sum, Total));
  return Next;
}

Values ContractionEmitter::multiplyCodes(const PanelWeight &Weight, Value Panel, Value FirstRow,
                                         ValueRange Zero) {
  Type I32 = B.getI32Type(), I8 = B.getI8Type();
  Type ScaleType = Weight.getStored().getScaleType();
  int64_t Group = Weight.getGroup();
  return B.loop(
      B.getWarp(), B.index(Weight.getGroups()), Warps, Zero, [&](Value G, ValueRange Totals) {
        Value First = B.mul(G, Group);
        Value End = B.min(B.add(First, Group), B.index(Form.Inputs)), Count = B.sub(End, First);
        Value Codes = B.bytes(Panel, B.mul(G, Weight.getGroupBytes()));
        Value CodeBytes = Weight.isNibbles() ? B.mul(B.ceilDiv(Count, 8), 4 * PanelRows)
                                             : B.mul(Count, PanelRows);
        Value Scales = B.bytes(Codes, CodeBytes);
        Value Scale = B.loadScalar(B.element(Scales, B.getLane(), ScaleType), ScaleType);
        Value ZeroPoint;
        if (Weight.hasZeroPoint()) {
          Value At = B.add(B.getLane(), PanelRows * getElementBytes(ScaleType));
          ZeroPoint = arith::ExtUIOp::create(B, I32, B.loadRaw(B.bytes(Scales, At), I8));
        }
        Values Sums;
        if (Weight.isNibbles())
          Sums = B.loop(B.index(0), B.ceilDiv(Count, 8), 1, Zero, [&](Value I, ValueRange Carried) {
            Value At = B.add(B.mul(I, PanelRows), B.getLane());
            Value Word = B.loadRaw(B.element(Codes, At, I32), I32);
            return addWord(Weight, Word, ZeroPoint, B.add(First, B.mul(I, 8)), End, FirstRow,
                           Carried);
          });
        else
          Sums = B.loop(B.index(0), Count, 1, Zero, [&](Value I, ValueRange Carried) {
            Value At = B.add(B.mul(I, PanelRows), B.getLane());
            Value Byte = B.loadRaw(B.bytes(Codes, At), I8);
            Value Code = ZeroPoint
                             ? B.toFloat(B.sub(arith::ExtUIOp::create(B, I32, Byte), ZeroPoint))
                             : Weight.decodeBytes(B, Byte);
            return addProducts(Code, B.add(First, I), FirstRow, Carried);
          });
        return addScaled(B, Scale, Sums, Totals);
      });
}

/// Steps, which share a scale, are shared out like groups.
Values ContractionEmitter::multiplyFragments(LinearOp Linear, Value Panel, Value FirstRow,
                                             ValueRange Zero) {
  auto Ty = cast<RankedTensorType>(Linear.getWeight().getType());
  codegen::FragmentWeight Weight(Ty);
  int64_t Step = Weight.getTiling().Step;
  Value Begin =
      B.bytes(B.getArgument(Linear.getWeight()), B.mul(Panel, Weight.getTiling().getPanelBytes()));
  Value Steps = B.index(llvm::divideCeil(Form.Inputs, Step));
  return B.loop(B.getWarp(), Steps, Warps, Zero, [&](Value I, ValueRange Totals) {
    Value First = B.mul(I, Step);
    Value End = B.min(B.add(First, Step), B.index(Form.Inputs));
    Value ZeroPoint =
        Weight.hasZeroPoint() ? Weight.loadZeroPoint(B, Begin, B.getLane(), First) : Value();
    Values Sums = B.loop(First, End, 8, Zero, [&](Value Input, ValueRange Carried) {
      Value Word = Weight.loadWord(B, Begin, B.getLane(), Input);
      return addWord(PanelWeight(Ty, PanelRows), Word, ZeroPoint, Input, End, FirstRow, Carried);
    });
    return addScaled(B, Weight.loadScale(B, Begin, B.getLane(), First), Sums, Totals);
  });
}

/// This warp's sums of this thread's output, for rows from `FirstRow` on.
Values ContractionEmitter::multiply(LinearOp Linear, Value Panel, Value FirstRow, int64_t Rows) {
  Values Zero(Rows, B.f32(0.0, 0));
  if (isa_and_nonnull<qkernel::FragmentLayoutAttr>(Info.getLayout(Linear.getWeight())))
    return multiplyFragments(Linear, Panel, FirstRow, Zero);
  PanelWeight Weight(cast<RankedTensorType>(Linear.getWeight().getType()), PanelRows);
  Value Begin = B.bytes(B.getArgument(Linear.getWeight()), B.mul(Panel, Weight.getPanelBytes()));
  return Weight.isStored() ? multiplyCodes(Weight, Begin, FirstRow, Zero)
                           : multiplyFloats(Weight, Begin, FirstRow, Zero);
}

//===- Epilogue -------------------------------------------------------------------------------===//

void ContractionEmitter::emitTile(const Segment &Segment, Value Panel, Value FirstRow,
                                  int64_t Rows) {
  for (auto [I, Linear] : llvm::enumerate(Segment.Linears)) {
    Values Mine = multiply(Linear, Panel, FirstRow, Rows);
    for (auto [Row, Sum] : llvm::enumerate(Mine)) {
      if (Form.Codes)
        Sum = B.mul(Sum, B.loadScalar(emitRowScale(B.add(FirstRow, int64_t(Row))), B.getF32Type()));
      B.storeScalar(Sum, Sums.at(B, B.getWarp(), I, B.index(Row), B.getLane()), B.getF32Type());
    }
  }
  B.syncBlock();
  if (failed(Sums.emitEpilogue(B, Segment, Panel, B.add(TileStart, FirstRow), B.index(Rows))))
    Status = failure();
  B.syncBlock();
}

namespace qopt::nvptx {
void registerContractionLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<ContractionLowering>());
}
} // namespace qopt::nvptx
