// Logic, shifts, bit fields, permutations.
#include "Lanes.h"
#include "Opcodes.h"

#include <algorithm>

namespace qopt::ptxsim {
namespace {

struct And {
  template <typename T> static T apply(T A, T B) { return A & B; }
};
struct Or {
  template <typename T> static T apply(T A, T B) { return A | B; }
};
struct Xor {
  template <typename T> static T apply(T A, T B) { return A ^ B; }
};

template <typename Op, typename T> void logic(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) { return Op::apply(A, B); });
}
template <typename Op> void predicateLogic(Warp &W, const Instruction &I, LaneMask M) {
  LaneMask A = W.predicate(I.Source[0], I.Mode & 1), B = W.predicate(I.Source[1], I.Mode & 2);
  W.setPredicate(I.Destination, M, Op::apply(A, B));
}
template <typename T> void invert(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return static_cast<T>(~A); });
}
void invertPredicate(Warp &W, const Instruction &I, LaneMask M) {
  W.setPredicate(I.Destination, M, ~W.predicate(I.Source[0], I.Mode & 1));
}

void decodePredicateLogic(Decoder &D, const Statement &S, Instruction &I, Execute Run,
                          unsigned Sources) {
  I.Run = Run;
  D.expectOperands(S, Sources + 1, Sources + 1);
  if (D.failed())
    return;
  for (unsigned N = 0; N < Sources; ++N) {
    bool Negated;
    I.Source[N] = D.predicateSource(S.Operands[N + 1], Negated);
    I.Mode |= uint32_t(Negated) << N;
  }
  I.Destination = D.predicateDestination(S.Operands[0]);
}

template <typename Op>
void decodeLogic(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  if (T == "pred")
    return decodePredicateLogic(D, S, I, predicateLogic<Op>, 2);
  Execute Run = T == "b16"   ? logic<Op, uint16_t>
                : T == "b32" ? logic<Op, uint32_t>
                : T == "b64" ? logic<Op, uint64_t>
                             : nullptr;
  D.operands(S, I, Run, {T, T});
}

void decodeNot(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  if (T == "pred")
    return decodePredicateLogic(D, S, I, invertPredicate, 1);
  D.operands(S, I,
             T == "b16"   ? invert<uint16_t>
             : T == "b32" ? invert<uint32_t>
             : T == "b64" ? invert<uint64_t>
                          : nullptr,
             {T});
}

template <typename T> void logicalNot(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return static_cast<T>(A == 0); });
}
void decodeCnot(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  D.operands(S, I,
             T == "b16"   ? logicalNot<uint16_t>
             : T == "b32" ? logicalNot<uint32_t>
             : T == "b64" ? logicalNot<uint64_t>
                          : nullptr,
             {T});
}

template <typename T> void shiftLeft(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, uint32_t>(
      W, I, M, [](T A, uint32_t N) { return N < 8 * sizeof(T) ? static_cast<T>(A << N) : T(0); });
}
template <typename T> void shiftRight(Warp &W, const Instruction &I, LaneMask M) {
  constexpr uint32_t Bits = 8 * sizeof(T);
  binary<T, T, uint32_t>(W, I, M, [](T A, uint32_t N) {
    if (N < Bits)
      return static_cast<T>(A >> N);
    return std::is_signed_v<T> ? static_cast<T>(A >> (Bits - 1)) : T(0);
  });
}
void decodeShl(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  D.operands(S, I,
             T == "b16"   ? shiftLeft<uint16_t>
             : T == "b32" ? shiftLeft<uint32_t>
             : T == "b64" ? shiftLeft<uint64_t>
                          : nullptr,
             {T, "u32"});
}
void decodeShr(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  Execute Run = T == "b16" || T == "u16"   ? shiftRight<uint16_t>
                : T == "b32" || T == "u32" ? shiftRight<uint32_t>
                : T == "b64" || T == "u64" ? shiftRight<uint64_t>
                : T == "s16"               ? shiftRight<int16_t>
                : T == "s32"               ? shiftRight<int32_t>
                : T == "s64"               ? shiftRight<int64_t>
                                           : nullptr;
  D.operands(S, I, Run, {T, "u32"});
}

