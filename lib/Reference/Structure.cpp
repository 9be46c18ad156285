#include "Shapes.h"
#include "qopt/Reference/Evaluator.h"

using namespace mlir;
using namespace qopt;

/// Fails for tensors whose elements cannot be moved one by one.
static LogicalResult verifyPlain(Operation *Op, const ReferenceTensor &Tensor) {
  if (Tensor.isStored())
    return Op->emitOpError() << "moves plain numbers only, found " << Tensor.getType();
  return success();
}

static FailureOr<RankedTensorType> shapedAs(Operation *Op, AffineMap Dims,
                                            const ReferenceTensor &Input, const Frame &Frame) {
  auto Shape = Frame.evaluate(Op, Dims);
  if (failed(Shape) || failed(verifyPlain(Op, Input)))
    return failure();
  if (llvm::any_of(*Shape, [](int64_t Size) { return Size < 0; }))
    return Op->emitOpError() << "dimensions " << AffineMapAttr::get(Dims) << " are negative";
  return RankedTensorType::get(*Shape, Input.getElementType());
}

static LogicalResult evaluate(ReshapeOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  auto Ty = shapedAs(Op, Op.getDims(), Input, Frame);
  if (failed(Ty))
    return failure();
  if (Ty->getNumElements() != Input.getNumElements())
    return Op.emitOpError() << "makes " << *Ty << " of " << Input.getType();
  ReferenceTensor Result(*Ty);
  for (int64_t I = 0; I < Result.getNumElements(); ++I)
    Result.copyElement(I, Input, I);
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(BroadcastOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  auto Ty = shapedAs(Op, Op.getDims(), Input, Frame);
  if (failed(Ty))
    return failure();
  auto Joined = broadcastShapes(Input.getShape(), Ty->getShape());
  if (failed(Joined) || ArrayRef<int64_t>(*Joined) != Ty->getShape())
    return Op.emitOpError() << "makes " << *Ty << " of " << Input.getType();
  ReferenceTensor Result(*Ty);
  forEachIndex(Ty->getShape(), [&](ArrayRef<int64_t> Index, int64_t I) {
    Result.copyElement(I, Input, broadcastOffset(Input, Index));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(TransposeOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  if (failed(verifyPlain(Op, Input)))
    return failure();
  ArrayRef<int64_t> Permutation = Op.getPermutation();
  auto Shape = llvm::map_to_vector(Permutation, [&](int64_t Axis) { return Input.getDim(Axis); });
  ReferenceTensor Result(Input.getType().clone(Shape));
  SmallVector<int64_t> From(Shape.size());
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    for (auto [Axis, Position] : llvm::zip_equal(Permutation, Index))
      From[Axis] = Position;
    Result.copyElement(I, Input, Input.offset(From));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

/// Whether `Size` elements from `Start` on lie on an axis. Compared by division, so that no huge
/// step overflows.
static bool isRangeOf(int64_t Extent, int64_t Start, int64_t Size, int64_t Step) {
  if (Size <= 0)
    return Size == 0;
  if (Start < 0 || Start >= Extent)
    return false;
  return Size - 1 <= (Step > 0 ? (Extent - 1 - Start) / Step : -(Start / Step));
}

static LogicalResult evaluate(SliceOp Op, Frame &Frame) {
  const ReferenceTensor &Input = Frame.getTensor(Op.getInput());
  auto Bounds = Frame.evaluate(Op, Op.getBounds());
  if (failed(Bounds) || failed(verifyPlain(Op, Input)))
    return failure();
  int64_t Axis = Op.getAxis(), Step = Op.getStep(), Start = (*Bounds)[0], Size = (*Bounds)[1];
  int64_t Extent = Input.getDim(Axis);
  if (!isRangeOf(Extent, Start, Size, Step))
    return Op.emitOpError() << "takes " << Size << " elements from " << Start << " in steps of "
                            << Step << " of an axis of " << Extent;
  SmallVector<int64_t> Shape(Input.getShape());
  Shape[Axis] = Size;
  ReferenceTensor Result(Input.getType().clone(Shape));
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    SmallVector<int64_t> From(Index);
    From[Axis] = Start + Index[Axis] * Step;
    Result.copyElement(I, Input, Input.offset(From));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

/// Fails unless the tensors agree on every axis but one.
static LogicalResult verifyJoin(ConcatOp Op, const ReferenceTensor &First,
                                const ReferenceTensor &Next) {
  for (int64_t I = 0; I < First.getRank(); ++I)
    if (I != int64_t(Op.getAxis()) && First.getDim(I) != Next.getDim(I))
      return Op.emitOpError() << "inputs " << First.getType() << " and " << Next.getType()
                              << " differ on axis " << I;
  return verifyPlain(Op, Next);
}

static LogicalResult evaluate(ConcatOp Op, Frame &Frame) {
  const ReferenceTensor &First = Frame.getTensor(Op.getInputs().front());
  int64_t Axis = Op.getAxis();
  SmallVector<int64_t> Shape(First.getShape());
  Shape[Axis] = 0;
  for (Value Input : Op.getInputs()) {
    const ReferenceTensor &Next = Frame.getTensor(Input);
    if (failed(verifyJoin(Op, First, Next)))
      return failure();
    Shape[Axis] += Next.getDim(Axis);
  }
  ReferenceTensor Result(First.getType().clone(Shape));
  int64_t Start = 0;
  for (Value Input : Op.getInputs()) {
    const ReferenceTensor &Next = Frame.getTensor(Input);
    forEachIndex(Next.getShape(), [&](ArrayRef<int64_t> Index, int64_t I) {
      SmallVector<int64_t> To(Index);
      To[Axis] += Start;
      Result.copyElement(Result.offset(To), Next, I);
    });
    Start += Next.getDim(Axis);
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(GatherOp Op, Frame &Frame) {
  const ReferenceTensor &Table = Frame.getTensor(Op.getTable());
  const ReferenceTensor &Indices = Frame.getTensor(Op.getIndices());
  int64_t Axis = Op.getAxis(), Extent = Table.getDim(Axis);
  for (int64_t I = 0; I < Indices.getNumElements(); ++I)
    if (Indices.getInteger(I) < -Extent || Indices.getInteger(I) >= Extent)
      return Op.emitOpError() << "index " << Indices.getInteger(I)
                              << " is out of range for an axis of " << Extent;
  // Result axes: those of the table before `axis`, those of the indices, those of the table after
  // it.
  SmallVector<int64_t> Shape(Table.getShape().take_front(Axis));
  llvm::append_range(Shape, Indices.getShape());
  llvm::append_range(Shape, Table.getShape().drop_front(Axis + 1));
  ReferenceTensor Result(cast<RankedTensorType>(Op.getType()).clone(Shape));
  forEachIndex(Shape, [&](ArrayRef<int64_t> Index, int64_t I) {
    int64_t Chosen = Indices.getInteger(Index.slice(Axis, Indices.getRank()));
    SmallVector<int64_t> From(Index.take_front(Axis));
    From.push_back(Chosen < 0 ? Chosen + Extent : Chosen);
    llvm::append_range(From, Index.drop_front(Axis + Indices.getRank()));
    if (Table.isStored())
      Result.setFloat(I, Table.getFloat(From));
    else
      Result.copyElement(I, Table, Table.offset(From));
  });
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(IotaOp Op, Frame &Frame) {
  auto Range = Frame.evaluate(Op, Op.getRange());
  if (failed(Range))
    return failure();
  int64_t Size = (*Range)[0], Start = (*Range)[1], Step = (*Range)[2];
  if (Size < 0)
    return Op.emitOpError() << "has " << Size << " elements";
  ReferenceTensor Result(cast<RankedTensorType>(Op.getType()).clone(ArrayRef<int64_t>(Size)));
  for (int64_t I = 0; I < Size; ++I) {
    int64_t Value = int64_t(uint64_t(Start) + uint64_t(I) * uint64_t(Step));
    if (Result.isFloat())
      Result.setFloat(I, double(Value));
    else
      Result.setInteger(I, Value);
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

static LogicalResult evaluate(SizesOp Op, Frame &Frame) {
  auto Values = Frame.evaluate(Op, Op.getValues());
  if (failed(Values))
    return failure();
  return Frame.set(Op->getResult(0),
                   ReferenceTensor::fromIntegers(cast<RankedTensorType>(Op.getType()), *Values));
}

namespace qopt {
void registerStructureReferences(ReferenceRegistry &Registry) {
  Registry.add<ReshapeOp>(evaluate);
  Registry.add<BroadcastOp>(evaluate);
  Registry.add<TransposeOp>(evaluate);
  Registry.add<SliceOp>(evaluate);
  Registry.add<ConcatOp>(evaluate);
  Registry.add<GatherOp>(evaluate);
  Registry.add<IotaOp>(evaluate);
  Registry.add<SizesOp>(evaluate);
}
} // namespace qopt
