// Threads that run one function together.
#ifndef QOPT_LIB_RUNTIME_WORKERPOOL_H
#define QOPT_LIB_RUNTIME_WORKERPOOL_H

#include "Signal.h"
#include "qopt/Base/Status.h"

#include <memory>
#include <thread>
#include <vector>

namespace qopt::runtime {

/// Processors this process may run on.
int usableProcessors();

class WorkerPool {
public:
  using Function = void (*)(void *Context, int Worker);

  /// Workers counts the calling thread; Workers - 1 threads are started. Errors: ResourceLimit.
  static Result<std::unique_ptr<WorkerPool>> create(int Workers);
  ~WorkerPool();

  int workers() const { return Workers; }

  /// Runs F(Context, w) for every worker at the same time, the caller being worker 0. One call at a
  /// time.
  void run(Function F, void *Context);
  /// Inside run: waits for all workers.
  void barrier() { Meeting.wait(); }

private:
  WorkerPool(int Workers, int SpinRounds)
      : Workers(Workers), Start(SpinRounds), Meeting(Workers, SpinRounds) {}
  void workerMain(int Worker);

  int Workers;
  Function Work = nullptr; ///< nullptr tells the threads to end
  void *Context = nullptr;
  Signal Start;
  Barrier Meeting;
  std::vector<std::thread> Threads;
};

} // namespace qopt::runtime

#endif