template <bool Left, bool Clamp> void funnel(Warp &W, const Instruction &I, LaneMask M) {
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, M, [](uint32_t A, uint32_t B, uint32_t C) {
    uint32_t N = Clamp ? std::min(C, 32u) : C & 31;
    uint64_t Both = uint64_t(B) << 32 | A;
    return static_cast<uint32_t>(Left ? Both << N >> 32 : Both >> N);
  });
}
void decodeShf(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Clamp = has(M, "clamp");
  if (M.size() != 4 || (!Clamp && !has(M, "wrap")))
    return D.unknown(S);
  Execute Run = M[1] == "l"   ? (Clamp ? funnel<true, true> : funnel<true, false>)
                : M[1] == "r" ? (Clamp ? funnel<false, true> : funnel<false, false>)
                              : nullptr;
  D.operands(S, I, Run, {"b32", "b32", "u32"});
}

// The common functions are spelled out; the rest goes through the table bit by bit.
void lop3(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Table = I.Mode;
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, M,
                                                  [Table](uint32_t A, uint32_t B, uint32_t C) {
                                                    uint32_t R = 0;
                                                    R |= Table & 0x01 ? ~A & ~B & ~C : 0;
                                                    R |= Table & 0x02 ? ~A & ~B & C : 0;
                                                    R |= Table & 0x04 ? ~A & B & ~C : 0;
                                                    R |= Table & 0x08 ? ~A & B & C : 0;
                                                    R |= Table & 0x10 ? A & ~B & ~C : 0;
                                                    R |= Table & 0x20 ? A & ~B & C : 0;
                                                    R |= Table & 0x40 ? A & B & ~C : 0;
                                                    R |= Table & 0x80 ? A & B & C : 0;
                                                    return R;
                                                  });
}
void decodeLop3(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (M.size() != 2 || M[1] != "b32")
    return D.unknown(S);
  D.expectOperands(S, 5, 5);
  if (D.failed())
    return;
  I.Run = lop3;
  for (unsigned N = 0; N < 3; ++N)
    I.Source[N] = D.source(S.Operands[N + 1], "b32");
  I.Mode = D.immediate(S.Operands[4]) & 0xff;
  I.Destination = D.destination(S.Operands[0]);
}

uint32_t permute(uint32_t A, uint32_t B, uint32_t Selectors) {
  uint64_t Both = uint64_t(B) << 32 | A;
  uint32_t Result = 0;
  for (unsigned N = 0; N < 4; ++N) {
    uint32_t Selector = Selectors >> (4 * N) & 15;
    uint32_t Byte = Both >> (8 * (Selector & 7)) & 0xff;
    if (Selector & 8)
      Byte = Byte & 0x80 ? 0xff : 0;
    Result |= Byte << (8 * N);
  }
  return Result;
}
/// The selectors that a mode means for each value of c[1:0], byte 0 in the lowest digit.
uint32_t modeSelectors(std::string_view Mode, unsigned Choice) {
  static const struct {
    std::string_view Name;
    uint32_t Selectors[4];
  } Modes[] = {
      {"f4e", {0x3210, 0x4321, 0x5432, 0x6543}}, {"b4e", {0x5670, 0x6701, 0x7012, 0x0123}},
      {"rc8", {0x0000, 0x1111, 0x2222, 0x3333}}, {"ecl", {0x3210, 0x3211, 0x3222, 0x3333}},
      {"ecr", {0x0000, 0x1110, 0x2210, 0x3210}}, {"rc16", {0x1010, 0x3232, 0x1010, 0x3232}}};
  for (const auto &M : Modes)
    if (M.Name == Mode)
      return M.Selectors[Choice];
  return 0;
}
void prmt(Warp &W, const Instruction &I, LaneMask M) {
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, M, permute);
}
void prmtMode(Warp &W, const Instruction &I, LaneMask M) {
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, M, [&](uint32_t A, uint32_t B, uint32_t C) {
    return permute(A, B, I.Immediate >> (16 * (C & 3)));
  });
}
void decodePrmt(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.operands(S, I, M.size() > 2 ? prmtMode : prmt, {"b32", "b32", "b32"});
  if (M.size() <= 2)
    return;
  if (!modeSelectors(M[2], 1))
    return D.unknown(S);
  for (unsigned C = 0; C < 4; ++C)
    I.Immediate |= static_cast<int64_t>(static_cast<uint64_t>(modeSelectors(M[2], C)) << (16 * C));
}

