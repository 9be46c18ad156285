// A kernel decoded into the compact form that warps execute.
#ifndef QOPT_PTXSIMULATOR_PROGRAM_H
#define QOPT_PTXSIMULATOR_PROGRAM_H

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qopt::ptxsim {

struct Warp;
struct Instruction;

constexpr unsigned LaneCount = 32;
using LaneMask = uint32_t;
constexpr LaneMask AllLanes = ~LaneMask(0);

/// Where an operand's 32 lanes lie: a slot of 128 bytes in the warp's registers or, with the top
/// bit, in the kernel's constants. 64-bit values take two slots, narrower ones a word per lane with
/// zeros above. A predicate is the number of a mask.
using Place = uint32_t;
constexpr Place ConstantPlace = 1u << 31;
/// Of predicates, whose places are the numbers of masks.
constexpr Place PredicatePlace = 1u << 30;
constexpr Place NoPlace = ~0u;

using Execute = void (*)(Warp &W, const Instruction &I, LaneMask Lanes);

/// Which lanes must stand at an instruction before it runs.
enum class Meeting : uint8_t {
  None,
  Members, ///< the lanes that the mask operand (the last source) names
  Alive,   ///< every lane that has not exited
  Warp,    ///< all 32
};

/// An address operand where an instruction has several.
struct AddressPlace {
  Place Base = NoPlace;
  uint32_t Bytes = 8; ///< of the register
  int64_t Offset = 0;
  std::vector<Place> Coordinates; ///< of a tensor's
};

struct Instruction {
  Execute Run = nullptr;
  Place Guard = NoPlace;
  bool GuardNegated = false;
  Meeting Meet = Meeting::None;
  bool TouchesAsync = false; ///< reads or writes a register that wgmma also uses
  uint8_t Space = 0;
  uint32_t Line = 0;
  Place Destination = NoPlace;
  Place Second = NoPlace; ///< predicate beside the destination
  std::array<Place, 4> Source{NoPlace, NoPlace, NoPlace, NoPlace};
  int64_t Immediate = 0; ///< an address's offset, a table, a branch target
  uint32_t Mode = 0;
  uint32_t Count = 0;
  std::vector<Place> Results;  ///< vector destination
  std::vector<Place> Elements; ///< vector source
  std::vector<Place> More;     ///< further vector source
  std::vector<AddressPlace> Addresses;
};

struct ParameterPlace {
  uint32_t Offset = 0;
  uint32_t Bytes = 0;
};

struct Kernel {
  std::string Name;
  std::vector<Instruction> Code;
  std::vector<std::string_view> Opcodes; ///< of Code, for reports
  uint32_t RegisterSlots = 0;
  uint32_t Predicates = 0;
  std::vector<uint32_t> Constants;
  std::vector<bool> AsyncSlots; ///< registers that wgmma reads or writes
  std::vector<ParameterPlace> Parameters;
  uint32_t ParameterBytes = 0;
  uint32_t StaticShared = 0; ///< bytes
  uint32_t DynamicAlignment = 16;
  uint32_t LocalBytes = 0;
  std::array<uint32_t, 3> RequiredThreads{};
  uint32_t MaximumThreads = 0;
  uint32_t MinimumCtas = 0;
  uint32_t MaximumRegisters = 0;
  std::array<uint32_t, 3> Cluster{1, 1, 1};
  uint32_t SharedGranule = 16; ///< bytes of its narrowest access to shared memory
};

} // namespace qopt::ptxsim

#endif
