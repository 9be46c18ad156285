// nvcc -std=c++17 -O3 -ptx -arch=sm_80 ampere.cu -o ptx/ampere.ptx  (CUDA 13.0)
#include <cstdint>

static __device__ uint32_t sharedAddress(const void *Pointer) { return static_cast<uint32_t>(__cvta_generic_to_shared(Pointer)); }

/// C[64][64] = A[64][K] B[K][64] of bf16 by four warps, with a ring of three stages.
extern "C" __global__ void __launch_bounds__(128) matmul(const uint16_t *A, const uint16_t *B, float *C, int K) {
  __shared__ __align__(16) uint16_t TileA[3][64 * 32], TileB[3][32 * 64];
  int Thread = threadIdx.x, Warp = Thread / 32, Lane = Thread % 32, Steps = K / 32;
  auto Load = [&](int Step) {
    int Stage = Step % 3;
    for (int N = Thread; N < 256; N += 128) {
      int Row = N / 4, Column = N % 4 * 8;
      uint32_t To = sharedAddress(&TileA[Stage][Row * 32 + (Column ^ (Row / 2 % 4 * 8))]);
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(To), "l"(A + Row * K + Step * 32 + Column));
      int RowB = N / 8, ColumnB = N % 8 * 8;
      To = sharedAddress(&TileB[Stage][RowB * 64 + (ColumnB ^ (RowB % 8 * 8))]);
      asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(To), "l"(B + (Step * 32 + RowB) * 64 + ColumnB));
    }
  };
  float Sum[8][4] = {};
  for (int Step = 0; Step < 2; ++Step) {
    if (Step < Steps)
      Load(Step);
    asm volatile("cp.async.commit_group;");
  }
  for (int Step = 0; Step < Steps; ++Step) {
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    if (Step + 2 < Steps)
      Load(Step + 2);
    asm volatile("cp.async.commit_group;");
    const uint16_t *TA = TileA[Step % 3], *TB = TileB[Step % 3];
    for (int Inner = 0; Inner < 32; Inner += 16) {
      uint32_t X[4];
      int Row = 16 * Warp + Lane % 16, Column = Inner + Lane / 16 * 8;
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(X[0]), "=r"(X[1]), "=r"(X[2]), "=r"(X[3])
                   : "r"(sharedAddress(TA + Row * 32 + (Column ^ (Row / 2 % 4 * 8)))));
      for (int N = 0; N < 8; ++N) {
        uint32_t Y[2];
        int RowB = Inner + Lane % 16;
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                     : "=r"(Y[0]), "=r"(Y[1])
                     : "r"(sharedAddress(TB + RowB * 64 + ((N * 8) ^ (RowB % 8 * 8)))));
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(Sum[N][0]), "+f"(Sum[N][1]), "+f"(Sum[N][2]), "+f"(Sum[N][3])
                     : "r"(X[0]), "r"(X[1]), "r"(X[2]), "r"(X[3]), "r"(Y[0]), "r"(Y[1]));
      }
    }
  }
  for (int N = 0; N < 8; ++N)
    for (int E = 0; E < 4; ++E)
      C[(16 * Warp + Lane / 4 + E / 2 * 8) * 64 + N * 8 + Lane % 4 * 2 + E % 2] = Sum[N][E];
}

/// Sums, maxima and counts of a block in several ways.
extern "C" __global__ void reductions(const int *In, int *Out, int Count) {
  __shared__ int Parts[32];
  int At = blockIdx.x * blockDim.x + threadIdx.x;
  int Value = At < Count ? In[At] : 0;
  int Sum = Value;
  for (int Step = 16; Step; Step /= 2)
    Sum += __shfl_xor_sync(~0u, Sum, Step);
  if (threadIdx.x % 32 == 0)
    Parts[threadIdx.x / 32] = Sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    int All = threadIdx.x < blockDim.x / 32 ? Parts[threadIdx.x] : 0;
    All = __reduce_add_sync(~0u, All);
    if (threadIdx.x == 0)
      atomicAdd(Out, All);
  }
  int Largest = __reduce_max_sync(~0u, Value);
  unsigned Odd = __ballot_sync(~0u, Value & 1);
  if (threadIdx.x % 32 == 0) {
    atomicMax(Out + 1, Largest);
    atomicAdd(Out + 2, __popc(Odd));
  }
  if (__syncthreads_count(Value > 100) > 0 && threadIdx.x == 0)
    atomicOr(Out + 3, 1 << (blockIdx.x % 32));
  unsigned Same = __match_any_sync(~0u, Value % 4);
  if (__ffs(Same) - 1 == threadIdx.x % 32)
    atomicAdd(Out + 4 + (Value % 4 + 4) % 4, __popc(Same));
}

/// Integer and float work that becomes many different instructions.
extern "C" __global__ void scalars(const unsigned *In, unsigned *Out, int Count) {
  int At = blockIdx.x * blockDim.x + threadIdx.x;
  if (At >= Count)
    return;
  unsigned X = In[At], Y = In[(At + 1) % Count];
  unsigned *Row = Out + At * 12;
  Row[0] = __byte_perm(X, Y, 0x3715);
  Row[1] = __funnelshift_l(X, Y, X & 63);
  Row[2] = __umulhi(X, Y);
  Row[3] = static_cast<unsigned>((static_cast<unsigned long long>(X) * Y + 12345) >> 17);
  Row[4] = __dp4a(static_cast<int>(X), static_cast<int>(Y), 7);
  Row[5] = (X & 0xf0f0f0f0) | ((Y >> 3) ^ X);
  Row[6] = X / (Y % 1000 + 1);
  Row[7] = static_cast<int>(X) % static_cast<int>((Y & 0xffff) + 3);
  Row[8] = __brev(X) + __clz(Y) + __popc(X ^ Y);
  switch (X % 7) {
  case 0: Row[9] = X + 1; break;
  case 1: Row[9] = X * 3; break;
  case 2: Row[9] = X ^ Y; break;
  case 3: Row[9] = X - Y; break;
  case 4: Row[9] = ~X; break;
  default: Row[9] = Y; break;
  }
  float A = __uint2float_rn(X & 0xffff), B = __uint2float_rn(Y & 0xffff);
  Row[10] = __float_as_uint(fmaf(A, 0.5f, B) / (B + 1.0f));
  Row[11] = __float_as_uint(sqrtf(A) + floorf(B * 0.37f) - fminf(A, B));
}
