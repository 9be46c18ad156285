#include "Values.h"

using namespace mlir;
using namespace qopt;

std::optional<double> qopt::getSplat(Value Value) {
  while (Operation *Op = Value.getDefiningOp()) {
    if (isa<CastOp, ReshapeOp, BroadcastOp>(Op)) {
      Value = Op->getOperand(0);
      continue;
    }
    auto Constant = dyn_cast<ConstantOp>(Op);
    auto Elements =
        Constant ? dyn_cast<DenseElementsAttr>(Constant.getValue()) : DenseElementsAttr();
    if (!Elements || !Elements.isSplat())
      return std::nullopt;
    if (auto Integer = dyn_cast<IntegerAttr>(Elements.getSplatValue<Attribute>()))
      return double(Integer.getType().isInteger(1) ? Integer.getValue().getZExtValue()
                                                   : Integer.getValue().getSExtValue());
    return cast<FloatAttr>(Elements.getSplatValue<Attribute>()).getValueAsDouble();
  }
  return std::nullopt;
}

Value qopt::stripCasts(Value Value) {
  while (auto Cast = Value.getDefiningOp<CastOp>())
    Value = Cast.getInput();
  return Value;
}

Value qopt::createSplat(OpBuilder &Builder, Location Loc, RankedTensorType Ty, double Number) {
  Attribute Element;
  if (isa<FloatType>(Ty.getElementType()))
    Element = FloatAttr::get(Ty.getElementType(), Number);
  else
    Element = IntegerAttr::get(Ty.getElementType(), int64_t(Number));
  return ConstantOp::create(Builder, Loc, DenseElementsAttr::get(Ty, Element));
}

Value qopt::createTranspose(OpBuilder &Builder, Location Loc, Value Value,
                            ArrayRef<int64_t> Permutation) {
  return TransposeOp::create(Builder, Loc, Value, Permutation);
}

std::string qopt::describe(Location Loc) {
  std::string Name;
  Loc->walk([&](Location Part) {
    if (auto Named = dyn_cast<NameLoc>(Part)) {
      Name = Named.getName().str();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return Name;
}

void qopt::eraseUnused(FunctionOpInterface Function) {
  for (Operation &Op :
       llvm::make_early_inc_range(llvm::reverse(Function.getFunctionBody().front())))
    if (isOpTriviallyDead(&Op))
      Op.erase();
}
