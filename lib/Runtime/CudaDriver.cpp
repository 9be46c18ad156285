// The CUDA driver API, found at run time: nothing of CUDA is needed to build. The declarations here
// are those of cuda.h for the few functions that are called.
#include "qopt/Runtime/GpuDevice.h"

#include <dlfcn.h>

namespace qopt::runtime {

/// The oldest driver whose compiler knows the PTX that is emitted (8.0): CUDA 12.0.
static constexpr int OldestDriver = 12000;

namespace {

using CuResult = int;
using CuDevice = int;
using CuHandle = void *; ///< a context, module, function or stream

constexpr CuResult OutOfMemory = 2;          ///< CUDA_ERROR_OUT_OF_MEMORY
constexpr CuResult NoDevice = 100;           ///< CUDA_ERROR_NO_DEVICE
constexpr CuResult NoBinaryForGpu = 209;     ///< CUDA_ERROR_NO_BINARY_FOR_GPU
constexpr CuResult InvalidPtx = 218;         ///< CUDA_ERROR_INVALID_PTX
constexpr CuResult UnsupportedVersion = 222; ///< CUDA_ERROR_UNSUPPORTED_PTX_VERSION

// CUdevice_attribute and CUfunction_attribute
constexpr int MultiprocessorCount = 16, CapabilityMajor = 75, CapabilityMinor = 76,
              SharedPerBlockOptin = 97;
constexpr int MaxDynamicShared = 8;

/// One pointer for each function of the library.
struct Functions {
  CuResult (*Init)(unsigned);
  CuResult (*DriverGetVersion)(int *);
  CuResult (*DeviceGetCount)(int *);
  CuResult (*DeviceGet)(CuDevice *, int);
  CuResult (*DeviceGetName)(char *, int, CuDevice);
  CuResult (*DeviceGetAttribute)(int *, int, CuDevice);
  CuResult (*DeviceTotalMem)(size_t *, CuDevice);
  CuResult (*DevicePrimaryCtxRetain)(CuHandle *, CuDevice);
  CuResult (*DevicePrimaryCtxRelease)(CuDevice);
  CuResult (*CtxSetCurrent)(CuHandle);
  CuResult (*CtxSynchronize)();
  CuResult (*MemAlloc)(GpuAddress *, size_t);
  CuResult (*MemFree)(GpuAddress);
  CuResult (*MemGetInfo)(size_t *, size_t *);
  CuResult (*MemsetD8)(GpuAddress, unsigned char, size_t);
  CuResult (*MemcpyHtoD)(GpuAddress, const void *, size_t);
  CuResult (*MemcpyDtoH)(void *, GpuAddress, size_t);
  CuResult (*MemcpyDtoD)(GpuAddress, GpuAddress, size_t);
  CuResult (*ModuleLoadData)(CuHandle *, const void *);
  CuResult (*ModuleUnload)(CuHandle);
  CuResult (*ModuleGetFunction)(CuHandle *, CuHandle, const char *);
  CuResult (*FuncSetAttribute)(CuHandle, int, int);
  CuResult (*LaunchKernel)(CuHandle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                           unsigned, CuHandle, void *const *, void **);
  CuResult (*TensorMapEncodeTiled)(TensorMap *, int, unsigned, void *, const uint64_t *,
                                   const uint64_t *, const unsigned *, const unsigned *, int, int,
                                   int, int);
  CuResult (*GetErrorName)(CuResult, const char **);
  CuResult (*GetErrorString)(CuResult, const char **);
};

class Library {
public:
  ~Library() {
    if (Handle)
      dlclose(Handle);
  }
  Status open(const std::string &Name);
  const Functions &api() const { return Api; }
  Status check(CuResult Code, const char *Call) const;
  std::string describe(CuResult Code) const;

private:
  template <typename F> void find(F &Pointer, const char *Name) {
    Pointer = reinterpret_cast<F>(dlsym(Handle, Name));
    if (!Pointer && Missing.empty())
      Missing = Name;
  }
  void findAll();

  void *Handle = nullptr;
  Functions Api{};
  std::string Missing;
};

class CudaDriver final : public GpuDriver {
public:
  static Result<std::unique_ptr<GpuDriver>> open(const std::string &Name);
  ~CudaDriver() override;

