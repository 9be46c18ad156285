// The launch interface: what a machine must offer so that the runtime can run a launch table on it.
// Everything above it (sessions, the decode schedule, the tools) is the same for every device.
#ifndef QOPT_RUNTIME_DEVICE_H
#define QOPT_RUNTIME_DEVICE_H

#include "qopt/Base/Status.h"
#include "qopt/Package/ArtefactReader.h"
#include "qopt/Runtime/qopt.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace qopt::runtime {

/// A launch whose guards hold, with its sizes and addresses known.
struct BoundLaunch {
  int64_t Launch = 0;             ///< index in Program::Launches
  int64_t Items = 0;              ///< independent work items
  void *const *Buffers = nullptr; ///< device addresses in the launch's order
};

/// One walk over the launch table.
struct Step {
  const int64_t *Symbols = nullptr; ///< values in the order of Program::Symbols
  const BoundLaunch *Launches = nullptr;
  size_t Count = 0;
  /// For profiling, else nullptr: the seconds of each launch are added at its index in
  /// Program::Launches.
  double *Seconds = nullptr;
};

/// Memory of the caller that a step reads or writes.
struct HostTensor {
  int64_t Buffer = 0; ///< index in Program::Buffers
  void *Data = nullptr;
  int64_t Bytes = 0;
};

/// Where the inputs and outputs of one session lie while a step runs.
class HostWindow {
public:
  virtual ~HostWindow() = default;

  /// Gives the address that launches use for an input (its contents are taken now) or an output.
  virtual Result<void *> attachInput(const HostTensor &Tensor) = 0;
  virtual Result<void *> attachOutput(const HostTensor &Tensor) = 0;
  /// After the step: the output's contents are in the caller's memory when this returns.
  virtual Status fetchOutput(const HostTensor &Tensor, void *Address) = 0;
};

/// Addresses that a device gives out mean something to it and its kernels only. Calls may come from
/// several threads, each for its own session.
class Device {
public:
  virtual ~Device() = default;

  /// Zeroed memory at a multiple of 64 bytes; nullptr for no bytes. Errors: ResourceLimit.
  virtual Result<void *> allocate(int64_t Bytes) = 0;
  virtual void release(void *Address, int64_t Bytes) = 0;
  virtual Status clear(void *Address, int64_t Bytes) = 0;
  virtual Status copy(void *To, const void *From, int64_t Bytes) = 0;
  /// From the host's memory into the device's, and back.
  virtual Status copyToDevice(void *To, const void *From, int64_t Bytes) = 0;
  virtual Status copyToHost(void *To, const void *From, int64_t Bytes) = 0;

  /// Makes constant data of the host (mapped weights, tables), which stays where it is as long as
  /// the device lives, readable by kernels.
  virtual Result<void *> importConstant(const void *Data, int64_t Bytes) = 0;

  /// A session's window; it goes before the device. Errors: ResourceLimit.
  virtual Result<std::unique_ptr<HostWindow>> openWindow() = 0;

  /// Runs the launches in order; each sees the results of those before.
  virtual Status run(const Step &Step) = 0;

  virtual int workers() const = 0;
  virtual int64_t scratchBytes() const = 0;
  /// The most bytes of the device's own memory that were in use at once; nothing is allocated while
  /// launches run. 0 where kernels use the host's memory.
  virtual int64_t peakDeviceBytes() const = 0;
  /// The best instruction set or architecture that any chosen kernel uses.
  virtual const std::string &isa() const = 0;
};

struct DeviceOptions {
  int Threads = 0; ///< 0: as many as this process may use
  qopt_parallel_for ParallelFor = nullptr;
  void *HostContext = nullptr;
  std::string Isa; ///< empty: the environment's QOPT_ISA, else the best
};

/// Loads the artefact's code onto a device. The artefact outlives the device.
using DeviceFactory =
    std::function<Result<std::unique_ptr<Device>>(const Artefact &, const DeviceOptions &)>;

/// The device for the manifest's target. Errors: Unsupported for a target this build cannot run.
Result<std::unique_ptr<Device>> createDevice(const Artefact &Artefact,
                                             const DeviceOptions &Options);

/// Device memory with an owner.
class DeviceMemory {
public:
  DeviceMemory() = default;
  ~DeviceMemory();
  DeviceMemory(DeviceMemory &&Other) noexcept;
  DeviceMemory &operator=(DeviceMemory &&Other) noexcept;

  static Result<DeviceMemory> allocate(Device &Device, int64_t Bytes);

  char *address() const { return static_cast<char *>(Address); }
  int64_t bytes() const { return Bytes; }

private:
  Device *Owner = nullptr;
  void *Address = nullptr;
  int64_t Bytes = 0;
};

} // namespace qopt::runtime

#endif
