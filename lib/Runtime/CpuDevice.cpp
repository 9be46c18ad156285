#include "CpuDevice.h"

#include "FloatEnvironment.h"
#include "qopt/Base/CheckedMath.h"
#include "qopt/Runtime/CpuFeatures.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace qopt::runtime {

/// More is a mistake, not a wish.
static constexpr int MaxThreads = 1024;

Result<std::unique_ptr<Device>> CpuDevice::create(const Artefact &Artefact,
                                                  const DeviceOptions &Options) {
  std::unique_ptr<CpuDevice> Device(new CpuDevice());
  std::string Forced = Options.Isa;
  if (const char *Environment = std::getenv("QOPT_ISA"); Forced.empty() && Environment)
    Forced = Environment;
  if (Status S = Device->loadKernels(Artefact, Forced); !S.ok())
    return S;
  if (Status S = Device->startWorkers(Options); !S.ok())
    return S;
  std::optional<int64_t> Stride = checkedAlign(Artefact.Program.ScratchBytes, artefact::Alignment);
  std::optional<int64_t> Total = Stride ? checkedMul(*Stride, Device->Workers) : std::nullopt;
  if (!Total)
    return makeError(StatusCode::ResourceLimit, Artefact.Folder, ": the scratch of ",
                     Device->Workers, " workers is too large");
  Result<void *> Memory = Device->allocate(*Total);
  if (!Memory)
    return Memory.status();
  Device->Scratch = static_cast<char *>(*Memory);
  Device->ScratchStride = *Stride;
  return std::unique_ptr<runtime::Device>(std::move(Device));
}

CpuDevice::~CpuDevice() { release(Scratch, scratchBytes()); }

Status CpuDevice::loadKernels(const Artefact &Artefact, const std::string &ForcedIsa) {
  const artefact::Program &Program = Artefact.Program;
  Result<IsaChoice> Choice = IsaChoice::create(Program, ForcedIsa);
  if (!Choice)
    return Choice.status();
  bool Listed = false;
  for (const artefact::FileRecord &File : Artefact.Manifest.Files)
    Listed |= File.Name == artefact::ModuleFile;
  if (!Listed)
    return makeError(StatusCode::BadInput, Artefact.filePath(artefact::ManifestFile),
                     ": does not list ", artefact::ModuleFile);
  Result<Module> Opened = Module::open(Artefact.filePath(artefact::ModuleFile));
  if (!Opened)
    return Opened.status();
  Code = std::move(*Opened);

  int BestLevel = 0;
  std::vector<KernelFunction> Functions;
  for (const artefact::Kernel &Kernel : Program.Kernels) {
    Result<const artefact::Variant *> Variant = Choice->choose(Kernel);
    if (!Variant)
      return Variant.status().within(Artefact.Folder);
    Result<KernelFunction> Function = Code.find((*Variant)->Symbol);
    if (!Function)
      return Function.status();
    Functions.push_back(*Function);
    BestLevel = std::max(BestLevel, *isaLevel((*Variant)->Isa));
  }
  for (const artefact::Launch &Launch : Program.Launches)
    LaunchKernels.push_back(Functions[Launch.Kernel]);
  Isa = isaNames()[BestLevel];
  return {};
}

Status CpuDevice::startWorkers(const DeviceOptions &Options) {
  if (Options.Threads < 0 || Options.Threads > MaxThreads)
    return makeError(StatusCode::Usage, Options.Threads, " threads are not in [1, ", MaxThreads,
                     "]");
  Workers = Options.Threads ? Options.Threads : std::min(usableProcessors(), MaxThreads);
  ParallelFor = Options.ParallelFor;
  HostContext = Options.HostContext;
  if (ParallelFor || Workers == 1)
    return {};
  Result<std::unique_ptr<WorkerPool>> Started = WorkerPool::create(Workers);
  if (!Started)
    return Started.status();
  Pool = std::move(*Started);
  return {};
}