  const GpuProperties &properties() const override { return Properties; }
  Result<GpuAddress> allocate(int64_t Bytes) override;
  void release(GpuAddress Address) override;
  Status clear(GpuAddress Address, int64_t Bytes) override;
  Status copyToDevice(GpuAddress To, const void *From, int64_t Bytes) override;
  Status copyToHost(void *To, GpuAddress From, int64_t Bytes) override;
  Status copyOnDevice(GpuAddress To, GpuAddress From, int64_t Bytes) override;
  Result<uint64_t> loadModule(const std::string &Image) override;
  Result<uint64_t> getFunction(uint64_t Module, const std::string &Name,
                               int64_t SharedBytes) override;
  Result<TensorMap> encodeTensorMap(const TensorMapShape &Shape) override;
  Status launch(const GpuLaunch &Launch) override;
  Status synchronize() override;

private:
  Status openDevice();
  Status readProperties();
  /// Any thread may call, so each call says which context it means.
  Status enter() const { return Cuda.check(Cuda.api().CtxSetCurrent(Context), "cuCtxSetCurrent"); }
  template <typename Call> Status entered(const char *Name, Call Body) const {
    Status S = enter();
    return S.ok() ? Cuda.check(Body(), Name) : S;
  }

  Library Cuda;
  CuDevice Device = 0;
  CuHandle Context = nullptr;
  std::vector<CuHandle> Modules;
  GpuProperties Properties;
};

} // namespace

//===- The library ----------------------------------------------------------------------------===//

void Library::findAll() {
  find(Api.Init, "cuInit");
  find(Api.DriverGetVersion, "cuDriverGetVersion");
  find(Api.DeviceGetCount, "cuDeviceGetCount");
  find(Api.DeviceGet, "cuDeviceGet");
  find(Api.DeviceGetName, "cuDeviceGetName");
  find(Api.DeviceGetAttribute, "cuDeviceGetAttribute");
  find(Api.DeviceTotalMem, "cuDeviceTotalMem_v2");
  find(Api.DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  find(Api.DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  find(Api.CtxSetCurrent, "cuCtxSetCurrent");
  find(Api.CtxSynchronize, "cuCtxSynchronize");
  find(Api.MemAlloc, "cuMemAlloc_v2");
  find(Api.MemFree, "cuMemFree_v2");
  find(Api.MemGetInfo, "cuMemGetInfo_v2");
  find(Api.MemsetD8, "cuMemsetD8_v2");
  find(Api.MemcpyHtoD, "cuMemcpyHtoD_v2");
  find(Api.MemcpyDtoH, "cuMemcpyDtoH_v2");
  find(Api.MemcpyDtoD, "cuMemcpyDtoD_v2");
  find(Api.ModuleLoadData, "cuModuleLoadData");
  find(Api.ModuleUnload, "cuModuleUnload");
  find(Api.ModuleGetFunction, "cuModuleGetFunction");
  find(Api.FuncSetAttribute, "cuFuncSetAttribute");
  find(Api.LaunchKernel, "cuLaunchKernel");
  find(Api.TensorMapEncodeTiled, "cuTensorMapEncodeTiled");
  find(Api.GetErrorName, "cuGetErrorName");
  find(Api.GetErrorString, "cuGetErrorString");
}

/// 12040 is 12.4.
static std::string versionText(int Version) {
  return std::to_string(Version / 1000) + "." + std::to_string(Version % 1000 / 10);
}

static Status tooOld(const std::string &What) {
  return makeError(StatusCode::Unsupported, "the NVIDIA driver is too old (", What,
                   "); programs need one for CUDA ", versionText(OldestDriver),
                   " or later: update the driver");
}

Status Library::open(const std::string &Name) {
  Handle = dlopen(Name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!Handle)
    return makeError(
        StatusCode::Unsupported, "no NVIDIA driver: ", Name,
        " cannot be opened on this machine; run this artefact where there is a GPU, or "
        "recompile with --target=cpu");
  // The version first: an old driver lacks some of the others.
  find(Api.DriverGetVersion, "cuDriverGetVersion");
  int Version = 0;
  if (Api.DriverGetVersion && Api.DriverGetVersion(&Version) == 0 && Version < OldestDriver)
    return tooOld("it knows CUDA " + versionText(Version));
  findAll();
  return Missing.empty() ? Status() : tooOld("it has no " + Missing);
}

std::string Library::describe(CuResult Code) const {
  const char *Name = nullptr, *Words = nullptr;
  Api.GetErrorName(Code, &Name);
  Api.GetErrorString(Code, &Words);
  return std::string(Name ? Name : "error " + std::to_string(Code)) + (Words ? ": " : "") +
         (Words ? Words : "");
}

Status Library::check(CuResult Code, const char *Call) const {
  if (Code == 0)
    return {};
  return makeError(Code == OutOfMemory ? StatusCode::ResourceLimit : StatusCode::Failed, Call, ": ",
                   describe(Code));
}

//===- The device -----------------------------------------------------------------------------===//

Status CudaDriver::openDevice() {
  const Functions &Api = Cuda.api();
  CuResult Code = Api.Init(0);
  int Count = 0;
  if (Code == 0)
    Code = Api.DeviceGetCount(&Count);
  if (Code == NoDevice || (Code == 0 && Count == 0))
    return Status(StatusCode::Unsupported, "the NVIDIA driver shows no GPU");
  if (Code != 0)
    return makeError(StatusCode::Unsupported,
                     "the NVIDIA driver does not start: ", Cuda.describe(Code));
  if (Status S = Cuda.check(Api.DeviceGet(&Device, 0), "cuDeviceGet"); !S.ok())
    return S;
  return Cuda.check(Api.DevicePrimaryCtxRetain(&Context, Device), "cuDevicePrimaryCtxRetain");
}

Status CudaDriver::readProperties() {
  const Functions &Api = Cuda.api();
  char Name[256] = "";
  int Shared = 0;
  size_t Memory = 0;
  CuResult Code = Api.DeviceGetName(Name, sizeof(Name), Device);
  const std::pair<int, int *> Attributes[] = {{CapabilityMajor, &Properties.Major},
                                              {CapabilityMinor, &Properties.Minor},
                                              {MultiprocessorCount, &Properties.Multiprocessors},
                                              {SharedPerBlockOptin, &Shared}};
  for (auto [Attribute, Value] : Attributes)
    Code = Code ? Code : Api.DeviceGetAttribute(Value, Attribute, Device);
  Code = Code ? Code : Api.DeviceTotalMem(&Memory, Device);
  Code = Code ? Code : Api.DriverGetVersion(&Properties.DriverVersion);
  Properties.Name = Name;
  Properties.SharedBytes = Shared;
  Properties.MemoryBytes = static_cast<int64_t>(Memory);
  return Cuda.check(Code, "cuDeviceGetAttribute");
}

Result<std::unique_ptr<GpuDriver>> CudaDriver::open(const std::string &Name) {
  auto Driver = std::make_unique<CudaDriver>();
  if (Status S = Driver->Cuda.open(Name); !S.ok())
    return S;
  if (Status S = Driver->openDevice(); !S.ok())
    return S;
  if (Status S = Driver->readProperties(); !S.ok())
    return S;
  return std::unique_ptr<GpuDriver>(std::move(Driver));
}

CudaDriver::~CudaDriver() {
  if (!Context || !enter().ok())
    return;
  for (CuHandle Module : Modules)
    Cuda.api().ModuleUnload(Module);
  Cuda.api().DevicePrimaryCtxRelease(Device);
}

//===- Memory ---------------------------------------------------------------------------------===//

Result<GpuAddress> CudaDriver::allocate(int64_t Bytes) {
  if (Status S = enter(); !S.ok())
    return S;
  GpuAddress Address = 0;
  CuResult Code = Cuda.api().MemAlloc(&Address, static_cast<size_t>(Bytes));
  if (Code == 0)
    return Address;
  size_t Free = 0, Total = 0;
  Cuda.api().MemGetInfo(&Free, &Total);
  return makeError(StatusCode::ResourceLimit, "cannot allocate ", Bytes, " bytes on ",
                   Properties.Name, ", ", Free, " of ", Total, " are free: ", Cuda.describe(Code));
}

void CudaDriver::release(GpuAddress Address) {
  if (enter().ok())
    Cuda.api().MemFree(Address);
}

Status CudaDriver::clear(GpuAddress Address, int64_t Bytes) {
  return entered("cuMemsetD8",
                 [&] { return Cuda.api().MemsetD8(Address, 0, static_cast<size_t>(Bytes)); });
}

Status CudaDriver::copyToDevice(GpuAddress To, const void *From, int64_t Bytes) {
  return entered("cuMemcpyHtoD",
                 [&] { return Cuda.api().MemcpyHtoD(To, From, static_cast<size_t>(Bytes)); });
}

Status CudaDriver::copyToHost(void *To, GpuAddress From, int64_t Bytes) {
  return entered("cuMemcpyDtoH",
                 [&] { return Cuda.api().MemcpyDtoH(To, From, static_cast<size_t>(Bytes)); });
}

Status CudaDriver::copyOnDevice(GpuAddress To, GpuAddress From, int64_t Bytes) {
  return entered("cuMemcpyDtoD",
                 [&] { return Cuda.api().MemcpyDtoD(To, From, static_cast<size_t>(Bytes)); });
}

//===- Code -----------------------------------------------------------------------------------===//

Result<uint64_t> CudaDriver::loadModule(const std::string &Image) {
  if (Status S = enter(); !S.ok())
    return S;
  CuHandle Module = nullptr;
  CuResult Code = Cuda.api().ModuleLoadData(&Module, Image.c_str());
  if (Code == UnsupportedVersion)
    return makeError(StatusCode::Unsupported, "the NVIDIA driver (for CUDA ",
                     versionText(Properties.DriverVersion),
                     ") is too old for these kernels; update the driver");
  if (Code == NoBinaryForGpu || Code == InvalidPtx)
    return makeError(StatusCode::Unsupported, "does not fit ", Properties.Name, ": ",
                     Cuda.describe(Code));
  if (Status S = Cuda.check(Code, "cuModuleLoadData"); !S.ok())
    return S;
  Modules.push_back(Module);
  return reinterpret_cast<uint64_t>(Module);
}

Result<uint64_t> CudaDriver::getFunction(uint64_t Module, const std::string &Name,
                                         int64_t SharedBytes) {
  if (Status S = enter(); !S.ok())
    return S;
  CuHandle Function = nullptr;
  CuResult Code =
      Cuda.api().ModuleGetFunction(&Function, reinterpret_cast<CuHandle>(Module), Name.c_str());
  if (Code != 0)
    return makeError(StatusCode::BadInput, "the code has no kernel \"", Name,
                     "\": ", Cuda.describe(Code));
  if (SharedBytes > 0)
    if (Status S = Cuda.check(
            Cuda.api().FuncSetAttribute(Function, MaxDynamicShared, static_cast<int>(SharedBytes)),
            "cuFuncSetAttribute");
        !S.ok())
      return S;
  return reinterpret_cast<uint64_t>(Function);
}

/// CUtensorMapDataType
static int elementCode(TensorElement Element) {
  switch (Element) {
  case TensorElement::U8:
    return 0;
  case TensorElement::U16:
    return 1;
  case TensorElement::U32:
    return 2;
  case TensorElement::F16:
    return 6;
  case TensorElement::F32:
    return 7;
  case TensorElement::BF16:
    return 9;
  }
  return 0;
}

Result<TensorMap> CudaDriver::encodeTensorMap(const TensorMapShape &Shape) {
  TensorMap Map;
  std::vector<unsigned> Ones(Shape.Sizes.size(), 1);
  constexpr int NoInterleave = 0, Promote128Bytes = 2, ZeroFill = 0;
  Status S = entered("cuTensorMapEncodeTiled", [&] {
    return Cuda.api().TensorMapEncodeTiled(
        &Map, elementCode(Shape.Element), static_cast<unsigned>(Shape.Sizes.size()),
        reinterpret_cast<void *>(Shape.Base), Shape.Sizes.data(), Shape.Strides.data(),
        Shape.Box.data(), Ones.data(), NoInterleave, static_cast<int>(Shape.Swizzle),
        Promote128Bytes, ZeroFill);
  });
  if (!S.ok())
    return S;
  return Map;
}

Status CudaDriver::launch(const GpuLaunch &L) {
  return entered("cuLaunchKernel", [&] {
    return Cuda.api().LaunchKernel(reinterpret_cast<CuHandle>(L.Function), L.Grid[0], L.Grid[1],
                                   L.Grid[2], L.Block[0], L.Block[1], L.Block[2], L.SharedBytes,
                                   nullptr, L.Parameters, nullptr);
  });
}

Status CudaDriver::synchronize() {
  return entered("cuCtxSynchronize", [&] { return Cuda.api().CtxSynchronize(); });
}

Result<std::unique_ptr<GpuDriver>> openCudaDriver(const std::string &Library) {
  return CudaDriver::open(Library);
}

} // namespace qopt::runtime
