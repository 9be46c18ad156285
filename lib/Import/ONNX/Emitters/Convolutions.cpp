// Convolution and pooling: Conv, MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool.
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

/// Kernels, strides and padding up to this size.
static constexpr int64_t MaxWindowSize = (int64_t(1) << 31) - 1;

//===- windows --------------------------------------------------------------------------------===//

/// An attribute with one number for each of `Count` axes, `Default` where it is absent.
static std::optional<SmallVector<int64_t>> getSizes(NodeEmitter &E, StringRef Name, size_t Count,
                                                    int64_t Default, int64_t Least) {
  auto Sizes = E.getInts(Name);
  if (!Sizes)
    Sizes.emplace(Count, Default);
  if (Sizes->size() != Count) {
    (void)E.badInput("attribute '" + Name + "' has " + Twine(Sizes->size()) +
                     " numbers, expected " + Twine(Count));
    return std::nullopt;
  }
  for (int64_t Size : *Sizes)
    if (Size < Least || Size > MaxWindowSize) {
      (void)E.badInput("attribute '" + Name + "' holds " + Twine(Size));
      return std::nullopt;
    }
  return Sizes;
}

/// Padding with which the result has ceil(size / stride) elements on each axis; an odd one goes to
/// the end, or to the beginning where `Upper` does not say so.
static bool padToSame(NodeEmitter &E, ArrayRef<AffineExpr> Spatial, Window &Of, bool Upper) {
  size_t Axes = Spatial.size();
  for (auto [Axis, Size] : llvm::enumerate(Spatial)) {
    auto Known = dyn_cast<AffineConstantExpr>(Size);
    if (!Known && Of.Strides[Axis] != 1)
      return succeeded(E.unsupported(
          "attribute 'auto_pad' with a stride and a size that a request decides is not supported"));
    int64_t Steps =
        Known ? std::max<int64_t>(llvm::divideCeil(Known.getValue(), Of.Strides[Axis]), 1) - 1 : 0;
    int64_t Rest = Known ? Known.getValue() : 1;
    int64_t Total = std::max<int64_t>(Steps * Of.Strides[Axis] - Rest + Of.extent(Axis), 0);
    int64_t Less = Total / 2, More = Total - Less;
    if (Total > MaxWindowSize)
      return succeeded(E.badInput("needs " + Twine(Total) + " elements of padding"));
    Of.Pads[Axis] = Upper ? Less : More;
    Of.Pads[Axis + Axes] = Upper ? More : Less;
  }
  return true;
}

/// `ceil_mode`: a last window that reaches beyond the padding gets some more, unless it would begin
/// there.
static bool padForCeiling(NodeEmitter &E, ArrayRef<AffineExpr> Spatial, Window &Of) {
  size_t Axes = Spatial.size();
  for (auto [Axis, Size] : llvm::enumerate(Spatial)) {
    int64_t Stride = Of.Strides[Axis];
    if (Stride == 1)
      continue;
    auto Known = dyn_cast<AffineConstantExpr>(Size);
    if (!Known)
      return succeeded(E.unsupported(
          "attribute 'ceil_mode' with a size that a request decides is not supported"));
    // A size to which nothing can be added is refused where the pool is built.
    int64_t Room, Next;
    if (llvm::AddOverflow(Known.getValue(), Of.padding(Axis) - Of.extent(Axis), Room) || Room < 0 ||
        Room % Stride == 0 || llvm::MulOverflow(Room / Stride + 1, Stride, Next))
      continue;
    if (Next - Of.Pads[Axis] < Known.getValue())
      Of.Pads[Axis + Axes] += Next - Room;
  }
  return true;
}

