// cp.async.bulk.tensor: boxes of a tensor to shared memory and back, with swizzles and bounds.
#include "BulkCopy.h"
#include "Floats.h"
#include "Lanes.h"
#include "PhaseOperations.h"
#include "TensorMaps.h"

#include <array>
#include <cstring>

namespace qopt::ptxsim {

uint32_t swizzled(uint32_t Address, runtime::TensorSwizzle Swizzle) {
  unsigned Bits = static_cast<unsigned>(Swizzle); // 1, 2, 3 for 32, 64, 128 bytes
  return Address ^ ((Address >> 7 & ((1u << Bits) - 1)) << 4);
}

namespace {

constexpr uint32_t TensorAlignment = 128;
constexpr unsigned Chunk = 16;

struct Box {
  DecodedTensorMap Map;
  std::array<int64_t, 5> Start{};
  uint32_t Bytes = 0;
};

/// Elements [First, Last) of a chunk of a row lie inside the tensor.
struct Part {
  unsigned First, Last;
  uint64_t Address; ///< of element First
};

/// Calls Do(offset in the box, part) for every 16 bytes of the box; the part is empty outside the
/// tensor.
template <typename F> void eachChunk(const Box &B, F Do) {
  const DecodedTensorMap &Map = B.Map;
  unsigned PerChunk = Chunk / Map.ElementBytes;
  uint32_t Offset = 0;
  std::array<uint32_t, 5> At{};
  for (;;) {
    bool Inside = true;
    uint64_t Row = Map.Base;
    for (unsigned D = 1; D < Map.Rank; ++D) {
      int64_t C = B.Start[D] + At[D];
      Inside &= C >= 0 && static_cast<uint64_t>(C) < Map.Sizes[D];
      Row += static_cast<uint64_t>(C) * Map.Strides[D];
    }
    for (uint32_t E = 0; E < Map.Box[0]; E += PerChunk, Offset += Chunk) {
      Part P{PerChunk, 0, 0};
      for (unsigned N = 0; N < PerChunk && Inside; ++N) {
        int64_t C = B.Start[0] + E + N;
        if (C < 0 || static_cast<uint64_t>(C) >= Map.Sizes[0])
          continue;
        P.First = std::min(P.First, N);
        P.Last = N + 1;
      }
      P.Address = Row + (B.Start[0] + E + P.First) * Map.ElementBytes;
      Do(Offset, P);
    }
    unsigned D = 1;
    while (D < Map.Rank && ++At[D] == Map.Box[D])
      At[D++] = 0;
    if (D >= Map.Rank)
      return;
  }
}

bool readBox(Warp &W, const Instruction &I, unsigned Lane, const AddressPlace &Operand, Box &B) {
  uint64_t Address = laneAddress(W, Operand, Lane);
  if (Address % 64) {
    W.fault(FaultKind::Misaligned, I, Lane, Address, "a tensor map lies at a multiple of 64");
    return false;
  }
  const uint8_t *Bytes = nullptr;
  if (Address >> 40 == ParameterWindow >> 40 &&
      Address - ParameterWindow + 128 <= W.Grid->Parameters.size())
    Bytes = W.Grid->Parameters.data() + (Address - ParameterWindow);
  else
    Bytes = W.Grid->Memory->at(Address, 128);
  if (!Bytes || !decodeTensorMap(Bytes, B.Map)) {
    W.fault(FaultKind::BadOperand, I, Lane, Address, "the operand is no tensor map");
    return false;
  }
  if (B.Map.Rank != Operand.Coordinates.size() || B.Map.Rank != I.Count) {
    W.fault(FaultKind::BadOperand, I, Lane, Address,
            "the tensor map has another rank than the instruction");
    return false;
  }
  B.Bytes = B.Map.ElementBytes;
  for (unsigned D = 0; D < B.Map.Rank; ++D) {
    B.Start[D] = W.slot<int32_t>(Operand.Coordinates[D])[Lane];
    B.Bytes *= B.Map.Box[D];
  }
  return true;
}

/// All elements of the box that are inside the tensor must be inside its allocation.
bool checkMemory(Warp &W, const Instruction &I, unsigned Lane, const Box &B, bool Writes) {
  bool Valid = true;
  eachChunk(B, [&](uint32_t, const Part &P) {
    if (Valid && P.First < P.Last)
      Valid = globalBytesAt(W, I, Lane, P.Address, uint64_t(P.Last - P.First) * B.Map.ElementBytes,
                            1, Writes) != nullptr;
  });
  return Valid;
}

/// Bytes of shared memory that an offset in the box means: the swizzle follows the absolute
/// address.
uint8_t *placeOf(const SharedRange &R, const Box &B, uint32_t Offset) {
  uint32_t Absolute = SharedBase + R.Offset + Offset;
  return R.Owner->Shared.data() + (swizzled(Absolute, B.Map.Swizzle) - SharedBase);
}

void fill(const SharedRange &R, const Box &B, const GlobalMemory &Memory) {
  eachChunk(B, [&](uint32_t Offset, const Part &P) {
    uint8_t *To = placeOf(R, B, Offset);
    std::memset(To, 0, Chunk);
    unsigned Size = B.Map.ElementBytes;
    if (P.First < P.Last)
      if (const uint8_t *From = Memory.at(P.Address, uint64_t(P.Last - P.First) * Size))
        std::memcpy(To + P.First * Size, From, uint64_t(P.Last - P.First) * Size);
  });
  R.markWritten();
}

/// A swizzle turns addresses inside pieces of 256 bytes and more: the range must hold whole pieces,
/// or be one that the swizzle maps onto itself.
bool swizzleStays(const SharedRange &R, const Box &B) {
  uint32_t Piece = 128u << static_cast<unsigned>(B.Map.Swizzle);
  bool FullRows = B.Map.Box[0] * B.Map.ElementBytes == Piece / 8;
  return B.Map.Swizzle == runtime::TensorSwizzle::None ||
         ((SharedBase + R.Offset) % Piece == 0 && (FullRows || R.Bytes % 128 == 0));
}

/// Addresses: destination, map, mbarrier. Source[2]: CTA mask.
void load(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) {
    Box B;
    if (!readBox(W, I, L, I.Addresses[1], B) || !checkMemory(W, I, L, B, false))
      return;
    uint32_t Agent = W.Group->Races.nextAgent();
    auto To = destinations(W, I, L, laneAddress(W, I.Addresses[0], L));
    auto Signals = destinations(W, I, L, laneAddress(W, I.Addresses[2], L));
    for (size_t N = 0; N < To.size(); ++N) {
      SharedRange Range;
      PhaseHandle Signal;
      if (!findPhaseBarrier(W, I, L, Signals[N], Signal) ||
          !beginSharedWrite(W, I, L, To[N], B.Bytes, TensorAlignment, Agent, true, Range))
        return;
      if (!swizzleStays(Range, B))
        return W.fault(FaultKind::Misaligned, I, L, To[N],
                       "a swizzled box begins where the swizzle's pattern begins");
      Cluster *Group = W.Group;
      const GlobalMemory *Memory = W.Grid->Memory;
      startBulk(W, I, L, AsyncKind::Phase, [=] {
        fill(Range, B, *Memory);
        if (PhaseBarrier *Barrier = Signal.get())
          completeTransaction(*Group, *Barrier, Agent, B.Bytes);
      });
    }
  });
}

