// What the runtime needs of a GPU's driver: a thin, testable cut of the CUDA driver API. One
// implementation opens libcuda.so.1 at run time; the PTX simulator of the test tree is another.
#ifndef QOPT_RUNTIME_GPUDRIVER_H
#define QOPT_RUNTIME_GPUDRIVER_H

#include "qopt/Base/Status.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace qopt::runtime {

/// A device address as kernels see it.
using GpuAddress = uint64_t;

struct GpuProperties {
  std::string Name; ///< as people know it: "NVIDIA H100"
  int Major = 0;    ///< compute capability 9.0: 9, 0
  int Minor = 0;
  int Multiprocessors = 0;
  int64_t SharedBytes = 0; ///< dynamic shared memory a block may ask for
  int64_t MemoryBytes = 0;
  int DriverVersion = 0; ///< newest CUDA version it knows: 13000 is 13.0
};

/// CUtensorMap's 128 bytes: passed by value as a kernel's parameter, at a multiple of 64 bytes.
struct alignas(64) TensorMap {
  std::array<uint64_t, 16> Words{};
};

enum class TensorElement { U8, U16, U32, F16, BF16, F32 };
enum class TensorSwizzle { None, Bytes32, Bytes64, Bytes128 };

/// cuTensorMapEncodeTiled's arguments (rank 1 to 5, dimension 0 innermost, no interleave, element
/// strides of 1, zeros out of bounds).
struct TensorMapShape {
  GpuAddress Base = 0; ///< a multiple of 16
  TensorElement Element = TensorElement::U8;
  std::vector<uint64_t> Sizes;   ///< elements
  std::vector<uint64_t> Strides; ///< bytes, of dimension 1 and up; multiples of 16
  std::vector<uint32_t> Box;     ///< elements
  TensorSwizzle Swizzle = TensorSwizzle::None;
};

struct GpuLaunch {
  uint64_t Function = 0; ///< from getFunction
  std::array<uint32_t, 3> Grid{1, 1, 1};
  std::array<uint32_t, 3> Block{1, 1, 1};
  uint32_t SharedBytes = 0; ///< dynamic
  /// One address for each parameter of the kernel, in order, where its value lies.
  void *const *Parameters = nullptr;
};

/// All calls are in order: a later one sees what earlier ones did. `launch` may return before the
/// kernel has ended; `copyToHost` and `synchronize` wait. Errors carry the driver's own name and
/// words. Not for several threads at once.
class GpuDriver {
public:
  virtual ~GpuDriver() = default;

  virtual const GpuProperties &properties() const = 0;

  /// At a multiple of 256 bytes; contents undefined. Errors: ResourceLimit with the bytes asked for
  /// and free.
  virtual Result<GpuAddress> allocate(int64_t Bytes) = 0;
  virtual void release(GpuAddress Address) = 0;
  virtual Status clear(GpuAddress Address, int64_t Bytes) = 0;
  virtual Status copyToDevice(GpuAddress To, const void *From, int64_t Bytes) = 0;
  virtual Status copyToHost(void *To, GpuAddress From, int64_t Bytes) = 0;
  virtual Status copyOnDevice(GpuAddress To, GpuAddress From, int64_t Bytes) = 0;

  /// Loads PTX text or a cubin; lives as long as the driver. Errors: Unsupported where it does not
  /// fit this GPU.
  virtual Result<uint64_t> loadModule(const std::string &Image) = 0;
  /// `SharedBytes`: the dynamic shared memory that launches of it will ask for at most.
  virtual Result<uint64_t> getFunction(uint64_t Module, const std::string &Name,
                                       int64_t SharedBytes) = 0;

  virtual Result<TensorMap> encodeTensorMap(const TensorMapShape &Shape) = 0;

  virtual Status launch(const GpuLaunch &Launch) = 0;
  /// Errors: what a kernel did wrong since the last call.
  virtual Status synchronize() = 0;
};

} // namespace qopt::runtime

#endif
