//===- ElementReader.h - any element of a kernel's values, one at a time ----------------------===//
#ifndef QOPT_TARGETS_COMMON_ELEMENTREADER_H
#define QOPT_TARGETS_COMMON_ELEMENTREADER_H

#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// An element is computed from elements of the operands, recursively, so that any list of
/// operations compiles. Operations that need a pass over an axis for each element (reduce, matmul,
/// linear, dynamic_scale, conv, pool) run that loop inside; softmax and attention would repeat it
/// for every element and cannot be read.
class ElementReader {
public:
  using Value = mlir::Value;
  using Index = llvm::SmallVector<Value>;

  explicit ElementReader(KernelBuilder &B) : B(B), Info(B.getInfo()) {}

  /// Whether all operations and results of a kernel can be read; otherwise `Reason` says what
  /// stands against it.
  static bool canRead(const KernelInfo &Kernel, std::string &Reason);

  /// From now on every element of `Of` reads as this number: the one that is being computed.
  void define(Value Of, Value Number) { Known[Of] = Number; }
  /// Element `At` of `Of` as it is computed with; null after a diagnostic.
  Value read(Value Of, const Index &At);
  /// Stores element `Position`, in row-major order, of a result of the kernel.
  mlir::LogicalResult store(unsigned Result, Value Position);

private:
  Value readArgument(Value Of, const Index &At);
  Value readOperation(mlir::Operation *Op, const Index &At);
  Value readElementwise(mlir::Operation *Op, const Index &At);
  Value readConcat(ConcatOp Op, const Index &At, unsigned Input, Value Position);
  Value readGather(GatherOp Op, const Index &At);
  Value readSizes(mlir::AffineMap Values, mlir::Type Element, Value Position);
  Value readIota(IotaOp Op, Value Position);
  Value readTakeLast(TakeLastOp Op, const Index &At);
  Value readSlice(SliceOp Op, const Index &At);
  Value readReduce(ReduceOp Op, const Index &At);
  Value readMatmul(MatmulOp Op, const Index &At);
  Value readLinear(LinearOp Op, const Index &At);
  Value readDynamicScale(DynamicScaleOp Op, const Index &At);
  Value readConv(ConvOp Op, const Index &At);
  Value readPool(PoolOp Op, const Index &At);
  Value readPad(PadOp Op, const Index &At);

  /// Passes a number on through the elements of one window that lie in the input: `Body(element,
  /// number of the tap, carried)`. Null after a diagnostic.
  template <typename OpT>
  KernelBuilder::Values
  overWindow(OpT Op, const Index &At, Value Channel, mlir::ValueRange Init,
             llvm::function_ref<KernelBuilder::Values(Value, Value, mlir::ValueRange)> Body);
  /// Number `At` of `Of`, or `Outside` where `IsInside` is false.
  Value readInside(Value IsInside, Value Of, const Index &At, Value Outside);
  /// The index in an operand that NumPy broadcasting reads for index `At` of the result.
  Index broadcast(Value Operand, const Index &At);
  Value linear(Value Of, const Index &At);
  Index delinearize(Value Of, Value Position);
  Value dim(Value Of, unsigned Axis) { return B.size(Info.getDims(Of)[Axis]); }
  /// An i64 as a number of an element type.
  Value fromIndex(Value Number, mlir::Type Element);
  Value neutral(ReduceKind Kind, mlir::Type Ty);

  KernelBuilder &B;
  const KernelInfo &Info;
  llvm::DenseMap<Value, Value> Known;
};

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_ELEMENTREADER_H
