// atom and red.
#include "Floats.h"
#include "Lanes.h"
#include "Memory.h"
#include "Opcodes.h"

#include <algorithm>
#include <cstring>

namespace qopt::ptxsim {
namespace {

enum class Operation : uint8_t { Add, Min, Max, Inc, Dec, And, Or, Xor, Exchange, CompareAndSwap };
enum class Type : uint8_t { U32, S32, U64, S64, F32, F64, F16, BF16, F16x2, BF16x2, B16 };

template <typename T> T integerResult(Operation Op, T Old, T B, T C) {
  switch (Op) {
  case Operation::Add:
    return static_cast<T>(static_cast<uint64_t>(Old) + static_cast<uint64_t>(B));
  case Operation::Min:
    return std::min(Old, B);
  case Operation::Max:
    return std::max(Old, B);
  case Operation::Inc:
    return Old >= B ? 0 : Old + 1;
  case Operation::Dec:
    return Old == 0 || Old > B ? B : Old - 1;
  case Operation::And:
    return Old & B;
  case Operation::Or:
    return Old | B;
  case Operation::Xor:
    return Old ^ B;
  case Operation::Exchange:
    return B;
  case Operation::CompareAndSwap:
    return Old == B ? C : Old;
  }
  return Old;
}

template <typename T> T floatResult(Operation Op, T Old, T B) {
  if (Op == Operation::Add)
    return Old + B;
  if (Old != Old || B != B)
    return Old != Old ? B : Old;
  return (Op == Operation::Min) == (B < Old) ? B : Old;
}

template <typename Format> uint16_t halfResult(Operation Op, uint16_t Old, uint16_t B) {
  return Format::store(floatResult(Op, Format::load(Old), Format::load(B)));
}
template <typename Format> uint32_t pairResult(Operation Op, uint32_t Old, uint32_t B) {
  return halfResult<Format>(Op, Old, B) | uint32_t(halfResult<Format>(Op, Old >> 16, B >> 16))
                                              << 16;
}

uint64_t result(Operation Op, Type T, bool Flush, uint64_t Old, uint64_t B, uint64_t C) {
  switch (T) {
  case Type::U32:
    return integerResult<uint32_t>(Op, Old, B, C);
  case Type::S32:
    return static_cast<uint32_t>(integerResult<int32_t>(Op, Old, B, C));
  case Type::U64:
    return integerResult<uint64_t>(Op, Old, B, C);
  case Type::S64:
    return integerResult<int64_t>(Op, Old, B, C);
  case Type::B16:
    return integerResult<uint16_t>(Op, Old, B, C);
  case Type::F32: {
    float X = floatOfBits(Old), Y = floatOfBits(B);
    float R = Flush ? flushed(floatResult(Op, flushed(X), flushed(Y))) : floatResult(Op, X, Y);
    return bitsOfFloat(canonical(R));
  }
  case Type::F64:
    return bitsOfDouble(floatResult(Op, doubleOfBits(Old), doubleOfBits(B)));
  case Type::F16:
    return halfResult<HalfFormat>(Op, Old, B);
  case Type::BF16:
    return halfResult<BfloatFormat>(Op, Old, B);
  case Type::F16x2:
    return pairResult<HalfFormat>(Op, Old, B);
  case Type::BF16x2:
    return pairResult<BfloatFormat>(Op, Old, B);
  }
  return 0;
}

/// Other CTAs run in other threads of the host.
template <typename U, typename F> U exchange(uint8_t *At, F New) {
  U *Memory = reinterpret_cast<U *>(At);
  U Old = __atomic_load_n(Memory, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(Memory, &Old, static_cast<U>(New(Old)), false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return Old;
}

unsigned bytesOf(Type T) {
  return T == Type::U64 || T == Type::S64 || T == Type::F64    ? 8
         : T == Type::F16 || T == Type::BF16 || T == Type::B16 ? 2
                                                               : 4;
}

// Mode: bits 0-7 operation, 8-15 type.
void atomic(Warp &W, const Instruction &I, LaneMask Lanes) {
  auto Op = static_cast<Operation>(I.Mode & 0xff);
  auto T = static_cast<Type>(I.Mode >> 8);
  unsigned Bytes = bytesOf(T);
  bool Changed = false;
  forLanes(Lanes, [&](unsigned L) {
    uint64_t Address = laneAddress(W, I, L);
    bool Flush =
        I.Space != static_cast<uint8_t>(Space::Shared) && Address >> 40 != SharedWindow >> 40;
    uint8_t *At = accessMemory(W, I, L, static_cast<Space>(I.Space), Address,
                               Bytes * I.Elements.size(), Access::Update);
    for (size_t N = 0; At && N < I.Elements.size(); ++N, At += Bytes) {
      uint64_t B = laneValue(W, I.Elements[N], L, Bytes);
      uint64_t C = I.Source[2] == NoPlace ? 0 : laneValue(W, I.Source[2], L, Bytes);
      auto New = [&](uint64_t Old) { return result(Op, T, Flush, Old, B, C); };
      uint64_t Old = Bytes == 8   ? exchange<uint64_t>(At, New)
                     : Bytes == 4 ? exchange<uint32_t>(At, New)
                                  : exchange<uint16_t>(At, New);
      Changed |= New(Old) != Old;
      if (I.Results.empty())
        continue;
      if (Bytes == 8)
        W.slot<uint64_t>(I.Results[N])[L] = Old;
      else
        W.slot<uint32_t>(I.Results[N])[L] = static_cast<uint32_t>(Old);
    }
  });
  if (Changed)
    ++W.Group->Changes;
  else
    W.spin();
}

bool operationOf(std::string_view P, Operation &Op) {
  static const std::string_view Names[] = {"add", "min", "max", "inc",  "dec",
                                           "and", "or",  "xor", "exch", "cas"};
  for (unsigned N = 0; N < 10; ++N)
    if (Names[N] == P) {
      Op = static_cast<Operation>(N);
      return true;
    }
  return false;
}
bool typeOf(std::string_view P, Type &T) {
  static const std::pair<std::string_view, Type> Names[] = {
      {"u32", Type::U32}, {"b32", Type::U32},   {"s32", Type::S32},     {"u64", Type::U64},
      {"b64", Type::U64}, {"s64", Type::S64},   {"f32", Type::F32},     {"f64", Type::F64},
      {"f16", Type::F16}, {"bf16", Type::BF16}, {"f16x2", Type::F16x2}, {"bf16x2", Type::BF16x2},
      {"b16", Type::B16}};
  for (const auto &N : Names)
    if (N.first == P) {
      T = N.second;
      return true;
    }
  return false;
}
bool isFloat(Type T) { return T >= Type::F32 && T <= Type::BF16x2; }

void decodeAtomic(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Returns = M[0] == "atom";
  Operation Op = Operation::Add;
  Type T = Type::U32;
  bool HasOperation = false;
  Space Where = Space::Generic;
  for (size_t N = 1; N + 1 < M.size(); ++N) {
    std::string_view P = M[N];
    if (operationOf(P, Op))
      HasOperation = true;
    else if (P == "global")
      Where = Space::Global;
    else if (P.substr(0, 6) == "shared")
      Where = Space::Shared;
    else if (P != "relaxed" && P != "acquire" && P != "release" && P != "acq_rel" && P != "cta" &&
             P != "cluster" && P != "gpu" && P != "sys" && P != "noftz" && P != "v2" && P != "v4" &&
             P != "v8" && P.substr(0, 4) != "L2::")
      return D.unknown(S);
  }
  if (!HasOperation || !typeOf(M.back(), T) || (isFloat(T) && Op > Operation::Max))
    return D.unknown(S);
  size_t First = Returns ? 1 : 0;
  size_t Needed = First + 2 + (Op == Operation::CompareAndSwap);
  D.expectOperands(S, Needed, Needed + 1);
  if (D.failed())
    return;
  I.Run = atomic;
  I.Mode = static_cast<uint32_t>(Op) | static_cast<uint32_t>(T) << 8;
  I.Space = static_cast<uint8_t>(Where);
  D.address(S.Operands[First], I);
  I.Elements = D.sources(S.Operands[First + 1], M.back());
  if (Op == Operation::CompareAndSwap)
    I.Source[2] = D.source(S.Operands[First + 2], M.back());
  if (Returns && S.Operands[0].Form != Operand::Kind::Sink)
    I.Results = D.destinations(S.Operands[0], 8);
  if (Where != Space::Global)
    D.sharedAccess(bytesOf(T));
}

} // namespace

void addAtomicOpcodes(OpcodeTable &Table) { Table["atom"] = Table["red"] = decodeAtomic; }

} // namespace qopt::ptxsim
