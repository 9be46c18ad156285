// The memory-read limit of this machine: how fast a number of threads read a buffer that no cache holds.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

using Word = uint64_t __attribute__((vector_size(64)));

/// Eight independent chains, so that loads and not additions decide.
__attribute__((target_clones("default", "avx2", "avx512f"))) static uint64_t readAll(const Word *Data, size_t Words) {
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
  std::vector<std::thread> Pool;
  std::vector<uint64_t> Results(Threads);
  size_t Words = Bytes / sizeof(Word), Share = Words / Threads;
  auto Begin = std::chrono::steady_clock::now();
  for (int T = 0; T < Threads; ++T)
    Pool.emplace_back([&, T] { Results[T] = readAll(static_cast<const Word *>(Buffer) + T * Share, Share); });
  for (std::thread &Thread : Pool)
    Thread.join();
  double Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - Begin).count();
  for (uint64_t Result : Results)
    *Sink ^= Result;
  return Seconds;
}

void qopt_probe_free(void *Buffer) { std::free(Buffer); }
}
