// qopt-run with the PTX simulator as its GPU: the same options, on any machine. The chip is the
// artefact's target. QOPT_SIMULATOR_SEED=N chooses other times at which asynchronous operations
// end.
#include "Simulator.h"
#include "Tool.h"
#include "qopt/Runtime/GpuDevice.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

using namespace qopt;

static Result<std::unique_ptr<runtime::GpuDriver>> openSimulator(const std::string &Chip,
                                                                 int Threads) {
  ptxsim::SimulatorOptions Options;
  Options.Chip = Chip;
  Options.Threads =
      Threads > 0 ? Threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (const char *Seed = std::getenv("QOPT_SIMULATOR_SEED"))
    Options.Seed = std::strtoull(Seed, nullptr, 10);
  auto Simulator = ptxsim::Simulator::create(Options);
  if (!Simulator)
    return Simulator.status();
  return std::unique_ptr<runtime::GpuDriver>(std::move(*Simulator));
}

static Result<std::unique_ptr<runtime::Device>>
createDevice(const Artefact &Artefact, const runtime::DeviceOptions &Options) {
  const std::string &Target = Artefact.Manifest.Target;
  if (!runtime::isGpuTarget(Target))
    return runtime::createDevice(Artefact, Options);
  return runtime::createGpuDevice(Artefact, [&] { return openSimulator(Target, Options.Threads); });
}

int main(int Argc, char **Argv) { return run::runTool(Argc, Argv, createDevice); }
