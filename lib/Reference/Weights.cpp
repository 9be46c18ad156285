#include "qopt/Reference/Evaluator.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace qopt;

static LogicalResult evaluate(UseWeightOp Op, Frame &Frame) {
  auto Weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(Op, Op.getWeightAttr());
  if (!Weight)
    return Op.emitOpError() << "'" << Op.getWeight() << "' does not name a qopt.weight";
  auto Value = Frame.getWeight(Op, Weight);
  if (failed(Value))
    return failure();
  return Frame.set(Op->getResult(0), std::move(*Value));
}

/// The elements as one of MLIR's dense attributes, or null. Bytes of a resource are those of a
/// dense attribute.
static DenseElementsAttr getDense(ElementsAttr Value) {
  if (auto Dense = dyn_cast<DenseElementsAttr>(Value))
    return Dense;
  auto Resource = dyn_cast<DenseResourceElementsAttr>(Value);
  AsmResourceBlob *Blob = Resource ? Resource.getRawHandle().getBlob() : nullptr;
  bool IsSplat;
  if (!Blob || !DenseElementsAttr::isValidRawBuffer(Resource.getType(), Blob->getData(), IsSplat))
    return nullptr;
  return DenseElementsAttr::getFromRawBuffer(Resource.getType(), Blob->getData());
}

static LogicalResult evaluate(ConstantOp Op, Frame &Frame) {
  auto Ty = cast<RankedTensorType>(Op.getType());
  DenseElementsAttr Dense = getDense(Op.getValue());
  if (!Dense || !Ty.getElementType().isIntOrIndexOrFloat())
    return Op.emitOpError() << "holds no dense numbers: " << Ty;
  ReferenceTensor Result(Ty);
  int64_t Offset = 0;
  if (Result.isFloat()) {
    bool LosesInfo;
    for (APFloat Element : Dense.getValues<APFloat>()) {
      Element.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &LosesInfo);
      Result.setFloat(Offset++, Element.convertToDouble());
    }
  } else {
    for (const APInt &Element : Dense.getValues<APInt>())
      Result.setInteger(Offset++, Element.sextOrTrunc(64).getSExtValue());
  }
  return Frame.set(Op->getResult(0), std::move(Result));
}

namespace qopt {
void registerWeightsReferences(ReferenceRegistry &Registry) {
  Registry.add<UseWeightOp>(evaluate);
  Registry.add<ConstantOp>(evaluate);
}
} // namespace qopt
