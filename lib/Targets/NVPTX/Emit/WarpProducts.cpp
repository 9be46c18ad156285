// Products of tiles of codes by mma.sync: eight warps copy tiles into a ring in shared memory with
// cp.async, and multiply 64 rows and 32 columns each.
#include "CodesOfManyRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

using Values = KernelBuilder::Values;

static constexpr int64_t Stages = 3, StageBytes = 2 * CodeTiles::TileBytes;
static constexpr int64_t ColumnWarps = 4, RowsOfWarp = 64, ColumnsOfWarp = 32;
/// Products of one mma.sync: rows, columns, and bytes of inputs.
static constexpr int64_t MmaRows = 16, MmaColumns = 8, MmaInputs = 32;
static constexpr int64_t RowTiles = RowsOfWarp / MmaRows, ColumnTiles = ColumnsOfWarp / MmaColumns;
static_assert(TileBlock::SumBytes <= Stages * StageBytes, "sums take the place of the ring");

int64_t WarpProducts::getSharedBytes() { return Stages * StageBytes; }

namespace {

class WarpEmitter {
public:
  WarpEmitter(KernelBuilder &B, TileBlock &Block)
      : B(B), Block(Block), Shared(getSharedAddress(B, B.shared(0))),
        Row(B.mul(B.div(B.getWarp(), ColumnWarps), RowsOfWarp)),
        Column(B.mul(B.rem(B.getWarp(), ColumnWarps), ColumnsOfWarp)) {}
  LogicalResult emit();

private:
  void copyTile(Value Tile, Value Stage);
  Values multiplyTile(Value Stage, ValueRange Sums);
  Value getPlace(Value First, bool RowsFirst);
  void storeSums(ValueRange Sums);
  Value toI32(Value Index) { return arith::TruncIOp::create(B, B.getI32Type(), Index); }

  KernelBuilder &B;
  TileBlock &Block;
  Value Shared;
  /// The first ones of this warp.
  Value Row, Column;
};

} // namespace

LogicalResult WarpProducts::emit(KernelBuilder &B, TileBlock &Block) {
  return WarpEmitter(B, Block).emit();
}

LogicalResult WarpEmitter::emit() {
  for (int64_t Tile = 0; Tile < Stages - 1; ++Tile)
    copyTile(B.index(Tile), B.index(Tile));
  Values Sums =
      B.loop(B.index(0), B.index(Block.getTiles()), 1, Block.getZeros(RowTiles * ColumnTiles * 4),
             [&](Value Tile, ValueRange Carried) {
               waitForCopies(B, Stages - 2);
               // All have seen this tile, and none reads the one before it any more.
               B.syncBlock();
               Value Ahead = B.add(Tile, Stages - 1);
               copyTile(Ahead, B.rem(Ahead, Stages));
               return multiplyTile(B.rem(Tile, Stages), Carried);
             });
  B.syncBlock();
  storeSums(Sums);
  B.syncBlock();
  return Block.emitEpilogue(B.getThread(), WarpProducts::Threads);
}

/// A tile of rows and one of columns; nothing behind the last ones.
void WarpEmitter::copyTile(Value Tile, Value Stage) {
  B.ifThen(B.lessThan(Tile, B.index(Block.getTiles())), [&] {
    constexpr int64_t CopyBytes = WarpProducts::Threads * 16;
    Value Mine = B.mul(B.getThread(), 16), Offset = B.add(B.mul(Tile, CodeTiles::TileBytes), Mine);
    Value To = B.add(Shared, toI32(B.add(B.mul(Stage, StageBytes), Mine)));
    for (int64_t Byte = 0; Byte < StageBytes; Byte += CopyBytes) {
      int64_t InPart = (Byte - CodeTiles::TileBytes) % Block.getPartBytes();
      Value From =
          Byte < CodeTiles::TileBytes
              ? B.bytes(Block.getInput(), B.add(Offset, Byte))
              : B.bytes(Block.getWeights()[(Byte - CodeTiles::TileBytes) / Block.getPartBytes()],
                        B.add(Offset, InPart));
      copyChunk(B, B.add(To, B.i32(Byte, 0)), From);
    }
  });
  closeCopies(B);
}

/// Where this thread's row begins of four matrices of 8 rows and 16 inputs, from `First` on: the
/// matrices are [rows / 8][inputs / 16] or the other way round.
Value WarpEmitter::getPlace(Value First, bool RowsFirst) {
  Value Lane = B.getLane(), Low = B.rem(B.div(Lane, 8), 2), High = B.div(Lane, 16);
  Value InEight = B.rem(Lane, 8);
  Value Mine = B.add(First, B.add(InEight, B.mul(RowsFirst ? High : Low, 8)));
  Value Chunk = arith::XOrIOp::create(B, RowsFirst ? Low : High, InEight);
  return B.add(Shared, toI32(B.add(B.mul(Mine, CodeTiles::Inputs), B.mul(Chunk, 16))));
}

/// Sums are [row tile][column tile][4].
Values WarpEmitter::multiplyTile(Value Stage, ValueRange Sums) {
  Value Offset = toI32(B.mul(Stage, StageBytes));
  Value Input = B.add(getPlace(Row, /*RowsFirst=*/false), Offset),
        Weight = B.add(getPlace(Column, /*RowsFirst=*/true), Offset);
  Values Products = Block.hasShortSums() ? Block.getZeros(Sums.size()) : Values(Sums);
  for (int64_t Step = 0; Step < CodeTiles::Inputs / MmaInputs; ++Step) {
    // Chunks are swizzled in bits 4 to 6, and tiles begin at multiples of more.
    Value Advance = B.i32(Step * MmaInputs, 0);
    Value Left = arith::XOrIOp::create(B, Input, Advance),
          Right = arith::XOrIOp::create(B, Weight, Advance);
    SmallVector<Values> Columns;
    for (int64_t Two = 0; Two < ColumnTiles; Two += 2) {
      Values Four =
          loadMatrices(B, Right, CodeTiles::TileBytes + Two * MmaColumns * CodeTiles::Inputs);
      Columns.push_back({Four[0], Four[1]});
      Columns.push_back({Four[2], Four[3]});
    }
    for (int64_t R = 0; R < RowTiles; ++R) {
      Values Rows = loadMatrices(B, Left, R * MmaRows * CodeTiles::Inputs);
      for (int64_t C = 0; C < ColumnTiles; ++C) {
        auto Mine = llvm::MutableArrayRef(Products).slice((R * ColumnTiles + C) * 4, 4);
        llvm::copy(multiplyCodes(B, Block.getProduct(), Rows, Columns[C], Mine), Mine.begin());
      }
    }
  }
  if (Block.hasShortSums())
    for (auto [Product, Sum] : llvm::zip_equal(Products, Sums))
      Product = B.add(Sum, Product);
  return Products;
}

void WarpEmitter::storeSums(ValueRange Sums) {
  Value FirstRow = B.add(Row, B.div(B.getLane(), 4)),
        FirstColumn = B.add(Column, B.mul(B.rem(B.getLane(), 4), 2));
  for (auto [I, Sum] : llvm::enumerate(Sums)) {
    int64_t R = I / 4 / ColumnTiles * MmaRows + I / 2 % 2 * 8,
            C = I / 4 % ColumnTiles * MmaColumns + I % 2;
    B.storeRaw(Sum, Block.getSum(B.add(FirstRow, R), B.add(FirstColumn, C)));
  }
}
