// Functions of one, two or several elements.
#include "Folding.h"
#include "NodeEmitter.h"

#include "QOpt/ScalarFunctions.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

//===- one operand ----------------------------------------------------------------------------===//

template <UnaryKind Kind> static LogicalResult emitUnary(NodeEmitter &E) {
  return E.out(E.B.unary(Kind, E.value(0)));
}

/// One operand, computed now where it is a small constant.
template <UnaryKind Kind> static LogicalResult emitFoldedUnary(NodeEmitter &E) {
  auto Apply = [](ArrayRef<double> X) { return compute(Kind, X[0]); };
  if (auto Folded = foldFloats({&E.in(0)}, E.element(0), Apply))
    return E.out(*Folded);
  return emitUnary<Kind>(E);
}

static LogicalResult emitNeg(NodeEmitter &E) {
  auto Negate = [](ArrayRef<AffineExpr> X) {
    return multiplySizes(X[0], getAffineConstantExpr(-1, X[0].getContext()));
  };
  if (auto Folded = foldElements({&E.in(0)}, E.element(0), Negate))
    return E.out(*Folded);
  return emitFoldedUnary<UnaryKind::Neg>(E);
}

static LogicalResult emitNot(NodeEmitter &E) {
  auto Invert = [](ArrayRef<AffineExpr> X) {
    auto Number = dyn_cast<AffineConstantExpr>(X[0]);
    return Number ? getAffineConstantExpr(Number.getValue() == 0, X[0].getContext()) : AffineExpr();
  };
  if (auto Folded = foldElements({&E.in(0)}, E.element(0), Invert))
    return E.out(*Folded);
  return emitUnary<UnaryKind::Not>(E);
}

//===- two operands ---------------------------------------------------------------------------===//

static AffineExpr smaller(AffineExpr A, AffineExpr B) {
  auto Less = isDimLessOrEqual(A, B);
  if (Less)
    return *Less ? A : B;
  return isDimLessOrEqual(B, A) == true ? B : AffineExpr();
}

static AffineExpr larger(AffineExpr A, AffineExpr B) {
  AffineExpr Small = smaller(A, B);
  return !Small ? AffineExpr() : Small == A ? B : A;
}

static AffineExpr logical(AffineExpr A, AffineExpr B, bool IsAnd) {
  auto First = dyn_cast<AffineConstantExpr>(A), Second = dyn_cast<AffineConstantExpr>(B);
  if (!First || !Second)
    return {};
  bool X = First.getValue() != 0, Y = Second.getValue() != 0;
  return getAffineConstantExpr(IsAnd ? X && Y : X || Y, A.getContext());
}

static AffineExpr combineSizes(BinaryKind Kind, AffineExpr A, AffineExpr B) {
  switch (Kind) {
  case BinaryKind::Add:
    return addSizes(A, B);
  case BinaryKind::Sub:
    return subtractSizes(A, B);
  case BinaryKind::Mul:
    return multiplySizes(A, B);
  case BinaryKind::Div:
    return divideSizes(A, B);
  case BinaryKind::Min:
    return smaller(A, B);
  case BinaryKind::Max:
    return larger(A, B);
  case BinaryKind::And:
    return logical(A, B, true);
  case BinaryKind::Or:
    return logical(A, B, false);
  default:
    return {};
  }
}

static LogicalResult emitBinary(NodeEmitter &E, BinaryKind Kind) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs two operands");
  SmallVector<const ImportedValue *> Operands = {&E.in(0), &E.in(1)};
  auto OnSizes = [&](ArrayRef<AffineExpr> X) { return combineSizes(Kind, X[0], X[1]); };
  if (auto Folded = foldElements(Operands, E.element(0), OnSizes))
    return E.out(*Folded);
  auto OnFloats = [&](ArrayRef<double> X) { return compute(Kind, X[0], X[1]); };
  if (E.element(0) == E.element(1))
    if (auto Folded = foldFloats(Operands, E.element(0), OnFloats))
      return E.out(*Folded);
  return E.out(E.B.binary(Kind, E.value(0), E.value(1)));
}

template <BinaryKind Kind> static LogicalResult emitBinary(NodeEmitter &E) {
  return emitBinary(E, Kind);
}

/// The exponent may have a type of its own.
static LogicalResult emitPow(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs two operands");
  if (E.element(0) == E.element(1))
    return emitBinary(E, BinaryKind::Pow);
  return E.out(E.B.binary(BinaryKind::Pow, E.value(0), E.B.cast(E.value(1), E.element(0))));
}

