//===- NVPTX.h - the NVIDIA back end ----------------------------------------------------------===//
//
// Compiles the kernels of a program to one PTX module, `kernels.ptx`, and where ptxas is found also
// to machine code, `kernels.cubin`. There is a target for each chip (NVPTX/Chip.h); they share the
// lowerings.
//
// A kernel is a grid with one block per work item. Its parameters are the addresses of its buffers
// and then the values of all symbols. A kernel is taken by the lowering that matches it with the
// highest benefit, one file per family under lib/Targets/NVPTX; lowerings emit the code of one
// thread through a KernelBuilder (NVPTX/KernelBuilder.h).
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_NVPTX_H
#define QOPT_TARGETS_NVPTX_H

#include "qopt/Targets/Common/LoweringRegistry.h"
#include "qopt/Targets/NVPTX/Chip.h"

namespace qopt {

namespace nvptx {
class KernelBuilder;
using codegen::KernelInfo;

/// A launch of a kernel, and what its blocks, the items of the launch, consist of.
struct GridStage : KernelStage {
  int64_t Threads = 128;
  int64_t SharedBytes = 0;
};

/// How a kernel runs; most in one launch.
struct GridPlan {
  llvm::SmallVector<GridStage, 1> Stages{GridStage()};
  GridStage &onlyStage() {
    assert(Stages.size() == 1);
    return Stages.front();
  }
  /// As in KernelPlan; null without a workspace.
  mlir::AffineExpr WorkspaceBytes;
  llvm::SmallVector<RotaryTable> Tables;
};

/// One way to turn kernels of a kind into code.
class GpuLowering {
public:
  virtual ~GpuLowering() = default;

  /// The name that --explain prints and that `lowering` of a kernel holds.
  virtual llvm::StringRef getName() const = 0;

  /// Among lowerings that match, the one with the highest benefit wins; among equals, the one added
  /// last.
  virtual int getBenefit() const { return 1; }

  /// Whether this lowering can compile the kernel; otherwise `Reason` says what stands against it.
  virtual bool match(const KernelInfo &Kernel, std::string &Reason) const = 0;

  /// The launches of a kernel that matched.
  virtual GridPlan plan(const KernelInfo &Kernel) const = 0;

  /// Emits the code of one thread of a stage.
  virtual mlir::LogicalResult emit(KernelBuilder &Builder, unsigned Stage) const = 0;
};

/// The lowerings of one chip, which they may be made for.
class GpuLoweringRegistry : public codegen::LoweringRegistry<GpuLowering> {
public:
  explicit GpuLoweringRegistry(const Chip &Chip) : TheChip(Chip) {}
  const Chip &getChip() const { return TheChip; }

private:
  const Chip &TheChip;
};

/// Adds the lowerings of this library.
void registerAllGpuLowerings(GpuLoweringRegistry &Registry);

/// For plugins: `Make` is called for every GPU target that is created from now on.
void registerGpuLowering(std::function<std::unique_ptr<GpuLowering>(const Chip &)> Make);

} // namespace nvptx

/// The target of a chip, with the lowerings of this library and of the plugins.
std::unique_ptr<Target> createNvptxTarget(const nvptx::Chip &Chip);

} // namespace qopt

#endif // QOPT_TARGETS_NVPTX_H
