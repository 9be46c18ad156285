#include "GpuMachine.h"

#include "qopt/Analysis/DimAnalysis.h"

#include "gtest/gtest.h"

using namespace qopt;
using namespace qopt::test;
using runtime::GpuAddress;

const nvptx::Chip &test::findChip(llvm::StringRef Name) {
  for (const nvptx::Chip &Chip : nvptx::getChips())
    if (Chip.Target == Name)
      return Chip;
  llvm::report_fatal_error("no such chip: " + Name);
}

GpuMachine::GpuMachine(const nvptx::Chip &Chip, uint64_t MaxInstructions)
    : Gpu(createNvptxTarget(Chip)) {
  Options.Chip = Chip.Target.str();
  if (MaxInstructions)
    Options.MaxInstructions = MaxInstructions;
}

bool GpuMachine::load(const std::string &Ptx) {
  Outcome = Status();
  auto Made = ptxsim::Simulator::create(Options);
  if (!Made) {
    ADD_FAILURE() << Made.status().message();
    return false;
  }
  Simulator = std::move(*Made);
  auto Loaded = Simulator->loadModule(Ptx);
  if (!Loaded) {
    ADD_FAILURE() << Loaded.status().message();
    return false;
  }
  Module = *Loaded;
  return true;
}

static bool runsFor(const KernelStage &Stage, llvm::ArrayRef<int64_t> Symbols) {
  if (!Stage.When)
    return true;
  int64_t Value = *evaluate(Stage.When->Value, Symbols);
  return Value >= Stage.When->Range.Min && Value <= Stage.When->Range.Max;
}

Status GpuMachine::launch(const KernelStage &Stage, const KernelVariant &Variant,
                          llvm::ArrayRef<int64_t> Symbols, void *const *Parameters) {
  auto Function = Simulator->getFunction(Module, Variant.Symbol, Variant.SharedBytes);
  if (!Function)
    return Function.status();
  runtime::GpuLaunch Launch;
  Launch.Function = *Function;
  Launch.Grid[0] = static_cast<uint32_t>(*evaluate(Stage.Items, Symbols));
  Launch.Block[0] = static_cast<uint32_t>(Variant.Threads);
  Launch.SharedBytes = static_cast<uint32_t>(Variant.SharedBytes);
  Launch.Parameters = Parameters;
  return Launch.Grid[0] ? Simulator->launch(Launch) : Status();
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
  for (auto [Stage, Variant] : llvm::zip_equal(Call.Plan.Stages, Call.Variants))
    if (runsFor(Stage, Call.Symbols))
      if (Status S = launch(Stage, Variant, Call.Symbols, Parameters.data()); !S.ok())
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
  if (Outcome.ok())
    Outcome = S;
  for (GpuAddress Address : Addresses)
    if (Address)
      Simulator->release(Address);
  return Buffers;
}
