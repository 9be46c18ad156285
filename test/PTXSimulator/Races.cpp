#include "Races.h"

#include <algorithm>

namespace qopt::ptxsim {

void VectorClock::join(const VectorClock &Other) {
  if (Times.size() < Other.Times.size())
    Times.resize(Other.Times.size(), 0);
  for (size_t N = 0; N < Other.Times.size(); ++N)
    Times[N] = std::max(Times[N], Other.Times[N]);
}

void VectorClock::raise(uint32_t Actor, uint32_t Time) {
  if (Times.size() <= Actor)
    Times.resize(Actor + 1, 0);
  Times[Actor] = std::max(Times[Actor], Time);
}

void RaceDetector::reset(bool On, uint32_t WarpCount, uint32_t Ctas, uint32_t SharedBytes,
                         uint32_t Granule) {
  Enabled = On;
  Warps = WarpCount;
  if (!Enabled)
    return;
  // A clock has two halves: what has happened, and, shifted by the actors, what a proxy fence has
  // followed.
  Actors = 4 * Warps + Agents;
  Shift = 0;
  while ((1u << Shift) < Granule)
    ++Shift;
  CellsPerCta = (SharedBytes >> Shift) + 1;
  Cells.assign(CellsPerCta * Ctas, Cell());
  Sets.clear();
  FreeSets.clear();
  Atomics.clear();
  Now = 1;
  Known.assign(Warps, VectorClock{std::vector<uint32_t>(Actors, 1)});
  Fenced = Known;
}

std::string RaceDetector::name(uint32_t Actor) const {
  if (Actor >= 4 * Warps)
    return "a bulk copy";
  static const char *const Of[] = {"", "cp.async of ", "wgmma of ", "a bulk store of "};
  return Of[Actor / Warps] + ("warp " + std::to_string(Actor % Warps));
}

std::string RaceDetector::describe(const RaceConflict &Conflict) const {
  std::string Who = name(Conflict.Actor);
  if (Conflict.What == RaceConflict::Kind::Unfenced)
    return "no fence.proxy.async follows the write by " + Who;
  return (Conflict.What == RaceConflict::Kind::Write ? "a write by " : "a read by ") + Who +
         " is ordered by nothing";
}

bool RaceDetector::writeOrdered(const Cell &C, uint32_t Warp, uint32_t Actor, bool AsyncProxy,
                                RaceConflict &What) const {
  bool Own = C.Writer == Warp && Actor == Warp;
  bool Before = C.Writer == Warp || Known[Warp].covers(C.Writer, C.WriteTime);
  if (!Own && !Before) {
    What = {C.Writer, RaceConflict::Kind::Write};
    return false;
  }
  if (AsyncProxy && C.Writer < 2 * Warps && C.WriteTime &&
      !Fenced[Warp].covers(C.Writer, C.WriteTime)) {
    What = {C.Writer, RaceConflict::Kind::Unfenced};
    return false;
  }
  return true;
}

bool RaceDetector::readsOrdered(const Cell &C, uint32_t Warp, uint32_t Actor,
                                RaceConflict &What) const {
  auto Ordered = [&](uint32_t Reader, uint32_t Time) {
    if (Reader == Warp || Time == 0 || Known[Warp].covers(Reader, Time))
      return true;
    What = {Reader, RaceConflict::Kind::Read};
    return false;
  };
  if (!C.Set)
    return Ordered(C.Reader, C.ReadTime);
  const uint32_t *Set = &Sets[uint64_t(C.Set - 1) * Actors];
  for (uint32_t A = 0; A < Actors; ++A)
    if (Set[A] && !Ordered(A, Set[A]))
      return false;
  return true;
}

void RaceDetector::remember(Cell &C, uint32_t Warp, uint32_t Actor) {
  if (C.Set) {
    Sets[uint64_t(C.Set - 1) * Actors + Actor] = Now;
    return;
  }
  bool Replaces = C.ReadTime == 0 || C.Reader == Actor || (C.Reader == Warp && Actor == Warp) ||
                  Known[Warp].covers(C.Reader, C.ReadTime);
  if (Replaces) {
    C.Reader = static_cast<uint16_t>(Actor);
    C.ReadTime = Now;
    return;
  }
  if (FreeSets.empty()) {
    FreeSets.push_back(static_cast<uint32_t>(Sets.size() / Actors) + 1);
    Sets.resize(Sets.size() + Actors);
  }
  C.Set = FreeSets.back();
  FreeSets.pop_back();
  uint32_t *Set = &Sets[uint64_t(C.Set - 1) * Actors];
  std::fill(Set, Set + Actors, 0);
  Set[C.Reader] = C.ReadTime;
  Set[Actor] = Now;
}

bool RaceDetector::readAs(uint32_t Warp, uint32_t Actor, bool AsyncProxy, uint32_t Cta,
                          uint32_t Offset, uint32_t Bytes, RaceConflict &What) {
  Cell *End = cells(Cta, Offset + Bytes - 1) + 1;
  const uint32_t *Times = Known[Warp].Times.data();
  for (Cell *C = cells(Cta, Offset); C != End; ++C) {
    // Most reads are of one's own or long known writes, by a warp that reads alone or has been
    // noted already.
    bool Quick = !AsyncProxy && (C->Writer == Warp || C->WriteTime < Times[C->Writer]);
    if (!Quick && !writeOrdered(*C, Warp, Actor, AsyncProxy, What))
      return false;
    if (C->Set)
      Sets[uint64_t(C->Set - 1) * Actors + Actor] = Now;
    else
      remember(*C, Warp, Actor);
  }
  return true;
}

bool RaceDetector::writeAs(uint32_t Warp, uint32_t Actor, bool AsyncProxy, uint32_t Cta,
                           uint32_t Offset, uint32_t Bytes, RaceConflict &What) {
  const uint32_t *Times = Known[Warp].Times.data();
  Cell *End = cells(Cta, Offset + Bytes - 1) + 1;
  for (Cell *C = cells(Cta, Offset); C != End; ++C) {
    // A write after generic accesses needs their order alone; only data that is read needs the
    // proxy fence.
    bool Quick = !C->Set && (C->Writer == Warp || C->WriteTime < Times[C->Writer]) &&
                 (C->Reader == Warp || C->ReadTime < Times[C->Reader]);
    if (!Quick &&
        (!writeOrdered(*C, Warp, Actor, false, What) || !readsOrdered(*C, Warp, Actor, What)))
      return false;
    if (C->Set)
      FreeSets.push_back(C->Set);
    C->Set = 0;
    C->ReadTime = 0;
    C->Writer = static_cast<uint16_t>(Actor);
    C->WriteTime = Now;
  }
  return true;
}

bool RaceDetector::peek(uint32_t Warp, uint32_t Cta, uint32_t Offset, uint32_t Bytes,
                        RaceConflict &What) const {
  if (!Enabled)
    return true;
  auto &Self = const_cast<RaceDetector &>(*this);
  return writeOrdered(*Self.cells(Cta, Offset), Warp, Warp, false, What);
}

bool RaceDetector::synchronise(uint32_t Warp, uint32_t Cta, uint32_t Offset, uint32_t Bytes,
                               bool Writes, RaceConflict &What) {
  if (!Enabled)
    return true;
  VectorClock &Clock = Atomics[uint64_t(Cta) << 32 | Offset];
  acquire(Warp, Clock);
  if (!Writes)
    return peek(Warp, Cta, Offset, Bytes, What);
  bool Ordered = writeAs(Warp, Warp, false, Cta, Offset, Bytes, What);
  release(Warp, Clock);
  return Ordered;
}

// The second half of a clock holds what has been fenced.
void RaceDetector::release(uint32_t Warp, VectorClock &Into) {
  if (!Enabled)
    return;
  Into.Times.resize(2 * Actors, 0);
  ++Now;
  Known[Warp].Times[Warp] = Now;
  for (uint32_t A = 0; A < Actors; ++A) {
    Into.Times[A] = std::max(Into.Times[A], Known[Warp].Times[A]);
    Into.Times[Actors + A] = std::max(Into.Times[Actors + A], Fenced[Warp].Times[A]);
  }
}

void RaceDetector::acquire(uint32_t Warp, const VectorClock &From) {
  if (!Enabled || From.Times.empty())
    return;
  for (uint32_t A = 0; A < Actors; ++A) {
    Known[Warp].Times[A] = std::max(Known[Warp].Times[A], From.Times[A]);
    Fenced[Warp].Times[A] = std::max(Fenced[Warp].Times[A], From.Times[Actors + A]);
  }
}

void RaceDetector::releaseAgent(uint32_t Agent, VectorClock &Into) {
  if (!Enabled)
    return;
  Into.Times.resize(2 * Actors, 0);
  Into.Times[Agent] = std::max(Into.Times[Agent], ++Now);
}

void RaceDetector::waited(uint32_t Warp, uint32_t Actor, uint32_t Time) {
  if (Enabled)
    Known[Warp].raise(Actor, Time);
}

// Everything that has happened before the fence, for this warp, is visible to the other proxy.
void RaceDetector::fenceProxy(uint32_t Warp) {
  if (!Enabled)
    return;
  Fenced[Warp].join(Known[Warp]);
  Fenced[Warp].Times[Warp] = ++Now;
}

} // namespace qopt::ptxsim