template <typename T> void extractField(Warp &W, const Instruction &I, LaneMask M) {
  using U = std::make_unsigned_t<T>;
  constexpr uint32_t Bits = 8 * sizeof(T);
  ternary<T, T, uint32_t, uint32_t>(W, I, M, [](T A, uint32_t B, uint32_t C) -> T {
    uint32_t Position = B & 255, Length = C & 255;
    if (Length == 0)
      return 0;
    uint32_t Top = std::min(Position + Length - 1, Bits - 1);
    U Sign = std::is_signed_v<T> ? (static_cast<U>(A) >> Top) & 1 : 0;
    U Result = Sign ? ~U(0) : 0;
    for (uint32_t N = 0; N < Length && N < Bits && Position + N < Bits; ++N) {
      U Bit = static_cast<U>(A) >> (Position + N) & 1;
      Result = (Result & ~(U(1) << N)) | (Bit << N);
    }
    return static_cast<T>(Result);
  });
}
void decodeBfe(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  Execute Run = T == "u32"   ? extractField<uint32_t>
                : T == "s32" ? extractField<int32_t>
                : T == "u64" ? extractField<uint64_t>
                : T == "s64" ? extractField<int64_t>
                             : nullptr;
  D.operands(S, I, Run, {T, "u32", "u32"});
}

template <typename T> void insertField(Warp &W, const Instruction &I, LaneMask M) {
  constexpr uint32_t Bits = 8 * sizeof(T);
  auto *Out = W.slot<T>(I.Destination);
  const auto *A = W.slot<T>(I.Source[0]), *B = W.slot<T>(I.Source[1]);
  const auto *C = W.slot<uint32_t>(I.Source[2]), *Len = W.slot<uint32_t>(I.Source[3]);
  forLanes(M, [=](unsigned L) {
    uint32_t Position = C[L] & 255, Length = Len[L] & 255;
    T Mask = Length >= Bits ? ~T(0) : (T(1) << Length) - 1;
    Mask = Position < Bits ? Mask << Position : 0;
    T Field = Position < Bits ? A[L] << Position : 0;
    Out[L] = (B[L] & ~Mask) | (Field & Mask);
  });
}
void decodeBfi(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  D.operands(S, I,
             T == "b32"   ? insertField<uint32_t>
             : T == "b64" ? insertField<uint64_t>
                          : nullptr,
             {T, T, "u32", "u32"});
}

template <typename T> uint32_t leadingZeros(T A) {
  return A == 0           ? 8 * sizeof(T)
         : sizeof(T) == 8 ? __builtin_clzll(A)
                          : __builtin_clz(static_cast<uint32_t>(A));
}
template <typename T> void population(Warp &W, const Instruction &I, LaneMask M) {
  unary<uint32_t, T>(W, I, M, [](T A) { return static_cast<uint32_t>(__builtin_popcountll(A)); });
}
template <typename T> void countLeading(Warp &W, const Instruction &I, LaneMask M) {
  unary<uint32_t, T>(W, I, M, [](T A) { return leadingZeros(A); });
}
template <typename T> void reverseBits(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) {
    T R = 0;
    for (unsigned N = 0; N < 8 * sizeof(T); ++N)
      R |= (A >> N & 1) << (8 * sizeof(T) - 1 - N);
    return R;
  });
}
template <typename T, bool Amount> void findTop(Warp &W, const Instruction &I, LaneMask M) {
  using U = std::make_unsigned_t<T>;
  unary<uint32_t, T>(W, I, M, [](T A) -> uint32_t {
    U Bits = std::is_signed_v<T> && A < 0 ? ~static_cast<U>(A) : static_cast<U>(A);
    if (Bits == 0)
      return ~0u;
    uint32_t Zeros = leadingZeros(Bits);
    return Amount ? Zeros : 8 * sizeof(T) - 1 - Zeros;
  });
}
void decodeUnaryBits(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  bool Wide = T == "b64";
  Execute Run = M[0] == "popc"  ? (Wide ? population<uint64_t> : population<uint32_t>)
                : M[0] == "clz" ? (Wide ? countLeading<uint64_t> : countLeading<uint32_t>)
                                : (Wide ? reverseBits<uint64_t> : reverseBits<uint32_t>);
  D.operands(S, I, T == "b32" || Wide ? Run : nullptr, {T});
}
void decodeBfind(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  bool Amount = has(M, "shiftamt");
  Execute Run = T == "u32"   ? (Amount ? findTop<uint32_t, true> : findTop<uint32_t, false>)
                : T == "s32" ? (Amount ? findTop<int32_t, true> : findTop<int32_t, false>)
                : T == "u64" ? (Amount ? findTop<uint64_t, true> : findTop<uint64_t, false>)
                : T == "s64" ? (Amount ? findTop<int64_t, true> : findTop<int64_t, false>)
                             : nullptr;
  D.operands(S, I, Run, {T});
}

