#include "DimSymbols.h"

#include "qopt/Analysis/DimAnalysis.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

namespace {

/// Sums, differences, products and whole divisions of names and numbers, as exporters print them.
class ExpressionParser {
public:
  using GetSymbol = llvm::function_ref<AffineExpr(StringRef)>;
  ExpressionParser(StringRef Text, MLIRContext *Context, GetSymbol Symbol)
      : Rest(Text), Context(Context), Symbol(Symbol) {}

  /// Null where the text is no expression.
  AffineExpr parse() {
    AffineExpr Result = parseSum(0);
    return Rest.ltrim().empty() ? Result : AffineExpr();
  }

private:
  bool take(StringRef Token) {
    Rest = Rest.ltrim();
    return Rest.consume_front(Token);
  }

  AffineExpr parseSum(unsigned Depth) {
    AffineExpr Result = parseProduct(Depth);
    while (Result) {
      bool Minus = false;
      if (!take("+") && !(Minus = take("-")))
        break;
      AffineExpr Next = parseProduct(Depth);
      Result = !Next ? AffineExpr() : Minus ? Result - Next : Result + Next;
    }
    return Result;
  }

  AffineExpr parseProduct(unsigned Depth) {
    AffineExpr Result = parseFactor(Depth);
    while (Result) {
      bool Divide = take("//");
      if (!Divide && !take("*"))
        break;
      AffineExpr Next = parseFactor(Depth);
      if (!Next || (Divide && !isPositive(Next)))
        return {};
      Result = Divide ? Result.floorDiv(Next) : Result * Next;
    }
    return Result;
  }

  AffineExpr parseFactor(unsigned Depth) {
    if (Depth > 16)
      return {};
    if (take("(")) {
      AffineExpr Inner = parseSum(Depth + 1);
      return take(")") ? Inner : AffineExpr();
    }
    Rest = Rest.ltrim();
    StringRef Word =
        Rest.take_while([](char C) { return llvm::isAlnum(C) || C == '_' || C == '.'; });
    Rest = Rest.drop_front(Word.size());
    int64_t Number;
    if (!Word.empty() && llvm::isDigit(Word.front()))
      return Word.getAsInteger(10, Number) ? AffineExpr() : getAffineConstantExpr(Number, Context);
    // floor(a/b), as torch prints a whole division.
    if (Word == "floor" && take("(")) {
      AffineExpr Inner = parseSum(Depth + 1);
      AffineExpr Divisor = Inner && take("/") ? parseFactor(Depth + 1) : AffineExpr();
      return take(")") && Divisor && isPositive(Divisor) ? Inner.floorDiv(Divisor) : AffineExpr();
    }
    return Word.empty() ? AffineExpr() : Symbol(Word);
  }

  static bool isPositive(AffineExpr Expr) {
    auto Number = dyn_cast<AffineConstantExpr>(Expr);
    return Number && Number.getValue() > 0;
  }

  StringRef Rest;
  MLIRContext *Context;
  GetSymbol Symbol;
};

bool isWord(StringRef Text) {
  return llvm::all_of(Text, [](char C) { return llvm::isAlnum(C) || C == '_' || C == '.'; });
}

} // namespace

AffineExpr DimSymbols::getOrAddSymbol(StringRef Name) {
  auto [It, Inserted] = Numbers.try_emplace(Name, Symbols.size());
  if (Inserted) {
    Symbols.emplace_back();
    Symbols.back().Name = Name.str();
  }
  return getAffineSymbolExpr(It->second, Context);
}

AffineExpr DimSymbols::parse(StringRef Text) {
  Text = Text.trim();
  if (isWord(Text))
    return getOrAddSymbol(Text);
  // "batch-size" is a name, "past + tokens" an expression: of names that stand alone somewhere, or
  // written with spaces.
  bool AllKnown = true;
  auto Check = [&](StringRef Name) {
    AllKnown &= Names.count(Name) != 0;
    return getAffineConstantExpr(1, Context);
  };
  bool IsExpression = bool(ExpressionParser(Text, Context, Check).parse());
  if (!IsExpression || (!AllKnown && !Text.contains(" + ") && !Text.contains(" * ")))
    return getOrAddSymbol(Text);
  auto Add = [&](StringRef Name) { return getOrAddSymbol(Name); };
  return canonicalizeDim(ExpressionParser(Text, Context, Add).parse());
}

AffineExpr DimSymbols::resolve(AffineExpr Original) const {
  return canonicalizeDim(Original.replaceSymbols(Resolved));
}

