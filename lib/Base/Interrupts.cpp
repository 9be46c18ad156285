#include "qopt/Base/Interrupts.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

namespace qopt {

namespace {
struct Notes {
  std::mutex Lock;
  std::set<std::string> Paths;
};
} // namespace

/// Never destroyed: the thread below may look at it while the process ends.
static Notes &notes() {
  static Notes *Instance = new Notes();
  return *Instance;
}

void removeWhenInterrupted(const std::string &Path) {
  std::lock_guard<std::mutex> Guard(notes().Lock);
  notes().Paths.insert(Path);
}

void keepWhenInterrupted(const std::string &Path) {
  std::lock_guard<std::mutex> Guard(notes().Lock);
  notes().Paths.erase(Path);
}

/// Other threads may still add files to a folder, so a folder that is not empty yet is tried again.
static void removeAll() {
  constexpr int Attempts = 20;
  for (const std::string &Path : notes().Paths)
    for (int Attempt = 0; Attempt < Attempts; ++Attempt) {
      std::error_code Error;
      std::filesystem::remove_all(Path, Error);
      if (!Error)
        break;
    }
}

static void waitForSignal(sigset_t Signals) {
  int Number = 0;
  if (sigwait(&Signals, &Number) != 0)
    return;
  // Held until the end: nobody begins or finishes a file any more.
  notes().Lock.lock();
  removeAll();
  pthread_sigmask(SIG_UNBLOCK, &Signals, nullptr);
  std::raise(Number);
  // A handler that others installed has let it pass; the lock above would stop everybody for ever.
  std::_Exit(128 + Number);
}

void cleanUpWhenInterrupted() {
  sigset_t Signals;
  sigemptyset(&Signals);
  for (int Number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction Now;
    if (sigaction(Number, nullptr, &Now) == 0 && Now.sa_handler != SIG_IGN)
      sigaddset(&Signals, Number);
  }
  pthread_sigmask(SIG_BLOCK, &Signals, nullptr);
  std::thread(waitForSignal, Signals).detach();
}

} // namespace qopt
