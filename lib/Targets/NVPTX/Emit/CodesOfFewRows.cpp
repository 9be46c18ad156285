#include "CodesOfFewRows.h"

#include "PanelSums.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::Segment;

using Values = KernelBuilder::Values;

/// Inputs that a warp takes at a time, and units whose weights are on their way together.
static constexpr int64_t UnitInputs = 64, UnitsInFlight = 4;
static constexpr int64_t UnitsInTile = CodeTiles::Inputs / UnitInputs,
                         TilesOfTurn = FewRows::Warps / UnitsInTile;
/// Four threads read 16 bytes of each of two rows without meeting in a bank.
static constexpr int64_t RowPadding = 64;
/// Rows of an mma.sync, which are outputs; its columns, which are rows; and groups of eight outputs
/// of a panel.
static constexpr int64_t MmaOutputs = 16, MmaRows = 8, OutputGroups = PanelRows / 8;

//===- Sizes ----------------------------------------------------------------------------------===//

int64_t FewRows::getCodeBytes() const { return Codes.getTiles() * CodeTiles::Inputs + RowPadding; }

int64_t FewRows::getSumBytes() const {
  return Warps * int64_t(Codes.Form.getMaxLinears()) * PanelRows * 4;
}

std::optional<FewRows> FewRows::get(const CodesForm &Codes, int64_t MaxSharedBytes) {
  FewRows Few(Codes);
  while (Few.Rows && Few.getSharedBytes() > MaxSharedBytes)
    Few.Rows /= 2;
  return Few.Rows ? std::optional<FewRows>(Few) : std::nullopt;
}

AffineExpr FewRows::getBlocks(const KernelInfo &Info) const {
  return Codes.Form.getRows(Info).ceilDiv(Rows) * getPanels(Codes.Form);
}

//===- Code -----------------------------------------------------------------------------------===//

namespace qopt::nvptx {

class FewRowsEmitter {
public:
  FewRowsEmitter(KernelBuilder &B, const FewRows &Few) : B(B), Few(Few), Codes(Few.Codes) {}
  LogicalResult emit();

private:
  void makeCodes();
  void emitLinear(unsigned Number, LinearOp Linear, Value Panel, int64_t Columns);
  Values addUnits(Value Outputs, Value First, int64_t Count, int64_t Columns, ValueRange Totals);
  Values loadChunk(Value Address);
  Values addUnit(ArrayRef<Values> Weights, Value Turn, int64_t Columns, ValueRange Totals);
  LogicalResult emitEpilogue(const Segment &Segment, Value Panel);
  Value getSum(Value Warp, int64_t Linear, Value Row, Value Output);
  Value getRowCodes(Value Row) { return B.bytes(B.shared(0), B.mul(Row, Few.getCodeBytes())); }
  Value getRowScale(Value Row) {
    return B.element(B.shared(Few.getScalesOffset()), Row, B.getF32Type());
  }
  Value getQuad() { return B.rem(B.getLane(), 4); }
  Value getGroup() { return B.div(B.getLane(), 4); }

  KernelBuilder &B;
  const FewRows &Few;
  const CodesForm &Codes;
  /// Of the block: the first row, and how many there are.
  Value FirstRow, Rows;
};

} // namespace qopt::nvptx

LogicalResult FewRows::emit(KernelBuilder &B) const { return FewRowsEmitter(B, *this).emit(); }

/// Neighbouring blocks read the same rows and other panels.
LogicalResult FewRowsEmitter::emit() {
  int64_t Panels = getPanels(Codes.Form);
  FirstRow = B.mul(B.div(B.getBlock(), Panels), Few.Rows);
  Rows = B.min(B.sub(B.size(Codes.Form.getRows(B.getInfo())), FirstRow), B.index(Few.Rows));
  makeCodes();
  B.syncBlock();
  LogicalResult Status = success();
  forSegment(B, Codes.Form, B.rem(B.getBlock(), Panels), [&](const Segment &Segment, Value Panel) {
    for (auto [I, Linear] : llvm::enumerate(Segment.Linears)) {
      auto Emit = [&, I = I, Linear = Linear](int64_t Columns) {
        return [this, I, Linear, Panel, Columns] { emitLinear(I, Linear, Panel, Columns); };
      };
      int64_t Most = llvm::divideCeil(Few.Rows, MmaRows);
      if (Most == 1)
        Emit(1)();
      else
        B.ifThenElse(B.lessThan(Rows, B.index(MmaRows + 1)), Emit(1), Emit(Most));
    }
    B.syncBlock();
    Status = emitEpilogue(Segment, Panel);
  });
  return Status;
}

