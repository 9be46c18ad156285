// Products of tiles of codes by wgmma. One warpgroup copies tiles into a ring in shared memory; two
// multiply, 64 rows each, and evaluate the epilogue. A stage of the ring is filled when its phase
// "full" ends, by the bytes of its copies, and free when its phase "empty" ends, by the eight warps
// that have read it.
#include "CodesOfManyRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

using Values = KernelBuilder::Values;

static constexpr int64_t Stages = 6, StageBytes = 2 * CodeTiles::TileBytes;
static constexpr int64_t FullOffset = Stages * StageBytes, EmptyOffset = FullOffset + 8 * Stages;
static_assert(TileBlock::SumBytes <= FullOffset, "sums take the place of the ring");

static constexpr int64_t GroupThreads = 128, MultiplyingThreads = 2 * GroupThreads;
static constexpr int64_t RowsOfGroup = ManyRows::Rows / 2, SumsOfThread = 64;
/// Registers of a thread that copies and of one that multiplies; a block has 3 * 128 * 168.
static constexpr int64_t CopyingRegisters = 40, MultiplyingRegisters = 232;
/// A barrier of the threads that multiply.
static constexpr int64_t MultiplyingBarrier = 1;

int64_t WarpgroupProducts::getSharedBytes() { return EmptyOffset + 8 * Stages; }

namespace {

class WarpgroupEmitter {
public:
  WarpgroupEmitter(KernelBuilder &B, TileBlock &Block)
      : B(B), Block(Block), Shared(getSharedAddress(B, B.shared(0))) {}
  LogicalResult emit();

private:
  void initBarriers();
  void copyTiles();
  Values multiply(Value Group);
  void storeSums(Value Group, ValueRange Sums);
  /// Runs `Body(tile, stage, parity of its turn, carried)` for all tiles.
  Values forTiles(ValueRange Init, function_ref<Values(Value, Value, Value, ValueRange)> Body);
  Value at(Value Stage, int64_t Stride, int64_t Offset) {
    return B.add(B.add(Shared, B.mul(Stage, B.i32(Stride, 0))), B.i32(Offset, 0));
  }
  Value getFull(Value Stage) { return at(Stage, 8, FullOffset); }
  Value getEmpty(Value Stage) { return at(Stage, 8, EmptyOffset); }

  KernelBuilder &B;
  TileBlock &Block;
  Value Shared;
};

} // namespace

LogicalResult WarpgroupProducts::emit(KernelBuilder &B, TileBlock &Block) {
  return WarpgroupEmitter(B, Block).emit();
}

LogicalResult WarpgroupEmitter::emit() {
  initBarriers();
  B.syncBlock();
  LogicalResult Status = success();
  Value Group = B.div(B.getWarp(), GroupThreads / WarpSize);
  B.ifThenElse(
      B.equal(Group, B.index(0)),
      [&] {
        setRegisters(B, CopyingRegisters, /*More=*/false);
        B.ifThen(B.equal(B.getThread(), B.index(0)), [&] { copyTiles(); });
      },
      [&] {
        setRegisters(B, MultiplyingRegisters, /*More=*/true);
        Value Mine = B.sub(Group, B.index(1));
        Values Sums = multiply(Mine);
        // The other warpgroup may still read the ring.
        syncThreads(B, MultiplyingBarrier, MultiplyingThreads);
        storeSums(Mine, Sums);
        syncThreads(B, MultiplyingBarrier, MultiplyingThreads);
        Value Thread = B.sub(B.getThread(), B.index(GroupThreads));
        Status = Block.emitEpilogue(Thread, MultiplyingThreads);
      });
  return Status;
}

void WarpgroupEmitter::initBarriers() {
  B.ifThen(B.equal(B.getThread(), B.index(0)), [&] {
    for (int64_t Stage = 0; Stage < Stages; ++Stage) {
      initPhases(B, getFull(B.i32(Stage, 0)), 1);
      initPhases(B, getEmpty(B.i32(Stage, 0)), MultiplyingThreads / WarpSize);
    }
  });
}

