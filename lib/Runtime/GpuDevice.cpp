// A launch is a grid with one block for each item. A kernel's parameters are the launch's buffers,
// as addresses, and then the values of all symbols, as 64-bit integers.
#include "qopt/Runtime/GpuDevice.h"

#include "qopt/Base/CheckedMath.h"
#include "qopt/Base/MappedFile.h"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace qopt::runtime {

/// Blocks of a one-dimensional grid.
static constexpr int64_t MaxBlocks = INT32_MAX;

const std::vector<std::string> &gpuTargets() {
  static const std::vector<std::string> Names = {"sm80", "sm86", "sm89", "sm90", "sm100", "sm120"};
  return Names;
}

bool isGpuTarget(const std::string &Target) {
  const std::vector<std::string> &Names = gpuTargets();
  return std::find(Names.begin(), Names.end(), Target) != Names.end();
}

namespace {

class GpuDevice final : public Device {
public:
  GpuDevice(const Artefact &Contents, std::unique_ptr<GpuDriver> Driver)
      : Program(Contents.Program), Folder(Contents.Folder), Driver(std::move(Driver)) {}
  ~GpuDevice() override;

  Status loadKernels(const Artefact &Contents);

  Result<void *> allocate(int64_t Bytes) override;
  void release(void *Address, int64_t Bytes) override;
  Status clear(void *Address, int64_t Bytes) override;
  Status copy(void *To, const void *From, int64_t Bytes) override;
  Status copyToDevice(void *To, const void *From, int64_t Bytes) override;
  Status copyToHost(void *To, const void *From, int64_t Bytes) override;
  Result<void *> importConstant(const void *Data, int64_t Bytes) override;
  Result<std::unique_ptr<HostWindow>> openWindow() override;
  Status run(const Step &Step) override;
  int workers() const override { return 1; }
  int64_t scratchBytes() const override { return 0; }
  int64_t peakDeviceBytes() const override { return PeakBytes; }
  const std::string &isa() const override { return Isa; }

private:
  struct LoadedKernel {
    uint64_t Function = 0;
    uint32_t Threads = 1, SharedBytes = 0;
  };

  Status checkTarget(const artefact::Kernel &Kernel);
  Result<uint64_t> loadCode(const Artefact &Contents);
  Result<uint64_t> loadFile(const Artefact &Contents, const char *Name);
  Status launch(const Step &Step, const BoundLaunch &Bound);

  const artefact::Program &Program;
  const std::string &Folder;
  std::unique_ptr<GpuDriver> Driver;
  std::vector<LoadedKernel> Kernels; ///< per kernel of the program
  std::vector<void *> Constants;
  std::string Isa;
  int64_t UsedBytes = 0, PeakBytes = 0;
  std::vector<void *> Parameters; ///< of the launch that is being made
  std::mutex Turn;                ///< the driver is not for several threads at once
};

/// Every input and output has memory for the largest request.
class GpuWindow final : public HostWindow {
public:
  explicit GpuWindow(GpuDevice &Owner) : Owner(Owner) {}
  Status allocate(const artefact::Program &Program);

  Result<void *> attachInput(const HostTensor &Tensor) override;
  Result<void *> attachOutput(const HostTensor &Tensor) override;
  Status fetchOutput(const HostTensor &Tensor, void *Address) override {
    return Owner.copyToHost(Tensor.Data, Address, Tensor.Bytes);
  }

private:
  GpuDevice &Owner;
  std::vector<DeviceMemory> Memory; ///< per buffer of the program
};

} // namespace

static GpuAddress toGpu(const void *Address) { return reinterpret_cast<GpuAddress>(Address); }

//===- Inputs and outputs ---------------------------------------------------------------------===//

/// Bytes of the largest tensor that a request can bring; validation has bounded them.
static int64_t largestBytes(const artefact::Buffer &B, const artefact::Program &Program) {
  int64_t Bytes = dataTypeSize(B.Type);
  for (const Expression &Dimension : B.Shape)
    Bytes *= Dimension.bounds(Program.symbolRanges())->Max;
  return Bytes;
}

Status GpuWindow::allocate(const artefact::Program &Program) {
  for (const artefact::Buffer &B : Program.Buffers) {
    Memory.emplace_back();
    if (B.Kind != artefact::BufferKind::Input && B.Kind != artefact::BufferKind::Output)
      continue;
    Result<DeviceMemory> Allocated = DeviceMemory::allocate(Owner, largestBytes(B, Program));
    if (!Allocated)
      return Allocated.status().within("\"" + B.Name + "\"");
    Memory.back() = std::move(*Allocated);
  }
  return {};
}

Result<void *> GpuWindow::attachOutput(const HostTensor &Tensor) {
  DeviceMemory &Mine = Memory[Tensor.Buffer];
  if (Tensor.Bytes > Mine.bytes())
    return makeError(StatusCode::Internal, "an input or output of ", Tensor.Bytes,
                     " bytes is larger than the symbols allow");
  return static_cast<void *>(Mine.address());
}

