// The CUDA driver against a library of the same functions.
#include "qopt/Runtime/GpuDevice.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace qopt;
using runtime::openCudaDriver;

namespace {
/// A variable of the environment, for the length of a test.
class Setting {
public:
  Setting(const char *Name, const char *Value) : Name(Name) { setenv(Name, Value, 1); }
  ~Setting() { unsetenv(Name); }

private:
  const char *Name;
};

void expectError(const Status &S, StatusCode Code, const char *Part) {
  EXPECT_EQ(S.code(), Code) << S.message();
  EXPECT_NE(S.message().find(Part), std::string::npos) << S.message();
}
} // namespace

TEST(CudaDriver, NoLibrary) {
  expectError(openCudaDriver("libnothing.so.1").status(), StatusCode::Unsupported,
              "no NVIDIA driver: libnothing.so.1 cannot be opened");
}

TEST(CudaDriver, TooOld) {
  Setting Version("QOPT_TEST_CUDA_VERSION", "11080");
  expectError(openCudaDriver(QOPT_TEST_CUDA).status(), StatusCode::Unsupported,
              "too old (it knows CUDA 11.8); programs need one for CUDA 12.0");
}

TEST(CudaDriver, NoGpu) {
  Setting Gpus("QOPT_TEST_CUDA_GPUS", "0");
  expectError(openCudaDriver(QOPT_TEST_CUDA).status(), StatusCode::Unsupported, "shows no GPU");
}

TEST(CudaDriver, Properties) {
  auto Driver = openCudaDriver(QOPT_TEST_CUDA);
  ASSERT_TRUE(Driver) << Driver.status().message();
  const runtime::GpuProperties &P = (*Driver)->properties();
  EXPECT_EQ(P.Name, "Test GPU");
  EXPECT_EQ(10 * P.Major + P.Minor, 90);
  EXPECT_EQ(P.Multiprocessors, 132);
  EXPECT_EQ(P.SharedBytes, 232448);
  EXPECT_EQ(P.MemoryBytes, 1 << 30);
  EXPECT_EQ(P.DriverVersion, 13000);
}

TEST(CudaDriver, LaunchesAndCopies) {
  auto Driver = openCudaDriver(QOPT_TEST_CUDA);
  ASSERT_TRUE(Driver) << Driver.status().message();
  auto Module = (*Driver)->loadModule("text");
  ASSERT_TRUE(Module) << Module.status().message();
  auto Function = (*Driver)->getFunction(*Module, "fill", 1024);
  ASSERT_TRUE(Function) << Function.status().message();
  auto Memory = (*Driver)->allocate(64);
  ASSERT_TRUE(Memory) << Memory.status().message();
  ASSERT_TRUE((*Driver)->clear(*Memory, 64).ok());

  int64_t Count = 5;
  void *Parameters[] = {&*Memory, &Count};
  runtime::GpuLaunch Launch;
  Launch.Function = *Function;
  Launch.Block[0] = 96;
  Launch.SharedBytes = 1024;
  Launch.Parameters = Parameters;
  ASSERT_TRUE((*Driver)->launch(Launch).ok());
  ASSERT_TRUE((*Driver)->synchronize().ok());
  char Bytes[8];
  ASSERT_TRUE((*Driver)->copyToHost(Bytes, *Memory, 8).ok());
  EXPECT_EQ(std::string(Bytes, 8), std::string("`````\0\0\0", 8));
  ASSERT_TRUE((*Driver)->copyToDevice(*Memory, "abcdefgh", 8).ok());
  ASSERT_TRUE((*Driver)->copyOnDevice(*Memory + 4, *Memory, 4).ok());
  ASSERT_TRUE((*Driver)->copyToHost(Bytes, *Memory, 8).ok());
  EXPECT_EQ(std::string(Bytes, 8), "abcdabcd");
  (*Driver)->release(*Memory);
}

TEST(CudaDriver, Errors) {
  auto Driver = openCudaDriver(QOPT_TEST_CUDA);
  ASSERT_TRUE(Driver) << Driver.status().message();
  expectError((*Driver)->allocate(2 << 20).status(), StatusCode::ResourceLimit,
              "cannot allocate 2097152 bytes on Test GPU, 1048576 of 1073741824 are free");
  expectError((*Driver)->loadModule("newer").status(), StatusCode::Unsupported,
              "(for CUDA 13.0) is too old for these kernels");
  expectError((*Driver)->loadModule("other").status(), StatusCode::Unsupported,
              "does not fit Test GPU");
  auto Module = (*Driver)->loadModule("text");
  ASSERT_TRUE(Module);
  expectError((*Driver)->getFunction(*Module, "nowhere", 0).status(), StatusCode::BadInput,
              "the code has no kernel \"nowhere\"");
  auto Function = (*Driver)->getFunction(*Module, "fill", 64);
  ASSERT_TRUE(Function);
  runtime::GpuLaunch TooMuchShared;
  TooMuchShared.Function = *Function;
  TooMuchShared.SharedBytes = 128;
  expectError((*Driver)->launch(TooMuchShared), StatusCode::Failed, "cuLaunchKernel: CUDA_ERROR");
}

TEST(CudaDriver, TensorMaps) {
  auto Driver = openCudaDriver(QOPT_TEST_CUDA);
  ASSERT_TRUE(Driver) << Driver.status().message();
  runtime::TensorMapShape Shape;
  Shape.Base = 4096;
  Shape.Element = runtime::TensorElement::BF16;
  Shape.Sizes = {64, 8};
  Shape.Strides = {128};
  Shape.Box = {64, 8};
  Shape.Swizzle = runtime::TensorSwizzle::Bytes128;
  auto Map = (*Driver)->encodeTensorMap(Shape);
  ASSERT_TRUE(Map) << Map.status().message();
  // The numbers of cuda.h: BFLOAT16 is 9, a swizzle of 128 bytes 3.
  EXPECT_EQ(Map->Words[0] & 0xff, uint64_t(9 + 2 + 3));
}
