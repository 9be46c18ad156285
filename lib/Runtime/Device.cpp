#include "qopt/Runtime/Device.h"

#include "CpuDevice.h"
#include "qopt/Runtime/GpuDevice.h"

#include <utility>

namespace qopt::runtime {

Result<std::unique_ptr<Device>> createDevice(const Artefact &Artefact,
                                             const DeviceOptions &Options) {
  if (Artefact.Manifest.Target == "cpu")
    return CpuDevice::create(Artefact, Options);
  if (isGpuTarget(Artefact.Manifest.Target))
    return createGpuDevice(Artefact, [] { return openCudaDriver(); });
  std::string Known = "cpu";
  for (const std::string &Name : gpuTargets())
    Known += ", " + Name;
  return makeError(StatusCode::Unsupported, Artefact.Folder, ": is built for ",
                   Artefact.Manifest.Target, ", this runtime runs ", Known,
                   "; recompile with --target=cpu");
}

DeviceMemory::~DeviceMemory() {
  if (Owner)
    Owner->release(Address, Bytes);
}

DeviceMemory::DeviceMemory(DeviceMemory &&Other) noexcept { *this = std::move(Other); }

DeviceMemory &DeviceMemory::operator=(DeviceMemory &&Other) noexcept {
  std::swap(Owner, Other.Owner);
  std::swap(Address, Other.Address);
  std::swap(Bytes, Other.Bytes);
  return *this;
}

Result<DeviceMemory> DeviceMemory::allocate(Device &Device, int64_t Bytes) {
  Result<void *> Address = Device.allocate(Bytes);
  if (!Address)
    return Address.status();
  DeviceMemory Memory;
  Memory.Owner = &Device;
  Memory.Address = *Address;
  Memory.Bytes = Bytes;
  return Memory;
}

} // namespace qopt::runtime
