// What an interrupted process leaves behind: nothing.
#ifndef QOPT_BASE_INTERRUPTS_H
#define QOPT_BASE_INTERRUPTS_H

#include <string>

namespace qopt {

/// Notes a file or folder that must not outlive the process where a signal ends it.
void removeWhenInterrupted(const std::string &Path);
/// Takes the note back: the path is gone, or is meant to stay.
void keepWhenInterrupted(const std::string &Path);

/// From now on SIGINT, SIGTERM and SIGHUP remove what is noted, then end the process as they would
/// have. For tools, at the start of main: threads that exist already would not take part. What the
/// caller's parent ignores stays ignored.
void cleanUpWhenInterrupted();

} // namespace qopt

#endif
