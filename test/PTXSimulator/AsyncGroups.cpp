#include "AsyncGroups.h"
#include "Lanes.h"

namespace qopt::ptxsim {

void AsyncGroups::close(LaneMask Lanes, uint32_t Time) {
  forLanes(Lanes, [&](unsigned L) {
    uint64_t Group = Closed[L]++;
    if (Times.size() <= Group)
      Times.resize(Group + 1, 0);
    Times[Group] = Time;
  });
}

uint64_t waitForGroups(Warp &W, AsyncKind Kind, AsyncGroups &Groups, LaneMask Lanes,
                       uint64_t Pending) {
  uint64_t Closed = Groups.Closed[firstLane(Lanes)];
  if (Closed <= Pending)
    return 0;
  uint64_t Limit = Closed - Pending;
  forLanes(Lanes, [&](unsigned L) { Groups.Waited[L] = Limit; });
  W.Group->Pending.finishGroups(Kind, &W, Lanes, Limit);
  ActorKind Actor = Kind == AsyncKind::Copy   ? ActorKind::Copy
                    : Kind == AsyncKind::Bulk ? ActorKind::Bulk
                                              : ActorKind::Matrix;
  W.Group->Races.waited(W.Id, W.Group->Races.actor(Actor, W.Id), Groups.Times[Limit - 1]);
  return Limit;
}

} // namespace qopt::ptxsim