template <bool Wrap> void bitMask(Warp &W, const Instruction &I, LaneMask M) {
  binary<uint32_t, uint32_t, uint32_t>(W, I, M, [](uint32_t A, uint32_t B) -> uint32_t {
    uint32_t Position = Wrap ? A & 31 : std::min(A, 32u), Length = Wrap ? B & 31 : std::min(B, 32u);
    uint64_t Ones = (uint64_t(1) << Length) - 1;
    return static_cast<uint32_t>(Ones << Position);
  });
}
void decodeBmsk(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.operands(S, I, has(M, "wrap") ? bitMask<true> : bitMask<false>, {"b32", "b32"});
}

template <bool IsSigned, bool Wrap> void signExtend(Warp &W, const Instruction &I, LaneMask M) {
  binary<uint32_t, uint32_t, uint32_t>(W, I, M, [](uint32_t A, uint32_t B) -> uint32_t {
    uint32_t Length = Wrap ? B & 31 : std::min(B, 32u);
    if (Length == 0)
      return 0;
    if (Length == 32)
      return A;
    uint32_t Cut = A << (32 - Length);
    return IsSigned ? static_cast<uint32_t>(static_cast<int32_t>(Cut) >> (32 - Length))
                    : Cut >> (32 - Length);
  });
}
void decodeSzext(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Wrap = has(M, "wrap");
  Execute Run = M.back() == "s32" ? (Wrap ? signExtend<true, true> : signExtend<true, false>)
                                  : (Wrap ? signExtend<false, true> : signExtend<false, false>);
  D.operands(S, I, Run, {"b32", "u32"});
}

void findNth(Warp &W, const Instruction &I, LaneMask M) {
  ternary<uint32_t, uint32_t, uint32_t, int32_t>(
      W, I, M, [](uint32_t Mask, uint32_t Base, int32_t Offset) -> uint32_t {
        if (Base > 31)
          return ~0u;
        if (Offset == 0)
          return Mask >> Base & 1 ? Base : ~0u;
        int Step = Offset > 0 ? 1 : -1;
        int Left = Offset > 0 ? Offset : -Offset;
        for (int P = static_cast<int>(Base); P >= 0 && P < 32; P += Step)
          if ((Mask >> P & 1) && --Left == 0)
            return P;
        return ~0u;
      });
}
void decodeFns(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.operands(S, I, findNth, {"b32", "b32", "s32"});
}

} // namespace

void addBitOpcodes(OpcodeTable &Table) {
  Table["and"] = decodeLogic<And>;
  Table["or"] = decodeLogic<Or>;
  Table["xor"] = decodeLogic<Xor>;
  Table["not"] = decodeNot;
  Table["cnot"] = decodeCnot;
  Table["shl"] = decodeShl;
  Table["shr"] = decodeShr;
  Table["shf"] = decodeShf;
  Table["lop3"] = decodeLop3;
  Table["prmt"] = decodePrmt;
  Table["bfe"] = decodeBfe;
  Table["bfi"] = decodeBfi;
  Table["popc"] = Table["clz"] = Table["brev"] = decodeUnaryBits;
  Table["bfind"] = decodeBfind;
  Table["bmsk"] = decodeBmsk;
  Table["szext"] = decodeSzext;
  Table["fns"] = decodeFns;
}

} // namespace qopt::ptxsim
