// The limits of this machine: how fast a number of threads read a buffer that no cache holds, and
// how many f32 products they add up.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

using Word = uint64_t __attribute__((vector_size(64)));

/// Eight independent chains, so that loads and not additions decide.
__attribute__((target_clones("default", "avx2", "avx512f"))) static uint64_t
readAll(const Word *Data, size_t Words) {
  Word Sums[8] = {};
  for (size_t I = 0; I + 8 <= Words; I += 8)
    for (size_t J = 0; J < 8; ++J)
      Sums[J] ^= Data[I + J];
  uint64_t Result = 0;
  for (const Word &Sum : Sums)
    for (int J = 0; J < 8; ++J)
      Result ^= Sum[J];
  return Result;
}

using Floats = float __attribute__((vector_size(64)));

/// Twelve independent chains of fused multiplications and additions, so that their latency is
/// hidden.
__attribute__((target_clones("default", "fma", "avx512f"))) static float multiplyAll(long Rounds) {
  constexpr int Chains = 12;
  Floats Sums[Chains], Factor, Term;
  for (int Lane = 0; Lane < 16; ++Lane) {
    Factor[Lane] = 0.5f;
    Term[Lane] = float(Lane);
  }
  for (Floats &Sum : Sums)
    Sum = Term;
  for (long Round = 0; Round < Rounds; ++Round)
    for (Floats &Sum : Sums)
      Sum = Sum * Factor + Term;
  float Result = 0;
  for (const Floats &Sum : Sums)
    for (int Lane = 0; Lane < 16; ++Lane)
      Result += Sum[Lane];
  return Result;
}

/// Seconds until all threads are done with `Work(thread)`.
template <typename WorkT> static double timeThreads(int Threads, WorkT Work) {
  std::vector<std::thread> Pool;
  auto Begin = std::chrono::steady_clock::now();
  for (int T = 0; T < Threads; ++T)
    Pool.emplace_back(Work, T);
  for (std::thread &Thread : Pool)
    Thread.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - Begin).count();
}

extern "C" {

/// A buffer of so many bytes, touched; null where there is no memory.
void *qopt_probe_create(size_t Bytes) {
  Bytes &= ~size_t(4095);
  void *Buffer = std::aligned_alloc(4096, Bytes);
  if (Buffer)
    std::memset(Buffer, 1, Bytes);
  return Buffer;
}

/// Seconds to read the whole buffer once, each thread its share. `Sink` keeps the loads alive.
double qopt_probe_read(const void *Buffer, size_t Bytes, int Threads, uint64_t *Sink) {
  std::vector<uint64_t> Results(Threads);
  size_t Words = Bytes / sizeof(Word), Share = Words / Threads;
  double Seconds = timeThreads(Threads, [&](int T) {
    Results[T] = readAll(static_cast<const Word *>(Buffer) + T * Share, Share);
  });
  for (uint64_t Result : Results)
    *Sink ^= Result;
  return Seconds;
}

/// f32 multiplications and additions per second, both counted, of so many threads together.
double qopt_probe_multiply(int Threads, float *Sink) {
  constexpr long Rounds = 4000000;
  std::vector<float> Results(Threads);
  double Seconds = timeThreads(Threads, [&](int T) { Results[T] = multiplyAll(Rounds); });
  for (float Result : Results)
    *Sink += Result;
  return 2.0 * 12 * 16 * Rounds * Threads / Seconds;
}

void qopt_probe_free(void *Buffer) { std::free(Buffer); }
}
