//===- CodesOfManyRows.h - contractions of codes in tiles of 128 rows and 128 columns ---------===//
//
// Two launches. The first makes the codes of all rows, in the workspace, in tiles as those of
// weights. A block of the second computes 128 rows and 128 columns, 128 inputs at a time, from a
// ring of tiles in shared memory. Its columns are the same outputs of each contraction that the
// epilogue combines: 128 outputs of one, 64 of each of two.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_NVPTX_CODESOFMANYROWS_H
#define QOPT_LIB_TARGETS_NVPTX_CODESOFMANYROWS_H

#include "CodesForm.h"

namespace qopt::nvptx {

class ManyRows {
public:
  static constexpr int64_t RowWarps = 8;
  static constexpr int64_t Rows = CodeTiles::Rows, Columns = 128;

  ManyRows(const CodesForm &Codes, const Chip &Chip)
      : Codes(Codes), Warpgroups(Chip.HasWarpgroups) {}

  mlir::AffineExpr getWorkspaceBytes(const KernelInfo &Info) const;
  mlir::AffineExpr getRowBlocks(const KernelInfo &Info) const;
  mlir::AffineExpr getTileBlocks(const KernelInfo &Info) const;
  int64_t getTileThreads() const;
  int64_t getTileSharedBytes() const;

  mlir::LogicalResult emitRows(KernelBuilder &B) const;
  mlir::LogicalResult emitTiles(KernelBuilder &B) const;

private:
  friend class TileBlock;

  /// Contractions that share a block's columns, rounded up, and the outputs that each has there.
  int64_t getSlots() const { return llvm::PowerOf2Ceil(Codes.Form.getMaxLinears()); }
  int64_t getOutputs() const { return Columns / getSlots(); }
  TiledCodes getInput(mlir::Builder B) const {
    return TiledCodes(Codes.Form.Inputs, B.getF32Type());
  }

  const CodesForm &Codes;
  /// Whether wgmma multiplies; else mma.sync.
  bool Warpgroups;
};

/// What both kinds of products share: the tiles that a block reads, and what becomes of its sums.
class TileBlock {
public:
  using Value = mlir::Value;

  TileBlock(KernelBuilder &B, const ManyRows &Many);

  bool isFloat() const { return Codes.IsFloat; }
  CodeProduct getProduct() const { return Codes.Product; }
  bool hasShortSums() const { return Codes.HasShortSums; }
  int64_t getTiles() const { return Codes.getTiles(); }
  mlir::Type getSumType() const { return Codes.getSumType(B); }
  KernelBuilder::Values getZeros(int64_t Count) const {
    return KernelBuilder::Values(Count, Codes.getZero(B));
  }
  /// The first tile of the block's rows; the others follow.
  Value getInput() const { return Input; }
  /// For each slot, where its part of the columns begins in its first tile.
  llvm::ArrayRef<Value> getWeights() const { return Weights; }
  int64_t getPartBytes() const { return CodeTiles::TileBytes / int64_t(Weights.size()); }

  /// Address of a sum, in shared memory.
  Value getSum(Value Row, Value Column) const;
  static constexpr int64_t SumBytes = ManyRows::Rows * (ManyRows::Columns + 8) * 4;
  /// Evaluates what follows the contractions; `Thread` of `Threads` threads comes here after all
  /// sums were stored.
  mlir::LogicalResult emitEpilogue(Value Thread, int64_t Threads);

private:
  Value chooseWeight(int64_t Slot, Value Part);

  KernelBuilder &B;
  const ManyRows &Many;
  const CodesForm &Codes;
  /// Which part of the outputs, and which panel of rows.
  Value Part, Panel, Input;
  KernelBuilder::Values Weights;
};

/// The products by wgmma and by mma.sync, with their epilogues: bytes of shared memory, threads,
/// and code.
struct WarpgroupProducts {
  static constexpr int64_t Threads = 3 * 128;
  static int64_t getSharedBytes();
  static mlir::LogicalResult emit(KernelBuilder &B, TileBlock &Block);
};
struct WarpProducts {
  static constexpr int64_t Threads = 8 * WarpSize;
  static int64_t getSharedBytes();
  static mlir::LogicalResult emit(KernelBuilder &B, TileBlock &Block);
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_CODESOFMANYROWS_H
