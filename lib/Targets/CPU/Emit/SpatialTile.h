//===- SpatialTile.h - the input of a tile of outputs, made ready for vectors -----------------===//
//
// A window that slides over one or two axes (a missing one is a row of height 1) reads, for a tile
// of outputs, a part of each channel. It is copied as f32 to
//
//   [row phase][column phase][staged rows][pitch]
//
// with the padding filled in. A phase holds every stride-th element, so that whatever the stride,
// the elements that neighbouring outputs read through one tap of the window are neighbours: output
// (r, c) of the tile reads, through tap t, element r * pitch + c + getOffset(t). One vector may
// then run over the end of a row into the next one; what it computes between rows is not used.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_SPATIALTILE_H
#define QOPT_LIB_TARGETS_CPU_SPATIALTILE_H

#include "qopt/Targets/CPU/KernelBuilder.h"

namespace qopt::cpu {

struct SpatialAxis {
  int64_t Kernel = 1, Stride = 1, Dilation = 1, Before = 0;
  mlir::AffineExpr Input, Output;
  /// Outputs of a tile.
  int64_t Tile = 1;
  /// Remainders of positions modulo the stride that the window reads.
  llvm::SmallVector<int64_t> Phases;

  int64_t getPhaseOf(int64_t Tap) const;
  int64_t getShiftOf(int64_t Tap) const { return Tap * Dilation / Stride; }
  /// Elements of a phase that a tile reads.
  int64_t getStaged() const { return Tile + getShiftOf(Kernel - 1); }
  mlir::AffineExpr getTiles() const { return Output.ceilDiv(Tile); }
  /// Whether every tile is a whole one.
  bool isWhole() const;
};

/// Where a tile lies in the outputs, and how much of it is there.
struct TilePlace {
  mlir::Value FirstRow, FirstColumn, Rows, Columns;
};

struct SpatialTile {
  SpatialAxis Rows, Columns;

  /// The tiles of a convolution or pool; nothing (and a reason) where its window is too large.
  static std::optional<SpatialTile> get(const KernelInfo &Info, ConvOp Op, std::string &Reason);
  static std::optional<SpatialTile> get(const KernelInfo &Info, PoolOp Op, std::string &Reason);

  int64_t getTaps() const { return Rows.Kernel * Columns.Kernel; }
  int64_t getPitch() const { return Columns.getStaged(); }
  int64_t getPlane() const { return Rows.getStaged() * getPitch(); }
  int64_t getChannelElements() const {
    return int64_t(Rows.Phases.size() * Columns.Phases.size()) * getPlane();
  }
  /// f32 of so many staged channels, with what a last vector reads beyond them.
  int64_t getStagedBytes(int64_t Channels) const {
    return 4 * (Channels * getChannelElements() + VectorLanes);
  }
  int64_t getOffset(int64_t Tap) const;
  /// Positions of the outputs of a whole tile, in whole vectors.
  int64_t getPositions() const {
    return llvm::alignTo((Rows.Tile - 1) * getPitch() + Columns.Tile, VectorLanes);
  }
  mlir::AffineExpr getTiles() const { return Rows.getTiles() * Columns.getTiles(); }

  /// The place of tile number `Tile`.
  TilePlace getPlace(KernelBuilder &B, mlir::Value Tile) const;
  /// Positions of the outputs of a tile.
  mlir::Value countPositions(KernelBuilder &B, const TilePlace &Place) const;
  /// Copies the part of one channel, whose first element is at `From`, to `To`.
  void stage(KernelBuilder &B, const TilePlace &Place, mlir::Value From, mlir::Type Element,
             double Fill, mlir::Value To) const;
  /// The same for a channel of ones in a padding of zeros.
  void stageOnes(KernelBuilder &B, const TilePlace &Place, mlir::Value To) const {
    stage(B, Place, nullptr, B.getF32Type(), 0.0, To);
  }
  /// Runs `Body(row, column, lanes, count)` for the outputs of a tile, row by row, in vectors; of
  /// the last one of a row only the first `count` lanes are there, unless it is 0.
  void forOutputs(KernelBuilder &B, const TilePlace &Place,
                  llvm::function_ref<void(mlir::Value, mlir::Value, int64_t, int64_t)> Body) const;

private:
  void stageRow(KernelBuilder &B, const TilePlace &Place, mlir::Value From, mlir::Type Element,
                double Fill, mlir::Value To, int64_t Phase) const;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_SPATIALTILE_H