Result<void *> CpuDevice::allocate(int64_t Bytes) {
  if (Bytes == 0)
    return static_cast<void *>(nullptr);
  // Fresh pages are zero and take no memory before they are touched.
  void *Memory = mmap(nullptr, static_cast<size_t>(Bytes), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (Memory == MAP_FAILED)
    return makeError(StatusCode::ResourceLimit, "cannot allocate ", Bytes,
                     " bytes: ", std::strerror(errno));
  return Memory;
}

void CpuDevice::release(void *Address, int64_t Bytes) {
  if (Address)
    munmap(Address, static_cast<size_t>(Bytes));
}

Status CpuDevice::clear(void *Address, int64_t Bytes) {
  if (Bytes != 0)
    std::memset(Address, 0, static_cast<size_t>(Bytes));
  return {};
}

Status CpuDevice::copy(void *To, const void *From, int64_t Bytes) {
  if (Bytes != 0)
    std::memcpy(To, From, static_cast<size_t>(Bytes));
  return {};
}

Result<void *> CpuDevice::importConstant(const void *Data, int64_t) {
  return const_cast<void *>(Data);
}

namespace {
/// Kernels read and write the caller's memory.
class DirectWindow final : public HostWindow {
public:
  Result<void *> attachInput(const HostTensor &Tensor) override { return Tensor.Data; }
  Result<void *> attachOutput(const HostTensor &Tensor) override { return Tensor.Data; }
  Status fetchOutput(const HostTensor &, void *) override { return {}; }
};
} // namespace

Result<std::unique_ptr<HostWindow>> CpuDevice::openWindow() {
  return std::unique_ptr<HostWindow>(new DirectWindow());
}

void CpuDevice::runShare(const Step &Step, const BoundLaunch &Launch, int Worker) const {
  int64_t Begin = Launch.Items * Worker / Workers;
  int64_t End = Launch.Items * (Worker + 1) / Workers;
  if (Begin < End)
    LaunchKernels[Launch.Launch](Begin, End, Launch.Buffers, Step.Symbols,
                                 Scratch + ScratchStride * Worker);
}

namespace {
/// Adds the time since the last lap to a launch's seconds.
class LapTimer {
public:
  explicit LapTimer(double *Seconds) : Seconds(Seconds) {
    if (Seconds)
      Last = Clock::now();
  }
  void lap(int64_t Launch) {
    if (!Seconds)
      return;
    Clock::time_point Now = Clock::now();
    Seconds[Launch] += std::chrono::duration<double>(Now - Last).count();
    Last = Now;
  }

private:
  using Clock = std::chrono::steady_clock;
  double *Seconds;
  Clock::time_point Last;
};
} // namespace

void CpuDevice::walk(const Step &Step, int Worker) {
  DefaultFloatEnvironment Environment;
  LapTimer Timer(Worker == 0 ? Step.Seconds : nullptr);
  for (size_t I = 0; I < Step.Count; ++I) {
    runShare(Step, Step.Launches[I], Worker);
    // The pool's own end is the barrier after the last launch, unless someone times it.
    if (Pool && (I + 1 < Step.Count || Step.Seconds))
      Pool->barrier();
    Timer.lap(Step.Launches[I].Launch);
  }
}

namespace {
/// One launch as a host's parallel_for sees it.
struct HostCall {
  const CpuDevice *Device;
  const Step *Walk;
  const BoundLaunch *Launch;
};
} // namespace

void CpuDevice::walkWithHost(const Step &Step) {
  LapTimer Timer(Step.Seconds);
  for (size_t I = 0; I < Step.Count; ++I) {
    HostCall Call{this, &Step, &Step.Launches[I]};
    auto Body = [](void *Context, int64_t Worker) {
      DefaultFloatEnvironment Environment;
      const HostCall &C = *static_cast<HostCall *>(Context);
      C.Device->runShare(*C.Walk, *C.Launch, static_cast<int>(Worker));
    };
    ParallelFor(HostContext, Body, &Call, Workers);
    Timer.lap(Call.Launch->Launch);
  }
}

Status CpuDevice::run(const Step &Step) {
  std::lock_guard<std::mutex> Lock(Turn);
  if (ParallelFor) {
    walkWithHost(Step);
  } else if (Pool) {
    struct Call {
      CpuDevice *Self;
      const runtime::Step *Step;
    } Context{this, &Step};
    Pool->run(
        [](void *Opaque, int Worker) {
          Call *C = static_cast<Call *>(Opaque);
          C->Self->walk(*C->Step, Worker);
        },
        &Context);
  } else {
    walk(Step, 0);
  }
  return {};
}

} // namespace qopt::runtime