/// Kernel, strides, dilations and padding of a node whose first input is [batch, channels,
/// spatial…].
static std::optional<Window> getWindow(NodeEmitter &E, ArrayRef<int64_t> KernelOfWeight) {
  int64_t Axes = E.rank(0) - 2;
  if (Axes < 1 || Axes > 2) {
    (void)E.unsupported("an input of rank " + Twine(E.rank(0)) +
                        " is not supported; expected [batch, channels, one or two spatial axes]");
    return std::nullopt;
  }
  Window Of;
  auto Kernel = E.hasAttribute("kernel_shape") || KernelOfWeight.empty()
                    ? getSizes(E, "kernel_shape", Axes, 0, 1)
                    : SmallVector<int64_t>(KernelOfWeight);
  auto Strides = getSizes(E, "strides", Axes, 1, 1);
  auto Dilations = getSizes(E, "dilations", Axes, 1, 1);
  auto Pads = getSizes(E, "pads", 2 * Axes, 0, 0);
  if (!Kernel || !Strides || !Dilations || !Pads)
    return std::nullopt;
  if (!KernelOfWeight.empty() && ArrayRef(*Kernel) != KernelOfWeight) {
    (void)E.badInput("attribute 'kernel_shape' does not agree with the weight");
    return std::nullopt;
  }
  Of = {*Kernel, *Strides, *Dilations, *Pads};
  for (size_t Axis = 0; Axis < Of.Kernel.size(); ++Axis)
    if (Of.Kernel[Axis] < 1 || Of.extent(Axis) > MaxWindowSize) {
      (void)E.badInput("a window of " + Twine(Of.Kernel[Axis]) + " elements, " +
                       Twine(Of.Dilations[Axis]) + " apart, is none or too large");
      return std::nullopt;
    }
  std::string Auto = E.getString("auto_pad", "NOTSET");
  ArrayRef<AffineExpr> Spatial = ArrayRef<AffineExpr>(E.in(0).Shape).drop_front(2);
  if (Auto == "VALID") {
    Of.Pads.assign(2 * Axes, 0);
  } else if (Auto == "SAME_UPPER" || Auto == "SAME_LOWER") {
    if (!padToSame(E, Spatial, Of, Auto == "SAME_UPPER"))
      return std::nullopt;
  } else if (Auto != "NOTSET") {
    (void)E.badInput("attribute 'auto_pad' is '" + Auto +
                     "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    return std::nullopt;
  }
  return Of;
}

//===- Conv -----------------------------------------------------------------------------------===//

/// One number for each channel, in a shape that broadcasts along them: [channels, 1, …].
static Value alongChannels(NodeEmitter &E, unsigned Input, int64_t SpatialAxes) {
  ImportedValue &V = E.in(Input);
  if (V.rank() != 1) {
    (void)E.badInput("operand " + Twine(Input) + " must be a vector, has rank " + Twine(V.rank()));
    return {};
  }
  Dims Shape = V.Shape;
  Shape.append(SpatialAxes, E.B.constant(1));
  if (V.Weight)
    return E.B.weight(V.Weight->reshaped(getShape(Shape)));
  if (V.Constant)
    return E.B.constantOp(V.Constant.reshape(V.Constant.getType().clone(getShape(Shape))));
  return E.B.reshape(E.value(Input), Shape);
}

static LogicalResult emitConv(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs an input and a weight");
  ImportedValue &W = E.in(1);
  // Small weights are written out by the file's reader, and are no less weights.
  auto Recipe = asWeight(W);
  if (!Recipe)
    return E.unsupported("a weight that is computed is not supported");
  if (W.rank() != E.rank(0) || W.rank() < 3)
    return E.badInput("an input of rank " + Twine(E.rank(0)) + " and a weight of rank " +
                      Twine(W.rank()) + " do not fit together");
  ArrayRef<int64_t> Shape = Recipe->Type.getShape();
  auto Of = getWindow(E, Shape.drop_front(2));
  if (!Of)
    return failure();
  int64_t Groups = E.getInt("group", 1), Outputs = Shape[0], Channels = Shape[1];
  if (Groups < 1 || Groups > MaxWindowSize || Outputs % Groups)
    return E.badInput("cannot cut " + Twine(Outputs) + " output channels into " + Twine(Groups) +
                      " groups");
  int64_t Columns = Channels, Inputs;
  for (int64_t Size : Of->Kernel)
    if (llvm::MulOverflow(Columns, Size, Columns))
      return E.badInput("the weight is too large");
  if (llvm::MulOverflow(Channels, Groups, Inputs) ||
      failed(E.B.unify(E.in(0).Shape[1], E.B.constant(Inputs),
                       "the input's channels and those of the weight")))
    return failure();
  Value Result = E.B.conv(E.value(0), Recipe->reshaped({Outputs, Columns}), *Of, Groups);
  if (E.has(2))
    Result = E.B.binary(BinaryKind::Add, Result, alongChannels(E, 2, Of->Kernel.size()));
  return E.out(Result);
}

//===- pools ----------------------------------------------------------------------------------===//

static bool checkPoolOutputs(NodeEmitter &E) {
  if (!E.wants(1))
    return true;
  return succeeded(
      E.unsupported("output 1, the indices of the largest elements, is not supported"));
}

static std::optional<Window> getPoolWindow(NodeEmitter &E) {
  auto Of = getWindow(E, {});
  ArrayRef<AffineExpr> Spatial = ArrayRef<AffineExpr>(E.in(0).Shape).drop_front(2);
  if (!Of || (E.getInt("ceil_mode", 0) != 0 && !padForCeiling(E, Spatial, *Of)))
    return std::nullopt;
  return Of;
}

static LogicalResult emitMaxPool(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  // Only the indices depend on it.
  (void)E.getInt("storage_order", 0);
  if (!checkPoolOutputs(E))
    return failure();
  auto Of = getPoolWindow(E);
  return Of ? E.out(E.B.pool(PoolKind::Max, E.value(0), *Of)) : failure();
}

/// Zeros that count are elements; what `ceil_mode` adds to them never counts.
static LogicalResult emitAveragePool(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  bool CountsPadding = E.getInt("count_include_pad", 0) != 0;
  auto Explicit = getWindow(E, {});
  auto Of = getPoolWindow(E);
  if (!Of || !Explicit)
    return failure();
  Value X = E.value(0);
  if (CountsPadding && X && isa<FloatType>(GraphBuilder::element(X))) {
    size_t Axes = Of->Kernel.size();
    SmallVector<int64_t> Low(2, 0), High(2, 0);
    for (size_t Axis = 0; Axis < Axes; ++Axis) {
      Low.push_back(Explicit->Pads[Axis]);
      High.push_back(Explicit->Pads[Axis + Axes]);
      Of->Pads[Axis] -= Low.back();
      Of->Pads[Axis + Axes] -= High.back();
    }
    X = E.B.pad(X, Low, High, E.B.B.getFloatAttr(GraphBuilder::element(X), 0.0));
  }
  return E.out(E.B.pool(PoolKind::Average, X, *Of));
}

template <ReduceKind Kind> static LogicalResult emitGlobalPool(NodeEmitter &E) {
  if (!E.has(0) || E.rank(0) < 3)
    return E.badInput("needs an operand [batch, channels, spatial…]");
  if (!E.in(0).isFloat())
    return E.unsupported("a pool of integers is not supported");
  return E.out(
      E.B.reduce(Kind, E.value(0), llvm::to_vector(llvm::seq<int64_t>(2, E.rank(0))), true));
}

namespace qopt::onnx_import {
void registerConvolutionsEmitters(EmitterRegistry &Registry) {
  Registry.add("Conv", emitConv);
  Registry.add("MaxPool", emitMaxPool);
  Registry.add("", "AveragePool", 7, EmitterRegistry::Newest, emitAveragePool);
  Registry.add("GlobalAveragePool", emitGlobalPool<ReduceKind::Mean>);
  Registry.add("GlobalMaxPool", emitGlobalPool<ReduceKind::Max>);
}
} // namespace qopt::onnx_import
