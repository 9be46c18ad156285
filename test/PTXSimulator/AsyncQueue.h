// Operations that have been issued and end later: at a random time, or when somebody waits for
// them.
#ifndef QOPT_PTXSIMULATOR_ASYNCQUEUE_H
#define QOPT_PTXSIMULATOR_ASYNCQUEUE_H

#include "Program.h"
#include "Random.h"

#include <functional>
#include <list>

namespace qopt::ptxsim {

enum class AsyncKind : uint8_t {
  Copy,   ///< cp.async; grouped per thread
  Bulk,   ///< bulk stores and reductions; grouped per thread
  Matrix, ///< wgmma; grouped per warp
  Phase,  ///< bulk loads: an mbarrier says when they have ended
};

struct AsyncOperation {
  AsyncKind Kind = AsyncKind::Phase;
  const Warp *Issuer = nullptr;
  const Instruction *Where = nullptr;
  LaneMask Lanes = 0;
  uint64_t Group = 0; ///< number of the group that it is in, counted from 0
  std::function<void()> Finish;
  uint64_t Due = 0;
};

class AsyncQueue {
public:
  /// Ends some time after Now: soon, late, or not before somebody needs it. Operations of one kind
  /// and issuer end in order.
  void add(AsyncOperation Operation, uint64_t Now, Random &Chance);
  /// A bulk load under way, or nullptr.
  const AsyncOperation *unfinishedLoad() const;
  /// Ends what is due; true if something was.
  bool runDue(uint64_t Now);
  /// Ends the one that is due next, of the kinds that end by themselves.
  bool finishNext();
  /// Ends all groups below Limit of these lanes.
  void finishGroups(AsyncKind Kind, const Warp *Issuer, LaneMask Lanes, uint64_t Limit);
  /// Ends everything that this warp has issued of this kind.
  void finishAll(AsyncKind Kind, const Warp *Issuer) {
    finishGroups(Kind, Issuer, AllLanes, ~uint64_t(0));
  }
  void clear() { Operations.clear(); }

private:
  void finish(std::list<AsyncOperation>::iterator Which);

  std::list<AsyncOperation> Operations; ///< in the order of issue
  uint64_t NextDue = ~uint64_t(0);
};

} // namespace qopt::ptxsim

#endif
