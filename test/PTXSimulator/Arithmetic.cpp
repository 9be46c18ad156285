// add, sub, mul, fma, div, min, max, abs, neg and what is like them, of all types.
#include "Floats.h"
#include "Lanes.h"
#include "Opcodes.h"

#include <algorithm>

namespace qopt::ptxsim {

void decodeIntegerMul(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I);
void decodeIntegerMad(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I);
void decodeIntegerCarry(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I);
Execute integerDivision(std::string_view Type);

namespace {

// Bits of an instruction's mode.
constexpr uint32_t Ftz = 1, Sat = 2, Relu = 4, PropagateNaN = 8, XorSign = 16, Absolute = 32,
                   Packed = 64, RoundingShift = 8;

Rounding roundingOf(uint32_t Mode) { return static_cast<Rounding>(Mode >> RoundingShift & 3); }

// ---- what each instruction computes

struct Add {
  static float apply(float A, float B) { return A + B; }
  static double apply(double A, double B) { return A + B; }
  static double odd(double A, double B) { return addOdd(A, B); }
  template <typename T> static T integer(T A, T B) {
    return static_cast<T>(static_cast<uint64_t>(A) + static_cast<uint64_t>(B));
  }
};
struct Subtract {
  static float apply(float A, float B) { return A - B; }
  static double apply(double A, double B) { return A - B; }
  static double odd(double A, double B) { return addOdd(A, -B); }
  template <typename T> static T integer(T A, T B) {
    return static_cast<T>(static_cast<uint64_t>(A) - static_cast<uint64_t>(B));
  }
};
struct Multiply {
  static float apply(float A, float B) { return A * B; }
  static double apply(double A, double B) { return A * B; }
  static double odd(double A, double B) { return A * B; } // exact for floats
};
struct Divide {
  static float apply(float A, float B) { return A / B; }
  static double apply(double A, double B) { return A / B; }
  static double odd(double A, double B) { return divideOdd(A, B); }
};

template <bool Max, typename T> T smallerOrLarger(T A, T B) {
  if (A == B) // -0 is below +0
    return std::signbit(A) == Max ? B : A;
  if (A != A)
    return B;
  if (B != B)
    return A;
  return (A < B) == Max ? B : A;
}
template <bool Max> struct Extreme {
  static float apply(float A, float B) { return smallerOrLarger<Max>(A, B); }
  static double apply(double A, double B) { return smallerOrLarger<Max>(A, B); }
  template <typename T> static T integer(T A, T B) { return (A < B) == Max ? B : A; }
};

// ---- floats of 32 and 64 bits

/// Nearest, nothing special: the loop that becomes vector code.
template <typename Op, bool Flush> void fastFloat(Warp &W, const Instruction &I, LaneMask M) {
  binary<float, float, float>(W, I, M, [](float A, float B) {
    if constexpr (Flush)
      return canonical(flushed(Op::apply(flushed(A), flushed(B))));
    else
      return canonical(Op::apply(A, B));
  });
}

float finish(float X, uint32_t Mode) {
  if (Mode & Ftz)
    X = flushed(X);
  return canonical(Mode & Sat ? saturated(X) : X);
}

template <typename Op> float floatOp(uint32_t Mode, float A, float B) {
  if (Mode & Ftz)
    A = flushed(A), B = flushed(B);
  float R = roundingOf(Mode) == Rounding::Nearest ? Op::apply(A, B)
                                                  : roundToFloat(Op::odd(A, B), roundingOf(Mode));
  return finish(R, Mode);
}

template <typename Op> void carefulFloat(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  binary<float, float, float>(W, I, M,
                              [Mode](float A, float B) { return floatOp<Op>(Mode, A, B); });
}

template <typename Op> void doubles(Warp &W, const Instruction &I, LaneMask M) {
  binary<double, double, double>(W, I, M, [](double A, double B) { return Op::apply(A, B); });
}

template <bool Max> void floatExtreme(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  binary<float, float, float>(W, I, M, [Mode](float A, float B) {
    if (Mode & Ftz)
      A = flushed(A), B = flushed(B);
    uint32_t Sign = (bitsOfFloat(A) ^ bitsOfFloat(B)) & 0x80000000;
    if (Mode & Absolute)
      A = std::fabs(A), B = std::fabs(B);
    if ((Mode & PropagateNaN) && (A != A || B != B))
      return canonicalNaN();
    float R = canonical(smallerOrLarger<Max>(A, B));
    return Mode & XorSign ? floatOfBits((bitsOfFloat(R) & 0x7fffffff) | Sign) : R;
  });
}

template <bool Flush> void fastFma(Warp &W, const Instruction &I, LaneMask M) {
  ternary<float, float, float, float>(W, I, M, [](float A, float B, float C) {
    if constexpr (Flush)
      return canonical(flushed(std::fma(flushed(A), flushed(B), flushed(C))));
    else
      return canonical(std::fma(A, B, C));
  });
}
float floatFma(uint32_t Mode, float A, float B, float C) {
  if (Mode & Ftz)
    A = flushed(A), B = flushed(B), C = flushed(C);
  float R = roundingOf(Mode) == Rounding::Nearest
                ? std::fma(A, B, C)
                : roundToFloat(addOdd(static_cast<double>(A) * B, C), roundingOf(Mode));
  return finish(R, Mode);
}
void carefulFma(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  ternary<float, float, float, float>(
      W, I, M, [Mode](float A, float B, float C) { return floatFma(Mode, A, B, C); });
}
void doubleFma(Warp &W, const Instruction &I, LaneMask M) {
  ternary<double, double, double, double>(
      W, I, M, [](double A, double B, double C) { return std::fma(A, B, C); });
}

// ---- pairs of floats of 32 bits

float lowFloat(uint64_t Pair) { return floatOfBits(static_cast<uint32_t>(Pair)); }
float highFloat(uint64_t Pair) { return floatOfBits(static_cast<uint32_t>(Pair >> 32)); }
uint64_t floatPair(float Low, float High) {
  return uint64_t(bitsOfFloat(High)) << 32 | bitsOfFloat(Low);
}

template <typename Op> void floatPairs(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  binary<uint64_t, uint64_t, uint64_t>(W, I, M, [Mode](uint64_t A, uint64_t B) {
    return floatPair(floatOp<Op>(Mode, lowFloat(A), lowFloat(B)),
                     floatOp<Op>(Mode, highFloat(A), highFloat(B)));
  });
}
void fmaPairs(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  ternary<uint64_t, uint64_t, uint64_t, uint64_t>(
      W, I, M, [Mode](uint64_t A, uint64_t B, uint64_t C) {
        return floatPair(floatFma(Mode, lowFloat(A), lowFloat(B), lowFloat(C)),
                         floatFma(Mode, highFloat(A), highFloat(B), highFloat(C)));
      });
}

// ---- floats of 16 bits, alone or in pairs

template <typename Format, typename F>
uint16_t with16(uint32_t Mode, F Apply, uint16_t A, uint16_t B) {
  if (Mode & Ftz)
    A = Format::flush(A), B = Format::flush(B);
  float R = Apply(Format::load(A), Format::load(B));
  if (Mode & Sat)
    R = saturated(R);
  uint16_t Bits = Format::store(R);
  return Mode & Ftz ? Format::flush(Bits) : Bits;
}

template <typename F> void eachHalf(Warp &W, const Instruction &I, LaneMask M, F Apply) {
  bool Pair = I.Mode & Packed;
  binary<uint32_t, uint32_t, uint32_t>(W, I, M, [=](uint32_t A, uint32_t B) {
    uint32_t R = Apply(static_cast<uint16_t>(A), static_cast<uint16_t>(B));
    return Pair ? R | static_cast<uint32_t>(Apply(A >> 16, B >> 16)) << 16 : R;
  });
}

template <typename Op, typename Format> void halves(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  eachHalf(W, I, M, [Mode](uint16_t A, uint16_t B) {
    return with16<Format>(
        Mode, [](float X, float Y) { return Op::apply(X, Y); }, A, B);
  });
}

template <bool Max, typename Format> void halfExtreme(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  eachHalf(W, I, M, [Mode](uint16_t A, uint16_t B) -> uint16_t {
    if (Mode & Ftz)
      A = Format::flush(A), B = Format::flush(B);
    uint16_t Sign = (A ^ B) & 0x8000;
    if (Mode & Absolute)
      A &= 0x7fff, B &= 0x7fff;
    float X = Format::load(A), Y = Format::load(B);
    if ((X != X && Y != Y) || ((Mode & PropagateNaN) && (X != X || Y != Y)))
      return 0x7fff;
    uint16_t R = Format::store(smallerOrLarger<Max>(X, Y));
    return Mode & XorSign ? (R & 0x7fff) | Sign : R;
  });
}

template <typename Format> uint16_t fma16(uint32_t Mode, uint16_t A, uint16_t B, uint16_t C) {
  if (Mode & Ftz)
    A = Format::flush(A), B = Format::flush(B), C = Format::flush(C);
  double Product = static_cast<double>(Format::load(A)) * Format::load(B);
  float R = floatOdd(addOdd(Product, Format::load(C)));
  if (Mode & Sat)
    R = saturated(R);
  if ((Mode & Relu) && (R < 0 || R == 0))
    R = 0;
  uint16_t Bits = Format::store(R);
  return Mode & Ftz ? Format::flush(Bits) : Bits;
}
template <typename Format> void halfFma(Warp &W, const Instruction &I, LaneMask M) {
  uint32_t Mode = I.Mode;
  ternary<uint32_t, uint32_t, uint32_t, uint32_t>(
      W, I, M, [Mode](uint32_t A, uint32_t B, uint32_t C) {
        uint32_t R = fma16<Format>(Mode, A, B, C);
        return Mode & Packed
                   ? R | static_cast<uint32_t>(fma16<Format>(Mode, A >> 16, B >> 16, C >> 16)) << 16
                   : R;
      });
}

// ---- integers

template <typename Op, typename T> void integers(Warp &W, const Instruction &I, LaneMask M) {
  binary<T, T, T>(W, I, M, [](T A, T B) { return Op::integer(A, B); });
}
template <typename Op, typename T> void integerPairs(Warp &W, const Instruction &I, LaneMask M) {
  binary<uint32_t, uint32_t, uint32_t>(W, I, M, [](uint32_t A, uint32_t B) {
    auto Low = static_cast<uint16_t>(Op::integer(static_cast<T>(A), static_cast<T>(B)));
    auto High =
        static_cast<uint16_t>(Op::integer(static_cast<T>(A >> 16), static_cast<T>(B >> 16)));
    return uint32_t(High) << 16 | Low;
  });
}
template <int Sign> void saturatingSum(Warp &W, const Instruction &I, LaneMask M) {
  binary<int32_t, int32_t, int32_t>(W, I, M, [](int32_t A, int32_t B) {
    int64_t Sum = int64_t(A) + Sign * int64_t(B);
    return static_cast<int32_t>(std::clamp<int64_t>(Sum, INT32_MIN, INT32_MAX));
  });
}

template <typename Op> Execute integerOf(std::string_view T) {
  return T == "u16"     ? integers<Op, uint16_t>
         : T == "s16"   ? integers<Op, int16_t>
         : T == "u32"   ? integers<Op, uint32_t>
         : T == "s32"   ? integers<Op, int32_t>
         : T == "u64"   ? integers<Op, uint64_t>
         : T == "s64"   ? integers<Op, int64_t>
         : T == "u16x2" ? integerPairs<Op, uint16_t>
         : T == "s16x2" ? integerPairs<Op, int16_t>
                        : nullptr;
}

// ---- decoding

bool isFloat(std::string_view T) {
  return T == "f32" || T == "f64" || T == "f16" || T == "bf16" || T == "f16x2" || T == "bf16x2";
}
bool isBfloat(std::string_view T) { return T.substr(0, 4) == "bf16"; }

/// False if there is a modifier between the opcode and the type that is not in `Allowed`.
bool readMode(const Modifiers &M, uint32_t &Mode, std::initializer_list<std::string_view> Allowed) {
  for (size_t N = 1; N + 1 < M.size(); ++N) {
    if (std::find(Allowed.begin(), Allowed.end(), M[N]) == Allowed.end())
      return false;
    uint32_t Round = M[N] == "rz" ? 1 : M[N] == "rm" ? 2 : M[N] == "rp" ? 3 : 0;
    Mode |= Round << RoundingShift;
    Mode |= M[N] == "ftz"    ? Ftz
            : M[N] == "sat"  ? Sat
            : M[N] == "relu" ? Relu
            : M[N] == "NaN"  ? PropagateNaN
                             : 0;
    Mode |= M[N] == "xorsign" ? XorSign : M[N] == "abs" ? Absolute : 0;
  }
  if (M.back().size() > 2 && M.back().substr(M.back().size() - 2) == "x2")
    Mode |= Packed;
  return true;
}

template <typename Op> Execute floatOf(std::string_view T, uint32_t Mode) {
  bool Plain = (Mode & ~uint32_t(Ftz)) == 0;
  if (T == "f32")
    return !Plain ? carefulFloat<Op> : Mode & Ftz ? fastFloat<Op, true> : fastFloat<Op, false>;
  if (T == "f64")
    return Mode == 0 ? doubles<Op> : nullptr;
  return isBfloat(T) ? halves<Op, BfloatFormat> : halves<Op, HalfFormat>;
}

/// add, sub, mul and fma of f32x2, which neither saturate nor have a fast way here.
void decodePairs(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I, Execute Run,
                 unsigned Sources) {
  if (!readMode(M, I.Mode, {"rn", "rz", "rm", "rp", "ftz"}))
    return D.unknown(S);
  D.operands(S, I, Run, M.back(), Sources);
}

template <typename Op>
void decodeSum(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  constexpr int Sign = std::is_same_v<Op, Add> ? 1 : -1;
  if (has(M, "cc"))
    return decodeIntegerCarry(D, S, M, I);
  if (T == "f32x2")
    return decodePairs(D, S, M, I, floatPairs<Op>, 2);
  if (!isFloat(T))
    return D.operands(S, I,
                      M.size() == 3 && M[1] == "sat" && T == "s32" ? saturatingSum<Sign>
                      : M.size() == 2                              ? integerOf<Op>(T)
                                                                   : nullptr,
                      T, 2);
  if (!readMode(M, I.Mode, {"rn", "rz", "rm", "rp", "ftz", "sat"}))
    return D.unknown(S);
  D.operands(S, I, floatOf<Op>(T, I.Mode), T, 2);
}

void decodeMul(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  if (T == "f32x2")
    return decodePairs(D, S, M, I, floatPairs<Multiply>, 2);
  if (!isFloat(T))
    return decodeIntegerMul(D, S, M, I);
  if (!readMode(M, I.Mode, {"rn", "rz", "rm", "rp", "ftz", "sat"}))
    return D.unknown(S);
  D.operands(S, I, floatOf<Multiply>(T, I.Mode), T, 2);
}

void decodeFma(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  if (T == "f32x2")
    return decodePairs(D, S, M, I, fmaPairs, 3);
  if (!isFloat(T))
    return decodeIntegerMad(D, S, M, I);
  if (!readMode(M, I.Mode, {"rn", "rz", "rm", "rp", "ftz", "sat", "relu"}))
    return D.unknown(S);
  bool Plain = (I.Mode & ~uint32_t(Ftz)) == 0;
  Execute Run = T == "f32"    ? (!Plain         ? carefulFma
                                 : I.Mode & Ftz ? fastFma<true>
                                                : fastFma<false>)
                : T == "f64"  ? (I.Mode ? nullptr : doubleFma)
                : isBfloat(T) ? halfFma<BfloatFormat>
                              : halfFma<HalfFormat>;
  D.operands(S, I, Run, T, 3);
}

void decodeDiv(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  if (!isFloat(T))
    return D.operands(S, I, M.size() == 2 ? integerDivision(T) : nullptr, T, 2);
  // .approx and .full allow 2 ulp; the exact quotient is within.
  if (!readMode(M, I.Mode, {"rn", "rz", "rm", "rp", "ftz", "approx", "full"}) ||
      (T != "f32" && T != "f64"))
    return D.unknown(S);
  D.operands(S, I, floatOf<Divide>(T, I.Mode), T, 2);
}

template <bool Max>
void decodeExtreme(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  if (!isFloat(T))
    return D.operands(S, I, M.size() == 2 ? integerOf<Extreme<Max>>(T) : nullptr, T, 2);
  if (!readMode(M, I.Mode, {"ftz", "NaN", "xorsign", "abs"}))
    return D.unknown(S);
  Execute Run = T == "f32"    ? floatExtreme<Max>
                : T == "f64"  ? doubles<Extreme<Max>>
                : isBfloat(T) ? halfExtreme<Max, BfloatFormat>
                              : halfExtreme<Max, HalfFormat>;
  D.operands(S, I, Run, T, 2);
}

// abs and neg of floats change the sign alone (and flush).
template <typename U, U SignBits, bool Negate>
void signOf(Warp &W, const Instruction &I, LaneMask M) {
  unary<U, U>(W, I, M, [](U A) { return static_cast<U>(Negate ? A ^ SignBits : A & ~SignBits); });
}
template <bool Negate> void flushedSign(Warp &W, const Instruction &I, LaneMask M) {
  unary<float, float>(W, I, M, [](float A) { return flushed(Negate ? -A : std::fabs(A)); });
}
template <typename T> void absolute(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return static_cast<T>(A < 0 ? -static_cast<uint64_t>(A) : A); });
}
template <typename T> void negate(Warp &W, const Instruction &I, LaneMask M) {
  unary<T, T>(W, I, M, [](T A) { return static_cast<T>(-static_cast<uint64_t>(A)); });
}

