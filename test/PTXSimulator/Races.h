// Which accesses to shared memory are ordered by nothing. Happens-before by vector clocks (as in
// FastTrack): every cell of shared memory knows who wrote it last and who has read it since;
// barriers, mbarriers, atomics and waits carry the clocks.
#ifndef QOPT_PTXSIMULATOR_RACES_H
#define QOPT_PTXSIMULATOR_RACES_H

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace qopt::ptxsim {

/// For each actor, the time before which its accesses are known to have happened.
struct VectorClock {
  std::vector<uint32_t> Times;

  void join(const VectorClock &Other);
  void raise(uint32_t Actor, uint32_t Time);
  bool covers(uint32_t Actor, uint32_t Time) const {
    return Actor < Times.size() && Time < Times[Actor];
  }
};

/// The access that another one is not ordered after.
struct RaceConflict {
  uint32_t Actor = 0;
  enum class Kind : uint8_t { Write, Read, Unfenced } What = Kind::Write;
};

/// Who accesses memory on behalf of a warp. The asynchronous ones go on after the instruction,
/// until they are waited for.
enum class ActorKind : uint32_t { Warp, Copy, Matrix, Bulk };

class RaceDetector {
public:
  /// All memory unwritten, nobody knows anything. Granule: no access is narrower.
  void reset(bool Enabled, uint32_t Warps, uint32_t Ctas, uint32_t SharedBytes, uint32_t Granule);
  bool enabled() const { return Enabled; }

  /// An access by a warp's own instruction. False with `What` if it is ordered after nothing.
  bool read(uint32_t Warp, uint32_t Cta, uint32_t Offset, uint32_t Bytes, RaceConflict &What) {
    return !Enabled || readAs(Warp, Warp, false, Cta, Offset, Bytes, What);
  }
  bool write(uint32_t Warp, uint32_t Cta, uint32_t Offset, uint32_t Bytes, RaceConflict &What) {
    return !Enabled || writeAs(Warp, Warp, false, Cta, Offset, Bytes, What);
  }
  /// Atomics and volatile, relaxed, acquire and release accesses: ordered among each other.
  bool synchronise(uint32_t Warp, uint32_t Cta, uint32_t Offset, uint32_t Bytes, bool Writes,
                   RaceConflict &What);
  /// Accesses that an instruction of this warp starts; through the asynchronous proxy or the
  /// generic one.
  bool readLater(uint32_t Warp, uint32_t Actor, bool AsyncProxy, uint32_t Cta, uint32_t Offset,
                 uint32_t Bytes, RaceConflict &What) {
    return !Enabled || readAs(Warp, Actor, AsyncProxy, Cta, Offset, Bytes, What);
  }
  bool writeLater(uint32_t Warp, uint32_t Actor, bool AsyncProxy, uint32_t Cta, uint32_t Offset,
                  uint32_t Bytes, RaceConflict &What) {
    return !Enabled || writeAs(Warp, Actor, AsyncProxy, Cta, Offset, Bytes, What);
  }
  /// Whether the last write is ordered before; nothing is remembered.
  bool peek(uint32_t Warp, uint32_t Cta, uint32_t Offset, uint32_t Bytes, RaceConflict &What) const;

  std::string describe(const RaceConflict &Conflict) const;

  uint32_t actor(ActorKind Kind, uint32_t Warp) const {
    return static_cast<uint32_t>(Kind) * Warps + Warp;
  }
  /// Of a bulk load, whose end an mbarrier announces.
  uint32_t nextAgent() { return 4 * Warps + NextAgent++ % Agents; }

  /// What this warp has done and knows becomes known to whoever acquires the clock.
  void release(uint32_t Warp, VectorClock &Into);
  void acquire(uint32_t Warp, const VectorClock &From);
  /// The agent's accesses have ended.
  void releaseAgent(uint32_t Agent, VectorClock &Into);
  /// Closes a group of asynchronous accesses: the time that says "before it".
  uint32_t closeGroup() { return ++Now; }
  /// The warp has waited for all that the actor did before the time.
  void waited(uint32_t Warp, uint32_t Actor, uint32_t Time);
  void fenceProxy(uint32_t Warp);

private:
  struct Cell {
    uint32_t WriteTime = 0, ReadTime = 0;
    uint16_t Writer = 0, Reader = 0;
    uint32_t Set = 0; ///< several readers: index into Sets, + 1
  };
  static constexpr uint32_t Agents = 32;

  bool readAs(uint32_t Warp, uint32_t Actor, bool AsyncProxy, uint32_t Cta, uint32_t Offset,
              uint32_t Bytes, RaceConflict &What);
  bool writeAs(uint32_t Warp, uint32_t Actor, bool AsyncProxy, uint32_t Cta, uint32_t Offset,
               uint32_t Bytes, RaceConflict &What);
  bool writeOrdered(const Cell &C, uint32_t Warp, uint32_t Actor, bool AsyncProxy,
                    RaceConflict &What) const;
  bool readsOrdered(const Cell &C, uint32_t Warp, uint32_t Actor, RaceConflict &What) const;
  void remember(Cell &C, uint32_t Warp, uint32_t Actor);
  std::string name(uint32_t Actor) const;
  Cell *cells(uint32_t Cta, uint32_t Offset) {
    return Cells.data() + uint64_t(Cta) * CellsPerCta + (Offset >> Shift);
  }

  bool Enabled = false;
  uint32_t Warps = 0;
  uint32_t Actors = 0;
  uint32_t Shift = 0;
  uint64_t CellsPerCta = 0;
  uint32_t Now = 1;
  uint32_t NextAgent = 0;
  std::vector<Cell> Cells;
  std::vector<uint32_t> Sets; ///< reading times of all actors, one set after the other
  std::vector<uint32_t> FreeSets;
  std::vector<VectorClock> Known;  ///< of each warp
  std::vector<VectorClock> Fenced; ///< of each warp: generic writes that a proxy fence follows
  std::unordered_map<uint64_t, VectorClock> Atomics;
};

} // namespace qopt::ptxsim

#endif
