#include "WorkerPool.h"

#include <csignal>
#include <sched.h>
#include <system_error>

namespace qopt::runtime {

/// About 50 µs: longer than the gap between two launches, shorter than a scheduling tick.
static constexpr int SpinRounds = 2000;

int usableProcessors() {
  cpu_set_t Set;
  if (sched_getaffinity(0, sizeof(Set), &Set) == 0)
    return CPU_COUNT(&Set);
  unsigned Count = std::thread::hardware_concurrency();
  return Count ? static_cast<int>(Count) : 1;
}

namespace {
/// Threads started meanwhile leave signals to the threads of the host.
class SignalsBlocked {
public:
  SignalsBlocked() {
    sigset_t All;
    sigfillset(&All);
    pthread_sigmask(SIG_SETMASK, &All, &Before);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &Before, nullptr); }

private:
  sigset_t Before;
};
} // namespace

Result<std::unique_ptr<WorkerPool>> WorkerPool::create(int Workers) {
  // With more workers than processors, spinning only keeps the one waited for from running.
  int Rounds = Workers <= usableProcessors() ? SpinRounds : 0;
  std::unique_ptr<WorkerPool> Pool(new WorkerPool(Workers, Rounds));
  SignalsBlocked Guard;
  for (int Worker = 1; Worker < Workers; ++Worker) {
    try {
      Pool->Threads.emplace_back(&WorkerPool::workerMain, Pool.get(), Worker);
    } catch (const std::system_error &Error) {
      return makeError(StatusCode::ResourceLimit, "cannot start thread ", Worker, " of ", Workers,
                       ": ", Error.what(), "; ask for fewer with --threads");
    }
  }
  return Pool;
}

WorkerPool::~WorkerPool() {
  Work = nullptr;
  Start.set(Start.value() + 1);
  for (std::thread &Thread : Threads)
    Thread.join();
}

void WorkerPool::run(Function F, void *NewContext) {
  Work = F;
  Context = NewContext;
  Start.set(Start.value() + 1);
  F(NewContext, 0);
  barrier();
}

void WorkerPool::workerMain(int Worker) {
  for (uint32_t Seen = 0;; ++Seen) {
    Start.waitWhile(Seen);
    if (!Work)
      return;
    Work(Context, Worker);
    barrier();
  }
}

} // namespace qopt::runtime
