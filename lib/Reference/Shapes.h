//===- Shapes.h - walking over shapes ---------------------------------------------------------===//
#ifndef QOPT_LIB_REFERENCE_SHAPES_H
#define QOPT_LIB_REFERENCE_SHAPES_H

#include "qopt/Reference/ReferenceValue.h"

namespace qopt {

/// Visits every index of a shape in row-major order, with its number.
template <typename VisitT> void forEachIndex(llvm::ArrayRef<int64_t> Shape, VisitT Visit) {
  int64_t Count = mlir::ShapedType::getNumElements(Shape);
  llvm::SmallVector<int64_t> Index(Shape.size(), 0);
  for (int64_t Number = 0; Number < Count; ++Number) {
    Visit(llvm::ArrayRef<int64_t>(Index), Number);
    for (size_t Axis = Shape.size(); Axis-- > 0;) {
      if (++Index[Axis] < Shape[Axis])
        break;
      Index[Axis] = 0;
    }
  }
}

/// The element that a tensor shows at an index of the shape it is broadcast to: leading axes are
/// dropped, and an axis of size 1 repeats its element.
inline int64_t broadcastOffset(const ReferenceTensor &Tensor, llvm::ArrayRef<int64_t> Index) {
  llvm::SmallVector<int64_t> Own(Index.take_back(Tensor.getRank()));
  for (auto [Position, Size] : llvm::zip_equal(Own, Tensor.getShape()))
    if (Size == 1)
      Position = 0;
  return Tensor.offset(Own);
}

/// The shape that all tensors broadcast to; a diagnostic names two that do not agree.
inline mlir::FailureOr<llvm::SmallVector<int64_t>>
joinShapes(mlir::Operation *Op, llvm::ArrayRef<const ReferenceTensor *> Tensors) {
  llvm::SmallVector<int64_t> Shape;
  for (const ReferenceTensor *Tensor : Tensors) {
    auto Joined = broadcastShapes(Shape, Tensor->getShape());
    if (failed(Joined))
      return Op->emitOpError() << "operands do not broadcast: " << Tensors.front()->getType()
                               << " and " << Tensor->getType();
    Shape = *Joined;
  }
  return Shape;
}

} // namespace qopt

#endif // QOPT_LIB_REFERENCE_SHAPES_H