Result<void *> GpuWindow::attachInput(const HostTensor &Tensor) {
  Result<void *> Address = attachOutput(Tensor);
  if (!Address)
    return Address;
  if (Status S = Owner.copyToDevice(*Address, Tensor.Data, Tensor.Bytes); !S.ok())
    return S;
  return Address;
}

Result<std::unique_ptr<HostWindow>> GpuDevice::openWindow() {
  auto Window = std::make_unique<GpuWindow>(*this);
  if (Status S = Window->allocate(Program); !S.ok())
    return S;
  return std::unique_ptr<HostWindow>(std::move(Window));
}

//===- Kernels --------------------------------------------------------------------------------===//

namespace {
/// "sm_90a": code for chips of capability 9.0 only; without the letter also for later ones.
struct Architecture {
  int Number = 0; ///< 90
  bool IsExact = false;

  static std::optional<Architecture> parse(const std::string &Name) {
    Architecture Result;
    size_t At = 3;
    for (; At < Name.size() && Name[At] >= '0' && Name[At] <= '9' && At < 6; ++At)
      Result.Number = Result.Number * 10 + (Name[At] - '0');
    Result.IsExact = At < Name.size() && Name[At] == 'a';
    bool IsWhole = At + Result.IsExact == Name.size();
    if (Name.compare(0, 3, "sm_") != 0 || At == 3 || !IsWhole)
      return std::nullopt;
    return Result;
  }
  bool runsOn(int Capability) const {
    return IsExact ? Capability == Number : Capability >= Number;
  }
};
} // namespace

/// The newest target whose code the GPU runs, else the oldest one.
static std::string targetFor(int Capability) {
  std::string Best = gpuTargets().front();
  for (const std::string &Name : gpuTargets())
    if (std::stoi(Name.substr(2)) <= Capability)
      Best = Name;
  return Best;
}

Status GpuDevice::checkTarget(const artefact::Kernel &Kernel) {
  const artefact::Variant &Variant = Kernel.Variants.front();
  std::optional<Architecture> BuiltFor = Architecture::parse(Variant.Isa);
  if (!BuiltFor)
    return makeError(StatusCode::BadInput, Folder, ": kernel \"", Kernel.Name, "\" is for \"",
                     Variant.Isa, "\", which is no GPU architecture");
  const GpuProperties &Gpu = Driver->properties();
  int Capability = 10 * Gpu.Major + Gpu.Minor;
  if (!BuiltFor->runsOn(Capability))
    return makeError(StatusCode::Unsupported, Folder, ": built for ", Variant.Isa, ", this GPU (",
                     Gpu.Name, ") is sm_", Capability,
                     ", recompile with --target=", targetFor(Capability));
  if (Variant.SharedBytes > Gpu.SharedBytes)
    return makeError(StatusCode::Unsupported, Folder, ": kernel \"", Kernel.Name, "\" shares ",
                     Variant.SharedBytes, " bytes in a block, this GPU (", Gpu.Name, ") has ",
                     Gpu.SharedBytes);
  Isa = Variant.Isa;
  return {};
}

Result<uint64_t> GpuDevice::loadFile(const Artefact &Contents, const char *Name) {
  Result<MappedFile> File = MappedFile::open(Contents.filePath(Name), MappedFile::Links::Refuse);
  if (!File)
    return File.status();
  Result<uint64_t> Loaded = Driver->loadModule(std::string(File->text()));
  if (!Loaded)
    return Loaded.status().within(Contents.filePath(Name));
  return Loaded;
}

/// Machine code where there is some for this GPU, else the text, which the driver compiles.
Result<uint64_t> GpuDevice::loadCode(const Artefact &Contents) {
  auto Lists = [&](const char *Name) {
    return std::any_of(Contents.Manifest.Files.begin(), Contents.Manifest.Files.end(),
                       [&](const artefact::FileRecord &File) { return File.Name == Name; });
  };
  if (!Lists(artefact::PtxFile))
    return makeError(StatusCode::BadInput, Contents.filePath(artefact::ManifestFile),
                     ": does not list ", artefact::PtxFile);
  if (Lists(artefact::CubinFile)) {
    Result<uint64_t> Loaded = loadFile(Contents, artefact::CubinFile);
    if (Loaded || Loaded.status().code() != StatusCode::Unsupported)
      return Loaded;
  }
  return loadFile(Contents, artefact::PtxFile);
}

Status GpuDevice::loadKernels(const Artefact &Contents) {
  for (const artefact::Kernel &Kernel : Program.Kernels)
    if (Status S = checkTarget(Kernel); !S.ok())
      return S;
  Result<uint64_t> Module = loadCode(Contents);
  if (!Module)
    return Module.status();
  for (const artefact::Kernel &Kernel : Program.Kernels) {
    const artefact::Variant &Variant = Kernel.Variants.front();
    Result<uint64_t> Function = Driver->getFunction(*Module, Variant.Symbol, Variant.SharedBytes);
    if (!Function)
      return Function.status().within(Folder);
    Kernels.push_back({*Function, static_cast<uint32_t>(Variant.Threads),
                       static_cast<uint32_t>(Variant.SharedBytes)});
  }
  size_t Most = 0;
  for (const artefact::Launch &Launch : Program.Launches)
    Most = std::max(Most, Launch.Buffers.size());
  Parameters.reserve(Most + Program.Symbols.size());
  return {};
}

