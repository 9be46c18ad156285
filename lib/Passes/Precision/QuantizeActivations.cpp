#include "QOpt/QOpt.h"

namespace qopt {
#define GEN_PASS_DECL_QUANTIZEACTIVATIONS
#define GEN_PASS_DEF_QUANTIZEACTIVATIONS
#include "QuantizeActivations.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

/// The value as it reads after it went through codes.
static Value createCodes(OpBuilder &Builder, Value Input, Type Code) {
  Location Loc = Input.getLoc();
  Builder.setInsertionPointAfterValue(Input);
  auto ZeroTy = RankedTensorType::get({}, Code);
  Value Zero =
      ConstantOp::create(Builder, Loc, DenseElementsAttr::get(ZeroTy, Builder.getZeroAttr(Code)));
  Value Scale = DynamicScaleOp::create(Builder, Loc, Input, TypeAttr::get(Code));
  Value Codes = QuantizeOp::create(Builder, Loc, Input, Scale, Zero);
  return DequantizeOp::create(Builder, Loc, Codes, Scale, Zero);
}

/// Reads the codes instead; the result keeps its type.
static void readCodes(OpBuilder &Builder, LinearOp Linear, Value Codes) {
  auto Old = cast<RankedTensorType>(Linear.getType());
  Linear.getInputMutable().assign(Codes);
  auto New = Old.clone(cast<RankedTensorType>(Codes.getType()).getElementType());
  if (New == Old)
    return;
  Linear.getResult().setType(New);
  Builder.setInsertionPointAfter(Linear);
  auto Cast = CastOp::create(Builder, Linear.getLoc(), Old, Linear.getResult());
  Linear.getResult().replaceAllUsesExcept(Cast.getResult(), Cast);
}

namespace {
struct QuantizeActivationsPass
    : public qopt::impl::QuantizeActivationsBase<QuantizeActivationsPass> {
  void runOnOperation() override {
    llvm::MapVector<std::pair<Value, Type>, SmallVector<LinearOp>> Readers;
    getOperation().walk([&](LinearOp Linear) {
      StringRef Name = QOptDialect::getInputPrecisionAttrName();
      if (auto Decision = Linear->getAttrOfType<PrecisionAttr>(Name)) {
        Linear->removeAttr(Name);
        Readers[{Linear.getInput(), Decision.getStoredType()}].push_back(Linear);
      }
    });
    OpBuilder Builder(&getContext());
    for (auto &[Input, Linears] : Readers) {
      Value Codes = createCodes(Builder, Input.first, Input.second);
      for (LinearOp Linear : Linears)
        readCodes(Builder, Linear, Codes);
    }
  }
};
} // namespace
