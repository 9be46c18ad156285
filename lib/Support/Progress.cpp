#include "qopt/Support/Progress.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace qopt;
using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point Begin) {
  return std::chrono::duration<double>(Clock::now() - Begin).count();
}

Progress::Progress(unsigned Phases, bool Quiet)
    : Phases(Phases), Quiet(Quiet), Terminal(llvm::sys::Process::StandardErrIsDisplayed()) {}

Progress::~Progress() { finish(); }

void Progress::clearLine() {
  if (Terminal)
    llvm::errs() << "\r\x1b[K";
}

void Progress::phase(llvm::StringRef NewName) {
  finish();
  std::lock_guard<std::mutex> Lock(Mutex);
  Name = NewName.str();
  Begin = LastPrint = Clock::now();
  ++Current;
  if (Quiet)
    return;
  llvm::errs() << "[" << Current << "/" << Phases << "] " << Name;
  if (!Terminal)
    llvm::errs() << "\n";
}

void Progress::update(llvm::StringRef Item, uint64_t Done, uint64_t Total) {
  std::lock_guard<std::mutex> Lock(Mutex);
  if (Quiet || !Terminal || Total == 0 || secondsSince(LastPrint) < 0.1)
    return;
  LastPrint = Clock::now();
  double Share = double(Done) / double(Total);
  clearLine();
  llvm::errs() << "[" << Current << "/" << Phases << "] " << Name << ": " << Item
               << llvm::format(" %.0f %%", 100 * Share);
  if (Share > 0.01)
    llvm::errs() << llvm::format(", %.0f s left", secondsSince(Begin) * (1 - Share) / Share);
}

void Progress::finish() {
  std::lock_guard<std::mutex> Lock(Mutex);
  if (!Quiet && Terminal && !Name.empty()) {
    clearLine();
    llvm::errs() << "[" << Current << "/" << Phases << "] " << Name
                 << llvm::format(" (%.1f s)\n", secondsSince(Begin));
  }
  Name.clear();
}
