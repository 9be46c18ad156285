// Integer arithmetic: mul, mad, div, rem, sad, the carry forms, dot products of bytes. (add, sub,
// min, max, abs and neg are of integers and floats alike: Arithmetic.cpp.)
#include "Lanes.h"
#include "Opcodes.h"

#include <cstring>
#include <limits>

namespace qopt::ptxsim {
namespace {

template <typename T> struct Twice;
template <> struct Twice<uint16_t> { using Type = uint32_t; };
template <> struct Twice<int16_t> { using Type = int32_t; };
template <> struct Twice<uint32_t> { using Type = uint64_t; };
template <> struct Twice<int32_t> { using Type = int64_t; };
template <> struct Twice<uint64_t> { using Type = unsigned __int128; };
template <> struct Twice<int64_t> { using Type = __int128; };
template <typename T> using Wide = typename Twice<T>::Type;

template <typename T> T multiplyLow(T A, T B) {
  return static_cast<T>(static_cast<uint64_t>(A) * static_cast<uint64_t>(B));
}
template <typename T> T multiplyHigh(T A, T B) {
  return static_cast<T>((static_cast<Wide<T>>(A) * static_cast<Wide<T>>(B)) >> (8 * sizeof(T)));
}
template <typename T> T addWrapping(T A, T B) {
  return static_cast<T>(static_cast<uint64_t>(A) + static_cast<uint64_t>(B));
}

template <typename T> void mulLow(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) { return multiplyLow(A, B); });
}
template <typename T> void mulHigh(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) { return multiplyHigh(A, B); });
}
template <typename T> void mulWide(Warp &W, const Instruction &I, LaneMask M) {
  binary<Wide<T>, T, T>(W, I, M,
                        [](T A, T B) { return static_cast<Wide<T>>(A) * static_cast<Wide<T>>(B); });
}
template <typename T> void madLow(Warp &W, const Instruction &I, LaneMask M) {
  ternary<T, T, T, T>(W, I, M, [](T A, T B, T C) { return addWrapping(multiplyLow(A, B), C); });
}
template <typename T> void madHigh(Warp &W, const Instruction &I, LaneMask M) {
  ternary<T, T, T, T>(W, I, M, [](T A, T B, T C) { return addWrapping(multiplyHigh(A, B), C); });
}
template <typename T> void madWide(Warp &W, const Instruction &I, LaneMask M) {
  ternary<Wide<T>, T, T, Wide<T>>(W, I, M, [](T A, T B, Wide<T> C) {
    return addWrapping(static_cast<Wide<T>>(A) * static_cast<Wide<T>>(B), C);
  });
}
template <typename T, int Shift> void mul24(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) {
    auto Cut = [](T X) { return static_cast<int64_t>(static_cast<T>(X << 8)) >> 8; };
    return static_cast<T>((Cut(A) * Cut(B)) >> Shift);
  });
}

// Division by zero is unspecified: all ones, as the hardware gives.
template <typename T> void divide(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) -> T {
    if (B == 0)
      return static_cast<T>(-1);
    if (std::is_signed_v<T> && A == std::numeric_limits<T>::min() && B == static_cast<T>(-1))
      return A;
    return A / B;
  });
}
template <typename T> void remainder(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) -> T {
    if (B == 0)
      return A;
    if (std::is_signed_v<T> && B == static_cast<T>(-1))
      return 0;
    return A % B;
  });
}
template <typename T> void sumOfDifference(Warp &W, const Instruction &I, LaneMask M) {
  ternary<T, T, T, T>(W, I, M, [](T A, T B, T C) {
    return addWrapping<T>(A < B ? addWrapping<T>(B, -static_cast<uint64_t>(A))
                                : addWrapping<T>(A, -static_cast<uint64_t>(B)),
                          C);
  });
}

