// The state of a running grid: launch, cluster, CTA, warp.
#ifndef QOPT_PTXSIMULATOR_MACHINE_H
#define QOPT_PTXSIMULATOR_MACHINE_H

#include "AsyncQueue.h"
#include "Barriers.h"
#include "GlobalMemory.h"
#include "Program.h"
#include "Races.h"
#include "Random.h"
#include "Report.h"
#include "Simulator.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace qopt::ptxsim {

struct Cta;
struct Cluster;

/// Windows of the generic address space.
constexpr uint64_t SharedWindow = 0x600000000000;
constexpr uint64_t LocalWindow = 0x610000000000;
constexpr uint64_t ParameterWindow = 0x620000000000;
/// The first kilobyte of shared memory belongs to the system, as on sm_90: a null pointer is out of
/// bounds.
constexpr uint32_t SharedBase = 1024;
/// shared::cluster addresses hold the rank + 1 of a CTA above this bit; 0 is the own CTA.
constexpr unsigned ClusterRankShift = 24;

/// What is common to all CTAs of a launch.
struct Launch {
  const Kernel *Program = nullptr;
  GlobalMemory *Memory = nullptr;
  SimulatorOptions Options;
  int ChipVersion = 0; ///< 90
  int Multiprocessors = 1;
  std::array<uint32_t, 3> Grid{1, 1, 1};
  std::array<uint32_t, 3> Block{1, 1, 1};
  uint32_t DynamicShared = 0;
  std::vector<uint8_t> Parameters;
  uint64_t Seed = 0;

  std::atomic<bool> Stop{false};
  std::atomic<uint64_t> NextCluster{0};
  std::atomic<uint64_t> Running{0};
  std::atomic<uint64_t> WarpInstructions{0};
  std::atomic<uint64_t> ThreadInstructions{0};
  std::mutex ReportsMutex;
  std::vector<Report> Reports;
};

/// Why a fragment does not run.
enum class Waiting : uint8_t {
  No,
  Lanes,          ///< for the other lanes that must stand at the same instruction
  Barrier,        ///< bar.sync
  Phase,          ///< mbarrier try_wait
  ClusterBarrier, ///< barrier.cluster.wait
  Registers,      ///< setmaxnreg.inc
};

/// Lanes of a warp that stand at the same instruction.
struct Fragment {
  uint32_t Pc = 0;
  LaneMask Lanes = 0;
  Waiting Why = Waiting::No;
  /// Failed polls: who polls lets the others go first.
  uint32_t Spins = 0;
  LaneMask Need = 0;
};

/// Groups of asynchronous operations that a warp's lanes have closed.
struct AsyncGroups {
  uint64_t Closed[LaneCount] = {};
  uint64_t Used[LaneCount] = {};   ///< groups up to this one hold something
  uint64_t Waited[LaneCount] = {}; ///< groups known to have ended
  std::vector<uint32_t> Times;     ///< of each group: RaceDetector's time after its last operation

  void close(LaneMask Lanes, uint32_t Time);
};

struct Warp {
  uint32_t *Registers = nullptr;
  const uint32_t *Constants = nullptr;
  LaneMask *Predicates = nullptr;
  const Kernel *Program = nullptr;
  Cta *Block = nullptr;
  Cluster *Group = nullptr;
  Launch *Grid = nullptr;
  uint32_t Index = 0; ///< in the CTA
  uint32_t Id = 0;    ///< in the cluster
  LaneMask Alive = 0;
  LaneMask Carry = 0;
  Fragment Current;
  std::vector<Fragment> Parked;
  uint32_t MergePc = ~0u; ///< where the current fragment meets another
  uint32_t Backward = 0;  ///< branches, while diverged
  bool Switch = false;    ///< the scheduler must look at the fragments
  const Allocation *Recent = nullptr;
  uint32_t ThreadIndex[3][LaneCount] = {};
  AsyncGroups Copies, Bulks, Matrices;
  const Instruction *LastBulk = nullptr; ///< store
  uint64_t MatrixWaited = 0;             ///< wgmma groups known to have ended
  bool ClusterArrived = false;
  uint64_t ClusterPhase = 0;
  uint32_t MaximumRegisters = 0; ///< setmaxnreg's
  /// Of each slot: 1 + the wgmma group that accumulates into it, or reads it.
  std::vector<uint64_t> Accumulating, ReadByMatrix;
  std::vector<uint8_t> Unfenced; ///< of each slot: written since wgmma.fence

  template <typename T> T *slot(Place P) {
    const uint32_t *Base = P & ConstantPlace ? Constants : Registers;
    return reinterpret_cast<T *>(const_cast<uint32_t *>(Base) +
                                 uint64_t(P & ~ConstantPlace) * LaneCount);
  }
  LaneMask predicate(Place P, bool Negated = false) const {
    LaneMask Value = Predicates[P & ~PredicatePlace];
    return Negated ? ~Value : Value;
  }
  void setPredicate(Place P, LaneMask Lanes, LaneMask Value) {
    LaneMask &Mask = Predicates[P & ~PredicatePlace];
    Mask = (Mask & ~Lanes) | (Value & Lanes);
  }

  /// Records what a lane did wrong and ends the launch.
  void fault(FaultKind Kind, const Instruction &I, unsigned Lane, uint64_t Address,
             const std::string &Message);
  void jump(uint32_t Target, LaneMask Taken);
  void exit(LaneMask Lanes);
  /// Repeats the instruction when what it waits for may have come.
  void block(Waiting Why);
  /// The instruction polls and failed: let others run.
  void spin();
  std::array<uint32_t, 3> thread(unsigned Lane) const {
    return {ThreadIndex[0][Lane], ThreadIndex[1][Lane], ThreadIndex[2][Lane]};
  }
};

struct Cta {
  Cluster *Group = nullptr;
  uint32_t Rank = 0; ///< in the cluster
  std::array<uint32_t, 3> Index{};
  std::vector<uint8_t> Shared;   ///< from SharedBase
  std::vector<uint8_t> Written;  ///< a byte for each of Shared
  uint64_t SharedGeneration = 0; ///< changes with Shared, and is no other CTA's
  std::vector<uint8_t> Local;    ///< LocalBytes for each thread
  std::vector<uint32_t> RegisterFile;
  std::vector<LaneMask> PredicateFile;
  std::array<NamedBarrier, 16> Barriers;
  PhaseBarriers Phases;
  std::vector<Warp> Warps;
  uint32_t FreeRegisters = 0; ///< setmaxnreg's pool, in registers of one warp
};

struct Cluster {
  Launch *Grid = nullptr;
  std::vector<std::unique_ptr<Cta>> Ctas;
  Random Chance;
  AsyncQueue Pending;
  RaceDetector Races;
  ClusterBarrier Meeting;
  uint64_t Ticks = 0;   ///< warp instructions
  uint64_t Threads = 0; ///< thread instructions
  uint64_t Changes = 0; ///< of anything that somebody may wait for
  uint64_t LastChange = 0, LastChangeTick = 0;
  bool Stop = false;
  bool Spurious = false; ///< everything waits: phase waits return false

  /// The CTA that a shared::cluster address means, seen from another one; nullptr if there is none.
  Cta *owner(Cta &From, uint32_t Address) {
    uint32_t Rank = Address >> ClusterRankShift;
    return Rank == 0 ? &From : Rank <= Ctas.size() ? Ctas[Rank - 1].get() : nullptr;
  }
};

/// Takes clusters of the launch, one after the other, until there are none.
void runClusters(Launch &Grid);

} // namespace qopt::ptxsim

#endif
