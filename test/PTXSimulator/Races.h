// Which accesses to shared memory are ordered by nothing.
#ifndef QOPT_PTXSIMULATOR_RACES_H
#define QOPT_PTXSIMULATOR_RACES_H

#include <cstdint>
#include <vector>

namespace qopt::ptxsim {

/// For each actor, up to which time its accesses are known to have happened.
struct VectorClock {
  std::vector<uint32_t> Times;
};

class RaceDetector {
public:
  void fenceProxy(uint32_t Warp) {}
  void release(uint32_t Warp, VectorClock &Into) {}
  void acquire(uint32_t Warp, const VectorClock &From) {}
};

} // namespace qopt::ptxsim

#endif
