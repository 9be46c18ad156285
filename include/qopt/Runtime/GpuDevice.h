// NVIDIA GPUs as devices: programs whose manifest names one of gpuTargets().
#ifndef QOPT_RUNTIME_GPUDEVICE_H
#define QOPT_RUNTIME_GPUDEVICE_H

#include "qopt/Runtime/Device.h"
#include "qopt/Runtime/GpuDriver.h"

namespace qopt::runtime {

/// Gives the driver that a program runs through: CUDA's, or another one behind the same interface.
using GpuDriverFactory = std::function<Result<std::unique_ptr<GpuDriver>>()>;

/// The names that --target takes for GPUs, the oldest first: "sm80"…
const std::vector<std::string> &gpuTargets();
bool isGpuTarget(const std::string &Target);

/// The first GPU that the driver library shows. Errors: Unsupported without a driver, without a GPU
/// or with a driver that is too old.
Result<std::unique_ptr<GpuDriver>> openCudaDriver(const std::string &Library = "libcuda.so.1");

/// Loads the artefact's kernels. All memory is allocated before the first launch, by this function,
/// importConstant, openWindow and the session. Errors: Unsupported where the kernels are for
/// another GPU; those of the driver.
Result<std::unique_ptr<Device>> createGpuDevice(const Artefact &Artefact,
                                                const GpuDriverFactory &OpenDriver);

} // namespace qopt::runtime

#endif
