#include "Scheduler.h"
#include "Lanes.h"

#include <algorithm>
#include <sstream>
#include <thread>

namespace qopt::ptxsim {

/// Instructions that a warp runs at most before others get their turn.
static constexpr uint64_t LongestTurn = 256;
/// Backward branches after which lanes that others wait for stand back.
static constexpr uint32_t PatientBranches = 4096;
/// Rounds in which every poll fails and nothing changes.
static constexpr int HopelessRounds = 64;
/// Warp instructions without a change after which polling warps count as stuck.
static constexpr uint64_t QuietTicks = 1000;
static constexpr uint64_t HopelessTicks = 2'000'000;

void Warp::fault(FaultKind Kind, const Instruction &I, unsigned Lane, uint64_t Address,
                 const std::string &Message) {
  // The first one of a cluster: what follows may come of it.
  if (Group->Stop)
    return;
  Group->Stop = true;
  Switch = true;
  Report R;
  R.Kind = Kind;
  R.Kernel = Program->Name;
  R.Line = I.Line;
  R.Instruction = Program->Opcodes[&I - Program->Code.data()];
  R.Cta = Block->Index;
  R.Thread = thread(Lane);
  R.Address = Address;
  R.Message = Message;
  std::lock_guard<std::mutex> Lock(Grid->ReportsMutex);
  Grid->Reports.push_back(std::move(R));
  Grid->Stop = true;
}

void Warp::jump(uint32_t Target, LaneMask Taken) {
  if (Taken == Current.Lanes) {
    bool Back = Target < Current.Pc;
    Current.Pc = Target;
    if (!Parked.empty()) {
      Switch = true;
      Current.Spins += Back && ++Backward % PatientBranches == 0;
    }
    return;
  }
  Fragment Rest = Current;
  Rest.Lanes &= ~Taken;
  Parked.push_back(Rest);
  Current.Lanes = Taken;
  Current.Pc = Target;
  Switch = true;
}

void Warp::exit(LaneMask Lanes) {
  Alive &= ~Lanes;
  Current.Lanes &= ~Lanes;
  Switch = true;
  ++Group->Changes;
  if (!Alive) {
    recheckBarriers(*Block);
    completeClusterBarrier(*Group);
  }
}

void Warp::block(Waiting Why) {
  --Current.Pc;
  Current.Why = Why;
  Switch = true;
}

void Warp::spin() {
  ++Current.Spins;
  Switch = true;
}

static bool mayRun(const Warp &W, const Fragment &F) {
  if (F.Why == Waiting::No)
    return true;
  return F.Why == Waiting::Lanes && (F.Lanes & F.Need & W.Alive) == (F.Need & W.Alive);
}

/// Lanes that have come to the same instruction go on together.
static void mergeFragments(Warp &W) {
  auto &All = W.Parked;
  for (size_t A = 0; A < All.size(); ++A)
    for (size_t B = All.size(); B-- > A + 1;) {
      bool Same = All[A].Pc == All[B].Pc && (All[A].Why == All[B].Why) &&
                  (All[A].Why == Waiting::No || All[A].Why == Waiting::Lanes ||
                   All[A].Why == Waiting::Phase);
      if (!Same)
        continue;
      All[A].Lanes |= All[B].Lanes;
      All[A].Need |= All[B].Need;
      All[A].Spins = std::min(All[A].Spins, All[B].Spins);
      All.erase(All.begin() + B);
    }
}

/// Puts the fragment that should run into Current: of those that polled least, the first in the
/// text. False if none can run.
static bool chooseFragment(Warp &W) {
  W.Switch = false;
  if (W.Current.Lanes)
    W.Parked.push_back(W.Current);
  W.Current.Lanes = 0;
  // Lanes that wait for others at an instruction are only there until those others come.
  for (Fragment &F : W.Parked)
    if (F.Why == Waiting::Lanes)
      F.Why = mayRun(W, F) ? Waiting::No : F.Why;
  if (W.Parked.size() > 1) {
    for (Fragment &Arrived : W.Parked)
      for (Fragment &Other : W.Parked)
        if (Other.Why == Waiting::Lanes && Arrived.Why == Waiting::No && Other.Pc == Arrived.Pc) {
          Arrived.Why = Waiting::Lanes;
          Arrived.Need = Other.Need;
        }
    mergeFragments(W);
  }
  auto Best = W.Parked.end();
  for (auto F = W.Parked.begin(); F != W.Parked.end(); ++F)
    if (mayRun(W, *F) && (Best == W.Parked.end() ||
                          std::make_pair(F->Spins, F->Pc) < std::make_pair(Best->Spins, Best->Pc)))
      Best = F;
  if (Best == W.Parked.end())
    return false;
  W.Current = *Best;
  W.Current.Why = Waiting::No;
  W.Parked.erase(Best);
  W.MergePc = ~0u;
  for (const Fragment &F : W.Parked)
    if (F.Pc > W.Current.Pc && (F.Why == Waiting::No || F.Why == Waiting::Lanes))
      W.MergePc = std::min(W.MergePc, F.Pc);
  return true;
}

/// Lanes whose masks differ from the first lane's execute after it. False if a lane is not in its
/// own mask.
static bool splitMembers(Warp &W, const Instruction &I, LaneMask &Lanes, LaneMask Need) {
  const uint32_t *Masks = W.slot<uint32_t>(I.Source[3]);
  LaneMask Foreign = maskOf(Lanes, [&](unsigned L) { return !(Masks[L] >> L & 1); });
  if (Foreign) {
    W.fault(FaultKind::Divergence, I, firstLane(Foreign), Masks[firstLane(Foreign)],
            "a lane executes the instruction and is not in its own mask");
    return false;
  }
  if (Lanes & ~Need) {
    Fragment Rest = W.Current;
    Rest.Pc -= 1;
    Rest.Lanes = Lanes & ~Need;
    W.Current.Lanes &= ~Rest.Lanes;
    W.Parked.push_back(Rest);
    W.Switch = true;
    Lanes &= Need;
  }
  return true;
}

/// Whether all lanes that the instruction needs are here; else the lanes wait or the divergence is
/// reported.
static bool meet(Warp &W, const Instruction &I, LaneMask &Lanes) {
  LaneMask Need = I.Meet == Meeting::Alive ? W.Alive : AllLanes;
  if (I.Meet == Meeting::Members) {
    Need = W.slot<uint32_t>(I.Source[3])[firstLane(Lanes)];
    if (!splitMembers(W, I, Lanes, Need))
      return false;
  }
  LaneMask Missing = Need & ~Lanes;
  if (!Missing)
    return true;
  if (Missing & (W.Current.Lanes | ~W.Alive)) {
    std::ostringstream Text;
    Text << "lanes 0x" << std::hex << Missing << " must execute this together with lanes 0x"
         << Lanes << " and " << ((Missing & ~W.Alive) ? "have exited" : "are predicated off");
    W.fault(FaultKind::Divergence, I, firstLane(Lanes), Missing, Text.str());
    return false;
  }
  W.Current.Need = Need;
  W.block(Waiting::Lanes);
  return false;
}

/// Runs the warp until its turn is over or it waits.
static void runTurn(Warp &W, uint64_t Turn) {
  Cluster &G = *W.Group;
  const Instruction *Code = W.Program->Code.data();
  if (!chooseFragment(W))
    return;
  uint64_t Done = 0, Threads = 0;
  while (Done < Turn) {
    const Instruction &I = Code[W.Current.Pc++];
    LaneMask Lanes = W.Current.Lanes;
    if (I.Guard != NoPlace)
      Lanes &= W.predicate(I.Guard, I.GuardNegated);
    ++Done;
    if (Lanes) {
      Threads += __builtin_popcount(Lanes);
      if ((I.Meet == Meeting::None || meet(W, I, Lanes)) &&
          (!I.TouchesAsync || checkAsyncRegisters(W, I, Lanes)))
        I.Run(W, I, Lanes);
    }
    if (W.Switch || W.Current.Pc >= W.MergePc) {
      if (G.Stop)
        break;
      if (W.Current.Why != Waiting::No && W.Parked.empty())
        break;
      bool Polled = W.Current.Spins > 0 && W.Switch;
      if (!chooseFragment(W) || (Polled && W.Current.Spins))
        break;
    }
  }
  G.Ticks += Done;
  G.Threads += Threads;
}

static bool canRun(Warp &W) {
  if (!W.Alive)
    return false;
  if (W.Current.Lanes && mayRun(W, W.Current))
    return true;
  return std::any_of(W.Parked.begin(), W.Parked.end(),
                     [&](const Fragment &F) { return mayRun(W, F); });
}

/// Fragments that wait for a phase look again.
void wakeWaiters(Cluster &G) {
  ++G.Changes;
  for (auto &C : G.Ctas)
    for (Warp &W : C->Warps) {
      auto Wake = [](Fragment &F) {
        if (F.Why == Waiting::Phase || F.Why == Waiting::ClusterBarrier ||
            F.Why == Waiting::Registers)
          F.Why = Waiting::No;
      };
      Wake(W.Current);
      for (Fragment &F : W.Parked)
        Wake(F);
    }
}

static const char *waitingText(Waiting Why) {
  switch (Why) {
  case Waiting::No:
    return "polls";
  case Waiting::Lanes:
    return "waits for its other lanes";
  case Waiting::Barrier:
    return "waits at a barrier";
  case Waiting::Phase:
    return "waits for a phase";
  case Waiting::ClusterBarrier:
    return "waits for the cluster";
  case Waiting::Registers:
    return "waits for registers";
  }
  return "";
}

/// Nobody can go on. A warp whose own lanes wait for each other at different instructions has
/// diverged.
static void reportStuck(Cluster &G) {
  Warp *First = nullptr;
  Fragment FirstFragment;
  FaultKind Kind = FaultKind::Deadlock;
  std::ostringstream Text;
  int Listed = 0;
  for (auto &C : G.Ctas)
    for (Warp &W : C->Warps) {
      std::vector<Fragment> All = W.Parked;
      if (W.Current.Lanes)
        All.push_back(W.Current);
      for (const Fragment &F : All) {
        bool Diverged = F.Why == Waiting::Lanes;
        if (!First || (Diverged && Kind != FaultKind::Divergence)) {
          First = &W;
          FirstFragment = F;
          Kind = Diverged ? FaultKind::Divergence : Kind;
        }
        if (++Listed <= 8)
          Text << (Listed > 1 ? "; " : "") << "warp " << W.Index << " lanes 0x" << std::hex
               << F.Lanes << std::dec << " " << waitingText(F.Why) << " at line "
               << W.Program->Code[F.Pc].Line;
      }
    }
  if (First)
    First->fault(Kind, First->Program->Code[FirstFragment.Pc], firstLane(FirstFragment.Lanes), 0,
                 (Kind == FaultKind::Divergence
                      ? "lanes that must meet stand at different instructions: "
                      : "nothing can go on: ") +
                     Text.str());
}

/// All warps wait: something that is under way ends, or polls fail, or it is a deadlock.
static void unblock(Cluster &G, int &Rounds) {
  if (G.Pending.finishNext()) {
    Rounds = 0;
    wakeWaiters(G);
    return;
  }
  uint64_t Before = G.Changes;
  G.Spurious = true;
  wakeWaiters(G);
  G.Changes = Before;
  if (++Rounds > HopelessRounds)
    reportStuck(G);
}

/// Warps that poll without end while nothing changes: first what is under way ends.
static void watchPolling(Cluster &G) {
  if (G.Changes != G.LastChange) {
    G.LastChange = G.Changes;
    G.LastChangeTick = G.Ticks;
    return;
  }
  uint64_t Quiet = G.Ticks - G.LastChangeTick;
  bool Polling = false;
  for (auto &C : G.Ctas)
    for (Warp &W : C->Warps)
      Polling |= W.Alive &&
                 (W.Current.Spins || std::any_of(W.Parked.begin(), W.Parked.end(),
                                                 [](const Fragment &F) { return F.Spins > 0; }));
  if (!Polling)
    return;
  if (Quiet > QuietTicks && G.Pending.finishNext()) {
    wakeWaiters(G);
    return;
  }
  bool Alone = G.Grid->Running == 1;
  if (!Alone)
    std::this_thread::yield();
  if (Quiet > HopelessTicks && Alone)
    reportStuck(G);
}

/// A loop that does not end need not wait for anything.
static void reportEndless(Cluster &G) {
  for (auto &C : G.Ctas)
    for (Warp &W : C->Warps)
      if (W.Alive && W.Current.Lanes)
        W.fault(FaultKind::Endless, W.Program->Code[W.Current.Pc], firstLane(W.Current.Lanes), 0,
                std::to_string(G.Ticks) + " instructions, and no end");
}

static void runCluster(Cluster &G) {
  int Rounds = 0;
  std::vector<Warp *> Warps;
  for (auto &C : G.Ctas)
    for (Warp &W : C->Warps)
      Warps.push_back(&W);
  for (uint64_t Round = 0;; ++Round) {
    bool Ran = false, Left = false;
    size_t First = G.Chance.below(Warps.size());
    uint64_t Changes = G.Changes;
    for (size_t N = 0; N < Warps.size() && !G.Stop; ++N) {
      Warp &W = *Warps[(First + N) % Warps.size()];
      Left |= W.Alive != 0;
      if (!canRun(W))
        continue;
      Ran = true;
      runTurn(W, 1 + G.Chance.below(LongestTurn));
      if (G.Pending.runDue(G.Ticks))
        wakeWaiters(G);
    }
    if (!Left || G.Stop || G.Grid->Stop)
      return;
    if (G.Changes != Changes)
      Rounds = 0;
    if (G.Ticks > G.Grid->Options.MaxInstructions)
      reportEndless(G);
    G.Spurious = false;
    if (!Ran)
      unblock(G, Rounds);
    else if (Round % 8 == 0)
      watchPolling(G);
  }
}

static void startWarp(Warp &W, Cta &C, uint32_t Index) {
  Launch &L = *C.Group->Grid;
  const Kernel &K = *L.Program;
  uint32_t Threads = L.Block[0] * L.Block[1] * L.Block[2];
  W = Warp();
  W.Registers = C.RegisterFile.data() + uint64_t(Index) * K.RegisterSlots * LaneCount;
  W.Constants = K.Constants.data();
  W.Predicates = C.PredicateFile.data() + uint64_t(Index) * K.Predicates;
  W.Program = &K;
  W.Block = &C;
  W.Group = C.Group;
  W.Grid = &L;
  W.Index = Index;
  W.Id = C.Rank * C.Warps.size() + Index;
  for (unsigned Lane = 0; Lane < LaneCount; ++Lane) {
    uint32_t T = Index * LaneCount + Lane;
    if (T < Threads)
      W.Alive |= LaneMask(1) << Lane;
    W.ThreadIndex[0][Lane] = T % L.Block[0];
    W.ThreadIndex[1][Lane] = T / L.Block[0] % L.Block[1];
    W.ThreadIndex[2][Lane] = T / (L.Block[0] * L.Block[1]);
  }
  W.Current.Lanes = W.Alive;
  W.MaximumRegisters = launchRegisters(K);
  if (!K.AsyncSlots.empty()) {
    W.Accumulating.assign(K.RegisterSlots, 0);
    W.ReadByMatrix.assign(K.RegisterSlots, 0);
    W.Unfenced.assign(K.RegisterSlots, 1);
  }
}

static void startCta(Cluster &G, Cta &C, uint32_t Rank, uint64_t Linear) {
  Launch &L = *G.Grid;
  const Kernel &K = *L.Program;
  uint64_t Threads = uint64_t(L.Block[0]) * L.Block[1] * L.Block[2];
  size_t Warps = (Threads + LaneCount - 1) / LaneCount;
  C.Group = &G;
  C.Rank = Rank;
  C.Index = {static_cast<uint32_t>(Linear % L.Grid[0]),
             static_cast<uint32_t>(Linear / L.Grid[0] % L.Grid[1]),
             static_cast<uint32_t>(Linear / L.Grid[0] / L.Grid[1])};
  size_t Shared = sharedBytes(K, L.DynamicShared);
  C.Shared.assign(Shared, 0xA5);
  static std::atomic<uint64_t> Starts{0};
  C.SharedGeneration = ++Starts << 32;
  C.Written.assign(Shared, 0);
  C.Local.resize(K.LocalBytes * Threads);
  C.RegisterFile.resize(Warps * K.RegisterSlots * LaneCount);
  C.PredicateFile.resize(Warps * K.Predicates);
  C.FreeRegisters = 0;
  C.Barriers = {};
  C.Phases.ByAddress.clear();
  C.Warps.resize(Warps);
  for (size_t W = 0; W < Warps; ++W)
    startWarp(C.Warps[W], C, W);
}

uint32_t sharedBytes(const Kernel &K, uint32_t Dynamic) {
  if (!Dynamic)
    return K.StaticShared;
  uint32_t Align = K.DynamicAlignment;
  return (SharedBase + K.StaticShared + Align - 1) / Align * Align - SharedBase + Dynamic;
}

/// CTAs of a cluster are neighbours in the grid.
static uint64_t ctaOfCluster(const Launch &L, uint64_t ClusterIndex, uint32_t Rank) {
  const auto &Size = L.Program->Cluster;
  uint64_t Across = L.Grid[0] / Size[0], Down = L.Grid[1] / Size[1];
  uint64_t X = ClusterIndex % Across * Size[0] + Rank % Size[0];
  uint64_t Y = ClusterIndex / Across % Down * Size[1] + Rank / Size[0] % Size[1];
  uint64_t Z = ClusterIndex / Across / Down * Size[2] + Rank / Size[0] / Size[1];
  return X + L.Grid[0] * (Y + L.Grid[1] * Z);
}

static void startCluster(Cluster &G, Launch &L, uint64_t Index) {
  uint32_t Size = L.Program->Cluster[0] * L.Program->Cluster[1] * L.Program->Cluster[2];
  G.Grid = &L;
  G.Chance = Random(L.Seed ^ (Index * 0x9e3779b97f4a7c15ull));
  G.Pending.clear();
  G.Meeting = {};
  G.Ticks = G.Threads = G.Changes = G.LastChange = G.LastChangeTick = 0;
  G.Stop = G.Spurious = false;
  while (G.Ctas.size() < Size)
    G.Ctas.push_back(std::make_unique<Cta>());
  for (uint32_t Rank = 0; Rank < Size; ++Rank)
    startCta(G, *G.Ctas[Rank], Rank, ctaOfCluster(L, Index, Rank));
  G.Races.reset(L.Options.CheckRaces, Size * G.Ctas[0]->Warps.size(), Size,
                G.Ctas[0]->Shared.size(), L.Program->SharedGranule);
}

/// All threads have exited: bulk operations that nobody has waited for use shared memory that is no
/// longer theirs.
static void endPending(Cluster &G) {
  const char *Text = "the CTA has ended and nobody has waited for this bulk operation";
  if (const AsyncOperation *Left = G.Pending.unfinishedLoad())
    const_cast<Warp *>(Left->Issuer)
        ->fault(FaultKind::Race, *Left->Where, firstLane(Left->Lanes), 0, Text);
  for (auto &C : G.Ctas)
    for (Warp &W : C->Warps)
      for (unsigned L = 0; L < LaneCount; ++L)
        if (W.Bulks.Used[L] > W.Bulks.Waited[L])
          W.fault(FaultKind::Race, *W.LastBulk, L, 0, Text);
  while (!G.Stop && G.Pending.finishNext()) {
  }
}

void runClusters(Launch &L) {
  uint64_t Size = uint64_t(L.Program->Cluster[0]) * L.Program->Cluster[1] * L.Program->Cluster[2];
  uint64_t Count = uint64_t(L.Grid[0]) * L.Grid[1] * L.Grid[2] / Size;
  Cluster G;
  ++L.Running;
  for (;;) {
    uint64_t Index = L.NextCluster++;
    if (Index >= Count || L.Stop)
      break;
    startCluster(G, L, Index);
    runCluster(G);
    if (!G.Stop)
      endPending(G);
    L.WarpInstructions += G.Ticks;
    L.ThreadInstructions += G.Threads;
  }
  --L.Running;
}

} // namespace qopt::ptxsim
