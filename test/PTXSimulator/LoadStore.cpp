// ld, st and hints.
#include "Lanes.h"
#include "Memory.h"
#include "Opcodes.h"

#include <cstring>

namespace qopt::ptxsim {
namespace {

// Mode: bits 0-7 bytes of an element, 8 sign-extends, 9 polls, 16-23 bytes of the destination
// registers.
constexpr uint32_t SignBit = 1 << 8, PollBit = 1 << 9;

uint64_t loadElement(const uint8_t *From, unsigned Bytes, bool Sign) {
  switch (Bytes) {
  case 1:
    return Sign ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(*From))) : *From;
  case 2: {
    uint16_t V;
    std::memcpy(&V, From, 2);
    return Sign ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<int16_t>(V))) : V;
  }
  case 4: {
    uint32_t V;
    std::memcpy(&V, From, 4);
    return Sign ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(V))) : V;
  }
  default: {
    uint64_t V;
    std::memcpy(&V, From, 8);
    return V;
  }
  }
}

/// How the addresses of a full warp lie.
enum class Pattern { Uniform, Contiguous, Other };

template <typename T> Pattern patternOf(const T *Bases, uint32_t Bytes) {
  bool Same = true, Follows = true;
  for (unsigned L = 0; L < LaneCount; ++L) {
    Same &= Bases[L] == Bases[0];
    Follows &= Bases[L] == static_cast<T>(Bases[0] + L * Bytes);
  }
  return Same ? Pattern::Uniform : Follows ? Pattern::Contiguous : Pattern::Other;
}

/// The warp's bytes if they can be accessed as one: then Step is a lane's distance from the one
/// before.
uint8_t *together(Warp &W, const Instruction &I, LaneMask Lanes, uint32_t Bytes, Access How,
                  uint32_t &Step) {
  if (Lanes != AllLanes || (I.Mode & PollBit))
    return nullptr;
  Pattern P = I.Count == 4 ? patternOf(W.slot<uint32_t>(I.Source[0]), Bytes)
                           : patternOf(W.slot<uint64_t>(I.Source[0]), Bytes);
  if (P == Pattern::Other || (P == Pattern::Uniform && How == Access::Write))
    return nullptr;
  Step = P == Pattern::Contiguous ? Bytes : 0;
  uint32_t All = Step ? Bytes * LaneCount : Bytes;
  return accessRange(W, static_cast<Space>(I.Space), laneAddress(W, I, 0), All, Bytes, How);
}

void loadLane(Warp &W, const Instruction &I, unsigned Lane, const uint8_t *From) {
  unsigned Bytes = I.Mode & 0xff, Register = I.Mode >> 16;
  for (Place P : I.Results) {
    uint64_t V = loadElement(From, Bytes, I.Mode & SignBit);
    From += Bytes;
    if (Register == 8)
      W.slot<uint64_t>(P)[Lane] = V;
    else
      W.slot<uint32_t>(P)[Lane] = static_cast<uint32_t>(Register == 2 ? V & 0xffff : V);
  }
}

void loadTogether(Warp &W, const Instruction &I, const uint8_t *From, uint32_t Step) {
  unsigned Bytes = I.Mode & 0xff, Register = I.Mode >> 16;
  if (Bytes != 4 || Register != 4) {
    for (unsigned L = 0; L < LaneCount; ++L)
      loadLane(W, I, L, From + L * Step);
    return;
  }
  for (Place P : I.Results) {
    auto *Out = W.slot<uint32_t>(P);
    for (unsigned L = 0; L < LaneCount; ++L)
      std::memcpy(&Out[L], From + L * Step, 4);
    From += 4;
  }
}

void load(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Step, All = (I.Mode & 0xff) * I.Results.size();
  Space S = static_cast<Space>(I.Space);
  if (const uint8_t *From = together(W, I, Lanes, All, Access::Read, Step))
    return loadTogether(W, I, From, Step);
  forLanes(Lanes, [&](unsigned L) {
    const uint8_t *From = accessMemory(W, I, L, S, laneAddress(W, I, L), All,
                                       I.Mode & PollBit ? Access::Poll : Access::Read);
    if (From)
      loadLane(W, I, L, From);
  });
  if (I.Mode & PollBit)
    W.spin();
}

void storeLane(Warp &W, const Instruction &I, unsigned Lane, uint8_t *To) {
  unsigned Bytes = I.Mode & 0xff;
  for (Place P : I.Elements) {
    uint64_t V = laneValue(W, P, Lane, Bytes);
    std::memcpy(To, &V, Bytes);
    To += Bytes;
  }
}