void FewRowsEmitter::makeCodes() {
  B.setTeam(KernelBuilder::Team::Warp);
  B.loop(B.getWarp(), Rows, FewRows::Warps, [&](Value Number) {
    SourceRow Row(B, Codes, B.add(FirstRow, Number));
    B.ifThen(B.equal(B.getLane(), B.index(0)),
             [&] { B.storeScalar(Row.getScale(), getRowScale(Number), B.getF32Type()); });
    Row.store([&](Value Input) { return B.bytes(getRowCodes(Number), Input); });
  });
}

//===- Products -------------------------------------------------------------------------------===//

/// 16 bytes, as four registers.
Values FewRowsEmitter::loadChunk(Value Address) {
  Value Loaded = LLVM::LoadOp::create(B, B.vectorOf(B.getI32Type(), 4), Address, /*alignment=*/16);
  Values Registers;
  for (int64_t I = 0; I < 4; ++I)
    Registers.push_back(LLVM::ExtractElementOp::create(B, Loaded, B.i32(I, 0)));
  return Registers;
}

/// Totals are [column][16 outputs][4]. A thread has 16 inputs of each row, so that what the
/// instruction calls inputs 4q to 4q + 3 and 4q + 16 to 4q + 19 are its words 0 and 1, or 2 and 3.
Values FewRowsEmitter::addUnit(ArrayRef<Values> Weights, Value Turn, int64_t Columns,
                               ValueRange Totals) {
  Values Next(Totals);
  Value Input = B.add(B.mul(B.getWarp(), UnitInputs), B.mul(getQuad(), 16));
  Input = B.add(Input, B.mul(Turn, FewRows::Warps * UnitInputs));
  for (int64_t Column = 0; Column < Columns; ++Column) {
    // Columns of rows that do not exist read as another's: nobody looks at their sums.
    Value Row = B.min(B.add(getGroup(), Column * MmaRows), B.sub(Rows, B.index(1)));
    Values Inputs = loadChunk(B.bytes(getRowCodes(Row), Input));
    for (int64_t Tile = 0; Tile < PanelRows / MmaOutputs; ++Tile) {
      const Values &Upper = Weights[2 * Tile], &Lower = Weights[2 * Tile + 1];
      auto Old = llvm::MutableArrayRef(Next).slice((Column * PanelRows / MmaOutputs + Tile) * 4, 4);
      Values Sum = Codes.HasShortSums ? Values(4, Codes.getZero(B)) : Values(Old);
      for (int64_t J = 0; J < 4; J += 2)
        Sum = multiplyCodes(B, Codes.Product, {Upper[J], Lower[J], Upper[J + 1], Lower[J + 1]},
                            {Inputs[J], Inputs[J + 1]}, Sum);
      for (auto [Total, New] : llvm::zip_equal(Old, Sum))
        Total = Codes.HasShortSums ? B.add(Total, New) : New;
    }
  }
  return Next;
}

/// `Outputs` is where this thread's first chunk of the warp's first unit lies.
Values FewRowsEmitter::addUnits(Value Outputs, Value First, int64_t Count, int64_t Columns,
                                ValueRange Totals) {
  SmallVector<SmallVector<Values>> Weights(Count);
  for (int64_t I = 0; I < Count; ++I) {
    Value Unit = B.bytes(Outputs, B.mul(B.add(First, I), TilesOfTurn * CodeTiles::TileBytes));
    for (int64_t Group = 0; Group < OutputGroups; ++Group)
      Weights[I].push_back(loadChunk(B.bytes(Unit, B.index(Group * 8 * CodeTiles::Inputs))));
  }
  Values Next(Totals);
  for (int64_t I = 0; I < Count; ++I)
    Next = addUnit(Weights[I], B.add(First, I), Columns, Next);
  return Next;
}

