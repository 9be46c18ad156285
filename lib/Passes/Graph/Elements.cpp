#include "Elements.h"

#include "QOpt/ScalarFunctions.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace qopt;

//===- predicates -----------------------------------------------------------------------------===//

Predicate Predicate::notNegative(AffineExpr Expr) {
  if (auto Number = dyn_cast<AffineConstantExpr>(Expr))
    return constant(Number.getValue() >= 0);
  return {NotNegative, Expr, {}};
}

Predicate Predicate::conjunction(Predicate A, Predicate B) {
  if (A.K == False || B.K == True)
    return A;
  if (B.K == False || A.K == True)
    return B;
  return {And, {}, {std::move(A), std::move(B)}};
}

Predicate Predicate::disjunction(Predicate A, Predicate B) {
  if (A.K == True || B.K == False)
    return A;
  if (B.K == True || A.K == False)
    return B;
  return {Or, {}, {std::move(A), std::move(B)}};
}

Predicate Predicate::negate() const {
  switch (K) {
  case True:
  case False:
    return constant(K == False);
  case NotNegative:
    return notNegative(-Expr - 1);
  case And:
    return disjunction(Parts[0].negate(), Parts[1].negate());
  case Or:
    return conjunction(Parts[0].negate(), Parts[1].negate());
  case Unknown:
    return {};
  }
  return {};
}

//===- elements -------------------------------------------------------------------------------===//

std::optional<double> Element::getNumber() const {
  if (isChoice())
    return std::nullopt;
  double Sum = 0;
  for (const Term &Part : Terms) {
    auto Count = dyn_cast_or_null<AffineConstantExpr>(Part.Count);
    if (Part.Oscillation || Part.Source || (Part.Count && !Count))
      return std::nullopt;
    Sum += Part.Factor * (Count ? double(Count.getValue()) : 1.0);
  }
  return Sum;
}

AffineExpr Element::getCount(MLIRContext *Context) const {
  if (isChoice())
    return {};
  AffineExpr Sum = getAffineConstantExpr(0, Context);
  for (const Term &Part : Terms) {
    if (Part.Oscillation || Part.Source || Part.Factor != std::floor(Part.Factor) ||
        std::abs(Part.Factor) > 1e15)
      return {};
    AffineExpr Count = Part.Count ? Part.Count : getAffineConstantExpr(1, Context);
    Sum = Sum + Count * int64_t(Part.Factor);
  }
  return Sum;
}

Element ElementAnalysis::number(double Value) {
  Element Result;
  if (Value != 0) {
    Result.Terms.emplace_back();
    Result.Terms.back().Factor = Value;
  }
  return Result;
}

Element ElementAnalysis::count(AffineExpr Expr) {
  if (auto Number = dyn_cast<AffineConstantExpr>(Expr))
    return number(Number.getValue());
  Element Result;
  Result.Terms.emplace_back();
  Result.Terms.back().Count = Expr;
  return Result;
}

static Element choose(Predicate If, Element Then, Element Else) {
  if (If.K == Predicate::True)
    return Then;
  if (If.K == Predicate::False)
    return Else;
  Element Result;
  Result.If = std::move(If);
  Result.Then = std::make_shared<const Element>(std::move(Then));
  Result.Else = std::make_shared<const Element>(std::move(Else));
  return Result;
}

static Element boolean(Predicate If) {
  return choose(std::move(If), ElementAnalysis::number(1), ElementAnalysis::number(0));
}

/// The predicate "not zero".
static Predicate truth(const Element &Condition) {
  if (auto Number = Condition.getNumber())
    return Predicate::constant(*Number != 0);
  if (!Condition.isChoice())
    return {};
  return Predicate::disjunction(
      Predicate::conjunction(Condition.If, truth(*Condition.Then)),
      Predicate::conjunction(Condition.If.negate(), truth(*Condition.Else)));
}

/// Applies a function of sums below all choices; nothing where the function does not apply.
static std::optional<Element> mapElement(const Element &In,
                                         function_ref<std::optional<Element>(const Element &)> Fn) {
  if (!In.isChoice())
    return Fn(In);
  auto Then = mapElement(*In.Then, Fn), Else = mapElement(*In.Else, Fn);
  if (!Then || !Else)
    return std::nullopt;
  return choose(In.If, std::move(*Then), std::move(*Else));
}

