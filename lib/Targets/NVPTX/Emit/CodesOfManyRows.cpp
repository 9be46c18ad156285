#include "CodesOfManyRows.h"

#include "PanelSums.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::Segment;

using Values = KernelBuilder::Values;

//===- Sizes ----------------------------------------------------------------------------------===//

AffineExpr ManyRows::getWorkspaceBytes(const KernelInfo &Info) const {
  AffineExpr Panels = Codes.Form.getRows(Info).ceilDiv(Rows);
  return Panels * getInput(Builder(Info.getContext())).getPanelBytes();
}

AffineExpr ManyRows::getRowBlocks(const KernelInfo &Info) const {
  return Codes.Form.getRows(Info).ceilDiv(RowWarps);
}

AffineExpr ManyRows::getTileBlocks(const KernelInfo &Info) const {
  return Codes.Form.getRows(Info).ceilDiv(Rows) * getPanels(Codes.Form, getOutputs());
}

int64_t ManyRows::getTileThreads() const {
  return Warpgroups ? WarpgroupProducts::Threads : WarpProducts::Threads;
}

int64_t ManyRows::getTileSharedBytes() const {
  return Warpgroups ? WarpgroupProducts::getSharedBytes() : WarpProducts::getSharedBytes();
}

//===- Rows -----------------------------------------------------------------------------------===//

/// A warp makes the codes of a row.
LogicalResult ManyRows::emitRows(KernelBuilder &B) const {
  Value M = B.add(B.mul(B.getBlock(), RowWarps), B.getWarp());
  TiledCodes Input = getInput(B);
  B.setTeam(KernelBuilder::Team::Warp);
  B.ifThen(B.lessThan(M, B.size(Codes.Form.getRows(B.getInfo()))), [&] {
    SourceRow Row(B, Codes, M);
    B.ifThen(B.equal(B.getLane(), B.index(0)), [&] {
      B.storeScalar(Row.getScale(), Input.getScale(B, B.getWorkspace(), M), B.getF32Type());
    });
    Row.store([&](Value I) { return Input.getCode(B, B.getWorkspace(), M, I); });
  });
  return success();
}

//===- Tiles ----------------------------------------------------------------------------------===//

LogicalResult ManyRows::emitTiles(KernelBuilder &B) const {
  TileBlock Block(B, *this);
  return Warpgroups ? WarpgroupProducts::emit(B, Block) : WarpProducts::emit(B, Block);
}

/// Neighbouring blocks read the same weights and other rows.
TileBlock::TileBlock(KernelBuilder &B, const ManyRows &Many) : B(B), Many(Many), Codes(Many.Codes) {
  Value Panels = B.size(Codes.Form.getRows(B.getInfo()).ceilDiv(ManyRows::Rows));
  Part = B.div(B.getBlock(), Panels);
  Panel = B.rem(B.getBlock(), Panels);
  Input = Many.getInput(B).getPanel(B, B.getWorkspace(), Panel);
  for (int64_t Slot = 0; Slot < Many.getSlots(); ++Slot)
    Weights.push_back(chooseWeight(Slot, Part));
}

/// The segments are chosen from here, so that products are emitted once. A slot too many repeats
/// the last contraction.
Value TileBlock::chooseWeight(int64_t Slot, Value Part) {
  int64_t Outputs = Many.getOutputs(), PartsOfPanel = CodeTiles::Rows / Outputs, First = 0;
  Value Chosen;
  for (const Segment &Segment : Codes.Form.Segments) {
    LinearOp Linear = Segment.Linears[std::min<size_t>(Slot, Segment.Linears.size() - 1)];
    Value Mine = B.sub(Part, B.index(First));
    Value Address = getTiledWeight(Linear.getWeight())
                        .getPanel(B, B.getArgument(Linear.getWeight()), B.div(Mine, PartsOfPanel));
    Address = B.bytes(Address, B.mul(B.rem(Mine, PartsOfPanel), Outputs * CodeTiles::Inputs));
    Chosen = Chosen ? B.select(B.lessThan(Part, B.index(First)), Chosen, Address) : Address;
    First += getPanels(Segment, Outputs);
  }
  return Chosen;
}

Value TileBlock::getSum(Value Row, Value Column) const {
  // Rows are apart so that a warp that stores pairs of eight rows meets every bank once.
  Value Index = B.add(B.mul(Row, ManyRows::Columns + 8), Column);
  return B.element(B.shared(0), Index, B.getI32Type());
}

LogicalResult TileBlock::emitEpilogue(Value Thread, int64_t Threads) {
  LogicalResult Status = success();
  int64_t Outputs = Many.getOutputs();
  TiledCodes Input = Many.getInput(B);
  Value FirstRow = B.mul(Panel, ManyRows::Rows);
  Value Rows =
      B.min(B.sub(B.size(Codes.Form.getRows(B.getInfo())), FirstRow), B.index(ManyRows::Rows));
  auto Emit = [&](const Segment &Segment, Value Part) {
    B.loop(Thread, B.mul(Rows, Outputs), Threads, [&](Value I) {
      Value InTile = B.div(I, Outputs), InPart = B.rem(I, Outputs);
      Value Row = B.add(FirstRow, InTile), Output = B.add(B.mul(Part, Outputs), InPart);
      B.ifThen(B.lessThan(Output, B.index(Segment.Outputs)), [&] {
        Values Sums;
        for (int64_t Linear = 0; Linear < int64_t(Segment.Linears.size()); ++Linear)
          Sums.push_back(B.loadRaw(getSum(InTile, B.add(InPart, Linear * Outputs)), getSumType()));
        Value Scale = Input.loadScale(B, B.getWorkspace(), Row);
        if (failed(emitOutput(B, Segment, Row, Output, Sums, Scale)))
          Status = failure();
      });
    });
  };
  forSegment(B, Codes.Form, Part, Emit, Outputs);
  return Status;
}
