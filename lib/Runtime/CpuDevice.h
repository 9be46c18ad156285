// The processor as a device: memory is the host's own, kernels are functions of module.so.
#ifndef QOPT_LIB_RUNTIME_CPUDEVICE_H
#define QOPT_LIB_RUNTIME_CPUDEVICE_H

#include "Module.h"
#include "WorkerPool.h"
#include "qopt/Runtime/Device.h"

#include <mutex>

namespace qopt::runtime {

/// Each worker walks the launches for itself and runs its contiguous share of every launch's items:
/// of n items, worker w of W has [n*w/W, n*(w+1)/W). With threads of our own a step is one parallel
/// section with a barrier after each launch; a host's parallel_for need not run its calls at the
/// same time, so it is called once per launch. Steps of several sessions take turns.
class CpuDevice final : public Device {
public:
  static Result<std::unique_ptr<Device>> create(const Artefact &Artefact,
                                                const DeviceOptions &Options);
  ~CpuDevice() override;

  Result<void *> allocate(int64_t Bytes) override;
  void release(void *Address, int64_t Bytes) override;
  Status clear(void *Address, int64_t Bytes) override;
  Status copy(void *To, const void *From, int64_t Bytes) override;
  Status copyToDevice(void *To, const void *From, int64_t Bytes) override {
    return copy(To, From, Bytes);
  }
  Status copyToHost(void *To, const void *From, int64_t Bytes) override {
    return copy(To, From, Bytes);
  }
  Result<void *> importConstant(const void *Data, int64_t Bytes) override;
  Result<std::unique_ptr<HostWindow>> openWindow() override;
  Status run(const Step &Step) override;
  int workers() const override { return Workers; }
  int64_t scratchBytes() const override { return ScratchStride * Workers; }
  int64_t peakDeviceBytes() const override { return 0; }
  const std::string &isa() const override { return Isa; }

private:
  CpuDevice() = default;
  Status loadKernels(const Artefact &Artefact, const std::string &ForcedIsa);
  Status startWorkers(const DeviceOptions &Options);
  void runShare(const Step &Step, const BoundLaunch &Launch, int Worker) const;
  void walk(const Step &Step, int Worker);
  void walkWithHost(const Step &Step);

  Module Code;
  std::vector<KernelFunction> LaunchKernels; ///< per launch of the program
  std::string Isa;
  int Workers = 1;
  std::unique_ptr<WorkerPool> Pool; ///< without a host's parallel_for and with several workers
  qopt_parallel_for ParallelFor = nullptr;
  void *HostContext = nullptr;
  char *Scratch = nullptr;
  int64_t ScratchStride = 0;
  std::mutex Turn;
};

} // namespace qopt::runtime

#endif
