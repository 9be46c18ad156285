// mov with its packing and unpacking, special registers, conversions between address spaces.
#include "Lanes.h"
#include "Opcodes.h"
#include "Scheduler.h"

#include <chrono>

namespace qopt::ptxsim {
namespace {

template <typename T> void copy(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return A; });
}
void copyPredicate(Warp &W, const Instruction &I, LaneMask M) {
  W.setPredicate(I.Destination, M, W.predicate(I.Source[0], I.Mode));
}

/// Count: bytes of the whole; each element takes its share.
void pack(Warp &W, const Instruction &I, LaneMask M) {
  unsigned Bits = 8 * I.Count / I.Elements.size();
  forLanes(M, [&](unsigned L) {
    uint64_t Value = 0;
    for (unsigned N = 0; N < I.Elements.size(); ++N)
      Value |= laneValue(W, I.Elements[N], L, Bits / 8) << (N * Bits);
    if (I.Count == 8)
      W.slot<uint64_t>(I.Destination)[L] = Value;
    else
      W.slot<uint32_t>(I.Destination)[L] = static_cast<uint32_t>(Value);
  });
}
void unpack(Warp &W, const Instruction &I, LaneMask M) {
  unsigned Bits = 8 * I.Count / I.Results.size();
  forLanes(M, [&](unsigned L) {
    uint64_t Value = laneValue(W, I.Source[0], L, I.Count);
    for (unsigned N = 0; N < I.Results.size(); ++N)
      W.slot<uint32_t>(I.Results[N])[L] =
          static_cast<uint32_t>(Value >> (N * Bits) & ((uint64_t(1) << Bits) - 1));
  });
}

std::string_view bitType(unsigned Bytes) {
  return Bytes == 1 ? "b8" : Bytes == 2 ? "b16" : Bytes == 4 ? "b32" : "b64";
}

void decodeMov(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed() || M.size() != 2)
    return D.unknown(S);
  const Operand &To = S.Operands[0], &From = S.Operands[1];
  unsigned Bytes = typeBytes(M[1]);
  if (M[1] == "pred") {
    bool Negated;
    I.Run = copyPredicate;
    I.Source[0] = D.predicateSource(From, Negated);
    I.Mode = Negated;
    I.Destination = D.predicateDestination(To);
    return;
  }
  if (!Bytes || Bytes > 8)
    return D.unknown(S);
  I.Count = Bytes;
  if (From.Form == Operand::Kind::Vector && From.Parts.size() > 1) {
    I.Run = pack;
    I.Elements = D.sources(From, bitType(Bytes / From.Parts.size()));
    I.Destination = D.destination(To);
  } else if (To.Form == Operand::Kind::Vector && To.Parts.size() > 1) {
    I.Run = unpack;
    I.Source[0] = D.source(From, M[1]);
    I.Results = D.destinations(To, 4);
  } else {
    I.Run = Bytes == 8 ? copy<uint64_t> : copy<uint32_t>;
    I.Source[0] = D.source(From, M[1]);
    I.Destination = D.destination(To);
  }
}

// ---- special registers

enum class Special : uint32_t {
  Tid,
  Ntid = 3,
  Ctaid = 6,
  Nctaid = 9,
  ClusterCtaid = 12,
  ClusterNctaid = 15,
  Clusterid = 18,
  Nclusterid = 21,
  Lane = 24,
  Warp,
  WarpCount,
  Multiprocessor,
  MultiprocessorCount,
  Grid,
  MaskEq,
  MaskLe,
  MaskLt,
  MaskGe,
  MaskGt,
  Clock,
  ClockHigh,
  GlobalTimer,
  DynamicShared,
  TotalShared,
  ClusterRank,
  ClusterSize,
  ExplicitCluster,
};

