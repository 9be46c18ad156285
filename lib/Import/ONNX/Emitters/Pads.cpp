// Pad with a constant.
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

static constexpr int64_t MaxBorder = (int64_t(1) << 31) - 1;

/// The number of the border, 0 where none is given.
static TypedAttr getFill(NodeEmitter &E, Type Element) {
  double Number = E.Version < 11 ? E.getFloat("value", 0) : 0;
  if (E.Version >= 11 && E.has(2)) {
    ImportedValue &V = E.in(2);
    if (auto Integers = getNumbers(V); Integers && Integers->size() == 1)
      return E.B.B.getIntegerAttr(Element, Integers->front());
    auto Floats = readFloats(V);
    if (!Floats || Floats->size() != 1) {
      (void)E.unsupported("a border of numbers that are computed is not supported");
      return nullptr;
    }
    Number = Floats->front();
  }
  if (isa<FloatType>(Element))
    return E.B.B.getFloatAttr(Element, Number);
  return E.B.B.getIntegerAttr(Element, int64_t(Number));
}

/// The axes that the borders name: all, or those of the fourth input.
static std::optional<SmallVector<int64_t>> getPaddedAxes(NodeEmitter &E) {
  int64_t Rank = E.rank(0);
  if (!E.has(3))
    return llvm::to_vector(llvm::seq<int64_t>(0, Rank));
  auto Axes = E.numbers(3, "the list of axes");
  if (!Axes)
    return std::nullopt;
  for (int64_t &Axis : *Axes) {
    auto Normal = E.normalizeAxis(Axis, Rank);
    if (!Normal)
      return std::nullopt;
    Axis = *Normal;
  }
  return Axes;
}

static LogicalResult emitPad(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  std::string Mode = E.getString("mode", "constant");
  if (Mode != "constant")
    return E.unsupported("attribute 'mode' = '" + Mode + "' is not supported");
  auto Borders = E.Version < 11 ? E.getInts("pads") : E.numbers(1, "the list of pads");
  if (!Borders)
    return E.Version < 11 ? E.badInput("attribute 'pads' is missing") : failure();
  auto Axes = getPaddedAxes(E);
  if (!Axes)
    return failure();
  if (Borders->size() != 2 * Axes->size())
    return E.badInput("has " + Twine(Borders->size()) + " pads for " + Twine(Axes->size()) +
                      " axes");
  Type Element = E.element(0);
  if (Element.isInteger(1))
    return E.unsupported("an input of booleans is not supported");
  TypedAttr Fill = getFill(E, Element);
  Value X = E.value(0);
  if (!Fill || !X)
    return failure();
  SmallVector<int64_t> Low(E.rank(0), 0), High(E.rank(0), 0);
  for (auto [I, Axis] : llvm::enumerate(*Axes)) {
    int64_t Before = (*Borders)[I], After = (*Borders)[I + Axes->size()];
    if (std::max(Before, After) > MaxBorder || std::min(Before, After) < -MaxBorder)
      return E.badInput("has a pad of " + Twine(std::max(Before, After)));
    // A negative border cuts.
    int64_t First = std::max<int64_t>(-Before, 0), Last = std::max<int64_t>(-After, 0);
    AffineExpr Size = canonicalizeDim(E.B.dims(X)[Axis] - (First + Last));
    if (auto Known = dyn_cast<AffineConstantExpr>(Size); Known && Known.getValue() < 0)
      return E.badInput("pads of " + Twine(Before) + " and " + Twine(After) +
                        " cut more than axis " + Twine(Axis) + " has");
    if (First || Last) {
      E.B.Symbols.boundBelow(E.B.dims(X)[Axis], First + Last);
      X = E.B.slice(X, Axis, E.B.constant(First), Size);
    }
    Low[Axis] = std::max<int64_t>(Before, 0);
    High[Axis] = std::max<int64_t>(After, 0);
  }
  return E.out(E.B.pad(X, Low, High, Fill));
}

namespace qopt::onnx_import {
void registerPadsEmitters(EmitterRegistry &Registry) {
  Registry.add("", "Pad", 2, EmitterRegistry::Newest, emitPad);
}
} // namespace qopt::onnx_import