static LogicalResult emitMod(NodeEmitter &E) {
  if (!E.requireInt("fmod", 0))
    return failure();
  auto Remainder = [](ArrayRef<AffineExpr> X) {
    auto Divisor = dyn_cast<AffineConstantExpr>(X[1]);
    return Divisor && Divisor.getValue() > 0 ? X[0] % Divisor.getValue() : AffineExpr();
  };
  if (auto Folded = foldElements({&E.in(0), &E.in(1)}, E.element(0), Remainder))
    return E.out(*Folded);
  return E.unsupported("a remainder of data is not supported");
}

/// Any number of operands, taken two by two.
template <BinaryKind Kind> static LogicalResult emitVariadic(NodeEmitter &E) {
  if (E.getNumInputs() == 2)
    return emitBinary(E, Kind);
  if (E.getNumInputs() == 0)
    return E.badInput("needs at least one operand");
  Value Result = E.value(0);
  for (unsigned I = 1; I < E.getNumInputs(); ++I)
    Result = E.B.binary(Kind, Result, E.value(I));
  return E.out(Result);
}

static LogicalResult emitClip(NodeEmitter &E) {
  Value X = E.value(0);
  if (E.has(1))
    X = E.B.binary(BinaryKind::Max, X, E.value(1));
  if (E.has(2))
    X = E.B.binary(BinaryKind::Min, X, E.value(2));
  return E.out(X);
}

/// Before version 11 the limits were attributes.
static LogicalResult emitClipToAttributes(NodeEmitter &E) {
  Value X = E.value(0);
  if (E.hasAttribute("min"))
    X = E.B.binary(BinaryKind::Max, X, E.getFloat("min", 0));
  if (E.hasAttribute("max"))
    X = E.B.binary(BinaryKind::Min, X, E.getFloat("max", 0));
  return E.out(X);
}

/// NaN alone is not equal to itself.
static LogicalResult emitIsNaN(NodeEmitter &E) {
  Value X = E.value(0);
  return E.out(E.B.unary(UnaryKind::Not, E.B.compare(CompareKind::Equal, X, X)));
}

namespace qopt::onnx_import {
void registerElementwiseEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("Abs", emitUnary<UnaryKind::Abs>);
  Registry.add("Neg", emitNeg);
  Registry.add("Exp", emitFoldedUnary<UnaryKind::Exp>);
  Registry.add("Log", emitFoldedUnary<UnaryKind::Log>);
  Registry.add("Sqrt", emitFoldedUnary<UnaryKind::Sqrt>);
  Registry.add("Reciprocal", emitFoldedUnary<UnaryKind::Reciprocal>);
  Registry.add("Sigmoid", emitUnary<UnaryKind::Sigmoid>);
  Registry.add("Tanh", emitUnary<UnaryKind::Tanh>);
  Registry.add("Erf", emitUnary<UnaryKind::Erf>);
  Registry.add("Relu", emitUnary<UnaryKind::Relu>);
  Registry.add("Sin", emitUnary<UnaryKind::Sin>);
  Registry.add("Cos", emitUnary<UnaryKind::Cos>);
  Registry.add("Floor", emitUnary<UnaryKind::Floor>);
  Registry.add("Ceil", emitUnary<UnaryKind::Ceil>);
  Registry.add("Not", emitNot);
  Registry.add("IsNaN", emitIsNaN);
  // Before version 7 operands were not broadcast as in NumPy.
  Registry.add("", "Add", 7, Newest, emitBinary<BinaryKind::Add>);
  Registry.add("", "Sub", 7, Newest, emitBinary<BinaryKind::Sub>);
  Registry.add("", "Mul", 7, Newest, emitBinary<BinaryKind::Mul>);
  Registry.add("", "Div", 7, Newest, emitBinary<BinaryKind::Div>);
  Registry.add("", "Pow", 7, Newest, emitPow);
  Registry.add("", "And", 7, Newest, emitBinary<BinaryKind::And>);
  Registry.add("", "Or", 7, Newest, emitBinary<BinaryKind::Or>);
  Registry.add("", "Mod", 10, Newest, emitMod);
  Registry.add("", "Min", 8, Newest, emitVariadic<BinaryKind::Min>);
  Registry.add("", "Max", 8, Newest, emitVariadic<BinaryKind::Max>);
  Registry.add("", "Sum", 8, Newest, emitVariadic<BinaryKind::Add>);
  Registry.add("", "Clip", 6, 10, emitClipToAttributes);
  Registry.add("", "Clip", 11, Newest, emitClip);
}
} // namespace qopt::onnx_import
