// How much private memory this process needs at most.
#ifndef QOPT_RUNTIME_MEMORYSAMPLER_H
#define QOPT_RUNTIME_MEMORYSAMPLER_H

#include <cstdint>
#include <memory>

namespace qopt::runtime {

/// Anonymous resident bytes of this process now (RssAnon of /proc/self/status): without mapped
/// files. 0 where the system does not tell.
int64_t privateBytes();

/// Looks at privateBytes() every 5 ms, in a thread of its own, as long as it lives.
class MemorySampler {
public:
  MemorySampler();
  ~MemorySampler();

  /// The largest value so far, the one of now included.
  int64_t peakPrivateBytes();

private:
  struct State;
  std::unique_ptr<State> Impl;
};

} // namespace qopt::runtime

#endif