static void addTerm(Element &Sum, const Term &Next) {
  for (Term &Part : Sum.Terms)
    if (Part.Count == Next.Count && Part.Oscillation == Next.Oscillation &&
        Part.Source == Next.Source && Part.SourceIndices == Next.SourceIndices) {
      Part.Factor += Next.Factor;
      if (Part.Factor == 0)
        Sum.Terms.erase(&Part);
      return;
    }
  Sum.Terms.push_back(Next);
}

static Element add(const Element &A, const Element &B, double FactorOfB) {
  Element Sum = A;
  for (Term Next : B.Terms) {
    Next.Factor *= FactorOfB;
    addTerm(Sum, Next);
  }
  return Sum;
}

static std::optional<Element> multiply(const Element &A, const Element &B) {
  if (A.Terms.size() * B.Terms.size() > 8)
    return std::nullopt;
  Element Sum;
  for (const Term &Left : A.Terms)
    for (const Term &Right : B.Terms) {
      if ((Left.Count && Right.Count) || (Left.Oscillation && Right.Oscillation) ||
          (Left.Source && Right.Source))
        return std::nullopt;
      Term Product = Left;
      Product.Factor *= Right.Factor;
      if (Right.Count)
        Product.Count = Right.Count;
      if (Right.Oscillation)
        Product.Oscillation = Right.Oscillation;
      if (Right.Source) {
        Product.Source = Right.Source;
        Product.SourceIndices = Right.SourceIndices;
      }
      addTerm(Sum, Product);
    }
  return Sum;
}

static std::optional<Element> oscillate(const Element &Angle, bool IsSine) {
  if (auto Number = Angle.getNumber())
    return ElementAnalysis::number(IsSine ? std::sin(*Number) : std::cos(*Number));
  const Term *Part = Angle.getSingleTerm();
  if (!Part || !Part->Count || Part->Oscillation || Part->Source)
    return std::nullopt;
  Element Result;
  Result.Terms.emplace_back();
  Result.Terms.back().Oscillation = Wave{IsSine, Part->Factor, Part->Count};
  return Result;
}

static std::optional<Element> evaluateUnary(UnaryKind Kind, const Element &In) {
  return mapElement(In, [&](const Element &X) -> std::optional<Element> {
    if (Kind == UnaryKind::Neg)
      return add({}, X, -1);
    if (Kind == UnaryKind::Sin || Kind == UnaryKind::Cos)
      return oscillate(X, Kind == UnaryKind::Sin);
    auto Number = X.getNumber();
    if (!Number)
      return std::nullopt;
    return ElementAnalysis::number(Kind == UnaryKind::Not ? *Number == 0 : compute(Kind, *Number));
  });
}

static std::optional<Element> evaluateSums(BinaryKind Kind, bool IsFloat, const Element &A,
                                           const Element &B) {
  if (Kind == BinaryKind::Add)
    return add(A, B, 1);
  if (Kind == BinaryKind::Sub)
    return add(A, B, -1);
  if (Kind == BinaryKind::Mul)
    return multiply(A, B);
  auto Left = A.getNumber(), Right = B.getNumber();
  if (Kind == BinaryKind::Div && IsFloat && Right && *Right != 0)
    return multiply(A, ElementAnalysis::number(1 / *Right));
  if (!Left || !Right)
    return std::nullopt;
  double Result = compute(Kind, *Left, *Right);
  return ElementAnalysis::number(IsFloat ? Result : std::trunc(Result));
}

static std::optional<Element> evaluateBinary(BinaryKind Kind, bool IsFloat, const Element &A,
                                             const Element &B) {
  if (Kind == BinaryKind::And)
    return boolean(Predicate::conjunction(truth(A), truth(B)));
  if (Kind == BinaryKind::Or)
    return boolean(Predicate::disjunction(truth(A), truth(B)));
  return mapElement(A, [&](const Element &X) {
    return mapElement(B, [&](const Element &Y) { return evaluateSums(Kind, IsFloat, X, Y); });
  });
}

static Predicate compareCounts(CompareKind Kind, AffineExpr Difference) {
  switch (Kind) {
  case CompareKind::Equal:
    return Predicate::conjunction(Predicate::notNegative(Difference),
                                  Predicate::notNegative(-Difference));
  case CompareKind::Less:
    return Predicate::notNegative(-Difference - 1);
  case CompareKind::LessOrEqual:
    return Predicate::notNegative(-Difference);
  case CompareKind::Greater:
    return Predicate::notNegative(Difference - 1);
  case CompareKind::GreaterOrEqual:
    return Predicate::notNegative(Difference);
  }
  return {};
}