#define QOPT_INTEGER_TABLE(NAME, FUNCTION)                                                         \
  Execute NAME(std::string_view T) {                                                               \
    return T == "u16"   ? FUNCTION<uint16_t>                                                       \
           : T == "s16" ? FUNCTION<int16_t>                                                        \
           : T == "u32" ? FUNCTION<uint32_t>                                                       \
           : T == "s32" ? FUNCTION<int32_t>                                                        \
           : T == "u64" ? FUNCTION<uint64_t>                                                       \
           : T == "s64" ? FUNCTION<int64_t>                                                        \
                        : nullptr;                                                                 \
  }
QOPT_INTEGER_TABLE(mulLowOf, mulLow)
QOPT_INTEGER_TABLE(mulHighOf, mulHigh)
QOPT_INTEGER_TABLE(madLowOf, madLow)
QOPT_INTEGER_TABLE(madHighOf, madHigh)
QOPT_INTEGER_TABLE(divideOf, divide)
QOPT_INTEGER_TABLE(remainderOf, remainder)
QOPT_INTEGER_TABLE(sadOf, sumOfDifference)
#undef QOPT_INTEGER_TABLE

Execute mulWideOf(std::string_view T) {
  return T == "u16"   ? mulWide<uint16_t>
         : T == "s16" ? mulWide<int16_t>
         : T == "u32" ? mulWide<uint32_t>
         : T == "s32" ? mulWide<int32_t>
                      : nullptr;
}
Execute madWideOf(std::string_view T) {
  return T == "u16"   ? madWide<uint16_t>
         : T == "s16" ? madWide<int16_t>
         : T == "u32" ? madWide<uint32_t>
         : T == "s32" ? madWide<int32_t>
                      : nullptr;
}

std::string_view doubled(std::string_view Type) {
  return Type == "u16" ? "u32" : Type == "s16" ? "s32" : Type == "u32" ? "u64" : "s64";
}

// add.cc, addc, sub.cc, subc, mad.lo.cc, madc…: Mode says what is added to and whether the carry is
// kept. Bits of an instruction's mode.
constexpr uint32_t UsesCarry = 1, SetsCarry = 2, Subtracts = 4, MultipliesLow = 8,
                   MultipliesHigh = 16, Signed = 32;

template <typename T> void withCarry(Warp &W, const Instruction &I, LaneMask M) {
  using S = std::make_signed_t<T>;
  auto *Out = W.slot<T>(I.Destination);
  const auto *X = W.slot<T>(I.Source[0]), *Y = W.slot<T>(I.Source[1]), *Z = W.slot<T>(I.Source[2]);
  bool Multiply = I.Mode & (MultipliesLow | MultipliesHigh);
  forLanes(M, [&](unsigned L) {
    T A = X[L], B = Y[L];
    if (I.Mode & MultipliesLow)
      A = multiplyLow(A, B);
    else if (I.Mode & MultipliesHigh)
      A = I.Mode & Signed ? static_cast<T>(multiplyHigh<S>(A, B)) : multiplyHigh(A, B);
    if (Multiply)
      B = Z[L];
    bool In = (I.Mode & UsesCarry) && (W.Carry >> L & 1);
    bool Carried;
    T Sum;
    if (I.Mode & Subtracts) {
      Sum = A - B - In;
      Carried = In ? A <= B : A < B;
    } else {
      Sum = A + B + In;
      Carried = In ? Sum <= A : Sum < A;
    }
    Out[L] = Sum;
    if (I.Mode & SetsCarry)
      W.Carry = (W.Carry & ~(LaneMask(1) << L)) | (LaneMask(Carried) << L);
  });
}

void decodeCarry(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view Type = M.back();
  I.Mode = (M[0].back() == 'c' ? UsesCarry : 0) | (has(M, "cc") ? SetsCarry : 0) |
           (M[0].substr(0, 3) == "sub" ? Subtracts : 0) | (has(M, "lo") ? MultipliesLow : 0) |
           (has(M, "hi") ? MultipliesHigh : 0) | (Type[0] == 's' ? Signed : 0);
  bool Multiply = I.Mode & (MultipliesLow | MultipliesHigh);
  D.operands(S, I,
             typeBytes(Type) == 8   ? withCarry<uint64_t>
             : typeBytes(Type) == 4 ? withCarry<uint32_t>
                                    : nullptr,
             Type, Multiply ? 3 : 2);
  if (!Multiply)
    I.Source[2] = I.Source[0];
}

