//===- Progress.h - what long work says on stderr ---------------------------------------------===//
//
// On a terminal one line is rewritten: phase k/n, item, share, time left. Elsewhere every phase is
// one line. With `Quiet` nothing is printed.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_PROGRESS_H
#define QOPT_SUPPORT_PROGRESS_H

#include "llvm/ADT/StringRef.h"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace qopt {

class Progress {
public:
  Progress(unsigned Phases, bool Quiet);
  ~Progress();

  /// Begins the next phase.
  void phase(llvm::StringRef Name);
  /// `Done` of `Total` units (bytes, items) of the phase are finished; `Item` is being worked on.
  /// Thread-safe.
  void update(llvm::StringRef Item, uint64_t Done, uint64_t Total);
  /// Ends the last phase.
  void finish();

private:
  void clearLine();

  const unsigned Phases;
  const bool Quiet, Terminal;
  unsigned Current = 0;
  std::string Name;
  std::chrono::steady_clock::time_point Begin, LastPrint;
  std::mutex Mutex;
};

} // namespace qopt

#endif // QOPT_SUPPORT_PROGRESS_H
