#include "Masks.h"

#include "QOpt/DimExpr.h"

using namespace mlir;
using namespace qopt;

/// What is added to a score that must not be seen: 16-bit models write -65504 or -10000.
static constexpr double Hidden = -1e4;

MaskProver::MaskProver(Value Scores, const DecoderInputs &Inputs, const DimAnalysis &Dims,
                       unsigned NumSymbols, bool UseContract)
    : Inputs(Inputs), NumSymbols(NumSymbols), Context(Scores.getContext()),
      Tokens(Inputs.normalize(Dims.getDims(Scores)[2])),
      Keys(Inputs.normalize(Dims.getDims(Scores)[3])),
      Elements(Dims, NumSymbols, Context,
               UseContract ? Inputs.getContract(&MaskWasRead) : ElementAnalysis::Contract()) {}

/// When the score is seen; unknown where a number is neither 0 nor very negative.
static Predicate seesScore(const Element &Mask, bool IsBoolean, bool Negated) {
  if (Mask.isChoice())
    return Predicate::disjunction(
        Predicate::conjunction(Mask.If, seesScore(*Mask.Then, IsBoolean, Negated)),
        Predicate::conjunction(Mask.If.negate(), seesScore(*Mask.Else, IsBoolean, Negated)));
  auto Number = Mask.getNumber();
  if (!Number)
    return {};
  if (IsBoolean)
    return Predicate::constant((*Number != 0) != Negated);
  if (*Number == 0)
    return Predicate::constant(true);
  return *Number <= Hidden ? Predicate::constant(false) : Predicate();
}

std::optional<int64_t> MaskProver::difference(AffineExpr A, AffineExpr B) const {
  auto Number = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(A - B, 4, NumSymbols));
  return Number ? std::optional<int64_t>(Number.getValue()) : std::nullopt;
}

/// Whether an expression over indices is >= 0 at every corner of the scores; it is linear, so it is
/// between them too.
bool MaskProver::isAlwaysTrue(AffineExpr Expr) const {
  if (!Expr.isPureAffine())
    return false;
  AffineExpr Zero = getAffineConstantExpr(0, Context), D2 = getAffineDimExpr(2, Context),
             D3 = getAffineDimExpr(3, Context);
  for (AffineExpr Token : {Zero, Tokens - 1})
    for (AffineExpr Key : {Zero, Keys - 1}) {
      AffineExpr Corner = Expr.replace(D2, Token).replace(D3, Key);
      if (!Corner.isSymbolicOrConstant())
        return false;
      DimPolynomial Value(Corner);
      if (!Value.hasOnlyNonNegativeTerms() || Value.constantTerm() < 0)
        return false;
    }
  return true;
}

bool MaskProver::addAtom(AffineExpr Expr, MaskMeaning &Into) const {
  Expr = Inputs.normalize(Expr);
  AffineExpr Last = getAffineDimExpr(2, Context) + Keys - Tokens,
             Key = getAffineDimExpr(3, Context);
  if (difference(Expr, Last - Key) == 0) {
    Into.Causal = true;
    return true;
  }
  // k > last - w
  auto Window = difference(Expr, Key - Last);
  if (Window && *Window >= 0) {
    Into.Window = Into.Window ? std::min(Into.Window, *Window + 1) : *Window + 1;
    return true;
  }
  return isAlwaysTrue(Expr);
}

bool MaskProver::addAtoms(const Predicate &Seen, MaskMeaning &Into) const {
  switch (Seen.K) {
  case Predicate::True:
    return true;
  case Predicate::NotNegative:
    return addAtom(Seen.Expr, Into);
  case Predicate::And:
    return llvm::all_of(Seen.Parts, [&](const Predicate &Part) { return addAtoms(Part, Into); });
  default:
    return false;
  }
}

std::optional<MaskMeaning> MaskProver::prove(Value Mask, bool IsBoolean, bool Negated) {
  MaskWasRead = false;
  Element At = Elements.operand(Mask, Elements.getIdentity(4));
  MaskMeaning Meaning;
  if (!addAtoms(seesScore(At, IsBoolean, Negated), Meaning))
    return std::nullopt;
  Meaning.UsesContract = MaskWasRead;
  return Meaning;
}
