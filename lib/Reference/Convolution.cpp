#include "Shapes.h"
#include "qopt/Reference/Evaluator.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;

//===- windows --------------------------------------------------------------------------------===//

/// Sizes of the result of a sliding window, or failure where it does not fit.
template <typename OpT>
static FailureOr<SmallVector<int64_t>> slide(OpT Op, const ReferenceTensor &Input,
                                             int64_t Channels) {
  SmallVector<int64_t> Shape = {Input.getDim(0), Channels};
  size_t Axes = Op.getKernel().size();
  for (size_t Axis = 0; Axis < Axes; ++Axis) {
    int64_t Extent = (Op.getKernel()[Axis] - 1) * Op.getDilations()[Axis] + 1;
    int64_t Room =
        Input.getDim(Axis + 2) - (Extent - Op.getPads()[Axis] - Op.getPads()[Axis + Axes]);
    if (Room < 0)
      return Op.emitOpError() << "has windows of " << Extent << " elements, but the input is "
                              << Input.getType();
    Shape.push_back(Room / Op.getStrides()[Axis] + 1);
  }
  return Shape;
}

/// Calls `Visit(number in the window, index in the input)` for the elements of one window that lie
/// in the input. `At` is the index of the result, `Channel` that of the input.
template <typename OpT, typename VisitT>
static void forWindow(OpT Op, const ReferenceTensor &Input, ArrayRef<int64_t> At, int64_t Channel,
                      VisitT Visit) {
  forEachIndex(Op.getKernel(), [&](ArrayRef<int64_t> Tap, int64_t Number) {
    SmallVector<int64_t> From = {At[0], Channel};
    for (auto [Axis, Step] : llvm::enumerate(Tap)) {
      int64_t Position = At[Axis + 2] * Op.getStrides()[Axis] + Step * Op.getDilations()[Axis] -
                         Op.getPads()[Axis];
      if (Position < 0 || Position >= Input.getDim(Axis + 2))
        return;
      From.push_back(Position);
    }
    Visit(Number, Input.offset(From));
  });
}

//===- conv, pool -----------------------------------------------------------------------------===//

static LogicalResult evaluate(ConvOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput()),
                        &Weight = Frame.getTensor(Op.getWeight());
  auto Shape = slide(Op, Input, Weight.getDim(0));
  if (failed(Shape))
    return failure();
  ReferenceTensor Result(Input.getType().clone(*Shape));
  std::vector<double> X = Input.readFloats(), W = Weight.readFloats();
  int64_t Groups = Op.getGroups(), Channels = Input.getDim(1) / Groups,
          Outputs = Weight.getDim(0) / Groups, Columns = Weight.getDim(1),
          Taps = ShapedType::getNumElements(Op.getKernel());
  forEachIndex(*Shape, [&](ArrayRef<int64_t> At, int64_t I) {
    if (!Frame.isComputed(I, Result.getNumElements()))
      return Result.setFloat(I, std::numeric_limits<double>::quiet_NaN());
    double Sum = 0;
    for (int64_t Channel = 0; Channel < Channels; ++Channel)
      forWindow(Op, Input, At, At[1] / Outputs * Channels + Channel,
                [&](int64_t Tap, int64_t From) {
                  Sum += X[From] * W[At[1] * Columns + Channel * Taps + Tap];
                });
    Result.setFloat(I, Sum);
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(PoolOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  auto Shape = slide(Op, Input, Input.getDim(1));
  if (failed(Shape))
    return failure();
  ReferenceTensor Result(Input.getType().clone(*Shape));
  forEachIndex(*Shape, [&](ArrayRef<int64_t> At, int64_t I) {
    double Sum = 0, Max = -std::numeric_limits<double>::infinity();
    int64_t Count = 0;
    forWindow(Op, Input, At, At[1], [&](int64_t, int64_t From) {
      double Value = Input.getFloat(From);
      Sum += Value;
      Max = std::isnan(Max) || Max > Value ? Max : Value; // NaN wins
      ++Count;
    });
    Result.setFloat(I, Op.getKind() == PoolKind::Max ? Max : Sum / double(Count));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

//===- pad ------------------------------------------------------------------------------------===//

/// The number that the border holds, as a tensor of one element.
static ReferenceTensor fillOf(PadOp Op) {
  ReferenceTensor Fill(RankedTensorType::get({}, Op.getValue().getType()));
  if (auto Float = dyn_cast<FloatAttr>(Op.getValue()))
    Fill.setFloat(0, Float.getValueAsDouble());
  else
    Fill.setInteger(0, cast<IntegerAttr>(Op.getValue()).getValue().sextOrTrunc(64).getSExtValue());
  return Fill;
}

static LogicalResult evaluate(PadOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  SmallVector<int64_t> Shape(Input.getShape());
  for (auto [Size, Before, After] : llvm::zip_equal(Shape, Op.getLow(), Op.getHigh()))
    Size += Before + After;
  ReferenceTensor Result(Input.getType().clone(Shape)), Fill = fillOf(Op);
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    SmallVector<int64_t> From(Index);
    bool IsInside = true;
    for (auto [Position, Before, Size] : llvm::zip_equal(From, Op.getLow(), Input.getShape())) {
      Position -= Before;
      IsInside &= Position >= 0 && Position < Size;
    }
    Result.copyElement(I, IsInside ? Input : Fill, IsInside ? Input.offset(From) : 0);
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

namespace qopt {
void registerConvolutionReferences(ReferenceRegistry &Registry) {
  Registry.add<ConvOp>(evaluate);
  Registry.add<PoolOp>(evaluate);
  Registry.add<PadOp>(evaluate);
}
} // namespace qopt
