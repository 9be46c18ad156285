#include "QOpt/DimExpr.h"
#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

/// Windows, strides and padding up to this size, so that no product of a few of them overflows.
static constexpr int64_t MaxWindowSize = (int64_t(1) << 31) - 1;

//===- windows --------------------------------------------------------------------------------===//

namespace {
/// How a window slides over the spatial axes.
struct Window {
  ArrayRef<int64_t> Kernel, Strides, Dilations, Pads;

  /// Elements from the first to the last one that a window sees on an axis.
  int64_t extent(size_t Axis) const { return (Kernel[Axis] - 1) * Dilations[Axis] + 1; }
  int64_t padding(size_t Axis) const { return Pads[Axis] + Pads[Axis + Kernel.size()]; }
};
} // namespace

static LogicalResult checkWindow(std::optional<Location> Loc, RankedTensorType Input,
                                 const Window &Of) {
  size_t Axes = Of.Kernel.size();
  if ((Axes != 1 && Axes != 2) || Input.getRank() != int64_t(Axes) + 2)
    return emitOptionalError(Loc, "a kernel of ", Axes,
                             " axes does not slide over an input [batch, channels, one or two "
                             "spatial axes] of type ",
                             Input);
  if (Of.Strides.size() != Axes || Of.Dilations.size() != Axes || Of.Pads.size() != 2 * Axes)
    return emitOptionalError(Loc, "a kernel of ", Axes, " axes has ", Of.Strides.size(),
                             " strides, ", Of.Dilations.size(), " dilations and ", Of.Pads.size(),
                             " pads");
  for (ArrayRef<int64_t> Sizes : {Of.Kernel, Of.Strides, Of.Dilations})
    for (int64_t Size : Sizes)
      if (Size < 1 || Size > MaxWindowSize)
        return emitOptionalError(Loc, "kernel, strides and dilations must lie in 1 to ",
                                 MaxWindowSize, ", found ", Size);
  for (int64_t Size : Of.Pads)
    if (Size < 0 || Size > MaxWindowSize)
      return emitOptionalError(Loc, "pads must lie in 0 to ", MaxWindowSize, ", found ", Size);
  return success();
}

/// The spatial sizes after a window slid over those of `Input`.
static FailureOr<SmallVector<int64_t>> slide(std::optional<Location> Loc, RankedTensorType Input,
                                             const Window &Of) {
  if (failed(checkWindow(Loc, Input, Of)))
    return failure();
  SmallVector<int64_t> Result;
  for (size_t Axis = 0; Axis < Of.Kernel.size(); ++Axis) {
    int64_t Size = Input.getDimSize(Axis + 2), Room;
    if (ShapedType::isDynamic(Size)) {
      Result.push_back(Size);
      continue;
    }
    if (llvm::SubOverflow(Size, Of.extent(Axis) - Of.padding(Axis), Room) || Room < 0)
      return emitOptionalError(Loc, "a window of ", Of.extent(Axis),
                               " elements does not fit into the ", Size, " elements of axis ",
                               Axis + 2, " and ", Of.padding(Axis), " of padding");
    Result.push_back(Room / Of.Strides[Axis] + 1);
  }
  return Result;
}

/// The same for symbolic sizes.
static void slideDims(ArrayRef<AffineExpr> Spatial, const Window &Of, Dims &Result) {
  for (auto [Axis, Size] : llvm::enumerate(Spatial)) {
    AffineExpr Room = Size + (Of.padding(Axis) - Of.extent(Axis));
    Result.push_back(canonicalizeDim(Room.floorDiv(Of.Strides[Axis]) + 1));
  }
}

template <typename OpT> static Window windowOf(OpT Op) {
  return {Op.getKernel(), Op.getStrides(), Op.getDilations(), Op.getPads()};
}

//===- conv -----------------------------------------------------------------------------------===//

LogicalResult ConvOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc, Adaptor Adaptor,
                                       SmallVectorImpl<Type> &Results) {
  RankedTensorType Input = rankedType(Adaptor.getInput()), Weight = rankedType(Adaptor.getWeight());
  auto Spatial = slide(Loc, Input, windowOf(Adaptor));
  if (failed(Spatial))
    return failure();
  if (Weight.getRank() != 2)
    return emitOptionalError(Loc, "weight must be [out, in / groups * window], found ", Weight);
  SmallVector<int64_t> Shape = {Input.getDimSize(0), Weight.getDimSize(0)};
  llvm::append_range(Shape, *Spatial);
  Results.push_back(Input.clone(Shape));
  return success();
}