//===- Memory ---------------------------------------------------------------------------------===//

GpuDevice::~GpuDevice() {
  for (void *Constant : Constants)
    Driver->release(toGpu(Constant));
}

Result<void *> GpuDevice::allocate(int64_t Bytes) {
  if (Bytes == 0)
    return static_cast<void *>(nullptr);
  std::lock_guard<std::mutex> Lock(Turn);
  Result<GpuAddress> Address = Driver->allocate(Bytes);
  if (!Address)
    return Address.status();
  if (Status S = Driver->clear(*Address, Bytes); !S.ok()) {
    Driver->release(*Address);
    return S;
  }
  UsedBytes += Bytes;
  PeakBytes = std::max(PeakBytes, UsedBytes);
  return reinterpret_cast<void *>(*Address);
}

void GpuDevice::release(void *Address, int64_t Bytes) {
  if (!Address)
    return;
  std::lock_guard<std::mutex> Lock(Turn);
  Driver->release(toGpu(Address));
  UsedBytes -= Bytes;
}

Status GpuDevice::clear(void *Address, int64_t Bytes) {
  std::lock_guard<std::mutex> Lock(Turn);
  return Bytes ? Driver->clear(toGpu(Address), Bytes) : Status();
}

Status GpuDevice::copy(void *To, const void *From, int64_t Bytes) {
  std::lock_guard<std::mutex> Lock(Turn);
  return Bytes ? Driver->copyOnDevice(toGpu(To), toGpu(From), Bytes) : Status();
}

Status GpuDevice::copyToDevice(void *To, const void *From, int64_t Bytes) {
  std::lock_guard<std::mutex> Lock(Turn);
  return Bytes ? Driver->copyToDevice(toGpu(To), From, Bytes) : Status();
}

Status GpuDevice::copyToHost(void *To, const void *From, int64_t Bytes) {
  std::lock_guard<std::mutex> Lock(Turn);
  return Bytes ? Driver->copyToHost(To, toGpu(From), Bytes) : Status();
}

Result<void *> GpuDevice::importConstant(const void *Data, int64_t Bytes) {
  Result<void *> Address = allocate(Bytes);
  if (!Address)
    return Address;
  if (*Address)
    Constants.push_back(*Address);
  if (Status S = copyToDevice(*Address, Data, Bytes); !S.ok())
    return S;
  return Address;
}

//===- Launches -------------------------------------------------------------------------------===//

Status GpuDevice::launch(const Step &Step, const BoundLaunch &Bound) {
  const artefact::Launch &Launch = Program.Launches[Bound.Launch];
  if (Bound.Items > MaxBlocks)
    return makeError(StatusCode::ResourceLimit, "launch \"", Launch.Name, "\" has ", Bound.Items,
                     " blocks, a grid can have ", MaxBlocks);
  Parameters.clear();
  // The driver only reads what the parameters point to.
  for (size_t I = 0; I < Launch.Buffers.size(); ++I)
    Parameters.push_back(const_cast<void **>(&Bound.Buffers[I]));
  for (size_t I = 0; I < Program.Symbols.size(); ++I)
    Parameters.push_back(const_cast<int64_t *>(&Step.Symbols[I]));
  const LoadedKernel &Kernel = Kernels[Launch.Kernel];
  GpuLaunch Call;
  Call.Function = Kernel.Function;
  Call.Grid[0] = static_cast<uint32_t>(Bound.Items);
  Call.Block[0] = Kernel.Threads;
  Call.SharedBytes = Kernel.SharedBytes;
  Call.Parameters = Parameters.data();
  return Driver->launch(Call).within(Launch.Name);
}

Status GpuDevice::run(const Step &Step) {
  using Clock = std::chrono::steady_clock;
  std::lock_guard<std::mutex> Lock(Turn);
  for (size_t I = 0; I < Step.Count; ++I) {
    const BoundLaunch &Bound = Step.Launches[I];
    Clock::time_point Begin = Step.Seconds ? Clock::now() : Clock::time_point();
    if (Status S = launch(Step, Bound); !S.ok())
      return S;
    if (!Step.Seconds)
      continue;
    // A launch can only be timed when it has ended.
    if (Status S = Driver->synchronize(); !S.ok())
      return S.within(Program.Launches[Bound.Launch].Name);
    Step.Seconds[Bound.Launch] += std::chrono::duration<double>(Clock::now() - Begin).count();
  }
  return Driver->synchronize();
}

Result<std::unique_ptr<Device>> createGpuDevice(const Artefact &Artefact,
                                                const GpuDriverFactory &OpenDriver) {
  Result<std::unique_ptr<GpuDriver>> Driver = OpenDriver();
  if (!Driver)
    return Driver.status().within(Artefact.Folder);
  auto Made = std::make_unique<GpuDevice>(Artefact, std::move(*Driver));
  if (Status S = Made->loadKernels(Artefact); !S.ok())
    return S;
  return std::unique_ptr<Device>(std::move(Made));
}

} // namespace qopt::runtime
