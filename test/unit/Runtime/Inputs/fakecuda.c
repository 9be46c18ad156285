/* A libcuda.so.1 for tests: one GPU whose memory is the host's. The environment decides what is
 * wrong with it. */
#include <stdlib.h>
#include <string.h>

typedef unsigned long long Address;

enum { OutOfMemory = 2, NoDevice = 100, NoBinary = 209, UnsupportedPtx = 222, NotFound = 500 };

static int setting(const char *Name, int Default) {
  const char *Text = getenv(Name);
  return Text ? atoi(Text) : Default;
}

int cuInit(unsigned Flags) { return (int)Flags; }
int cuDriverGetVersion(int *Version) {
  *Version = setting("QOPT_TEST_CUDA_VERSION", 13000);
  return 0;
}
int cuDeviceGetCount(int *Count) {
  *Count = setting("QOPT_TEST_CUDA_GPUS", 1);
  return 0;
}
int cuDeviceGet(int *Device, int Ordinal) {
  *Device = Ordinal;
  return 0;
}
int cuDeviceGetName(char *Name, int Size, int Device) {
  strncpy(Name, "Test GPU", (size_t)Size);
  return Device;
}
int cuDeviceGetAttribute(int *Value, int Attribute, int Device) {
  *Value = Attribute == 75 ? 9 : Attribute == 76 ? 0 : Attribute == 16 ? 132 : 232448;
  return Device;
}
int cuDeviceTotalMem_v2(size_t *Bytes, int Device) {
  *Bytes = 1 << 30;
  return Device;
}
int cuDevicePrimaryCtxRetain(void **Context, int Device) {
  static int Only;
  *Context = &Only;
  return Device;
}
int cuDevicePrimaryCtxRelease_v2(int Device) { return Device; }
int cuCtxSetCurrent(void *Context) { return Context ? 0 : 1; }
int cuCtxSynchronize(void) { return 0; }
int cuMemAlloc_v2(Address *Result, size_t Bytes) {
  if (Bytes > 1 << 20)
    return OutOfMemory;
  *Result = (Address)aligned_alloc(256, (Bytes + 255) / 256 * 256);
  return 0;
}
int cuMemFree_v2(Address Memory) {
  free((void *)Memory);
  return 0;
}
int cuMemGetInfo_v2(size_t *Free, size_t *Total) {
  *Free = 1 << 20;
  *Total = 1 << 30;
  return 0;
}
int cuMemsetD8_v2(Address To, unsigned char Byte, size_t Bytes) {
  memset((void *)To, Byte, Bytes);
  return 0;
}
int cuMemcpyHtoD_v2(Address To, const void *From, size_t Bytes) {
  memcpy((void *)To, From, Bytes);
  return 0;
}
int cuMemcpyDtoH_v2(void *To, Address From, size_t Bytes) {
  memcpy(To, (void *)From, Bytes);
  return 0;
}
int cuMemcpyDtoD_v2(Address To, Address From, size_t Bytes) {
  memcpy((void *)To, (void *)From, Bytes);
  return 0;
}
int cuModuleLoadData(void **Module, const void *Image) {
  *Module = (void *)Image;
  if (strncmp(Image, "newer", 5) == 0)
    return UnsupportedPtx;
  return strncmp(Image, "other", 5) == 0 ? NoBinary : 0;
}
int cuModuleUnload(void *Module) { return Module ? 0 : 1; }

/* The one kernel, "fill": (address, count, unused): count bytes become the block's size. */
static int SharedLimit;
int cuModuleGetFunction(void **Function, void *Module, const char *Name) {
  *Function = &SharedLimit;
  return Module && strcmp(Name, "fill") == 0 ? 0 : NotFound;
}
int cuFuncSetAttribute(void *Function, int Attribute, int Value) {
  *(int *)Function = Value;
  return Attribute == 8 ? 0 : 1;
}
int cuLaunchKernel(void *Function, unsigned GridX, unsigned GridY, unsigned GridZ, unsigned BlockX,
                   unsigned BlockY, unsigned BlockZ, unsigned Shared, void *Stream,
                   void *const *Parameters, void **Extra) {
  if (GridX * GridY * GridZ == 0 || BlockY != 1 || BlockZ != 1 || Stream || Extra ||
      (int)Shared > *(int *)Function)
    return 1;
  memset(*(void **)Parameters[0], (int)BlockX, *(size_t *)Parameters[1]);
  return 0;
}
int cuTensorMapEncodeTiled(void *Map, int Type, unsigned Rank, void *Base, const Address *Sizes,
                           const Address *Strides, const unsigned *Box, const unsigned *Steps,
                           int Interleave, int Swizzle, int Promotion, int Fill) {
  memset(Map, Type + (int)Rank + Swizzle, 128);
  return Base && Sizes[0] && (Rank < 2 || Strides[0]) && Box[0] && Steps[0] == 1 &&
                 Interleave == 0 && Promotion >= 0 && Fill == 0
             ? 0
             : 1;
}
int cuGetErrorName(int Code, const char **Text) {
  *Text = Code == OutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR";
  return 0;
}
int cuGetErrorString(int Code, const char **Text) {
  *Text = Code == OutOfMemory ? "out of memory" : "something is wrong";
  return 0;
}