static std::optional<Element> evaluateCompare(CompareKind Kind, MLIRContext *Context,
                                              const Element &A, const Element &B) {
  return mapElement(A, [&](const Element &X) {
    return mapElement(B, [&](const Element &Y) -> std::optional<Element> {
      auto Left = X.getNumber(), Right = Y.getNumber();
      if (Left && Right)
        return boolean(Predicate::constant(compute(Kind, *Left, *Right)));
      AffineExpr L = X.getCount(Context), R = Y.getCount(Context);
      return boolean(L && R ? compareCounts(Kind, L - R) : Predicate());
    });
  });
}

/// Float to integer.
static std::optional<Element> truncateToInteger(const Element &In) {
  return mapElement(In, [](const Element &X) -> std::optional<Element> {
    auto Number = X.getNumber();
    return Number ? std::optional<Element>(ElementAnalysis::number(std::trunc(*Number)))
                  : std::nullopt;
  });
}

//===- tensors --------------------------------------------------------------------------------===//

static bool isOne(AffineExpr Expr) {
  auto Number = dyn_cast<AffineConstantExpr>(Expr);
  return Number && Number.getValue() == 1;
}

static bool isFloat(Value Value) {
  return isa<FloatType>(cast<RankedTensorType>(Value.getType()).getElementType());
}

Indices ElementAnalysis::getIdentity(unsigned Rank) const {
  Indices Result;
  for (unsigned I = 0; I < Rank; ++I)
    Result.push_back(getAffineDimExpr(I, Context));
  return Result;
}

AffineExpr ElementAnalysis::simplify(AffineExpr Expr) const {
  return simplifyAffineExpr(Expr, MaxDims, NumSymbols);
}

Element ElementAnalysis::opaque(Value Value, const Indices &At) const {
  Element Result;
  Result.Terms.emplace_back();
  Result.Terms.back().Source = Value;
  Result.Terms.back().SourceIndices = At;
  return Result;
}

Element ElementAnalysis::evaluate(Value Value, ArrayRef<AffineExpr> At) {
  Indices Simple = llvm::map_to_vector<4>(At, [&](AffineExpr Expr) { return simplify(Expr); });
  AffineMap Key = AffineMap::get(MaxDims, NumSymbols, Simple, Context);
  auto It = Computed.find({Value, Key});
  if (It != Computed.end())
    return It->second;
  if (Depth >= MaxDepth)
    return opaque(Value, Simple);
  ++Depth;
  Element Result = compute(Value, Simple);
  --Depth;
  Computed[{Value, Key}] = Result;
  return Result;
}

/// An operand of an elementwise operation: axes align at the right, an axis of size 1 repeats.
Element ElementAnalysis::operand(Value Value, ArrayRef<AffineExpr> At) {
  ArrayRef<AffineExpr> Sizes = DimsOf.getDims(Value);
  Indices Own(At.take_back(Sizes.size()));
  for (auto [Index, Size] : llvm::zip_equal(Own, Sizes))
    if (isOne(Size))
      Index = constant(0);
  return evaluate(Value, Own);
}