void decodeMul(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view Type = M.back();
  Execute Run = has(M, "lo")     ? mulLowOf(Type)
                : has(M, "hi")   ? mulHighOf(Type)
                : has(M, "wide") ? mulWideOf(Type)
                                 : nullptr;
  D.operands(S, I, Run, Type, 2);
}

void decodeMad(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view Type = M.back();
  if (has(M, "cc"))
    return decodeCarry(D, S, M, I);
  if (has(M, "sat"))
    return D.unknown(S);
  Execute Run = has(M, "lo")     ? madLowOf(Type)
                : has(M, "hi")   ? madHighOf(Type)
                : has(M, "wide") ? madWideOf(Type)
                                 : nullptr;
  D.operands(S, I, Run, Type, 3);
  if (!D.failed() && has(M, "wide"))
    I.Source[2] = D.source(S.Operands[3], doubled(Type));
}

void decodeMul24(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool High = has(M, "hi"), IsSigned = M.back() == "s32";
  Execute Run = IsSigned ? (High ? mul24<int32_t, 16> : mul24<int32_t, 0>)
                         : (High ? mul24<uint32_t, 16> : mul24<uint32_t, 0>);
  D.operands(S, I, Run, M.back(), 2);
}

void decodeSad(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.operands(S, I, sadOf(M.back()), M.back(), 3);
}

void decodeRem(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.operands(S, I, remainderOf(M.back()), M.back(), 2);
}

// dp4a, dp2a: Mode bit 0: a signed, bit 1: b signed, bit 2: high half of b.
int32_t part(uint32_t Word, unsigned Index, unsigned Bits, bool IsSigned) {
  uint32_t Value = Word >> (Index * Bits) << (32 - Bits);
  return IsSigned ? static_cast<int32_t>(Value) >> (32 - Bits)
                  : static_cast<int32_t>(Value >> (32 - Bits));
}

void dot4(Warp &W, const Instruction &I, LaneMask M) {
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, M, [&](uint32_t A, uint32_t B, uint32_t C) {
    for (unsigned N = 0; N < 4; ++N)
      C += part(A, N, 8, I.Mode & 1) * part(B, N, 8, I.Mode & 2);
    return C;
  });
}
void dot2(Warp &W, const Instruction &I, LaneMask M) {
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(W, I, M, [&](uint32_t A, uint32_t B, uint32_t C) {
    for (unsigned N = 0; N < 2; ++N)
      C += part(A, N, 16, I.Mode & 1) * part(B, N + (I.Mode & 4 ? 2 : 0), 8, I.Mode & 2);
    return C;
  });
}

void decodeDot(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (M.size() < 3)
    return D.unknown(S);
  I.Mode =
      (M[M.size() - 2] == "s32" ? 1 : 0) | (M.back() == "s32" ? 2 : 0) | (has(M, "hi") ? 4 : 0);
  D.operands(S, I, M[0] == "dp4a" ? dot4 : dot2, "u32", 3);
}

} // namespace

// Shared with Arithmetic.cpp, which decides between integer and float by the type.
void decodeIntegerMul(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  decodeMul(D, S, M, I);
}
void decodeIntegerMad(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  decodeMad(D, S, M, I);
}
void decodeIntegerCarry(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  decodeCarry(D, S, M, I);
}
Execute integerDivision(std::string_view Type) { return divideOf(Type); }

void addIntegerOpcodes(OpcodeTable &Table) {
  Table["addc"] = Table["subc"] = Table["madc"] = decodeCarry;
  Table["mul24"] = decodeMul24;
  Table["sad"] = decodeSad;
  Table["rem"] = decodeRem;
  Table["dp4a"] = Table["dp2a"] = decodeDot;
}

} // namespace qopt::ptxsim