uint64_t specialValue(Warp &W, Special What, unsigned Lane) {
  const Launch &L = *W.Grid;
  uint32_t Index = static_cast<uint32_t>(What), Axis = Index % 3;
  const auto &Size = L.Program->Cluster;
  LaneMask Bit = LaneMask(1) << Lane;
  if (Index < 24) {
    uint32_t Values[] = {W.ThreadIndex[Axis][Lane],
                         L.Block[Axis],
                         W.Block->Index[Axis],
                         L.Grid[Axis],
                         W.Block->Index[Axis] % Size[Axis],
                         Size[Axis],
                         W.Block->Index[Axis] / Size[Axis],
                         L.Grid[Axis] / Size[Axis]};
    return Values[Index / 3];
  }
  switch (What) {
  case Special::Lane:
    return Lane;
  case Special::Warp:
    return W.Index;
  case Special::WarpCount:
    return W.Block->Warps.size();
  case Special::Multiprocessor:
    return (W.Block->Index[0] +
            uint64_t(L.Grid[0]) * (W.Block->Index[1] + uint64_t(L.Grid[1]) * W.Block->Index[2])) %
           L.Multiprocessors;
  case Special::MultiprocessorCount:
    return L.Multiprocessors;
  case Special::MaskEq:
    return Bit;
  case Special::MaskLe:
    return Bit | (Bit - 1);
  case Special::MaskLt:
    return Bit - 1;
  case Special::MaskGe:
    return ~(Bit - 1);
  case Special::MaskGt:
    return ~(Bit | (Bit - 1));
  case Special::Clock:
    return W.Group->Ticks;
  case Special::ClockHigh:
    return W.Group->Ticks >> 32;
  case Special::GlobalTimer:
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  case Special::DynamicShared:
    return L.DynamicShared;
  case Special::TotalShared:
    return W.Block->Shared.size();
  case Special::ClusterRank:
    return W.Block->Rank;
  case Special::ClusterSize:
    return W.Group->Ctas.size();
  case Special::ExplicitCluster:
    return W.Group->Ctas.size() > 1;
  default:
    return 0;
  }
}

void readSpecial(Warp &W, const Instruction &I, LaneMask M) {
  Special What = static_cast<Special>(I.Mode);
  bool Wide = I.Count == 8;
  forLanes(M, [&](unsigned L) {
    uint64_t Value = specialValue(W, What, L);
    if (Wide)
      W.slot<uint64_t>(I.Destination)[L] = Value;
    else
      W.slot<uint32_t>(I.Destination)[L] = static_cast<uint32_t>(Value);
  });
}

// ---- address spaces

template <typename T, uint64_t Window> void toGeneric(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return static_cast<T>(A | Window); });
}
template <typename T> void toShared(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return static_cast<T>(A & 0xffffffff); });
}

/// Parameters may come as 32-bit addresses.
void fromParameter(Warp &W, const Instruction &I, LaneMask M) {
  unary<uint64_t, uint64_t>(W, I, M, [](uint64_t A) { return A >> 32 ? A : A | ParameterWindow; });
}

// Addresses of all other spaces are generic already.
void decodeCvta(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed() || M.back() != "u64")
    return D.unknown(S);
  bool Shared = has(M, "shared") || has(M, "shared::cta") || has(M, "shared::cluster");
  bool FromParameter = M[1] == "param" || M[1] == "param::entry";
  I.Run = FromParameter  ? fromParameter
          : !Shared      ? copy<uint64_t>
          : M[1] == "to" ? toShared<uint64_t>
                         : toGeneric<uint64_t, SharedWindow>;
  I.Source[0] = D.source(S.Operands[1], "u64");
  I.Destination = D.destination(S.Operands[0]);
}

template <uint64_t Window> void isInWindow(Warp &W, const Instruction &I, LaneMask M) {
  const auto *A = W.slot<uint64_t>(I.Source[0]);
  W.setPredicate(I.Destination, M,
                 maskOf(M, [&](unsigned L) { return A[L] >> 40 == Window >> 40; }));
}
void isGlobal(Warp &W, const Instruction &I, LaneMask M) {
  const auto *A = W.slot<uint64_t>(I.Source[0]);
  W.setPredicate(I.Destination, M, maskOf(M, [&](unsigned L) {
                   return A[L] >> 40 != SharedWindow >> 40 && A[L] >> 40 != LocalWindow >> 40 &&
                          A[L] >> 40 != ParameterWindow >> 40;
                 }));
}
void decodeIsspacep(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed() || M.size() != 2)
    return D.unknown(S);
  I.Run = M[1].substr(0, 6) == "shared" ? isInWindow<SharedWindow>
          : M[1] == "local"             ? isInWindow<LocalWindow>
          : M[1] == "param"             ? isInWindow<ParameterWindow>
          : M[1] == "global"            ? isGlobal
                                        : nullptr;
  if (!I.Run)
    return D.unknown(S);
  I.Source[0] = D.source(S.Operands[1], "u64");
  I.Destination = D.predicateDestination(S.Operands[0]);
}

