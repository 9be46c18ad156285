// Comparisons, Where, Cast.
#include "Folding.h"
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

static std::optional<bool> invert(std::optional<bool> Value) {
  return Value ? std::optional<bool>(!*Value) : Value;
}

static std::optional<bool> compareSizes(CompareKind Kind, AffineExpr A, AffineExpr B) {
  switch (Kind) {
  case CompareKind::Equal:
    return areDimsEqual(A, B);
  case CompareKind::Less:
    return invert(isDimLessOrEqual(B, A));
  case CompareKind::LessOrEqual:
    return isDimLessOrEqual(A, B);
  case CompareKind::Greater:
    return invert(isDimLessOrEqual(A, B));
  case CompareKind::GreaterOrEqual:
    return isDimLessOrEqual(B, A);
  }
  return std::nullopt;
}

template <CompareKind Kind> static LogicalResult emitCompare(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs two operands");
  MLIRContext *Context = E.B.getContext();
  auto Compare = [&](ArrayRef<AffineExpr> X) {
    return truth(compareSizes(Kind, X[0], X[1]), Context);
  };
  if (auto Folded = foldElements({&E.in(0), &E.in(1)}, IntegerType::get(Context, 1), Compare))
    return E.out(*Folded);
  return E.out(E.B.compare(Kind, E.value(0), E.value(1)));
}

static LogicalResult emitWhere(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1) || !E.has(2))
    return E.badInput("needs three operands");
  auto Choose = [](ArrayRef<AffineExpr> X) {
    auto Condition = dyn_cast<AffineConstantExpr>(X[0]);
    if (!Condition)
      return X[1] == X[2] ? X[1] : AffineExpr();
    return Condition.getValue() != 0 ? X[1] : X[2];
  };
  if (auto Folded = foldElements({&E.in(0), &E.in(1), &E.in(2)}, E.element(1), Choose))
    return E.out(*Folded);
  return E.out(E.B.select(E.value(0), E.value(1), E.value(2)));
}

//===- casts ----------------------------------------------------------------------------------===//

/// Elements under another integer type; null where the conversion depends on the symbols.
static AffineExpr convertElement(AffineExpr X, IntegerType To) {
  auto Number = dyn_cast<AffineConstantExpr>(X);
  if (To.getWidth() == 1)
    return Number ? getAffineConstantExpr(Number.getValue() != 0, X.getContext()) : AffineExpr();
  // Sizes fit 32 bits and more; a request that would not is refused when it is made.
  if (!Number)
    return To.getWidth() >= 32 ? X : AffineExpr();
  APInt Bits = APInt(64, uint64_t(Number.getValue())).trunc(std::min(To.getWidth(), 64u));
  return getAffineConstantExpr(To.isUnsigned() ? int64_t(Bits.getZExtValue()) : Bits.getSExtValue(),
                               X.getContext());
}

static std::optional<ImportedValue> foldCast(const ImportedValue &X, Type To) {
  if (auto Integer = dyn_cast<IntegerType>(To))
    return foldElements({&X}, To,
                        [&](ArrayRef<AffineExpr> V) { return convertElement(V[0], Integer); });
  if (X.Constant && X.isFloat())
    return foldFloats({&X}, To, [](ArrayRef<double> V) { return V[0]; });
  auto Numbers = getNumbers(X);
  if (!Numbers || Numbers->size() > 16)
    return std::nullopt;
  SmallVector<APFloat> Floats;
  for (int64_t Number : *Numbers) {
    APFloat Value(cast<FloatType>(To).getFloatSemantics());
    Value.convertFromAPInt(APInt(64, uint64_t(Number)), /*IsSigned=*/true,
                           APFloat::rmNearestTiesToEven);
    Floats.push_back(Value);
  }
  return ImportedValue::fromConstant(
      DenseElementsAttr::get(RankedTensorType::get(X.staticShape(), To), Floats));
}

/// A conversion that a weight's steps can hold: between the float types in which models are
/// written.
static bool isWeightConversion(Type From, Type To) {
  auto IsPlain = [](Type Ty) { return Ty.isF32() || Ty.isF16() || Ty.isBF16(); };
  return IsPlain(From) && IsPlain(To);
}

static LogicalResult emitCastTo(NodeEmitter &E, Type To) {
  ImportedValue &X = E.in(0);
  if (X.Element == To)
    return E.out(X);
  if (auto Folded = foldCast(X, To))
    return E.out(*Folded);
  if (X.Weight && isWeightConversion(X.Element, To))
    return E.out(ImportedValue::fromWeight(X.Weight->converted(cast<FloatType>(To))));
  return E.out(E.B.cast(E.value(0), To));
}

static LogicalResult emitCast(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  int64_t Number = E.getInt("to", 0);
  Type To = getElementType(Number, E.B.getContext());
  if (!To)
    return E.unsupported("elements of ONNX type number " + Twine(Number) + " are not supported");
  if (!E.requireInt("saturate", 1))
    return failure();
  if (E.getString("round_mode", "up") != "up")
    return E.unsupported("attribute 'round_mode' is not supported");
  return emitCastTo(E, To);
}

static LogicalResult emitCastLike(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs two operands");
  return E.requireInt("saturate", 1) ? emitCastTo(E, E.element(1)) : failure();
}

namespace qopt::onnx_import {
void registerComparisonsEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("", "Equal", 7, Newest, emitCompare<CompareKind::Equal>);
  Registry.add("", "Less", 7, Newest, emitCompare<CompareKind::Less>);
  Registry.add("", "Greater", 7, Newest, emitCompare<CompareKind::Greater>);
  Registry.add("", "LessOrEqual", 12, Newest, emitCompare<CompareKind::LessOrEqual>);
  Registry.add("", "GreaterOrEqual", 12, Newest, emitCompare<CompareKind::GreaterOrEqual>);
  Registry.add("", "Where", 9, Newest, emitWhere);
  Registry.add("", "Cast", 6, Newest, emitCast);
  Registry.add("", "CastLike", 15, Newest, emitCastLike);
}
} // namespace qopt::onnx_import
