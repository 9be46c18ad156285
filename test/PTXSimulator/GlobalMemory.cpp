#include "GlobalMemory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace qopt::ptxsim {

// Addresses are never reused and never adjacent, so that an access past an end meets nobody else's
// memory.
static constexpr uint64_t Gap = 1 << 16;
static constexpr int UnwrittenPattern = 0xA5;

static void freeAllocation(Allocation &A) {
  std::free(A.Data);
  std::free(A.Written);
}

GlobalMemory::~GlobalMemory() {
  for (auto &A : Sorted)
    freeAllocation(*A);
}

Result<uint64_t> GlobalMemory::allocate(uint64_t Bytes, bool ReadOnly) {
  if (Bytes > Capacity - Used)
    return makeError(StatusCode::ResourceLimit, "the simulated device has ", Capacity - Used,
                     " bytes of memory free, ", Bytes, " were asked for");
  auto A = std::make_unique<Allocation>();
  uint64_t Rounded = (Bytes + 255) / 256 * 256;
  uint64_t HostBytes = std::max<uint64_t>(Rounded, 256);
  A->Base = Next;
  A->Bytes = Bytes;
  A->ReadOnly = ReadOnly;
  A->Data = static_cast<uint8_t *>(std::aligned_alloc(256, HostBytes));
  A->Written = TrackWritten ? static_cast<uint8_t *>(std::calloc(HostBytes, 1)) : nullptr;
  if (!A->Data || (TrackWritten && !A->Written)) {
    freeAllocation(*A);
    return makeError(StatusCode::ResourceLimit, "no memory on the host for ", Bytes,
                     " bytes of a simulated device");
  }
  std::memset(A->Data, UnwrittenPattern, Bytes);
  Next += Rounded + Gap;
  Used += Bytes;
  uint64_t Base = A->Base;
  Sorted.push_back(std::move(A));
  return Base;
}

bool GlobalMemory::release(uint64_t Base) {
  auto Found =
      std::find_if(Sorted.begin(), Sorted.end(), [&](const auto &A) { return A->Base == Base; });
  if (Found == Sorted.end())
    return false;
  Used -= (*Found)->Bytes;
  freeAllocation(**Found);
  Sorted.erase(Found);
  return true;
}

const Allocation *GlobalMemory::find(uint64_t Address) const {
  auto After = std::upper_bound(Sorted.begin(), Sorted.end(), Address,
                                [](uint64_t Value, const auto &A) { return Value < A->Base; });
  if (After == Sorted.begin())
    return nullptr;
  const Allocation *A = std::prev(After)->get();
  return A->holds(Address, 0) ? A : nullptr;
}

uint8_t *GlobalMemory::at(uint64_t Address, uint64_t Bytes) const {
  const Allocation *A = find(Address);
  return A && A->holds(Address, Bytes) ? A->Data + (Address - A->Base) : nullptr;
}

void GlobalMemory::markWritten(uint64_t Address, uint64_t Bytes) const {
  const Allocation *A = TrackWritten ? find(Address) : nullptr;
  if (A && A->holds(Address, Bytes))
    std::memset(A->Written + (Address - A->Base), 0xff, Bytes);
}

std::string GlobalMemory::describe(uint64_t Address) const {
  std::ostringstream Out;
  auto After = std::upper_bound(Sorted.begin(), Sorted.end(), Address,
                                [](uint64_t Value, const auto &A) { return Value < A->Base; });
  if (After != Sorted.begin()) {
    const Allocation &A = **std::prev(After);
    uint64_t Offset = Address - A.Base;
    if (Offset < A.Bytes + Gap) {
      Out << "byte " << Offset << " of an allocation of " << A.Bytes << " bytes";
      return Out.str();
    }
  }
  if (After != Sorted.end() && (*After)->Base - Address < Gap)
    Out << (*After)->Base - Address << " bytes before an allocation of " << (*After)->Bytes
        << " bytes";
  else
    Out << "in no allocation";
  return Out.str();
}

} // namespace qopt::ptxsim
