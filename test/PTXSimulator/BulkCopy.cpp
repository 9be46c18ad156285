#include "BulkCopy.h"
#include "AsyncGroups.h"
#include "Floats.h"
#include "Lanes.h"
#include "PhaseOperations.h"

#include <algorithm>
#include <cstring>

namespace qopt::ptxsim {

Reduction reductionOf(const Modifiers &M) {
  static const std::string_view Names[] = {"",    "add", "min", "max", "inc",
                                           "dec", "and", "or",  "xor"};
  for (unsigned N = 1; N < 9; ++N)
    if (has(M, Names[N]))
      return static_cast<Reduction>(N);
  return Reduction::None;
}

template <typename T> static T reduceInteger(Reduction R, T Old, T B) {
  switch (R) {
  case Reduction::Add:
    return static_cast<T>(static_cast<uint64_t>(Old) + static_cast<uint64_t>(B));
  case Reduction::Min:
    return std::min(Old, B);
  case Reduction::Max:
    return std::max(Old, B);
  case Reduction::Inc:
    return Old >= B ? 0 : Old + 1;
  case Reduction::Dec:
    return Old == 0 || Old > B ? B : Old - 1;
  case Reduction::And:
    return Old & B;
  case Reduction::Or:
    return Old | B;
  case Reduction::Xor:
    return Old ^ B;
  case Reduction::None:
    break;
  }
  return B;
}
static float reduceFloat(Reduction R, float Old, float B) {
  return R == Reduction::Add ? Old + B : R == Reduction::Min ? std::min(Old, B) : std::max(Old, B);
}

/// Each element atomically: other CTAs may reduce into it at the same time.
template <typename U, typename F>
static void reduceElements(uint8_t *To, const uint8_t *From, size_t Bytes, F Combine) {
  for (size_t N = 0; N < Bytes; N += sizeof(U)) {
    U Value;
    std::memcpy(&Value, From + N, sizeof(U));
    U *Memory = reinterpret_cast<U *>(To + N);
    U Old = __atomic_load_n(Memory, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(Memory, &Old, static_cast<U>(Combine(Old, Value)), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
  }
}

void reduceBytes(Reduction R, std::string_view T, uint8_t *To, const uint8_t *From, size_t Bytes) {
  if (R == Reduction::None)
    std::memcpy(To, From, Bytes);
  else if (T == "f32")
    reduceElements<uint32_t>(To, From, Bytes, [R](uint32_t A, uint32_t B) {
      return bitsOfFloat(reduceFloat(R, floatOfBits(A), floatOfBits(B)));
    });
  else if (T == "f16")
    reduceElements<uint16_t>(To, From, Bytes, [R](uint16_t A, uint16_t B) {
      return narrowHalf(reduceFloat(R, widenHalf(A), widenHalf(B)));
    });
  else if (T == "bf16")
    reduceElements<uint16_t>(To, From, Bytes, [R](uint16_t A, uint16_t B) {
      return narrowBfloat(reduceFloat(R, widenBfloat(A), widenBfloat(B)));
    });
  else if (T == "s32")
    reduceElements<uint32_t>(
        To, From, Bytes, [R](uint32_t A, uint32_t B) { return reduceInteger<int32_t>(R, A, B); });
  else if (T == "s64")
    reduceElements<uint64_t>(
        To, From, Bytes, [R](uint64_t A, uint64_t B) { return reduceInteger<int64_t>(R, A, B); });
  else if (typeBytes(T) == 8)
    reduceElements<uint64_t>(
        To, From, Bytes, [R](uint64_t A, uint64_t B) { return reduceInteger<uint64_t>(R, A, B); });
  else
    reduceElements<uint32_t>(
        To, From, Bytes, [R](uint32_t A, uint32_t B) { return reduceInteger<uint32_t>(R, A, B); });
}

std::vector<uint64_t> destinations(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address) {
  uint64_t Shared = sharedAddress(Address);
  if (I.Source[2] == NoPlace)
    return {Shared};
  std::vector<uint64_t> All;
  uint32_t Mask = W.slot<uint32_t>(I.Source[2])[Lane] & 0xffff;
  for (uint64_t Rank = 0; Rank < 16; ++Rank)
    if (Mask >> Rank & 1)
      All.push_back((Shared & ((1u << ClusterRankShift) - 1)) | (Rank + 1) << ClusterRankShift);
  return All;
}

void startBulk(Warp &W, const Instruction &I, unsigned Lane, AsyncKind Kind,
               std::function<void()> Finish) {
  AsyncOperation Operation;
  Operation.Kind = Kind;
  Operation.Issuer = &W;
  Operation.Where = &I;
  Operation.Lanes = LaneMask(1) << Lane;
  Operation.Group = W.Bulks.Closed[Lane];
  Operation.Finish = std::move(Finish);
  if (Kind == AsyncKind::Bulk) {
    W.Bulks.Used[Lane] = Operation.Group + 1;
    W.LastBulk = &I;
  }
  W.Group->Pending.add(std::move(Operation), W.Group->Ticks, W.Group->Chance);
}

namespace {

constexpr uint32_t LinearAlignment = 16;

bool checkSize(Warp &W, const Instruction &I, unsigned Lane, uint32_t Bytes) {
  if (Bytes % LinearAlignment == 0)
    return true;
  W.fault(FaultKind::BadOperand, I, Lane, Bytes, "a bulk copy's size is a multiple of 16");
  return false;
}

/// Addresses: destination, source, mbarrier. Source[1]: bytes. Source[2]: CTA mask.
void load(Warp &W, const Instruction &I, LaneMask Lanes) {
  forLanes(Lanes, [&](unsigned L) {
    uint32_t Bytes = W.slot<uint32_t>(I.Source[1])[L];
    uint64_t Source = laneAddress(W, I.Addresses[1], L);
    if (!checkSize(W, I, L, Bytes))
      return;
    uint32_t Agent = W.Group->Races.nextAgent();
    const uint8_t *From;
    SharedRange Peer;
    if (I.Mode) { // from shared memory
      if (!beginSharedRead(W, I, L, Source, Bytes, LinearAlignment, Agent, true, Peer))
        return;
      From = Peer.data();
    } else {
      From = globalBytesAt(W, I, L, Source, Bytes, LinearAlignment, false);
    }
    auto To = destinations(W, I, L, laneAddress(W, I.Addresses[0], L));
    auto Signals = destinations(W, I, L, laneAddress(W, I.Addresses[2], L));
    for (size_t N = 0; From && N < To.size(); ++N) {
      SharedRange Range;
      PhaseHandle Signal;
      if (!findPhaseBarrier(W, I, L, Signals[N], Signal) ||
          !beginSharedWrite(W, I, L, To[N], Bytes, LinearAlignment, Agent, true, Range))
        return;
      Cluster *Group = W.Group;
      startBulk(W, I, L, AsyncKind::Phase, [=] {
        std::memcpy(Range.data(), From, Bytes);
        Range.markWritten();
        if (PhaseBarrier *B = Signal.get())
          completeTransaction(*Group, *B, Agent, Bytes);
      });
    }
  });
}

/// Addresses: destination, source.
void store(Warp &W, const Instruction &I, LaneMask Lanes) {
  auto R = static_cast<Reduction>(I.Mode);
  std::string_view Type = I.Mode
                              ? splitOpcode(W.Program->Opcodes[&I - W.Program->Code.data()]).back()
                              : std::string_view();
  forLanes(Lanes, [&](unsigned L) {
    uint32_t Bytes = W.slot<uint32_t>(I.Source[1])[L];
    uint32_t Actor = W.Group->Races.actor(ActorKind::Bulk, W.Id);
    SharedRange From;
    if (!checkSize(W, I, L, Bytes) || !beginSharedRead(W, I, L, laneAddress(W, I.Addresses[1], L),
                                                       Bytes, LinearAlignment, Actor, true, From))
      return;
    uint8_t *To =
        globalBytesAt(W, I, L, laneAddress(W, I.Addresses[0], L), Bytes, LinearAlignment, true);
    if (To)
      startBulk(W, I, L, AsyncKind::Bulk, [=] { reduceBytes(R, Type, To, From.data(), Bytes); });
  });
}

void commit(Warp &W, const Instruction &I, LaneMask Lanes) {
  W.Bulks.close(Lanes, W.Group->Races.closeGroup());
}
void waitGroup(Warp &W, const Instruction &I, LaneMask Lanes) {
  waitForGroups(W, AsyncKind::Bulk, W.Bulks, Lanes, static_cast<uint64_t>(I.Immediate));
}
void nothing(Warp &W, const Instruction &I, LaneMask Lanes) {}

void decodeLinear(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Load = has(M, "mbarrier::complete_tx::bytes");
  bool Multicast = has(M, "multicast::cluster");
  if (!Load && !has(M, "bulk_group"))
    return D.unknown(S);
  D.expectOperands(S, Load ? 4 + Multicast : 3, Load ? 5 + Multicast : 4);
  if (D.failed())
    return;
  I.Addresses = {D.addressOf(S.Operands[0]), D.addressOf(S.Operands[1])};
  I.Source[1] = D.source(S.Operands[2], "u32");
  D.sharedAccess(LinearAlignment);
  if (!Load) {
    I.Run = store;
    I.Mode = static_cast<uint32_t>(M[1] == "reduce" ? reductionOf(M) : Reduction::None);
    if ((M[1] == "reduce") != (I.Mode != 0))
      D.unknown(S);
    return;
  }
  I.Run = load;
  I.Mode = !has(M, "global");
  I.Addresses.push_back(D.addressOf(S.Operands[3]));
  if (Multicast)
    I.Source[2] = D.source(S.Operands[4], "b16");
}

} // namespace

void decodeBulk(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (has(M, "commit_group")) {
    I.Run = commit;
  } else if (has(M, "wait_group")) {
    D.expectOperands(S, 1, 1);
    I.Run = waitGroup;
    I.Immediate = D.failed() ? 0 : static_cast<int64_t>(D.immediate(S.Operands[0]));
  } else if (has(M, "prefetch")) {
    I.Run = nothing;
  } else if (has(M, "tensor")) {
    decodeTensor(D, S, M, I);
  } else {
    decodeLinear(D, S, M, I);
  }
}

} // namespace qopt::ptxsim
