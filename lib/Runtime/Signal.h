// Waiting that is short when the others are about to come, and cheap when they are not.
#ifndef QOPT_LIB_RUNTIME_SIGNAL_H
#define QOPT_LIB_RUNTIME_SIGNAL_H

#include <atomic>
#include <cstdint>

namespace qopt::runtime {

/// A number that threads wait to see changed: first they spin for a bounded number of rounds, then
/// they sleep in the kernel.
class Signal {
public:
  explicit Signal(int SpinRounds) : SpinRounds(SpinRounds) {}

  uint32_t value() const { return Value.load(std::memory_order_acquire); }
  /// Stores a new value and wakes who waits. What was written before is visible to them.
  void set(uint32_t NewValue);
  /// Returns once the value is no longer Old.
  void waitWhile(uint32_t Old);

private:
  std::atomic<uint32_t> Value{0};
  std::atomic<uint32_t> Sleepers{0};
  int SpinRounds;
};

/// Lets a fixed number of threads wait for each other, any number of times.
class Barrier {
public:
  Barrier(int Count, int SpinRounds) : Count(Count), Phase(SpinRounds) {}
  void wait();

private:
  int Count;
  std::atomic<int> Arrived{0};
  Signal Phase;
};

} // namespace qopt::runtime

#endif
