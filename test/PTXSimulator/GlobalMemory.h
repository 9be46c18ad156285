// The device's memory: allocations at addresses of their own, with their exact bounds.
#ifndef QOPT_PTXSIMULATOR_GLOBALMEMORY_H
#define QOPT_PTXSIMULATOR_GLOBALMEMORY_H

#include "qopt/Base/Status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace qopt::ptxsim {

struct Allocation {
  uint64_t Base = 0;
  uint64_t Bytes = 0;
  uint8_t *Data = nullptr;
  uint8_t *Written = nullptr; ///< a byte for each byte, or nullptr where nobody asks
  bool ReadOnly = false;      ///< constants

  bool holds(uint64_t Address, uint64_t Size) const {
    return Address - Base < Bytes && Size <= Bytes - (Address - Base);
  }
};

class GlobalMemory {
public:
  GlobalMemory(uint64_t Capacity, bool TrackWritten)
      : Capacity(Capacity), TrackWritten(TrackWritten) {}
  ~GlobalMemory();

  /// Contents are a pattern that is no useful value.
  Result<uint64_t> allocate(uint64_t Bytes, bool ReadOnly = false);
  /// False if no allocation begins there.
  bool release(uint64_t Base);
  /// The allocation that holds the address, or nullptr.
  const Allocation *find(uint64_t Address) const;
  /// The bytes, or nullptr when they are not all inside one allocation.
  uint8_t *at(uint64_t Address, uint64_t Bytes) const;
  void markWritten(uint64_t Address, uint64_t Bytes) const;
  /// "16 bytes past the end of an allocation of 64 bytes at 0x…".
  std::string describe(uint64_t Address) const;

private:
  uint64_t Capacity;
  bool TrackWritten;
  uint64_t Used = 0;
  uint64_t Next = FirstAddress;
  std::vector<std::unique_ptr<Allocation>> Sorted; ///< by address

public:
  static constexpr uint64_t FirstAddress = 0x700000000000;
};

} // namespace qopt::ptxsim

#endif