Element ElementAnalysis::compute(Value Value, const Indices &At) {
  if (Known)
    if (auto Result = Known(Value, At))
      return *Result;
  Operation *Op = Value.getDefiningOp();
  if (!Op)
    return opaque(Value, At);
  auto OrOpaque = [&](std::optional<Element> Result) {
    return Result ? *Result : opaque(Value, At);
  };
  return llvm::TypeSwitch<Operation *, Element>(Op)
      .Case([&](ConstantOp Op) { return evaluateConstant(Op, At); })
      .Case([&](IotaOp Op) {
        AffineMap Range = Op.getRange();
        return count(simplify(Range.getResult(1) + Range.getResult(2) * At[0]));
      })
      .Case([&](SizesOp Op) {
        auto Index = At.empty() ? cast<AffineConstantExpr>(constant(0))
                                : dyn_cast<AffineConstantExpr>(At[0]);
        return Index ? count(Op.getValues().getResult(Index.getValue())) : opaque(Value, At);
      })
      .Case([&](PositionsOp Op) { return add(evaluate(Op.getPast(), At[0]), count(At[1]), 1); })
      .Case([&](CastOp Op) {
        if (cast<RankedTensorType>(Value.getType()).getElementType().isInteger(1))
          return boolean(truth(evaluate(Op.getInput(), At)));
        Element In = evaluate(Op.getInput(), At);
        return isFloat(Value) || !isFloat(Op.getInput()) ? In : OrOpaque(truncateToInteger(In));
      })
      .Case([&](UnaryOp Op) {
        return OrOpaque(evaluateUnary(Op.getKind(), evaluate(Op.getInput(), At)));
      })
      .Case([&](BinaryOp Op) {
        return OrOpaque(evaluateBinary(Op.getKind(), isFloat(Value), operand(Op.getLhs(), At),
                                       operand(Op.getRhs(), At)));
      })
      .Case([&](CompareOp Op) {
        return OrOpaque(evaluateCompare(Op.getKind(), Context, operand(Op.getLhs(), At),
                                        operand(Op.getRhs(), At)));
      })
      .Case([&](SelectOp Op) {
        Predicate If = truth(operand(Op.getCondition(), At));
        return choose(If, operand(Op.getLhs(), At), operand(Op.getRhs(), At));
      })
      .Case([&](BroadcastOp Op) { return operand(Op.getInput(), At); })
      .Case([&](TransposeOp Op) {
        Indices From(At.size());
        for (auto [Index, Axis] : llvm::zip_equal(At, Op.getPermutation()))
          From[Axis] = Index;
        return evaluate(Op.getInput(), From);
      })
      .Case([&](SliceOp Op) {
        Indices From = At;
        From[Op.getAxis()] = Op.getBounds().getResult(0) + From[Op.getAxis()] * Op.getStep();
        return evaluate(Op.getInput(), From);
      })
      .Case([&](ReshapeOp Op) { return evaluateReshape(Op, At); })
      .Case([&](ConcatOp Op) { return evaluateConcat(Op, At); })
      .Case([&](GatherOp Op) { return evaluateGather(Op, At); })
      .Case([&](ReduceOp Op) { return evaluateReduce(Op, At); })
      .Case([&](MatmulOp Op) { return evaluateMatmul(Op, At); })
      .Default([&](Operation *) { return opaque(Value, At); });
}

Element ElementAnalysis::evaluateConstant(ConstantOp Op, const Indices &At) {
  auto Elements = dyn_cast<DenseElementsAttr>(Op.getValue());
  if (!Elements)
    return opaque(Op, At);
  int64_t Linear = 0;
  if (!Elements.isSplat())
    for (auto [Index, Size] : llvm::zip_equal(At, Elements.getType().getShape())) {
      auto Number = dyn_cast<AffineConstantExpr>(Index);
      if (!Number || Number.getValue() < 0 || Number.getValue() >= Size)
        return opaque(Op, At);
      Linear = Linear * Size + Number.getValue();
    }
  if (isa<FloatType>(Elements.getElementType())) {
    APFloat Value = Elements.getValues<APFloat>()[Linear];
    bool LosesInfo = false;
    Value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &LosesInfo);
    return number(Value.convertToDouble());
  }
  APInt Value = Elements.getValues<APInt>()[Linear];
  return number(Value.getBitWidth() == 1 ? double(Value.getZExtValue())
                                         : double(Value.getSExtValue()));
}

/// Row-major order is kept, so equal axes at both ends map to themselves. Between them static axes
/// are split or joined; axes are joined only at constant indices, which keeps an activation's heads
/// apart from its channels.
Element ElementAnalysis::evaluateReshape(ReshapeOp Op, const Indices &At) {
  ArrayRef<AffineExpr> From = DimsOf.getDims(Op.getInput()), To = Op.getDims().getResults();
  SmallVector<unsigned> FromAxes, ToAxes;
  for (unsigned I = 0; I < From.size(); ++I)
    if (!isOne(From[I]))
      FromAxes.push_back(I);
  for (unsigned I = 0; I < To.size(); ++I)
    if (!isOne(To[I]))
      ToAxes.push_back(I);
  Indices Source(From.size(), constant(0));
  ArrayRef<unsigned> F = FromAxes, T = ToAxes;
  for (; !F.empty() && !T.empty() && From[F.front()] == To[T.front()];
       F = F.drop_front(), T = T.drop_front())
    Source[F.front()] = At[T.front()];
  for (; !F.empty() && !T.empty() && From[F.back()] == To[T.back()];
       F = F.drop_back(), T = T.drop_back())
    Source[F.back()] = At[T.back()];
  AffineExpr Linear = constant(0);
  unsigned Varying = 0;
  for (unsigned Axis : T) {
    auto Size = dyn_cast<AffineConstantExpr>(To[Axis]);
    if (!Size)
      return opaque(Op, At);
    Varying += !isa<AffineConstantExpr>(At[Axis]);
    Linear = Linear * Size.getValue() + At[Axis];
  }
  if (Varying > 1 || (Varying == 1 && T.size() > 1))
    return opaque(Op, At);
  int64_t Stride = 1;
  for (unsigned Axis : llvm::reverse(F)) {
    auto Size = dyn_cast<AffineConstantExpr>(From[Axis]);
    if (!Size)
      return opaque(Op, At);
    Source[Axis] = Linear.floorDiv(Stride);
    if (Axis != F.front())
      Source[Axis] = Source[Axis] % Size.getValue();
    Stride *= Size.getValue();
  }
  return evaluate(Op.getInput(), Source);
}