/// The same variable in another CTA of the cluster.
template <typename T> void mapAddress(Warp &W, const Instruction &I, LaneMask M) {
  const auto *A = W.slot<T>(I.Source[0]);
  const auto *Rank = W.slot<uint32_t>(I.Source[1]);
  auto *Out = W.slot<T>(I.Destination);
  forLanes(M, [&](unsigned L) {
    if (Rank[L] >= W.Group->Ctas.size())
      return W.fault(FaultKind::BadOperand, I, L, A[L],
                     "the cluster has no CTA of rank " + std::to_string(Rank[L]));
    T Offset = A[L] & ((T(1) << ClusterRankShift) - 1);
    T Window = sizeof(T) == 8 && !(I.Mode & 1) ? static_cast<T>(SharedWindow) : 0;
    Out[L] = Window | Offset | static_cast<T>(Rank[L] + 1) << ClusterRankShift;
  });
}
void decodeMapa(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 3, 3);
  if (D.failed())
    return;
  I.Mode = has(M, "shared::cluster");
  I.Run = M.back() == "u64" ? mapAddress<uint64_t> : mapAddress<uint32_t>;
  I.Source[0] = D.source(S.Operands[1], M.back());
  I.Source[1] = D.source(S.Operands[2], "u32");
  I.Destination = D.destination(S.Operands[0]);
}

template <typename T> void rankOf(Warp &W, const Instruction &I, LaneMask M) {
  unary<uint32_t, T>(W, I, M, [&](T A) {
    uint32_t Rank = static_cast<uint32_t>(A) >> ClusterRankShift;
    return Rank ? Rank - 1 : W.Block->Rank;
  });
}
void decodeGetctarank(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed())
    return;
  I.Run = M.back() == "u64" ? rankOf<uint64_t> : rankOf<uint32_t>;
  I.Source[0] = D.source(S.Operands[1], M.back());
  I.Destination = D.destination(S.Operands[0]);
}

} // namespace

bool specialRegister(std::string_view Name, Execute &Run, uint32_t &Mode, unsigned &Width) {
  static const struct {
    std::string_view Name;
    Special What;
  } Vectors[] = {{"%tid", Special::Tid},
                 {"%ntid", Special::Ntid},
                 {"%ctaid", Special::Ctaid},
                 {"%nctaid", Special::Nctaid},
                 {"%cluster_ctaid", Special::ClusterCtaid},
                 {"%cluster_nctaid", Special::ClusterNctaid},
                 {"%clusterid", Special::Clusterid},
                 {"%nclusterid", Special::Nclusterid}},
    Scalars[] = {{"%laneid", Special::Lane},
                 {"%warpid", Special::Warp},
                 {"%nwarpid", Special::WarpCount},
                 {"%smid", Special::Multiprocessor},
                 {"%nsmid", Special::MultiprocessorCount},
                 {"%gridid", Special::Grid},
                 {"%lanemask_eq", Special::MaskEq},
                 {"%lanemask_le", Special::MaskLe},
                 {"%lanemask_lt", Special::MaskLt},
                 {"%lanemask_ge", Special::MaskGe},
                 {"%lanemask_gt", Special::MaskGt},
                 {"%clock", Special::Clock},
                 {"%clock64", Special::Clock},
                 {"%clock_hi", Special::ClockHigh},
                 {"%globaltimer", Special::GlobalTimer},
                 {"%globaltimer_lo", Special::GlobalTimer},
                 {"%dynamic_smem_size", Special::DynamicShared},
                 {"%total_smem_size", Special::TotalShared},
                 {"%cluster_ctarank", Special::ClusterRank},
                 {"%cluster_nctarank", Special::ClusterSize}};
  Run = readSpecial;
  for (const auto &S : Scalars)
    if (S.Name == Name) {
      Mode = static_cast<uint32_t>(S.What);
      return true;
    }
  size_t Dot = Name.find('.');
  if (Dot == std::string_view::npos || Dot + 2 != Name.size() || Name[Dot + 1] < 'x' ||
      Name[Dot + 1] > 'z')
    return false;
  for (const auto &V : Vectors)
    if (V.Name == Name.substr(0, Dot)) {
      Mode = static_cast<uint32_t>(V.What) + (Name[Dot + 1] - 'x');
      return true;
    }
  return false;
}

void addMoveOpcodes(OpcodeTable &Table) {
  Table["mov"] = decodeMov;
  Table["cvta"] = decodeCvta;
  Table["isspacep"] = decodeIsspacep;
  Table["mapa"] = decodeMapa;
  Table["getctarank"] = decodeGetctarank;
}

} // namespace qopt::ptxsim