template <bool Negate> Execute signChange(std::string_view T, bool Flush) {
  if (T == "f32")
    return Flush ? flushedSign<Negate> : signOf<uint32_t, 0x80000000u, Negate>;
  if (Flush)
    return nullptr;
  return T == "f64"                      ? signOf<uint64_t, uint64_t(1) << 63, Negate>
         : T == "f16" || T == "bf16"     ? signOf<uint32_t, 0x8000u, Negate>
         : T == "f16x2" || T == "bf16x2" ? signOf<uint32_t, 0x80008000u, Negate>
                                         : nullptr;
}
template <bool Negate>
void decodeSign(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  Execute Run = isFloat(T)   ? signChange<Negate>(T, has(M, "ftz"))
                : T == "s16" ? (Negate ? negate<int16_t> : absolute<int16_t>)
                : T == "s32" ? (Negate ? negate<int32_t> : absolute<int32_t>)
                : T == "s64" ? (Negate ? negate<int64_t> : absolute<int64_t>)
                             : nullptr;
  D.operands(S, I, Run, T, 1);
}

template <typename U, U Sign> void copySign(Warp &W, const Instruction &I, LaneMask M) {
  binary<U, U, U>(W, I, M, [](U A, U B) { return (A & Sign) | (B & ~Sign); });
}
void decodeCopysign(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  D.operands(S, I,
             T == "f32"   ? copySign<uint32_t, 0x80000000u>
             : T == "f64" ? copySign<uint64_t, uint64_t(1) << 63>
                          : nullptr,
             T, 2);
}

} // namespace

void addArithmeticOpcodes(OpcodeTable &Table) {
  Table["add"] = decodeSum<Add>;
  Table["sub"] = decodeSum<Subtract>;
  Table["mul"] = decodeMul;
  Table["fma"] = Table["mad"] = decodeFma;
  Table["div"] = decodeDiv;
  Table["min"] = decodeExtreme<false>;
  Table["max"] = decodeExtreme<true>;
  Table["abs"] = decodeSign<false>;
  Table["neg"] = decodeSign<true>;
  Table["copysign"] = decodeCopysign;
}

} // namespace qopt::ptxsim
