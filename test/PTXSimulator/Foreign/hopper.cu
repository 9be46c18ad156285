// nvcc -std=c++17 -O3 -ptx -arch=sm_90a hopper.cu -o ptx/hopper.ptx  (CUDA 13.0)
#include <cstdint>

struct alignas(64) Map {
  char Bytes[128];
};

static __device__ uint32_t sharedAddress(const void *Pointer) { return static_cast<uint32_t>(__cvta_generic_to_shared(Pointer)); }
static __device__ void wait(uint32_t Barrier, uint32_t Parity) {
  asm volatile("{ .reg .pred p; L: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1; @!p bra L; }" ::"r"(Barrier), "r"(Parity) : "memory");
}
static __device__ void arrive(uint32_t Barrier) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(Barrier) : "memory"); }
static __device__ uint64_t descriptor(uint32_t Address) { return 0x4000004000000000ull | (Address & 0x3ffff) >> 4; }

constexpr int Stages = 4;

/// C[128][64] = A[128][K] B[64][K]^T of e4m3: a warpgroup loads, two multiply. Rows of 128 bytes, swizzled.
extern "C" __global__ void __launch_bounds__(384, 1) fp8(const __grid_constant__ Map A, const __grid_constant__ Map B, float *C, int Steps) {
  extern __shared__ __align__(1024) uint8_t Tiles[];
  __shared__ __align__(8) uint64_t Full[Stages], Empty[Stages];
  int Group = threadIdx.x / 128;
  if (threadIdx.x == 0) {
    for (int S = 0; S < Stages; ++S) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(sharedAddress(&Full[S])));
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 8;" ::"r"(sharedAddress(&Empty[S])));
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (Group == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0)
      for (int Step = 0; Step < Steps; ++Step) {
        int S = Step % Stages;
        wait(sharedAddress(&Empty[S]), (Step / Stages + 1) & 1);
        uint32_t Barrier = sharedAddress(&Full[S]), To = sharedAddress(Tiles) + S * 24576;
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 24576;" ::"r"(Barrier) : "memory");
        asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(To),
                     "l"(&A), "r"(Step * 128), "r"(0), "r"(Barrier)
                     : "memory");
        asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(To + 16384),
                     "l"(&B), "r"(Step * 128), "r"(0), "r"(Barrier)
                     : "memory");
      }
    return;
  }
  asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
  float Sum[32];
  for (int N = 0; N < 32; ++N)
    Sum[N] = 0;
  for (int Step = 0; Step < Steps; ++Step) {
    int S = Step % Stages;
    wait(sharedAddress(&Full[S]), Step / Stages & 1);
    uint32_t From = sharedAddress(Tiles) + S * 24576;
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#define R8(N) "+f"(Sum[N]), "+f"(Sum[N + 1]), "+f"(Sum[N + 2]), "+f"(Sum[N + 3]), "+f"(Sum[N + 4]), "+f"(Sum[N + 5]), "+f"(Sum[N + 6]), "+f"(Sum[N + 7])
    for (int Inner = 0; Inner < 4; ++Inner)
      asm volatile("{ .reg .pred p; setp.ne.b32 p, %34, 0;\n"
                   "wgmma.mma_async.sync.aligned.m64n64k32.f32.e4m3.e4m3 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,"
                   "%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, p, 1, 1; }"
                   : R8(0), R8(8), R8(16), R8(24)
                   : "l"(descriptor(From + (Group - 1) * 8192) + 2 * Inner), "l"(descriptor(From + 16384) + 2 * Inner), "r"(1));
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" : R8(0), R8(8), R8(16), R8(24) : : "memory");
    if (threadIdx.x % 32 == 0)
      arrive(sharedAddress(&Empty[S]));
  }
  int Lane = threadIdx.x % 32, Row = (Group - 1) * 64 + threadIdx.x % 128 / 32 * 16 + Lane / 4;
  for (int N = 0; N < 32; ++N)
    C[(Row + (N / 2 % 2) * 8) * 64 + N / 4 * 8 + Lane % 4 * 2 + N % 2] = Sum[N];
}

/// Each CTA of a pair adds its half; the sum travels through the other's shared memory.
extern "C" __global__ void __cluster_dims__(2, 1, 1) exchange(const float *In, float *Out) {
  __shared__ float Mine[128];
  __shared__ __align__(8) uint64_t Arrived;
  uint32_t Rank, Peer, Barrier = sharedAddress(&Arrived), Slot = sharedAddress(&Mine[threadIdx.x]), There, ThereBarrier;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(Rank));
  Peer = Rank ^ 1;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 128;" ::"r"(Barrier));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(There) : "r"(Slot), "r"(Peer));
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(ThereBarrier) : "r"(Barrier), "r"(Peer));
  float Value = In[blockIdx.x * 128 + threadIdx.x];
  asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(There), "f"(Value) : "memory");
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(ThereBarrier) : "memory");
  asm volatile("{ .reg .pred p; L: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%0], 0; @!p bra L; }" ::"r"(Barrier) : "memory");
  Out[blockIdx.x * 128 + threadIdx.x] = Value + Mine[threadIdx.x];
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
}
