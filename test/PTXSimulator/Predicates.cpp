// Comparisons and selections.
#include "Floats.h"
#include "Lanes.h"
#include "Opcodes.h"

namespace qopt::ptxsim {
namespace {

enum class Comparison : uint8_t {
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Number,
  NaN
};

/// Unordered: true for a NaN.
struct Relation {
  Comparison What = Comparison::Equal;
  bool Unordered = false;
};

bool relationOf(std::string_view Name, bool Float, Relation &R) {
  static const struct {
    std::string_view Name;
    Comparison What;
    bool Unordered;
  } Known[] = {{"eq", Comparison::Equal, false},   {"ne", Comparison::NotEqual, false},
               {"lt", Comparison::Less, false},    {"le", Comparison::LessEqual, false},
               {"gt", Comparison::Greater, false}, {"ge", Comparison::GreaterEqual, false},
               {"lo", Comparison::Less, false},    {"ls", Comparison::LessEqual, false},
               {"hi", Comparison::Greater, false}, {"hs", Comparison::GreaterEqual, false},
               {"equ", Comparison::Equal, true},   {"neu", Comparison::NotEqual, true},
               {"ltu", Comparison::Less, true},    {"leu", Comparison::LessEqual, true},
               {"gtu", Comparison::Greater, true}, {"geu", Comparison::GreaterEqual, true},
               {"num", Comparison::Number, false}, {"nan", Comparison::NaN, true}};
  for (const auto &K : Known)
    if (K.Name == Name) {
      R = {K.What, K.Unordered};
      return true;
    }
  return false;
}

template <typename T> bool holds(Comparison What, T A, T B) {
  switch (What) {
  case Comparison::Equal:
    return A == B;
  case Comparison::NotEqual:
    return A != B;
  case Comparison::Less:
    return A < B;
  case Comparison::LessEqual:
    return A <= B;
  case Comparison::Greater:
    return A > B;
  case Comparison::GreaterEqual:
    return A >= B;
  case Comparison::Number:
    return true;
  case Comparison::NaN:
    return false;
  }
  return false;
}

template <typename T> struct Plain {
  using Value = T;
  static T load(T X) { return X; }
};
struct FlushedFloat {
  using Value = float;
  static float load(float X) { return flushed(X); }
};
struct HalfValue {
  using Value = uint16_t;
  static float load(uint16_t X) { return widenHalf(X); }
};
struct BfloatValue {
  using Value = uint16_t;
  static float load(uint16_t X) { return widenBfloat(X); }
};

template <typename Load, Comparison What>
LaneMask compareAs(Warp &W, const Instruction &I, LaneMask Lanes) {
  using T = typename Load::Value;
  const auto *X = W.slot<Stored<T>>(I.Source[0]), *Y = W.slot<Stored<T>>(I.Source[1]);
  bool Unordered = I.Mode >> 8 & 1;
  return maskOf(Lanes, [&](unsigned L) {
    auto A = Load::load(static_cast<T>(X[L])), B = Load::load(static_cast<T>(Y[L]));
    if constexpr (std::is_floating_point_v<decltype(A)>)
      if (A != A || B != B)
        return Unordered;
    return holds(What, A, B);
  });
}

template <typename Load> LaneMask compare(Warp &W, const Instruction &I, LaneMask Lanes) {
  switch (static_cast<Comparison>(I.Mode & 0xff)) {
  case Comparison::Equal:
    return compareAs<Load, Comparison::Equal>(W, I, Lanes);
  case Comparison::NotEqual:
    return compareAs<Load, Comparison::NotEqual>(W, I, Lanes);
  case Comparison::Less:
    return compareAs<Load, Comparison::Less>(W, I, Lanes);
  case Comparison::LessEqual:
    return compareAs<Load, Comparison::LessEqual>(W, I, Lanes);
  case Comparison::Greater:
    return compareAs<Load, Comparison::Greater>(W, I, Lanes);
  case Comparison::GreaterEqual:
    return compareAs<Load, Comparison::GreaterEqual>(W, I, Lanes);
  case Comparison::Number:
    return compareAs<Load, Comparison::Number>(W, I, Lanes);
  case Comparison::NaN:
    return compareAs<Load, Comparison::NaN>(W, I, Lanes);
  }
  return 0;
}

// Mode: bits 0-7 comparison, 8 unordered, 9-10 combination (1 and, 2 or, 3 xor), 11 its predicate
// negated, 12 result of `set` is a float.
LaneMask combine(Warp &W, const Instruction &I, LaneMask Result) {
  if (I.Source[2] == NoPlace)
    return Result;
  LaneMask Other = W.predicate(I.Source[2], I.Mode >> 11 & 1);
  unsigned How = I.Mode >> 9 & 3;
  return How == 1 ? Result & Other : How == 2 ? Result | Other : Result ^ Other;
}

template <typename Load> void setPredicate(Warp &W, const Instruction &I, LaneMask Lanes) {
  LaneMask Result = compare<Load>(W, I, Lanes);
  LaneMask Both = combine(W, I, Result), Inverse = combine(W, I, ~Result);
  W.setPredicate(I.Destination, Lanes, Both);
  if (I.Second != NoPlace)
    W.setPredicate(I.Second, Lanes, Inverse);
}
template <typename Load> void setValue(Warp &W, const Instruction &I, LaneMask Lanes) {
  LaneMask Result = combine(W, I, compare<Load>(W, I, Lanes));
  uint32_t Yes = I.Mode >> 12 & 1 ? 0x3f800000 : ~0u;
  auto *Out = W.slot<uint32_t>(I.Destination);
  forLanes(Lanes, [&](unsigned L) { Out[L] = Result >> L & 1 ? Yes : 0; });
}

template <template <typename> class Which> Execute byType(std::string_view T, bool Flush) {
  if (T == "f32")
    return Flush ? Which<FlushedFloat>::run : Which<Plain<float>>::run;
  return T == "b16" || T == "u16"   ? Which<Plain<uint16_t>>::run
         : T == "s16"               ? Which<Plain<int16_t>>::run
         : T == "b32" || T == "u32" ? Which<Plain<uint32_t>>::run
         : T == "s32"               ? Which<Plain<int32_t>>::run
         : T == "b64" || T == "u64" ? Which<Plain<uint64_t>>::run
         : T == "s64"               ? Which<Plain<int64_t>>::run
         : T == "f64"               ? Which<Plain<double>>::run
         : T == "f16"               ? Which<HalfValue>::run
         : T == "bf16"              ? Which<BfloatValue>::run
                                    : nullptr;
}
template <typename Load> struct SetPredicate {
  static void run(Warp &W, const Instruction &I, LaneMask L) { setPredicate<Load>(W, I, L); }
};
template <typename Load> struct SetValue {
  static void run(Warp &W, const Instruction &I, LaneMask L) { setValue<Load>(W, I, L); }
};

/// setp.CmpOp{.BoolOp}{.ftz}.type: the comparison's operands are from First on.
bool decodeRelation(Decoder &D, const Statement &S, const Modifiers &M, std::string_view T,
                    Instruction &I) {
  Relation R;
  if (M.size() < 3 || !relationOf(M[1], true, R) || S.Operands.size() < 3 || S.Operands.size() > 4)
    return false;
  I.Mode |= static_cast<uint32_t>(R.What) | uint32_t(R.Unordered) << 8;
  I.Source[0] = D.source(S.Operands[1], T);
  I.Source[1] = D.source(S.Operands[2], T);
  uint32_t How = has(M, "and") ? 1 : has(M, "or") ? 2 : has(M, "xor") ? 3 : 0;
  if ((How != 0) != (S.Operands.size() == 4))
    return false;
  if (How) {
    bool Negated;
    I.Source[2] = D.predicateSource(S.Operands[3], Negated);
    I.Mode |= How << 9 | uint32_t(Negated) << 11;
  }
  return true;
}

// Both halves: the result of the low one in the first predicate, of the high one in the second.
template <typename Load> void setPair(Warp &W, const Instruction &I, LaneMask Lanes) {
  const auto *X = W.slot<uint32_t>(I.Source[0]), *Y = W.slot<uint32_t>(I.Source[1]);
  bool Unordered = I.Mode >> 8 & 1;
  auto Half = [&](unsigned Shift) {
    return maskOf(Lanes, [&](unsigned L) {
      float A = Load::load(X[L] >> Shift), B = Load::load(Y[L] >> Shift);
      return A != A || B != B ? Unordered : holds(static_cast<Comparison>(I.Mode & 0xff), A, B);
    });
  };
  W.setPredicate(I.Destination, Lanes, combine(W, I, Half(0)));
  if (I.Second != NoPlace)
    W.setPredicate(I.Second, Lanes, combine(W, I, Half(16)));
}

void decodeSetp(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  I.Run = T == "f16x2"    ? setPair<HalfValue>
          : T == "bf16x2" ? setPair<BfloatValue>
                          : byType<SetPredicate>(T, has(M, "ftz"));
  if (!I.Run || !decodeRelation(D, S, M, T, I))
    return D.unknown(S);
  const Operand &To = S.Operands[0];
  bool Pair = To.Form == Operand::Kind::Pair;
  I.Destination = D.predicateDestination(Pair ? To.Parts[0] : To);
  if (Pair)
    I.Second = D.predicateDestination(To.Parts[1]);
}

void decodeSet(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  if (M.size() < 4)
    return D.unknown(S);
  std::string_view To = M[M.size() - 2];
  I.Run = byType<SetValue>(M.back(), has(M, "ftz"));
  if (!I.Run || (To != "u32" && To != "s32" && To != "f32") ||
      !decodeRelation(D, S, M, M.back(), I))
    return D.unknown(S);
  I.Mode |= uint32_t(To == "f32") << 12;
  I.Destination = D.destination(S.Operands[0]);
}

template <typename T> void select(Warp &W, const Instruction &I, LaneMask Lanes) {
  LaneMask Which = W.predicate(I.Source[2], I.Mode);
  auto *Out = W.slot<T>(I.Destination);
  const auto *X = W.slot<T>(I.Source[0]), *Y = W.slot<T>(I.Source[1]);
  forLanes(Lanes, [=](unsigned L) { Out[L] = Which >> L & 1 ? X[L] : Y[L]; });
}
void selectPredicate(Warp &W, const Instruction &I, LaneMask Lanes) {
  LaneMask Which = W.predicate(I.Source[2], I.Mode & 1);
  LaneMask A = W.predicate(I.Source[0], I.Mode & 2), B = W.predicate(I.Source[1], I.Mode & 4);
  W.setPredicate(I.Destination, Lanes, (A & Which) | (B & ~Which));
}
void decodeSelp(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  std::string_view T = M.back();
  D.expectOperands(S, 4, 4);
  if (D.failed() || M.size() != 2)
    return D.unknown(S);
  bool Negated;
  I.Source[2] = D.predicateSource(S.Operands[3], Negated);
  I.Mode = Negated;
  if (T == "pred") {
    I.Run = selectPredicate;
    for (unsigned N = 0; N < 2; ++N) {
      I.Source[N] = D.predicateSource(S.Operands[N + 1], Negated);
      I.Mode |= uint32_t(Negated) << (N + 1);
    }
    I.Destination = D.predicateDestination(S.Operands[0]);
    return;
  }
  I.Run = typeBytes(T) == 8 ? select<uint64_t> : typeBytes(T) ? select<uint32_t> : nullptr;
  if (!I.Run)
    return D.unknown(S);
  I.Source[0] = D.source(S.Operands[1], T);
  I.Source[1] = D.source(S.Operands[2], T);
  I.Destination = D.destination(S.Operands[0]);
}

template <typename T, typename C> void selectBySign(Warp &W, const Instruction &I, LaneMask Lanes) {
  auto *Out = W.slot<T>(I.Destination);
  const auto *X = W.slot<T>(I.Source[0]), *Y = W.slot<T>(I.Source[1]);
  const auto *Z = W.slot<C>(I.Source[2]);
  forLanes(Lanes, [=](unsigned L) { Out[L] = Z[L] >= 0 ? X[L] : Y[L]; });
}
void decodeSlct(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 4, 4);
  if (D.failed() || M.size() < 3)
    return D.unknown(S);
  std::string_view T = M[M.size() - 2], C = M.back();
  bool Wide = typeBytes(T) == 8, Float = C == "f32";
  I.Run = Wide ? (Float ? selectBySign<uint64_t, float> : selectBySign<uint64_t, int32_t>)
               : (Float ? selectBySign<uint32_t, float> : selectBySign<uint32_t, int32_t>);
  I.Source = {D.source(S.Operands[1], T), D.source(S.Operands[2], T), D.source(S.Operands[3], C),
              NoPlace};
  I.Destination = D.destination(S.Operands[0]);
}

// testp: Mode is which.
template <typename T> void testProperty(Warp &W, const Instruction &I, LaneMask Lanes) {
  const auto *X = W.slot<T>(I.Source[0]);
  LaneMask Result = maskOf(Lanes, [&](unsigned L) {
    int Class = std::fpclassify(X[L]);
    switch (I.Mode) {
    case 0:
      return Class != FP_INFINITE && Class != FP_NAN;
    case 1:
      return Class == FP_INFINITE;
    case 2:
      return Class != FP_NAN;
    case 3:
      return Class == FP_NAN;
    case 4:
      return Class == FP_NORMAL;
    default:
      return Class == FP_SUBNORMAL || Class == FP_ZERO;
    }
  });
  W.setPredicate(I.Destination, Lanes, Result);
}
void decodeTestp(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  static const std::string_view Names[] = {"finite",     "infinite", "number",
                                           "notanumber", "normal",   "subnormal"};
  D.expectOperands(S, 2, 2);
  if (D.failed() || M.size() != 3)
    return D.unknown(S);
  while (I.Mode < 6 && Names[I.Mode] != M[1])
    ++I.Mode;
  if (I.Mode == 6)
    return D.unknown(S);
  I.Run = M[2] == "f64" ? testProperty<double> : testProperty<float>;
  I.Source[0] = D.source(S.Operands[1], M[2]);
  I.Destination = D.predicateDestination(S.Operands[0]);
}

} // namespace

void addPredicateOpcodes(OpcodeTable &Table) {
  Table["setp"] = decodeSetp;
  Table["set"] = decodeSet;
  Table["selp"] = decodeSelp;
  Table["slct"] = decodeSlct;
  Table["testp"] = decodeTestp;
}

} // namespace qopt::ptxsim
