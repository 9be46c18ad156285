// Kernels on a simulated GPU, which reports every access outside of the buffers, every use of
// shared memory that was not written, and races between warps.
#ifndef QOPT_TEST_UNIT_NVPTX_GPUMACHINE_H
#define QOPT_TEST_UNIT_NVPTX_GPUMACHINE_H

#include "KernelTester.h"

#include "Simulator.h"
#include "qopt/Targets/NVPTX.h"

namespace qopt::test {

/// The chip of that name ("sm90"); unknown ones end the program.
const nvptx::Chip &findChip(llvm::StringRef Name);

class GpuMachine : public TestMachine {
public:
  explicit GpuMachine(const nvptx::Chip &Chip, uint64_t MaxInstructions = 0);

  const Target &getTarget() const override { return *Gpu; }
  bool hasCpuLowerings() const override { return false; }
  void load(const CompiledModule &Compiled) override { load(Compiled.Files.front().second); }
  bool canRun(const KernelVariant &) const override { return Simulator != nullptr; }
  std::vector<GuardedBuffer> run(const Call &Call,
                                 llvm::function_ref<std::vector<GuardedBuffer>()> Make) override;

protected:
  /// A fresh GPU with that program. Whether it takes it.
  bool load(const std::string &Ptx);
  const ptxsim::Simulator &getSimulator() const { return *Simulator; }
  /// Of the runs since `load`: the first error.
  const Status &getStatus() const { return Outcome; }

private:
  Status launch(const KernelStage &Stage, const KernelVariant &Variant,
                llvm::ArrayRef<int64_t> Symbols, void *const *Parameters);
  Status runOn(const Call &Call, std::vector<GuardedBuffer> &Buffers,
               std::vector<runtime::GpuAddress> &Addresses);

  std::unique_ptr<Target> Gpu;
  ptxsim::SimulatorOptions Options;
  std::unique_ptr<ptxsim::Simulator> Simulator;
  uint64_t Module = 0;
  Status Outcome;
};

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_NVPTX_GPUMACHINE_H