Element ElementAnalysis::evaluateConcat(ConcatOp Op, const Indices &At) {
  auto Index = dyn_cast<AffineConstantExpr>(At[Op.getAxis()]);
  if (!Index)
    return opaque(Op, At);
  int64_t Left = Index.getValue();
  for (Value Input : Op.getInputs()) {
    auto Size = dyn_cast<AffineConstantExpr>(DimsOf.getDims(Input)[Op.getAxis()]);
    if (!Size)
      break;
    if (Left < Size.getValue()) {
      Indices From = At;
      From[Op.getAxis()] = constant(Left);
      return evaluate(Input, From);
    }
    Left -= Size.getValue();
  }
  return opaque(Op, At);
}

Element ElementAnalysis::evaluateGather(GatherOp Op, const Indices &At) {
  size_t Axis = Op.getAxis(), IndexRank = DimsOf.getDims(Op.getIndices()).size();
  Element Chosen = evaluate(Op.getIndices(), ArrayRef<AffineExpr>(At).slice(Axis, IndexRank));
  AffineExpr Row = Chosen.getCount(Context);
  auto Number = dyn_cast_or_null<AffineConstantExpr>(Row);
  if (!Row || (Number && Number.getValue() < 0))
    return opaque(Op, At);
  Indices From(ArrayRef<AffineExpr>(At).take_front(Axis));
  From.push_back(Row);
  llvm::append_range(From, ArrayRef<AffineExpr>(At).drop_front(Axis + IndexRank));
  return evaluate(Op.getTable(), From);
}

static bool mentions(const Element &Of, unsigned Dim) {
  if (Of.isChoice())
    return true;
  return llvm::any_of(Of.Terms, [&](const Term &Part) {
    return (Part.Count && Part.Count.isFunctionOfDim(Dim)) ||
           (Part.Oscillation && Part.Oscillation->Angle.isFunctionOfDim(Dim)) ||
           llvm::any_of(Part.SourceIndices,
                        [&](AffineExpr Expr) { return Expr.isFunctionOfDim(Dim); });
  });
}

/// Sums over an axis along which the element does not change.
Element ElementAnalysis::evaluateReduce(ReduceOp Op, const Indices &At) {
  if (Op.getAxes().size() != 1 || Op.getKind() == ReduceKind::Max ||
      Op.getKind() == ReduceKind::Min)
    return opaque(Op, At);
  int64_t Axis = Op.getAxes().front();
  constexpr unsigned Running = MaxDims - 1;
  Indices From = At;
  if (Op.getKeepDims())
    From[Axis] = getAffineDimExpr(Running, Context);
  else
    From.insert(From.begin() + Axis, getAffineDimExpr(Running, Context));
  Element Each = evaluate(Op.getInput(), From);
  if (mentions(Each, Running))
    return opaque(Op, At);
  if (Op.getKind() == ReduceKind::Mean)
    return Each;
  auto Sum = multiply(Each, count(DimsOf.getDims(Op.getInput())[Axis]));
  return Sum ? *Sum : opaque(Op, At);
}

/// An outer product: contraction over one element.
Element ElementAnalysis::evaluateMatmul(MatmulOp Op, const Indices &At) {
  ArrayRef<AffineExpr> Lhs = DimsOf.getDims(Op.getLhs());
  if (Lhs.empty() || !isOne(Lhs.back()) || At.size() < 2)
    return opaque(Op, At);
  Indices Left = At, Right = At;
  Left.back() = constant(0);
  Right[Right.size() - 2] = constant(0);
  auto Product = mapElement(operand(Op.getLhs(), Left), [&](const Element &A) {
    return mapElement(operand(Op.getRhs(), Right),
                      [&](const Element &B) { return multiply(A, B); });
  });
  return Product ? *Product : opaque(Op, At);
}
