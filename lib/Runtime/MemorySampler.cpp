#include "qopt/Runtime/MemorySampler.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace qopt::runtime {

int64_t privateBytes() {
  std::FILE *File = std::fopen("/proc/self/status", "re");
  if (!File)
    return 0;
  char Line[256];
  long long KiB = 0;
  while (std::fgets(Line, sizeof(Line), File))
    if (std::sscanf(Line, "RssAnon: %lld kB", &KiB) == 1)
      break;
  std::fclose(File);
  return KiB * 1024;
}

struct MemorySampler::State {
  std::atomic<int64_t> Peak{0};
  std::mutex Lock;
  std::condition_variable Change;
  bool End = false;
  std::thread Thread;

  void look() { Peak = std::max(Peak.load(), privateBytes()); }
  void loop() {
    std::unique_lock<std::mutex> Hold(Lock);
    while (!Change.wait_for(Hold, std::chrono::milliseconds(5), [this] { return End; }))
      look();
  }
};

MemorySampler::MemorySampler() : Impl(std::make_unique<State>()) {
  Impl->look();
  Impl->Thread = std::thread([S = Impl.get()] { S->loop(); });
}

MemorySampler::~MemorySampler() {
  {
    std::lock_guard<std::mutex> Hold(Impl->Lock);
    Impl->End = true;
  }
  Impl->Change.notify_one();
  Impl->Thread.join();
}

int64_t MemorySampler::peakPrivateBytes() {
  std::lock_guard<std::mutex> Hold(Impl->Lock);
  Impl->look();
  return Impl->Peak;
}

} // namespace qopt::runtime