std::string_view elementType(runtime::TensorElement E) {
  switch (E) {
  case runtime::TensorElement::F16:
    return "f16";
  case runtime::TensorElement::BF16:
    return "bf16";
  case runtime::TensorElement::F32:
    return "f32";
  default:
    return "u32";
  }
}

/// Addresses: map, source.
void store(Warp &W, const Instruction &I, LaneMask Lanes) {
  auto R = static_cast<Reduction>(I.Mode);
  forLanes(Lanes, [&](unsigned L) {
    Box B;
    if (!readBox(W, I, L, I.Addresses[0], B))
      return;
    for (int64_t Start : B.Start)
      if (Start < 0)
        return W.fault(FaultKind::BadOperand, I, L, static_cast<uint64_t>(Start),
                       "a box that is stored begins inside the tensor");
    if (R != Reduction::None && B.Map.ElementBytes == 1)
      return W.fault(FaultKind::BadOperand, I, L, 0, "8-bit elements cannot be reduced");
    SharedRange From;
    uint32_t Actor = W.Group->Races.actor(ActorKind::Bulk, W.Id);
    if (!checkMemory(W, I, L, B, true) ||
        !beginSharedRead(W, I, L, laneAddress(W, I.Addresses[1], L), B.Bytes, TensorAlignment,
                         Actor, true, From))
      return;
    if (!swizzleStays(From, B))
      return W.fault(FaultKind::Misaligned, I, L, SharedBase + From.Offset,
                     "a swizzled box begins where the swizzle's pattern begins");
    const GlobalMemory *Memory = W.Grid->Memory;
    startBulk(W, I, L, AsyncKind::Bulk, [=] {
      unsigned Size = B.Map.ElementBytes;
      eachChunk(B, [&](uint32_t Offset, const Part &P) {
        uint64_t Bytes = P.First < P.Last ? uint64_t(P.Last - P.First) * Size : 0;
        uint8_t *To = Bytes ? Memory->at(P.Address, Bytes) : nullptr;
        if (To)
          reduceBytes(R, elementType(B.Map.Element), To, placeOf(From, B, Offset) + P.First * Size,
                      Bytes);
      });
    });
  });
}

} // namespace

void decodeTensor(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Load = has(M, "mbarrier::complete_tx::bytes");
  bool Multicast = has(M, "multicast::cluster");
  for (unsigned Rank = 1; Rank <= 5; ++Rank)
    if (has(M, std::string(1, static_cast<char>('0' + Rank)) + "d"))
      I.Count = Rank;
  if (!I.Count || (!Load && !has(M, "bulk_group")) || has(M, "im2col") || has(M, "tile::gather4"))
    return D.unknown(S);
  D.expectOperands(S, Load ? 3 + Multicast : 2, Load ? 4 + Multicast : 3);
  if (D.failed())
    return;
  I.Addresses = {D.addressOf(S.Operands[0]), D.addressOf(S.Operands[1])};
  D.sharedAccess(Chunk);
  if (Load) {
    I.Run = load;
    I.Addresses.push_back(D.addressOf(S.Operands[2]));
    if (Multicast)
      I.Source[2] = D.source(S.Operands[3], "b16");
    return;
  }
  I.Run = store;
  I.Mode = static_cast<uint32_t>(M[1] == "reduce" ? reductionOf(M) : Reduction::None);
}

} // namespace qopt::ptxsim
