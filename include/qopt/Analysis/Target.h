//===- Target.h - what the compiler asks of a target ------------------------------------------===//
//
// The interface between the shared levels and a back end. Nothing above Targets/ knows more about a
// machine.
//
// A kernel's buffers, in the order in which a launch passes them:
//   1. every operand of the launch: a tensor is one buffer; a !qopt.kv_cache is two (keys, values);
//   2. every result that is a tensor (a cache is updated in place and is not passed again);
//   3. the tables that the target asked for (KernelPlan::Tables);
//   4. the workspace, where it asked for one.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_TARGET_H
#define QOPT_ANALYSIS_TARGET_H

#include "QKernel/QKernel.h"
#include "qopt/Base/CacheLayout.h"
#include "qopt/Base/Expression.h"

namespace qopt {

/// Cosines and sines that the runtime computes at load: f32 [positions][2][n], for each position
/// the n cosines of position * frequency, then the n sines, all times `Scale`.
struct RotaryTable {
  llvm::SmallVector<float> InverseFrequencies;
  float Scale = 1.0f;
  /// Number of positions; 0 means as many as the program's context.
  int64_t Positions = 0;
  bool operator==(const RotaryTable &Other) const {
    return InverseFrequencies == Other.InverseFrequencies && Scale == Other.Scale &&
           Positions == Other.Positions;
  }
};

/// One launch of a kernel. Expressions are over the program's symbols, in the order in which the
/// kernel declares them.
struct KernelStage {
  /// What tells it from the kernel's other stages; empty where it is the only one.
  std::string Suffix;
  /// Number of independent work items.
  mlir::AffineExpr Items;
  /// It runs only where `Value` lies in the range.
  struct Guard {
    mlir::AffineExpr Value;
    Interval Range;
  };
  std::optional<Guard> When;
  /// Whether it goes on with what the stage before it left in the workspace.
  bool Continues = false;

  /// The name in the artefact, and the key of CompiledModule::Variants.
  std::string getName(llvm::StringRef Kernel) const {
    return Suffix.empty() ? Kernel.str() : (Kernel + "." + Suffix).str();
  }
};

/// How a target runs one kernel.
struct KernelPlan {
  /// The lowering that took the kernel, as --explain names it.
  std::string Lowering;
  /// Its launches, in order: one for most kernels.
  llvm::SmallVector<KernelStage, 1> Stages{KernelStage()};
  KernelStage &onlyStage() {
    assert(Stages.size() == 1);
    return Stages.front();
  }
  /// Bytes private to each worker, over the program's symbols.
  mlir::AffineExpr ScratchBytes;
  /// Bytes in which stages leave what later ones go on with; null without any. Undefined at first.
  mlir::AffineExpr WorkspaceBytes;
  llvm::SmallVector<RotaryTable> Tables;
};

/// One compiled version of a kernel.
struct KernelVariant {
  std::string Isa;
  std::string Symbol;
  /// Threads that run one work item together, and bytes of memory that they share.
  int64_t Threads = 1, SharedBytes = 0;
};

/// The code of a program.
struct CompiledModule {
  /// File names in the artefact ("module.so") and contents.
  std::vector<std::pair<std::string, std::string>> Files;
  /// For each stage of a kernel (KernelStage::getName): its versions, best first.
  llvm::StringMap<llvm::SmallVector<KernelVariant>> Variants;
};

class Target {
public:
  virtual ~Target() = default;
  virtual llvm::StringRef getName() const = 0;

  /// Layout of a weight that the given kernels (and argument numbers) read: one layout serves all
  /// of them.
  virtual qkernel::WeightLayoutInterface
  chooseLayout(WeightOp Weight,
               llvm::ArrayRef<std::pair<qkernel::KernelOp, unsigned>> Readers) const = 0;

  /// Bytes of each side of a cache for one row of the batch; the capacity is known.
  virtual std::pair<int64_t, int64_t> getCacheRowBytes(KVCacheType Cache) const = 0;

  /// Where keys and values lie in their side of a row; the capacity is known.
  virtual std::pair<artefact::CacheLayout, artefact::CacheLayout>
  getCacheLayout(KVCacheType Cache) const = 0;
  /// Where the scales of a key and a value lie, counted in elements of their types; asked only of
  /// sides that have scales.
  virtual std::pair<int64_t, int64_t> getCacheScale(KVCacheType Cache, int64_t Position,
                                                    int64_t Head) const = 0;

  /// Chooses a lowering; a kernel that nobody matches is an error naming it.
  virtual mlir::FailureOr<KernelPlan> planKernel(qkernel::KernelOp Kernel) const = 0;

  /// About how many bytes of code compile() makes of the module's kernels.
  virtual int64_t estimateCodeBytes(mlir::ModuleOp Module) const = 0;

  /// The forms of code that --emit can ask for instead of the usual one.
  virtual llvm::ArrayRef<llvm::StringLiteral> getForms() const { return {}; }

  /// Compiles all kernels of the module, to one of `getForms()` or, where `Form` is empty, as
  /// usual. `Layouts` of weights are on the kernels' arguments as `qkernel.layout`.
  virtual mlir::FailureOr<CompiledModule> compile(mlir::ModuleOp Module,
                                                  llvm::StringRef Form) const = 0;
};

} // namespace qopt

#endif // QOPT_ANALYSIS_TARGET_H
