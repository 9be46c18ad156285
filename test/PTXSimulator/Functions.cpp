// rcp, sqrt, rsqrt, ex2, lg2, sin, cos, tanh: computed in more precision than asked for and rounded
// once.
#include "Floats.h"
#include "Lanes.h"
#include "Opcodes.h"

#include <algorithm>

namespace qopt::ptxsim {
namespace {

// Bits of an instruction's mode.
constexpr uint32_t Ftz = 1, RoundingShift = 8;

struct Reciprocal {
  static float apply(float X) { return 1.0f / X; }
  static double odd(double X) { return divideOdd(1.0, X); }
};
struct SquareRoot {
  static float apply(float X) { return std::sqrt(X); }
  static double odd(double X) { return sqrtOdd(X); }
};
struct InverseRoot {
  static float apply(float X) {
    return static_cast<float>(1.0 / std::sqrt(static_cast<double>(X)));
  }
};
struct Exponential {
  static float apply(float X) { return std::exp2(X); }
};
struct Logarithm {
  static float apply(float X) { return X < 0 ? canonicalNaN() : std::log2(X); }
};
struct Sine {
  static float apply(float X) { return std::sin(X); }
};
struct Cosine {
  static float apply(float X) { return std::cos(X); }
};
struct HyperbolicTangent {
  static float apply(float X) { return std::tanh(X); }
};

template <typename F> void floats(Warp &W, const Instruction &I, LaneMask M) {
  bool Flush = I.Mode & Ftz;
  unary<float, float>(W, I, M, [Flush](float X) {
    float R = F::apply(Flush ? flushed(X) : X);
    return canonical(Flush ? flushed(R) : R);
  });
}
template <typename F> void roundedFloats(Warp &W, const Instruction &I, LaneMask M) {
  bool Flush = I.Mode & Ftz;
  auto Mode = static_cast<Rounding>(I.Mode >> RoundingShift);
  unary<float, float>(W, I, M, [=](float X) {
    float R = roundToFloat(F::odd(Flush ? flushed(X) : X), Mode);
    return canonical(Flush ? flushed(R) : R);
  });
}
template <typename F> void doubles(Warp &W, const Instruction &I, LaneMask M) {
  unary<double, double>(W, I, M, [](double X) { return F::apply(X); });
}
struct DoubleReciprocal {
  static double apply(double X) { return 1.0 / X; }
};
struct DoubleRoot {
  static double apply(double X) { return std::sqrt(X); }
};
struct DoubleInverseRoot {
  static double apply(double X) { return 1.0 / std::sqrt(X); }
};

template <typename F, typename Format, bool Pair>
void halves(Warp &W, const Instruction &I, LaneMask M) {
  bool Flush = I.Mode & Ftz;
  auto One = [Flush](uint16_t Bits) {
    uint16_t R = Format::store(F::apply(Format::load(Flush ? Format::flush(Bits) : Bits)));
    return Flush ? Format::flush(R) : R;
  };
  unary<uint32_t, uint32_t>(W, I, M, [=](uint32_t X) {
    uint32_t R = One(static_cast<uint16_t>(X));
    return Pair ? R | static_cast<uint32_t>(One(static_cast<uint16_t>(X >> 16))) << 16 : R;
  });
}
template <typename F> Execute halvesOf(std::string_view T) {
  return T == "f16"      ? halves<F, HalfFormat, false>
         : T == "f16x2"  ? halves<F, HalfFormat, true>
         : T == "bf16"   ? halves<F, BfloatFormat, false>
         : T == "bf16x2" ? halves<F, BfloatFormat, true>
                         : nullptr;
}

void finishUnary(Decoder &D, const Statement &S, Instruction &I, Execute Run, std::string_view T) {
  D.expectOperands(S, 2, 2);
  if (!Run || D.failed())
    return D.unknown(S);
  I.Run = Run;
  I.Source[0] = D.source(S.Operands[1], T);
  I.Destination = D.destination(S.Operands[0]);
}

bool readMode(const Modifiers &M, uint32_t &Mode) {
  for (size_t N = 1; N + 1 < M.size(); ++N) {
    uint32_t Round = M[N] == "rz" ? 1 : M[N] == "rm" ? 2 : M[N] == "rp" ? 3 : 0;
    if (!Round && M[N] != "rn" && M[N] != "ftz" && M[N] != "approx")
      return false;
    Mode |= Round << RoundingShift | (M[N] == "ftz" ? Ftz : 0);
  }
  return true;
}

/// rcp and sqrt: approximate or rounded.
template <typename F, typename Double>
void decodeRounded(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  bool Known = readMode(M, I.Mode);
  bool Rounded = I.Mode >> RoundingShift;
  Execute Run = !Known       ? nullptr
                : T == "f32" ? (Rounded ? roundedFloats<F> : floats<F>)
                : T == "f64" ? (Rounded ? nullptr : doubles<Double>)
                             : nullptr;
  finishUnary(D, S, I, Run, T);
}
void decodeRsqrt(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  bool Known = readMode(M, I.Mode) && has(M, "approx");
  finishUnary(D, S, I,
              !Known       ? nullptr
              : T == "f32" ? floats<InverseRoot>
              : T == "f64" ? doubles<DoubleInverseRoot>
                           : nullptr,
              T);
}
template <typename F, bool Halves>
void decodeApproximate(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  bool Known = readMode(M, I.Mode) && has(M, "approx");
  finishUnary(D, S, I,
              !Known       ? nullptr
              : T == "f32" ? floats<F>
              : Halves     ? halvesOf<F>(T)
                           : nullptr,
              T);
}

} // namespace

void addFunctionOpcodes(OpcodeTable &Table) {
  Table["rcp"] = decodeRounded<Reciprocal, DoubleReciprocal>;
  Table["sqrt"] = decodeRounded<SquareRoot, DoubleRoot>;
  Table["rsqrt"] = decodeRsqrt;
  Table["ex2"] = decodeApproximate<Exponential, true>;
  Table["lg2"] = decodeApproximate<Logarithm, false>;
  Table["sin"] = decodeApproximate<Sine, false>;
  Table["cos"] = decodeApproximate<Cosine, false>;
  Table["tanh"] = decodeApproximate<HyperbolicTangent, true>;
}

} // namespace qopt::ptxsim
