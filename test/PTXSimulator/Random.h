// A small generator whose numbers are the same everywhere.
#ifndef QOPT_PTXSIMULATOR_RANDOM_H
#define QOPT_PTXSIMULATOR_RANDOM_H

#include <cstdint>

namespace qopt::ptxsim {

class Random {
public:
  explicit Random(uint64_t Seed = 0) : State(Seed) {}

  /// SplitMix64.
  uint64_t next() {
    uint64_t Z = State += 0x9e3779b97f4a7c15ull;
    Z = (Z ^ (Z >> 30)) * 0xbf58476d1ce4e5b9ull;
    Z = (Z ^ (Z >> 27)) * 0x94d049bb133111ebull;
    return Z ^ (Z >> 31);
  }
  /// Below Bound, which is not 0.
  uint64_t below(uint64_t Bound) { return next() % Bound; }

private:
  uint64_t State;
};

} // namespace qopt::ptxsim

#endif
