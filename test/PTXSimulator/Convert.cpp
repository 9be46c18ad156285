// cvt.
#include "Floats.h"
#include "Lanes.h"
#include "Opcodes.h"

#include <algorithm>

namespace qopt::ptxsim {
namespace {

// ---- between integers: Result is the register's own type, of which the value is extended into

template <typename A, typename D, typename Register>
void integers(Warp &W, const Instruction &I, LaneMask M) {
  unary<Register, A>(W, I, M, [](A X) { return static_cast<Register>(static_cast<D>(X)); });
}
template <typename A, typename D, typename Register>
void saturatedIntegers(Warp &W, const Instruction &I, LaneMask M) {
  unary<Register, A>(W, I, M, [](A X) {
    __int128 Low = std::numeric_limits<D>::min(), High = std::numeric_limits<D>::max();
    return static_cast<Register>(static_cast<D>(std::clamp<__int128>(X, Low, High)));
  });
}

template <typename A, typename D> Execute integerTo(bool Saturate, unsigned RegisterBytes) {
  using R16 = std::conditional_t<std::is_signed_v<D>, int16_t, uint16_t>;
  using R32 = std::conditional_t<std::is_signed_v<D>, int32_t, uint32_t>;
  using R64 = std::conditional_t<std::is_signed_v<D>, int64_t, uint64_t>;
  if (RegisterBytes == 8)
    return Saturate ? saturatedIntegers<A, D, R64> : integers<A, D, R64>;
  if (RegisterBytes == 4)
    return Saturate ? saturatedIntegers<A, D, R32> : integers<A, D, R32>;
  return Saturate ? saturatedIntegers<A, D, R16> : integers<A, D, R16>;
}

template <typename A> Execute integerFrom(std::string_view D, bool Saturate, unsigned Bytes) {
  return D == "u8"    ? integerTo<A, uint8_t>(Saturate, Bytes)
         : D == "s8"  ? integerTo<A, int8_t>(Saturate, Bytes)
         : D == "u16" ? integerTo<A, uint16_t>(Saturate, Bytes)
         : D == "s16" ? integerTo<A, int16_t>(Saturate, Bytes)
         : D == "u32" ? integerTo<A, uint32_t>(Saturate, Bytes)
         : D == "s32" ? integerTo<A, int32_t>(Saturate, Bytes)
         : D == "u64" ? integerTo<A, uint64_t>(Saturate, Bytes)
                      : integerTo<A, int64_t>(Saturate, Bytes);
}

Execute betweenIntegers(std::string_view D, std::string_view A, bool Saturate, unsigned Bytes) {
  return A == "u8"    ? integerFrom<uint8_t>(D, Saturate, Bytes)
         : A == "s8"  ? integerFrom<int8_t>(D, Saturate, Bytes)
         : A == "u16" ? integerFrom<uint16_t>(D, Saturate, Bytes)
         : A == "s16" ? integerFrom<int16_t>(D, Saturate, Bytes)
         : A == "u32" ? integerFrom<uint32_t>(D, Saturate, Bytes)
         : A == "s32" ? integerFrom<int32_t>(D, Saturate, Bytes)
         : A == "u64" ? integerFrom<uint64_t>(D, Saturate, Bytes)
                      : integerFrom<int64_t>(D, Saturate, Bytes);
}

// ---- what involves floats: a value goes through double, exactly, and is rounded once

enum class Kind : uint8_t { U8, S8, U16, S16, U32, S32, U64, S64, F16, BF16, TF32, F32, F64, None };

Kind kindOf(std::string_view T) {
  static const std::string_view Names[] = {"u8",  "s8",  "u16",  "s16",  "u32", "s32", "u64",
                                           "s64", "f16", "bf16", "tf32", "f32", "f64"};
  auto Found = std::find(std::begin(Names), std::end(Names), T);
  return static_cast<Kind>(Found - std::begin(Names));
}
bool isFloat(Kind K) { return K >= Kind::F16; }

struct Conversion {
  Kind To, From;
  Rounding Round;
  bool Whole, Ftz, Saturate, Relu, Finite;
};
enum ModeBits : uint32_t {
  WholeBit = 1 << 16,
  FtzBit = 1 << 17,
  SatBit = 1 << 18,
  ReluBit = 1 << 19,
  FiniteBit = 1 << 20
};

Conversion conversionOf(const Instruction &I) {
  uint32_t M = I.Mode;
  return {static_cast<Kind>(M & 15),
          static_cast<Kind>(M >> 4 & 15),
          static_cast<Rounding>(M >> 8 & 7),
          (M & WholeBit) != 0,
          (M & FtzBit) != 0,
          (M & SatBit) != 0,
          (M & ReluBit) != 0,
          (M & FiniteBit) != 0};
}

double loadFloat(Kind K, uint64_t Bits, bool Ftz) {
  switch (K) {
  case Kind::F16:
    return widenHalf(static_cast<uint16_t>(Bits));
  case Kind::BF16:
    return widenBfloat(static_cast<uint16_t>(Bits));
  case Kind::F64:
    return doubleOfBits(Bits);
  default: {
    float X = floatOfBits(static_cast<uint32_t>(Bits));
    return Ftz ? flushed(X) : X;
  }
  }
}

struct Shape {
  int Precision, Lowest;
  double Largest;
};
Shape shapeOf(Kind K) {
  switch (K) {
  case Kind::F16:
    return {11, -14, 65504.0};
  case Kind::BF16:
    return {8, -126, 0x1.fep127};
  case Kind::TF32:
    return {11, -126, 0x1.ffcp127};
  default:
    return {24, -126, 0x1.fffffep127};
  }
}

uint64_t storeFloat(const Conversion &C, double X) {
  if (C.To == Kind::F64)
    return bitsOfDouble(X);
  uint32_t NaN = C.To == Kind::F16 || C.To == Kind::BF16 ? 0x7fff : 0x7fffffff;
  if (X != X)
    return NaN;
  Shape S = shapeOf(C.To);
  double R = roundTo(X, S.Precision, S.Lowest, C.Round);
  if (std::fabs(R) > S.Largest) {
    bool Inward = C.Round == Rounding::Zero || C.Round == (R > 0 ? Rounding::Down : Rounding::Up);
    bool Clamp = C.Finite || (Inward && std::isfinite(X));
    R = std::copysign(Clamp ? S.Largest : std::numeric_limits<double>::infinity(), R);
  }
  if (C.Relu && !(R > 0))
    R = 0;
  float F = static_cast<float>(R);
  if (C.Ftz && C.To == Kind::F32)
    F = flushed(F);
  return C.To == Kind::F16    ? narrowHalf(F)
         : C.To == Kind::BF16 ? bitsOfFloat(F) >> 16
                              : bitsOfFloat(F);
}

double toWhole(double X, Rounding R) {
  return R == Rounding::Zero   ? std::trunc(X)
         : R == Rounding::Down ? std::floor(X)
         : R == Rounding::Up   ? std::ceil(X)
                               : std::nearbyint(X);
}

uint64_t floatToInteger(const Conversion &C, double X) {
  unsigned Bits = 8u << (static_cast<unsigned>(C.To) / 2);
  bool IsSigned = static_cast<unsigned>(C.To) & 1;
  if (X != X)
    return C.From == Kind::F64 || Bits == 64 ? uint64_t(1) << (Bits - 1) : 0;
  double R = toWhole(X, C.Round);
  double Low = IsSigned ? -std::ldexp(1.0, Bits - 1) : 0;
  double Past = std::ldexp(1.0, IsSigned ? Bits - 1 : Bits);
  uint64_t Highest = (uint64_t(1) << (IsSigned ? Bits - 1 : Bits - 1)) - 1;
  if (!IsSigned)
    Highest = Highest << 1 | 1;
  if (R >= Past)
    return Highest;
  if (R <= Low)
    return IsSigned ? static_cast<uint64_t>(-(int64_t(1) << (Bits - 2)) * 2) : 0;
  return IsSigned ? static_cast<uint64_t>(static_cast<int64_t>(R)) : static_cast<uint64_t>(R);
}

/// 64-bit integers have more digits than a double: what is lost leaves the last bit odd.
double integerToDouble(Kind K, uint64_t Bits) {
  switch (K) {
  case Kind::U8:
    return static_cast<uint8_t>(Bits);
  case Kind::S8:
    return static_cast<int8_t>(Bits);
  case Kind::U16:
    return static_cast<uint16_t>(Bits);
  case Kind::S16:
    return static_cast<int16_t>(Bits);
  case Kind::U32:
    return static_cast<uint32_t>(Bits);
  case Kind::S32:
    return static_cast<int32_t>(Bits);
  case Kind::U64:
    return addOdd(std::ldexp(static_cast<double>(Bits >> 32), 32),
                  static_cast<double>(Bits & 0xffffffff));
  default:
    return addOdd(std::ldexp(static_cast<double>(static_cast<int64_t>(Bits) >> 32), 32),
                  static_cast<double>(Bits & 0xffffffff));
  }
}

uint64_t convert(const Conversion &C, uint64_t Bits) {
  if (!isFloat(C.From)) {
    if (C.To == Kind::F64)
      return bitsOfDouble(C.From == Kind::U64   ? static_cast<double>(Bits)
                          : C.From == Kind::S64 ? static_cast<double>(static_cast<int64_t>(Bits))
                                                : integerToDouble(C.From, Bits));
    return storeFloat(C, integerToDouble(C.From, Bits));
  }
  double X = loadFloat(C.From, Bits, C.Ftz);
  if (!isFloat(C.To))
    return floatToInteger(C, X);
  if (C.Whole)
    X = std::copysign(toWhole(X, C.Round), X);
  if (C.Saturate)
    X = X > 0 ? (X < 1 ? X : 1.0) : 0.0;
  return storeFloat(C, X);
}

/// Count: source bytes; Second's place is not used, Mode holds the conversion, Immediate the
/// register's bytes.
void general(Warp &W, const Instruction &I, LaneMask M) {
  Conversion C = conversionOf(I);
  unsigned SourceBytes = I.Count;
  bool SignExtend = !isFloat(C.To) && (static_cast<unsigned>(C.To) & 1);
  unsigned ResultBits = isFloat(C.To) ? 64 : 8u << (static_cast<unsigned>(C.To) / 2);
  forLanes(M, [&](unsigned L) {
    uint64_t R = convert(C, laneValue(W, I.Source[0], L, SourceBytes));
    if (SignExtend && ResultBits < 64)
      R = static_cast<uint64_t>(static_cast<int64_t>(R << (64 - ResultBits)) >> (64 - ResultBits));
    if (I.Immediate == 8)
      W.slot<uint64_t>(I.Destination)[L] = R;
    else
      W.slot<uint32_t>(I.Destination)[L] = static_cast<uint32_t>(I.Immediate == 2 ? R & 0xffff : R);
  });
}

// ---- the frequent ones

void halfToFloat(Warp &W, const Instruction &I, LaneMask M) {
  unary<float, uint16_t>(W, I, M, [](uint16_t X) { return canonical(widenHalf(X)); });
}
void bfloatToFloat(Warp &W, const Instruction &I, LaneMask M) {
  unary<float, uint16_t>(W, I, M, [](uint16_t X) { return canonical(widenBfloat(X)); });
}
void floatToHalf(Warp &W, const Instruction &I, LaneMask M) {
  unary<uint16_t, float>(W, I, M, [](float X) { return narrowHalf(X); });
}
void floatToBfloat(Warp &W, const Instruction &I, LaneMask M) {
  unary<uint16_t, float>(W, I, M, [](float X) { return narrowBfloat(X); });
}
void signedToFloat(Warp &W, const Instruction &I, LaneMask M) {
  unary<float, int32_t>(W, I, M, [](int32_t X) { return static_cast<float>(X); });
}
void unsignedToFloat(Warp &W, const Instruction &I, LaneMask M) {
  unary<float, uint32_t>(W, I, M, [](uint32_t X) { return static_cast<float>(X); });
}
// a goes to the high half.
void floatsToHalves(Warp &W, const Instruction &I, LaneMask M) {
  binary<uint32_t, float, float>(
      W, I, M, [](float A, float B) { return uint32_t(narrowHalf(A)) << 16 | narrowHalf(B); });
}
void floatsToBfloats(Warp &W, const Instruction &I, LaneMask M) {
  binary<uint32_t, float, float>(
      W, I, M, [](float A, float B) { return uint32_t(narrowBfloat(A)) << 16 | narrowBfloat(B); });
}
void generalPair(Warp &W, const Instruction &I, LaneMask M) {
  Conversion C = conversionOf(I);
  binary<uint32_t, uint32_t, uint32_t>(W, I, M, [C](uint32_t A, uint32_t B) {
    return static_cast<uint32_t>(convert(C, A)) << 16 | static_cast<uint32_t>(convert(C, B));
  });
}

// ---- 8-bit floats

float reluOf(float X) { return X > 0 || X != X ? X : 0.0f; }

template <const ByteFormat &F> void floatsToBytes(Warp &W, const Instruction &I, LaneMask M) {
  bool Relu = I.Mode & ReluBit;
  binary<uint16_t, float, float>(W, I, M, [Relu](float A, float B) {
    return static_cast<uint16_t>(narrowByte(F, Relu ? reluOf(A) : A) << 8 |
                                 narrowByte(F, Relu ? reluOf(B) : B));
  });
}
template <const ByteFormat &F> void halvesToBytes(Warp &W, const Instruction &I, LaneMask M) {
  bool Relu = I.Mode & ReluBit;
  unary<uint16_t, uint32_t>(W, I, M, [Relu](uint32_t X) {
    float A = widenHalf(static_cast<uint16_t>(X >> 16)), B = widenHalf(static_cast<uint16_t>(X));
    return static_cast<uint16_t>(narrowByte(F, Relu ? reluOf(A) : A) << 8 |
                                 narrowByte(F, Relu ? reluOf(B) : B));
  });
}
template <const ByteFormat &F> void bytesToHalves(Warp &W, const Instruction &I, LaneMask M) {
  bool Relu = I.Mode & ReluBit;
  auto One = [Relu](uint8_t X) {
    float V = widenByte(F, X);
    return narrowHalf(Relu ? reluOf(V) : V);
  };
  unary<uint32_t, uint16_t>(W, I, M, [One](uint16_t X) {
    return uint32_t(One(static_cast<uint8_t>(X >> 8))) << 16 | One(static_cast<uint8_t>(X));
  });
}
constexpr ByteFormat FormatE4M3 = E4M3, FormatE5M2 = E5M2;

// ---- decoding

bool readModifiers(const Modifiers &M, uint32_t &Mode, bool &Rounded) {
  Rounding R = Rounding::Nearest;
  for (size_t N = 1; N + 2 < M.size(); ++N) {
    std::string_view P = M[N];
    bool Whole = P.size() == 3 && P[0] == 'r' && P[2] == 'i';
    std::string_view Base = Whole ? P.substr(0, 2) : P;
    if (Base == "rn" || Base == "rz" || Base == "rm" || Base == "rp" || Base == "rna") {
      R = Base == "rz"    ? Rounding::Zero
          : Base == "rm"  ? Rounding::Down
          : Base == "rp"  ? Rounding::Up
          : Base == "rna" ? Rounding::NearestAway
                          : Rounding::Nearest;
      Mode |= Whole ? uint32_t(WholeBit) : 0;
      Rounded = true;
    } else if (P == "ftz") {
      Mode |= FtzBit;
    } else if (P == "sat") {
      Mode |= SatBit;
    } else if (P == "relu") {
      Mode |= ReluBit;
    } else if (P == "satfinite") {
      Mode |= FiniteBit;
    } else {
      return false;
    }
  }
  Mode |= static_cast<uint32_t>(R) << 8;
  return true;
}

bool decodeBytes(Decoder &D, const Statement &S, std::string_view To, std::string_view From,
                 Instruction &I) {
  bool ToE4 = To == "e4m3x2", ToE5 = To == "e5m2x2", FromE4 = From == "e4m3x2",
       FromE5 = From == "e5m2x2";
  if (!ToE4 && !ToE5 && !FromE4 && !FromE5)
    return false;
  size_t Sources = From == "f32" ? 2 : 1;
  bool Valid = ((ToE4 || ToE5) && (From == "f32" || From == "f16x2") && (I.Mode & FiniteBit)) ||
               ((FromE4 || FromE5) && To == "f16x2");
  if (!Valid || S.Operands.size() != Sources + 1) {
    D.unknown(S);
    return true;
  }
  I.Run = From == "f32"     ? (ToE4 ? floatsToBytes<FormatE4M3> : floatsToBytes<FormatE5M2>)
          : From == "f16x2" ? (ToE4 ? halvesToBytes<FormatE4M3> : halvesToBytes<FormatE5M2>)
                            : (FromE4 ? bytesToHalves<FormatE4M3> : bytesToHalves<FormatE5M2>);
  for (size_t N = 0; N < Sources; ++N)
    I.Source[N] = D.source(S.Operands[N + 1], From == "f32"     ? "f32"
                                              : From == "f16x2" ? "b32"
                                                                : "b16");
  I.Destination = D.destination(S.Operands[0]);
  return true;
}

bool decodePair(Decoder &D, const Statement &S, std::string_view To, std::string_view From,
                Instruction &I) {
  if ((To != "f16x2" && To != "bf16x2") || From != "f32")
    return false;
  D.expectOperands(S, 3, 3);
  if (D.failed())
    return true;
  bool Half = To == "f16x2";
  bool Plain = (I.Mode & ~uint32_t(FtzBit)) == 0;
  I.Run = !Plain ? generalPair : Half ? floatsToHalves : floatsToBfloats;
  I.Mode |= static_cast<uint32_t>(Half ? Kind::F16 : Kind::BF16) | static_cast<uint32_t>(Kind::F32)
                                                                       << 4;
  I.Source[0] = D.source(S.Operands[1], "f32");
  I.Source[1] = D.source(S.Operands[2], "f32");
  I.Destination = D.destination(S.Operands[0]);
  return true;
}

Execute frequent(Kind To, Kind From, uint32_t Mode) {
  if (Mode != 0)
    return nullptr;
  if (To == Kind::F32)
    return From == Kind::F16    ? halfToFloat
           : From == Kind::BF16 ? bfloatToFloat
           : From == Kind::S32  ? signedToFloat
           : From == Kind::U32  ? unsignedToFloat
                                : nullptr;
  if (From == Kind::F32)
    return To == Kind::F16 ? floatToHalf : To == Kind::BF16 ? floatToBfloat : nullptr;
  return nullptr;
}

void decodeCvt(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  bool Rounded = false;
  if (M.size() < 3 || !readModifiers(M, I.Mode, Rounded))
    return D.unknown(S);
  std::string_view To = M[M.size() - 2], From = M.back();
  if (decodeBytes(D, S, To, From, I) || decodePair(D, S, To, From, I))
    return;
  Kind ToKind = kindOf(To), FromKind = kindOf(From);
  D.expectOperands(S, 2, 2);
  if (D.failed() || ToKind == Kind::None || FromKind == Kind::None)
    return D.unknown(S);
  unsigned RegisterBytes = D.registerBytes(S.Operands[0]);
  I.Source[0] = D.source(S.Operands[1], From);
  I.Destination = D.destination(S.Operands[0]);
  if (!isFloat(ToKind) && !isFloat(FromKind)) {
    I.Run = betweenIntegers(To, From, I.Mode & SatBit, RegisterBytes);
    return;
  }
  // A float becomes an integer, or loses digits, only with a rounding that is named.
  bool Loses = isFloat(FromKind) != isFloat(ToKind) ||
               (ToKind < FromKind && FromKind != Kind::F16 && FromKind != Kind::BF16);
  if (Loses && !Rounded)
    return D.fail("a rounding modifier is missing");
  I.Run = frequent(ToKind, FromKind, I.Mode);
  if (!I.Run) {
    I.Run = general;
    I.Mode |= static_cast<uint32_t>(ToKind) | static_cast<uint32_t>(FromKind) << 4;
    I.Count = typeBytes(From);
    I.Immediate = RegisterBytes;
  }
}

} // namespace

void addConvertOpcodes(OpcodeTable &Table) { Table["cvt"] = decodeCvt; }

} // namespace qopt::ptxsim
