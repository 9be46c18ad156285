// Replaces operator new for the whole executable, the runtime library included.
#include "TestArtefact.h"

#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

using namespace qopt;
using namespace qopt::test;

static std::atomic<int64_t> Allocations{0};

// Not inlined: the compiler would warn that it sees malloc's memory deleted.
#define REPLACED __attribute__((noinline))
REPLACED void *operator new(size_t Size, const std::nothrow_t &) noexcept {
  ++Allocations;
  return std::malloc(Size ? Size : 1);
}
REPLACED void *operator new(size_t Size) {
  if (void *Memory = operator new(Size, std::nothrow))
    return Memory;
  throw std::bad_alloc();
}
REPLACED void operator delete(void *Memory) noexcept { std::free(Memory); }
REPLACED void operator delete(void *Memory, size_t) noexcept { std::free(Memory); }

TEST(Allocation, NoneInADecodeStep) {
  TemporaryFolder T;
  writeArtefact(T.path("m"), decoderTable(), decoderManifest());
  for (int Threads : {1, 2}) {
    auto Session = newSession(load(T.path("m"), Threads), 2);
    int64_t Ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    float Logits[2 * Vocabulary];
    ASSERT_TRUE(Session->decode({Ids, 2, 5, nullptr, 1, Logits}).ok());
    int64_t Before = Allocations;
    for (int I = 0; I < 10; ++I)
      ASSERT_TRUE(Session->decode({Ids, 2, 1, nullptr, 1, Logits}).ok());
    EXPECT_EQ(Allocations, Before);
  }
}