/// This warp's sums of a panel for the first eight rows, or all of the block's.
void FewRowsEmitter::emitLinear(unsigned Number, LinearOp Linear, Value Panel, int64_t Columns) {
  constexpr int64_t PanelsInTile = CodeTiles::Rows / PanelRows;
  TiledCodes Tiles = getTiledWeight(Linear.getWeight());
  Value Outputs = Tiles.getPanel(B, B.getArgument(Linear.getWeight()), B.div(Panel, PanelsInTile));
  Value InTile = B.add(B.mul(B.rem(Panel, PanelsInTile), PanelRows), getGroup());
  Outputs = B.bytes(Outputs, B.mul(InTile, CodeTiles::Inputs));
  // Units of this warp: warp, warp + 8, … The first ones four at a time. All lie at the same place
  // in their tiles.
  Value Chunk = B.add(B.mul(B.rem(B.getWarp(), UnitsInTile), UnitInputs / 16), getQuad());
  Outputs = B.bytes(Outputs, B.mul(arith::XOrIOp::create(B, Chunk, getGroup()), 16));
  Outputs = B.bytes(Outputs, B.mul(B.div(B.getWarp(), UnitsInTile), CodeTiles::TileBytes));
  int64_t Units = llvm::divideCeil(Codes.Form.Inputs, UnitInputs);
  Value Mine = B.div(B.add(B.sub(B.index(Units), B.getWarp()), FewRows::Warps - 1), FewRows::Warps);
  Value Together = B.mul(B.div(Mine, UnitsInFlight), UnitsInFlight);
  Values Totals(Columns * PanelRows / MmaOutputs * 4, Codes.getZero(B));
  auto AddUnits = [&](int64_t Count) {
    return [&, Count](Value First, ValueRange Carried) {
      return addUnits(Outputs, First, Count, Columns, Carried);
    };
  };
  Totals = B.loop(B.index(0), Together, UnitsInFlight, Totals, AddUnits(UnitsInFlight));
  Totals = B.loop(Together, Mine, 1, Totals, AddUnits(1));
  for (auto [I, Total] : llvm::enumerate(Totals)) {
    int64_t Column = I / 8, Tile = I / 4 % 2, Element = I % 4;
    Value Row = B.add(B.mul(getQuad(), 2), Column * MmaRows + Element % 2);
    Value Output = B.add(getGroup(), Tile * MmaOutputs + Element / 2 * 8);
    B.ifThen(B.lessThan(Row, Rows),
             [&, Total = Total] { B.storeRaw(Total, getSum(B.getWarp(), Number, Row, Output)); });
  }
}

//===- Epilogue -------------------------------------------------------------------------------===//

/// Address of a sum of a warp.
Value FewRowsEmitter::getSum(Value Warp, int64_t Linear, Value Row, Value Output) {
  Value Index = B.add(B.mul(Warp, int64_t(Codes.Form.getMaxLinears())), Linear);
  Index = B.add(B.mul(Index, Few.Rows), Row);
  return B.element(B.shared(Few.getSumsOffset()), B.add(B.mul(Index, PanelRows), Output),
                   B.getI32Type());
}

LogicalResult FewRowsEmitter::emitEpilogue(const Segment &Segment, Value Panel) {
  LogicalResult Status = success();
  B.setTeam(KernelBuilder::Team::Block);
  B.loopLanes(B.mul(Rows, PanelRows), [&](Value I, int64_t) {
    Value Row = B.div(I, PanelRows), InPanel = B.rem(I, PanelRows);
    Value Output = B.add(B.mul(Panel, PanelRows), InPanel);
    B.ifThen(B.lessThan(Output, B.index(Segment.Outputs)), [&] {
      Values Sums;
      for (int64_t Linear = 0; Linear < int64_t(Segment.Linears.size()); ++Linear) {
        Value Sum;
        for (int64_t Warp = 0; Warp < FewRows::Warps; ++Warp) {
          Value Part = B.loadRaw(getSum(B.index(Warp), Linear, Row, InPanel), Codes.getSumType(B));
          Sum = Sum ? B.add(Sum, Part) : Part;
        }
        Sums.push_back(Sum);
      }
      Value Scale = B.loadScalar(getRowScale(Row), B.getF32Type());
      if (failed(emitOutput(B, Segment, B.add(FirstRow, Row), Output, Sums, Scale)))
        Status = failure();
    });
  });
  return Status;
}
