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

bool qopt::isCoding(Operation *Op) {
  return isa_and_nonnull<QuantizeOp, DequantizeOp>(Op) &&
         llvm::all_of(Op->getOperands().drop_front(),
                      [](Value Each) { return tensorType(Each).getRank() == 0; });
}

/// The constant that every element is, or null.
static Attribute getSplatElement(Value Value) {
  auto Constant = Value.getDefiningOp<ConstantOp>();
  auto Elements = Constant ? dyn_cast<DenseElementsAttr>(Constant.getValue()) : DenseElementsAttr();
  return Elements && Elements.isSplat() && tensorType(Value).getRank() == 0
             ? Elements.getSplatValue<Attribute>()
             : Attribute();
}

std::optional<Requantized> qopt::getRequantized(Value Value) {
  auto Read = Value.getDefiningOp<DequantizeOp>();
  auto Codes = Read ? Read.getInput().getDefiningOp<QuantizeOp>() : QuantizeOp();
  if (!Codes || Codes.getInput().getType() != Read.getType())
    return std::nullopt;
  auto Scale = dyn_cast_or_null<FloatAttr>(getSplatElement(Read.getScale()));
  auto Zero = dyn_cast_or_null<IntegerAttr>(getSplatElement(Read.getZeroPoint()));
  auto Code = dyn_cast<IntegerType>(tensorType(Codes).getElementType());
  if (!Code || !Scale || !Scale.getType().isF32() || !Zero ||
      Scale != getSplatElement(Codes.getScale()) || Zero != getSplatElement(Codes.getZeroPoint()))
    return std::nullopt;
  int64_t Number =
      Code.isUnsigned() ? Zero.getValue().getZExtValue() : Zero.getValue().getSExtValue();
  return Requantized{Codes.getInput(),
                     QuantizationAttr::get(Value.getContext(), Code, Scale, Number)};
}

Value qopt::stripRequantized(Value Value, QuantizationAttr &By) {
  auto Found = getRequantized(Value);
  By = Found ? Found->By : QuantizationAttr();
  return Found ? Found->Input : Value;
}

Value qopt::createRequantized(OpBuilder &Builder, Location Loc, Value Value, QuantizationAttr By) {
  auto Scale = ConstantOp::create(
      Builder, Loc,
      DenseElementsAttr::get(RankedTensorType::get({}, By.getScale().getType()), By.getScale()));
  auto ZeroTy = RankedTensorType::get({}, By.getCode());
  auto Zero = ConstantOp::create(
      Builder, Loc,
      DenseElementsAttr::get(ZeroTy, IntegerAttr::get(By.getCode(), By.getZeroPoint())));
  auto Codes = QuantizeOp::create(Builder, Loc, Value, Scale, Zero);
  return DequantizeOp::create(Builder, Loc, Codes, Scale, Zero);
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
