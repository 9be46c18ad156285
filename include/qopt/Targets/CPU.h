//===- CPU.h - the CPU back end ---------------------------------------------------------------===//
//
// Compiles the kernels of a program to one shared object, `module.so`, that needs no other library:
// each kernel once per instruction set (Isa.h), chosen when the artefact is loaded.
//
// A kernel is taken by the lowering that matches it with the highest benefit. Lowerings are objects
// in a registry; those of this library are one file per family under lib/Targets/CPU, and a plugin
// adds its own with `registerCpuLowering` before the target is made. A lowering emits `vector`,
// `arith`, `scf` and `llvm` operations through a KernelBuilder (CPU/KernelBuilder.h); the
// contraction family can be extended by its inner loop alone (CPU/Contraction.h).
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_CPU_H
#define QOPT_TARGETS_CPU_H

#include "qopt/Targets/Common/LoweringRegistry.h"

namespace qopt {

namespace cpu {
class KernelBuilder;
using codegen::KernelInfo;

/// One way to turn kernels of a kind into code.
class CpuLowering {
public:
  virtual ~CpuLowering() = default;

  /// The name that --explain prints and that `lowering` of a kernel holds.
  virtual llvm::StringRef getName() const = 0;

  /// Among lowerings that match, the one with the highest benefit wins; among equals, the one added
  /// last.
  virtual int getBenefit() const { return 1; }

  /// Whether this lowering can compile the kernel; otherwise `Reason` says what stands against it.
  virtual bool match(const KernelInfo &Kernel, std::string &Reason) const = 0;

  /// Work items, scratch memory and tables of a kernel that matched. `Lowering` is filled in by the
  /// caller.
  virtual KernelPlan plan(const KernelInfo &Kernel) const = 0;

  /// Emits the body for one instruction set; the items to run are `[Builder.getBegin(),
  /// Builder.getEnd())`.
  virtual mlir::LogicalResult emit(KernelBuilder &Builder) const = 0;
};

using CpuLoweringRegistry = codegen::LoweringRegistry<CpuLowering>;

/// Adds the lowerings of this library.
void registerAllCpuLowerings(CpuLoweringRegistry &Registry);

/// For plugins: `Make` is called for every CPU target that is created from now on.
void registerCpuLowering(std::function<std::unique_ptr<CpuLowering>()> Make);

} // namespace cpu

struct CpuOptions {
  /// Instruction sets to compile for, by name (docs/Artefact.md), best first; empty: all that
  /// differ.
  std::vector<std::string> Isas;
};

/// A target with the lowerings of this library and of the plugins.
std::unique_ptr<Target> createCpuTarget(const CpuOptions &Options);

/// A target with these lowerings only.
std::unique_ptr<Target> createCpuTarget(const CpuOptions &Options,
                                        cpu::CpuLoweringRegistry Lowerings);

} // namespace qopt

#endif // QOPT_TARGETS_CPU_H