Values WarpgroupEmitter::forTiles(ValueRange Init,
                                  function_ref<Values(Value, Value, Value, ValueRange)> Body) {
  Values Carried = {B.i32(0, 0), B.i32(0, 0)};
  llvm::append_range(Carried, Init);
  Values Last =
      B.loop(B.index(0), B.index(Block.getTiles()), 1, Carried, [&](Value Tile, ValueRange All) {
        Value Stage = All[0], Parity = All[1];
        Values Next = Body(Tile, Stage, Parity, All.drop_front(2));
        Value After = B.add(Stage, B.i32(1, 0));
        Value Wraps = B.equal(After, B.i32(Stages, 0));
        Value Flipped = arith::XOrIOp::create(B, Parity, B.i32(1, 0));
        Values New = {B.select(Wraps, B.i32(0, 0), After), B.select(Wraps, Flipped, Parity)};
        llvm::append_range(New, Next);
        return New;
      });
  return Values(ArrayRef<Value>(Last).drop_front(2));
}

/// By one thread.
void WarpgroupEmitter::copyTiles() {
  forTiles({}, [&](Value Tile, Value Stage, Value Parity, ValueRange) {
    // Nobody has to leave a stage that was never filled: the phase before the first has ended.
    waitForPhase(B, getEmpty(Stage), arith::XOrIOp::create(B, Parity, B.i32(1, 0)));
    Value Full = getFull(Stage), Offset = B.mul(Tile, CodeTiles::TileBytes);
    expectBytes(B, Full, StageBytes);
    copyBytes(B, at(Stage, StageBytes, 0), B.bytes(Block.getInput(), Offset), CodeTiles::TileBytes,
              Full);
    for (auto [Slot, Weight] : llvm::enumerate(Block.getWeights()))
      copyBytes(B,
                at(Stage, StageBytes, CodeTiles::TileBytes + int64_t(Slot) * Block.getPartBytes()),
                B.bytes(Weight, Offset), Block.getPartBytes(), Full);
    return Values();
  });
}

/// The sums of a warpgroup.
Values WarpgroupEmitter::multiply(Value Group) {
  Value Rows =
      arith::TruncIOp::create(B, B.getI32Type(), B.mul(Group, RowsOfGroup * CodeTiles::Inputs));
  return forTiles(Block.getZeros(SumsOfThread),
                  [&](Value, Value Stage, Value Parity, ValueRange Sums) {
                    waitForPhase(B, getFull(Stage), Parity);
                    Value Input = getDescriptor(B, B.add(at(Stage, StageBytes, 0), Rows)),
                          Weight = getDescriptor(B, at(Stage, StageBytes, CodeTiles::TileBytes));
                    Values Products = multiplyTiles(B, Block.isFloat(), Input, Weight, Sums);
                    arriveAtPhase(B, getEmpty(Stage));
                    if (!Block.isFloat())
                      return Products;
                    Values Next;
                    for (auto [Sum, Product] : llvm::zip_equal(Sums, Products))
                      Next.push_back(B.add(Sum, Product));
                    return Next;
                  });
}

/// Registers 4j to 4j + 3 are two neighbouring columns of two rows.
void WarpgroupEmitter::storeSums(Value Group, ValueRange Sums) {
  Value InGroup = B.rem(B.getWarp(), GroupThreads / WarpSize);
  Value Row = B.add(B.mul(Group, RowsOfGroup), B.mul(InGroup, 16));
  Row = B.add(Row, B.div(B.getLane(), 4));
  Value Column = B.mul(B.rem(B.getLane(), 4), 2);
  for (int64_t I = 0; I < SumsOfThread; I += 2) {
    Value Pair = LLVM::UndefOp::create(B, B.vectorOf(Block.getSumType(), 2));
    for (int64_t J = 0; J < 2; ++J)
      Pair = LLVM::InsertElementOp::create(B, Pair, Sums[I + J], B.i32(J, 0));
    Value At = Block.getSum(B.add(Row, I / 2 % 2 * 8), B.add(Column, I / 4 * 8));
    LLVM::StoreOp::create(B, Pair, At, /*alignment=*/8);
  }
}
