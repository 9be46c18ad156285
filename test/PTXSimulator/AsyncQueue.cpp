#include "AsyncQueue.h"

#include <algorithm>

namespace qopt::ptxsim {

/// Half of the operations end only when they are needed: a wait that is missing then shows at once.
/// The others end early, which shows where something is overwritten too soon.
static uint64_t delay(Random &Chance) {
  switch (Chance.below(4)) {
  case 0:
    return 0;
  case 1:
    return Chance.below(2000);
  default:
    return uint64_t(1) << 40;
  }
}

void AsyncQueue::add(AsyncOperation Operation, uint64_t Now, Random &Chance) {
  Operation.Due = Now + delay(Chance);
  if (Operation.Kind == AsyncKind::Matrix)
    for (const AsyncOperation &Earlier : Operations)
      if (Earlier.Kind == AsyncKind::Matrix && Earlier.Issuer == Operation.Issuer)
        Operation.Due = std::max(Operation.Due, Earlier.Due);
  NextDue = std::min(NextDue, Operation.Due);
  Operations.push_back(std::move(Operation));
}

void AsyncQueue::finish(std::list<AsyncOperation>::iterator Which) {
  // What it does may end others, so it must be out of the list first.
  AsyncOperation Operation = std::move(*Which);
  Operations.erase(Which);
  Operation.Finish();
}

bool AsyncQueue::runDue(uint64_t Now) {
  if (Now < NextDue)
    return false;
  bool Any = false;
  for (;;) {
    auto Due = std::find_if(Operations.begin(), Operations.end(),
                            [&](const auto &O) { return O.Due <= Now; });
    if (Due == Operations.end())
      break;
    finish(Due);
    Any = true;
  }
  NextDue = ~uint64_t(0);
  for (const AsyncOperation &O : Operations)
    NextDue = std::min(NextDue, O.Due);
  return Any;
}

bool AsyncQueue::finishNext() {
  auto Next = std::min_element(Operations.begin(), Operations.end(),
                               [](const auto &A, const auto &B) { return A.Due < B.Due; });
  if (Next == Operations.end())
    return false;
  finish(Next);
  return true;
}

const AsyncOperation *AsyncQueue::unfinishedLoad() const {
  for (const AsyncOperation &O : Operations)
    if (O.Where && O.Kind == AsyncKind::Phase)
      return &O;
  return nullptr;
}

void AsyncQueue::finishGroups(AsyncKind Kind, const Warp *Issuer, LaneMask Lanes, uint64_t Limit) {
  for (;;) {
    auto Found = std::find_if(Operations.begin(), Operations.end(), [&](const auto &O) {
      return O.Kind == Kind && O.Issuer == Issuer && (O.Lanes & Lanes) && O.Group < Limit;
    });
    if (Found == Operations.end())
      return;
    finish(Found);
  }
}

} // namespace qopt::ptxsim
