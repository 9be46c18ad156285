//===- KernelBuilder.h - the code of one GPU thread -------------------------------------------===//
//
// Everything is emitted for one thread of a block; what `codegen::KernelBuilder` calls lanes of a
// row are the threads of a team here: a warp, or the whole block. Each handles one element at a
// time.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_NVPTX_KERNELBUILDER_H
#define QOPT_TARGETS_NVPTX_KERNELBUILDER_H

#include "qopt/Targets/Common/KernelBuilder.h"
#include "qopt/Targets/NVPTX.h"

namespace qopt::nvptx {

using codegen::getElementBytes;
using codegen::getElementType;
using codegen::skipReshapes;

class KernelBuilder : public codegen::KernelBuilder {
public:
  using Base = codegen::KernelBuilder;

  /// Starts the body of `Function`, whose arguments are buffers, then symbols; the last buffer is
  /// the workspace, where the kernel has one.
  KernelBuilder(const KernelInfo &Info, int64_t Threads, mlir::Operation *Function);

  int64_t getWarps() const { return Threads / WarpSize; }

  //===--- Where this thread is, as i64 -----------------------------------------------------===//
  Value getBlock() const { return Block; }
  Value getThread() const { return Thread; }
  Value getLane() const { return Lane; }
  Value getWarp() const { return Warp; }

  //===--- Teams ----------------------------------------------------------------------------===//
  enum class Team { Warp, Block };
  /// Who shares a row in `loopLanes` from now on; a warp at first.
  void setTeam(Team New) { Sharing = New; }
  void loopLanes(Value Count, LanesBody Body) override;
  /// From now on `sumOver` is over the block, whose warps meet in so many bytes of shared memory as
  /// `getSumBytes` says.
  void sumOverBlock(int64_t SharedOffset) { BlockSums = SharedOffset; }
  static int64_t getSumBytes(int64_t Warps) { return Warps * 4; }
  /// Over a warp, all of whose threads must come here and get the result; or over the block.
  Value sumOver(Value Count, LanesValue Body) override;
  /// Always over a warp.
  Value maxOver(Value Count, LanesValue Body) override;

  /// Waits for all threads of the block or warp, and sees what they wrote to memory.
  void syncBlock();
  void syncWarp();
  /// The value of another thread of the warp: an f32 or i32.
  Value shuffle(Value X, Value FromLane);
  /// Over the threads of a warp, in an order that depends on nothing.
  Value warpSum(Value X);
  Value warpMax(Value X);

  /// Address of the workspace, a multiple of 256.
  Value getWorkspace();

  /// Address of a byte of the block's dynamic shared memory.
  Value shared(int64_t ByteOffset);

  /// From now on e4m3 is converted by instructions, which not every chip has; the numbers are the
  /// same.
  void convertFloat8() { ConvertsFloat8 = true; }
  Value widen(Value Stored, mlir::Type Element) override;
  Value narrow(Value Computed, mlir::Type Element) override;
  Value loadWeight(Value Weight, llvm::ArrayRef<Value> At) override;

protected:
  Value emitBuffer(unsigned Number) override;
  Value emitSymbol(unsigned Number) override;
  mlir::Type getMemoryType(mlir::Type Element) override;

private:
  Value butterfly(Value X, llvm::function_ref<Value(Value, Value)> Combine);
  Value overWarp(Value Count, double Neutral, LanesValue Body,
                 llvm::function_ref<Value(Value, Value)> Combine);
  Value sumOverWarps(Value Count, LanesValue Body);

  int64_t Threads;
  unsigned FirstSymbol;
  Value Block, Thread, Lane, Warp;
  Team Sharing = Team::Warp;
  bool ConvertsFloat8 = false;
  /// Where sums over the block meet, where there are some.
  std::optional<int64_t> BlockSums;
};

} // namespace qopt::nvptx

#endif // QOPT_TARGETS_NVPTX_KERNELBUILDER_H