void store(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Step, All = (I.Mode & 0xff) * I.Elements.size();
  Space S = static_cast<Space>(I.Space);
  ++W.Group->Changes;
  if (uint8_t *To = together(W, I, Lanes, All, Access::Write, Step)) {
    for (unsigned L = 0; L < LaneCount; ++L)
      storeLane(W, I, L, To + L * Step);
    return;
  }
  forLanes(Lanes, [&](unsigned L) {
    uint8_t *To = accessMemory(W, I, L, S, laneAddress(W, I, L), All,
                               I.Mode & PollBit ? Access::Publish : Access::Write);
    if (To)
      storeLane(W, I, L, To);
  });
}

bool isHint(std::string_view P) {
  static const std::string_view Names[] = {"weak", "relaxed", "acquire", "release", "volatile",
                                           "mmio", "cta",     "cluster", "gpu",     "sys",
                                           "ca",   "cg",      "cs",      "lu",      "cv",
                                           "wb",   "wt",      "nc",      "unified"};
  for (std::string_view N : Names)
    if (N == P)
      return true;
  return P.substr(0, 4) == "L1::" || P.substr(0, 4) == "L2::";
}

/// Everything but the data operands. False if a modifier is not known.
bool readModifiers(const Modifiers &M, Instruction &I, unsigned &Vector) {
  Space S = Space::Generic;
  Vector = 1;
  for (size_t N = 1; N + 1 < M.size(); ++N) {
    std::string_view P = M[N];
    if (P == "global")
      S = Space::Global;
    else if (P == "shared" || P == "shared::cta" || P == "shared::cluster")
      S = Space::Shared;
    else if (P == "local")
      S = Space::Local;
    else if (P == "param" || P == "param::entry" || P == "param::func")
      S = Space::Parameter;
    else if (P == "const")
      S = Space::Constant;
    else if (P == "v2" || P == "v4" || P == "v8")
      Vector = P[1] - '0';
    else if (!isHint(P))
      return false;
    if (P == "volatile" || P == "acquire" || P == "relaxed" || P == "release")
      I.Mode |= PollBit;
  }
  I.Space = static_cast<uint8_t>(S);
  unsigned Bytes = typeBytes(M.back());
  I.Mode |= Bytes | (M.back()[0] == 's' ? SignBit : 0);
  return Bytes && Bytes <= 8 && Bytes * Vector <= 32;
}

void noteShared(Decoder &D, const Instruction &I, unsigned Bytes) {
  if (I.Space == static_cast<uint8_t>(Space::Shared) ||
      I.Space == static_cast<uint8_t>(Space::Generic))
    D.sharedAccess(Bytes);
}

void decodeLd(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  unsigned Vector;
  if (M.size() < 2 || !readModifiers(M, I, Vector))
    return D.unknown(S);
  D.expectOperands(S, 2, 3); // the third is a cache policy
  if (D.failed())
    return;
  I.Run = load;
  const Operand &To = S.Operands[0];
  D.address(S.Operands[1], I);
  I.Results = D.destinations(To, 8);
  if (I.Results.size() != Vector)
    return D.fail("the vector operand has not as many elements as the opcode says");
  unsigned Register = 0;
  for (const Operand &Part : To.Form == Operand::Kind::Vector ? To.Parts : std::vector<Operand>{To})
    Register = std::max(Register, D.registerBytes(Part));
  I.Mode |= (Register ? Register : 4) << 16;
  noteShared(D, I, (I.Mode & 0xff) * Vector);
}

void decodeSt(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  unsigned Vector;
  if (M.size() < 2 || !readModifiers(M, I, Vector))
    return D.unknown(S);
  D.expectOperands(S, 2, 3);
  if (D.failed())
    return;
  I.Run = store;
  D.address(S.Operands[0], I);
  I.Elements = D.sources(S.Operands[1], M.back());
  if (I.Elements.size() != Vector)
    return D.fail("the vector operand has not as many elements as the opcode says");
  noteShared(D, I, (I.Mode & 0xff) * Vector);
}

void nothing(Warp &W, const Instruction &I, LaneMask Lanes) {}

void decodeHint(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  I.Run = nothing;
}

void zeroPolicy(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) { W.slot<uint64_t>(I.Destination)[L] = 0; });
}
void decodePolicy(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (S.Operands.empty())
    return D.unknown(S);
  I.Run = zeroPolicy;
  I.Destination = D.destination(S.Operands[0]);
}

} // namespace

void addLoadStoreOpcodes(OpcodeTable &Table) {
  Table["ld"] = Table["ldu"] = decodeLd;
  Table["st"] = decodeSt;
  Table["prefetch"] = Table["prefetchu"] = Table["applypriority"] = Table["discard"] = decodeHint;
  Table["createpolicy"] = decodePolicy;
}

} // namespace qopt::ptxsim
