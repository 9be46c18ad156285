// Kernels on a simulated GPU, which reports every access outside of the buffers, every use of
// shared memory that was not written, and races between warps. QOPT_TEST_CHIP names the chip,
// "sm90" unless set.
#include "KernelTester.h"

#include "Simulator.h"
#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Targets/NVPTX.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace qopt;
using namespace qopt::test;
using runtime::GpuAddress;

namespace {

const nvptx::Chip &chooseChip() {
  const char *Named = std::getenv("QOPT_TEST_CHIP");
  for (const nvptx::Chip &Chip : nvptx::getChips())
    if (Chip.Target == (Named ? Named : "sm90"))
      return Chip;
  llvm::report_fatal_error("QOPT_TEST_CHIP names no chip");
}

class GpuMachine : public TestMachine {
public:
  GpuMachine() : Chip(chooseChip()), Gpu(createNvptxTarget(Chip)) {
    ptxsim::SimulatorOptions Options;
    Options.Chip = Chip.Target.str();
    auto Made = ptxsim::Simulator::create(Options);
    if (Made)
      Simulator = std::move(*Made);
    else
      ADD_FAILURE() << Made.status().message();
  }

  const Target &getTarget() const override { return *Gpu; }
  bool hasCpuLowerings() const override { return false; }
  void load(const CompiledModule &Compiled) override {
    auto Loaded = Simulator->loadModule(Compiled.Files.front().second);
    ASSERT_TRUE(Loaded) << Loaded.status().message();
    Module = *Loaded;
  }
  bool canRun(const KernelVariant &) const override { return Simulator != nullptr; }
  std::vector<GuardedBuffer> run(const Call &Call,
                                 llvm::function_ref<std::vector<GuardedBuffer>()> Make) override;

private:
  Status runOn(const Call &Call, std::vector<GuardedBuffer> &Buffers,
               std::vector<GpuAddress> &Addresses);

  const nvptx::Chip &Chip;
  std::unique_ptr<Target> Gpu;
  std::unique_ptr<ptxsim::Simulator> Simulator;
  uint64_t Module = 0;
};

} // namespace

std::unique_ptr<TestMachine> TestMachine::create(const std::vector<std::string> &) {
  return std::make_unique<GpuMachine>();
}

Status GpuMachine::runOn(const Call &Call, std::vector<GuardedBuffer> &Buffers,
                         std::vector<GpuAddress> &Addresses) {
  std::vector<int64_t> Symbols(Call.Symbols);
  std::vector<void *> Parameters;
  for (GuardedBuffer &Buffer : Buffers) {
    // An empty buffer is no memory; nobody may look at it.
    auto Address =
        Buffer.size() ? Simulator->allocate(Buffer.size()) : Result<GpuAddress>(GpuAddress(0));
    if (!Address)
      return Address.status();
    Addresses.push_back(*Address);
    if (Buffer.size())
      if (Status S = Simulator->copyToDevice(*Address, Buffer.data(), Buffer.size()); !S.ok())
        return S;
  }
  for (GpuAddress &Address : Addresses)
    Parameters.push_back(&Address);
  for (int64_t &Symbol : Symbols)
    Parameters.push_back(&Symbol);
  auto Function = Simulator->getFunction(Module, Call.Variant.Symbol, Call.Variant.SharedBytes);
  if (!Function)
    return Function.status();
  runtime::GpuLaunch Launch;
  Launch.Function = *Function;
  Launch.Grid[0] = static_cast<uint32_t>(*evaluate(Call.Plan.Items, Call.Symbols));
  Launch.Block[0] = static_cast<uint32_t>(Call.Variant.Threads);
  Launch.SharedBytes = static_cast<uint32_t>(Call.Variant.SharedBytes);
  Launch.Parameters = Parameters.data();
  if (Launch.Grid[0])
    if (Status S = Simulator->launch(Launch); !S.ok())
      return S;
  if (Status S = Simulator->synchronize(); !S.ok())
    return S;
  for (auto [Buffer, Address] : llvm::zip_equal(Buffers, Addresses))
    if (Buffer.size())
      if (Status S = Simulator->copyToHost(Buffer.data(), Address, Buffer.size()); !S.ok())
        return S;
  return {};
}

std::vector<GuardedBuffer> GpuMachine::run(const Call &Call,
                                           llvm::function_ref<std::vector<GuardedBuffer>()> Make) {
  std::vector<GuardedBuffer> Buffers = Make();
  std::vector<GpuAddress> Addresses;
  Status S = runOn(Call, Buffers, Addresses);
  EXPECT_TRUE(S.ok()) << S.message();
  for (GpuAddress Address : Addresses)
    if (Address)
      Simulator->release(Address);
  return Buffers;
}
