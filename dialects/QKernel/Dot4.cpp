#include "QKernel/QKernel.h"

using namespace mlir;
using namespace qopt::qkernel;

LogicalResult Dot4Op::verify() {
  int64_t Lanes = getResult().getType().getNumElements();
  if (getLhs().getType().getNumElements() != 4 * Lanes)
    return emitOpError() << "takes four bytes for each of " << Lanes << " lanes, found "
                         << getLhs().getType();
  return success();
}

/// The definition: what every lowering is compared with.
OpFoldResult Dot4Op::fold(FoldAdaptor Adaptor) {
  auto Accumulator = dyn_cast_or_null<DenseIntElementsAttr>(Adaptor.getAccumulator());
  auto Lhs = dyn_cast_or_null<DenseIntElementsAttr>(Adaptor.getLhs());
  auto Rhs = dyn_cast_or_null<DenseIntElementsAttr>(Adaptor.getRhs());
  if (!Accumulator || !Lhs || !Rhs)
    return {};
  auto Sums = llvm::to_vector(Accumulator.getValues<APInt>());
  for (auto [I, Pair] :
       llvm::enumerate(llvm::zip_equal(Lhs.getValues<APInt>(), Rhs.getValues<APInt>()))) {
    auto [A, B] = Pair;
    Sums[I / 4] += (getIsUnsigned() ? A.zext(32) : A.sext(32)) * B.sext(32);
  }
  return DenseIntElementsAttr::get(getResult().getType(), Sums);
}

Operation *QKernelDialect::materializeConstant(OpBuilder &Builder, Attribute Value, Type Ty,
                                               Location Loc) {
  return arith::ConstantOp::materialize(Builder, Value, Ty, Loc);
}