void DimSymbols::boundBelow(AffineExpr Size, int64_t Min) {
  SmallVector<unsigned, 1> Used;
  for (unsigned I = 0; I < Live.size(); ++I)
    if (Size.isFunctionOfSymbol(I))
      Used.push_back(I);
  if (Used.size() != 1)
    return;
  constexpr int64_t Largest = 1 << 20;
  SmallVector<int64_t> Values(Live.size(), 0);
  auto Suffices = [&](int64_t Value) {
    Values[Used.front()] = Value;
    return evaluate(Size, Values).value_or(Min) >= Min;
  };
  Symbol &S = Symbols[Live[Used.front()]];
  int64_t Low = S.Min, High = Largest;
  while (Low < High) {
    int64_t Middle = (Low + High) / 2;
    if (Suffices(Middle))
      High = Middle;
    else
      Low = Middle + 1;
  }
  S.Min = Low;
}

AffineExpr DimSymbols::toOriginal(AffineExpr Expr) const {
  SmallVector<AffineExpr> Originals;
  for (unsigned Number : Live)
    Originals.push_back(getAffineSymbolExpr(Number, Context));
  return Expr.replaceSymbols(Originals);
}

AffineMap DimSymbols::map(ArrayRef<AffineExpr> Results) const {
  return AffineMap::get(/*dimCount=*/0, Live.size(), Results, Context);
}

ArrayAttr DimSymbols::getDeclarations() const {
  SmallVector<Attribute> Declarations;
  for (unsigned Number : Live)
    Declarations.push_back(SymbolAttr::get(Context, Symbols[Number].Name, Symbols[Number].Min,
                                           Symbols[Number].Max, /*divisor=*/1));
  return ArrayAttr::get(Context, Declarations);
}

void DimSymbols::beginPass() {
  Live.clear();
  Resolved.assign(Symbols.size(), AffineExpr());
  for (auto [Number, S] : llvm::enumerate(Symbols))
    if (!S.Replacement) {
      Resolved[Number] = getAffineSymbolExpr(Live.size(), Context);
      Live.push_back(Number);
    }
  // Replacements only use symbols that are still live: unify() keeps them so.
  for (auto [Number, S] : llvm::enumerate(Symbols))
    if (S.Replacement)
      Resolved[Number] = canonicalizeDim(S.Replacement.replaceSymbols(Resolved));
}

/// Whether the symbol appears in the expression.
static bool uses(AffineExpr Expr, unsigned Symbol) { return Expr.isFunctionOfSymbol(Symbol); }

/// `Difference` = 0 solved for a symbol that appears once, alone, with factor 1 or -1; null where
/// it does not.
static AffineExpr solveFor(const DimPolynomial &Difference, unsigned Symbol, MLIRContext *Context) {
  int64_t Factor = 0;
  for (const auto &[Atoms, Coefficient] : Difference.terms())
    for (AffineExpr Atom : Atoms) {
      if (!uses(Atom, Symbol))
        continue;
      if (Atoms.size() != 1 || !isa<AffineSymbolExpr>(Atom) || std::abs(Coefficient) != 1)
        return {};
      Factor = Coefficient;
    }
  if (Factor == 0)
    return {};
  // symbol * factor + rest = 0
  AffineExpr Rest = Difference.toExpr() - getAffineSymbolExpr(Symbol, Context) * Factor;
  return canonicalizeDim(Factor == 1 ? -Rest : Rest);
}

LogicalResult DimSymbols::unify(AffineExpr A, AffineExpr B) {
  DimPolynomial Difference(toOriginal(A));
  Difference -= DimPolynomial(toOriginal(B));
  // Prefer what reads as a size (no negative term), then the symbol that appeared last.
  AffineExpr Best;
  unsigned BestSymbol = 0;
  bool BestIsPlain = false;
  for (unsigned Number : llvm::reverse(Live)) {
    AffineExpr Solution = solveFor(Difference, Number, Context);
    if (!Solution)
      continue;
    bool IsPlain = DimPolynomial(Solution).hasOnlyNonNegativeTerms();
    if (Best && (BestIsPlain || !IsPlain))
      continue;
    Best = Solution;
    BestSymbol = Number;
    BestIsPlain = IsPlain;
  }
  auto Number = dyn_cast_or_null<AffineConstantExpr>(Best);
  if (!Best || (Number && Number.getValue() < 0))
    return failure();
  SmallVector<AffineExpr> Replace;
  for (unsigned I = 0; I < Symbols.size(); ++I)
    Replace.push_back(I == BestSymbol ? Best : getAffineSymbolExpr(I, Context));
  for (Symbol &S : Symbols)
    if (S.Replacement)
      S.Replacement = canonicalizeDim(S.Replacement.replaceSymbols(Replace));
  Symbols[BestSymbol].Replacement = Best;
  return success();
}

void DimSymbols::bound(AffineExpr Expr, int64_t Max) {
  auto Position = dyn_cast<AffineSymbolExpr>(Expr);
  if (!Position)
    return;
  int64_t &Known = Symbols[Live[Position.getPosition()]].Max;
  Known = Known < 0 ? Max : std::min(Known, Max);
}
