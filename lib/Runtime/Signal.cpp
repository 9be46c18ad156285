#include "Signal.h"

#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qopt::runtime {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "futexes are 32-bit words");

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void Signal::set(uint32_t NewValue) {
  // Sequentially consistent with the sleeper's announcement: either it sees the value, or we see
  // it.
  Value.store(NewValue, std::memory_order_seq_cst);
  if (Sleepers.load(std::memory_order_seq_cst) != 0)
    syscall(SYS_futex, &Value, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

/// Whether the value changed while spinning.
bool Signal::spinWhile(uint32_t Old) {
  constexpr uint32_t TryAllEvery = 32;
  int Allowed = Rounds.load(std::memory_order_relaxed);
  int Limit = Old % TryAllEvery == 0 ? MostRounds : Allowed;
  for (int Round = 0; Round < Limit; ++Round) {
    if (value() != Old) {
      if (Allowed != MostRounds)
        Rounds.store(MostRounds, std::memory_order_relaxed);
      return true;
    }
    relax();
  }
  Rounds.store(Allowed / 2, std::memory_order_relaxed);
  return value() != Old;
}

void Signal::waitWhile(uint32_t Old) {
  if (spinWhile(Old))
    return;
  Sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (Value.load(std::memory_order_seq_cst) == Old)
    syscall(SYS_futex, &Value, FUTEX_WAIT_PRIVATE, Old, nullptr, nullptr, 0);
  Sleepers.fetch_sub(1, std::memory_order_relaxed);
}

void Barrier::wait() {
  // The phase cannot change before this thread arrives, so it may be read first.
  uint32_t Current = Phase.value();
  if (Arrived.fetch_add(1, std::memory_order_acq_rel) + 1 < Count)
    return Phase.waitWhile(Current);
  Arrived.store(0, std::memory_order_relaxed);
  Phase.set(Current + 1);
}

} // namespace qopt::runtime