LogicalResult ConvOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result = {Operands[0][0], Operands[1][0]};
  slideDims(ArrayRef<AffineExpr>(Operands[0]).drop_front(2), windowOf(*this), Result);
  Results.push_back(Result);
  return success();
}

LogicalResult ConvOp::verify() {
  RankedTensorType Input = rankedType(getInput()), Weight = rankedType(getWeight());
  bool IsStored = bool(getStoredElementType(Weight));
  if (!isa<FloatType>(Input.getElementType()) ||
      (!IsStored && !isa<FloatType>(Weight.getElementType())))
    return emitOpError() << "takes floats, found " << Input << " and " << Weight;
  int64_t Channels = Input.getDimSize(1), Outputs = Weight.getDimSize(0), Groups = getGroups();
  if (ShapedType::isDynamic(Channels) || !Weight.hasStaticShape())
    return emitOpError() << "needs a known number of channels, found " << Input << " and "
                         << Weight;
  if (Groups < 1 || Channels % Groups || Outputs % Groups)
    return emitOpError() << "cannot cut " << Channels << " input and " << Outputs
                         << " output channels into " << Groups << " groups";
  int64_t Columns = Channels / Groups;
  for (int64_t Size : getKernel())
    if (llvm::MulOverflow(Columns, Size, Columns))
      Columns = -1;
  if (Columns != Weight.getDimSize(1))
    return emitOpError() << "sees " << Channels / Groups << " channels in windows of ["
                         << getKernel() << "], but the weight is " << Weight;
  return success();
}

//===- pool -----------------------------------------------------------------------------------===//

LogicalResult PoolOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc, Adaptor Adaptor,
                                       SmallVectorImpl<Type> &Results) {
  RankedTensorType Input = rankedType(Adaptor.getInput());
  auto Spatial = slide(Loc, Input, windowOf(Adaptor));
  if (failed(Spatial))
    return failure();
  SmallVector<int64_t> Shape(Input.getShape().take_front(2));
  llvm::append_range(Shape, *Spatial);
  Results.push_back(Input.clone(Shape));
  return success();
}

LogicalResult PoolOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  ArrayRef<AffineExpr> Input = Operands.front();
  Dims Result(Input.take_front(2));
  slideDims(Input.drop_front(2), windowOf(*this), Result);
  Results.push_back(Result);
  return success();
}

LogicalResult PoolOp::verify() {
  if (!isa<FloatType>(rankedType(getInput()).getElementType()))
    return emitOpError() << "pools floats, found " << getInput().getType();
  return success();
}

//===- pad ------------------------------------------------------------------------------------===//

LogicalResult PadOp::inferReturnTypes(MLIRContext *, std::optional<Location> Loc, Adaptor Adaptor,
                                      SmallVectorImpl<Type> &Results) {
  RankedTensorType Input = rankedType(Adaptor.getInput());
  ArrayRef<int64_t> Low = Adaptor.getLow(), High = Adaptor.getHigh();
  if (int64_t(Low.size()) != Input.getRank() || int64_t(High.size()) != Input.getRank())
    return emitOptionalError(Loc, "has borders of ", Low.size(), " and ", High.size(),
                             " axes for an input of type ", Input);
  SmallVector<int64_t> Shape(Input.getShape());
  for (auto [Size, Before, After] : llvm::zip_equal(Shape, Low, High)) {
    if (std::min(Before, After) < 0 || std::max(Before, After) > MaxWindowSize)
      return emitOptionalError(Loc, "a border must lie in 0 to ", MaxWindowSize, ", found ",
                               std::min(Before, After) < 0 ? std::min(Before, After)
                                                           : std::max(Before, After));
    if (!ShapedType::isDynamic(Size) && llvm::AddOverflow(Size, Before + After, Size))
      return emitOptionalError(Loc, "the sizes of ", Input, " with borders are too large");
  }
  Results.push_back(Input.clone(Shape));
  return success();
}

LogicalResult PadOp::inferResultDims(ArrayRef<Dims> Operands, SmallVectorImpl<Dims> &Results) {
  Dims Result = Operands.front();
  for (auto [Size, Before, After] : llvm::zip_equal(Result, getLow(), getHigh()))
    Size = canonicalizeDim(Size + (Before + After));
  Results.push_back(Result);
  return success();
}

LogicalResult PadOp::verify() {
  if (getValue().getType() != rankedType(getInput()).getElementType())
    return emitOpError() << "fills " << getInput().getType() << " with " << getValue();
  return success();
}
