// Waiting that is short when the others are about to come, and cheap when they are not.
#ifndef QOPT_LIB_RUNTIME_SIGNAL_H
#define QOPT_LIB_RUNTIME_SIGNAL_H

#include <atomic>
#include <cstdint>

namespace qopt::runtime {

/// A number that threads wait to see changed: first they spin for a bounded number of rounds, then
/// they sleep in the kernel. Where spinning does not pay, because other processes have taken the
/// processor of the one waited for, the rounds become few; now and then all are tried again.
class Signal {
public:
  explicit Signal(int SpinRounds) : MostRounds(SpinRounds), Rounds(SpinRounds) {}

  uint32_t value() const { return Value.load(std::memory_order_acquire); }
  /// Stores a new value and wakes who waits. What was written before is visible to them.
  void set(uint32_t NewValue);
  /// Returns once the value is no longer Old.
  void waitWhile(uint32_t Old);

private:
  bool spinWhile(uint32_t Old);

  std::atomic<uint32_t> Value{0};
  std::atomic<uint32_t> Sleepers{0};
  const int MostRounds;
  std::atomic<int> Rounds; ///< spun before sleeping; a hint, so races on it do no harm
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
