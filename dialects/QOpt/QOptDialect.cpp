#include "QOpt/Shapes.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

#include "QOpt/QOptDialect.cpp.inc"
#include "QOpt/QOptEnums.cpp.inc"
#include "QOpt/QOptOpInterfaces.cpp.inc"
#include "QOpt/QOptTypeInterfaces.cpp.inc"

void QOptDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "QOpt/QOptOps.cpp.inc"
      >();
}

Operation *QOptDialect::materializeConstant(OpBuilder &Builder, Attribute Value, Type Ty,
                                            Location Loc) {
  if (auto Elements = dyn_cast<DenseElementsAttr>(Value))
    return ConstantOp::create(Builder, Loc, Elements);
  return nullptr;
}

LogicalResult QOptDialect::verifyOperationAttribute(Operation *Op, NamedAttribute Attr) {
  if (Attr.getName() != getSymbolsAttrName())
    return success();
  auto Symbols = dyn_cast<ArrayAttr>(Attr.getValue());
  if (!Symbols)
    return Op->emitOpError() << "'" << getSymbolsAttrName() << "' must be an array of #qopt.symbol";
  llvm::SmallDenseSet<StringRef> Names;
  for (Attribute Element : Symbols) {
    auto Symbol = dyn_cast<SymbolAttr>(Element);
    if (!Symbol)
      return Op->emitOpError() << "'" << getSymbolsAttrName()
                               << "' must be an array of #qopt.symbol, found " << Element;
    if (!Names.insert(Symbol.getName()).second)
      return Op->emitOpError() << "symbol '" << Symbol.getName() << "' is declared twice";
  }
  return success();
}

/// Whatever reads `qopt.dims` takes one expression per axis from it.
static LogicalResult verifyDimsAttribute(Operation *Op, StringRef What, unsigned Index, Type Ty,
                                         NamedAttribute Attr) {
  if (Attr.getName() != QOptDialect::getDimsAttrName())
    return success();
  auto Map = dyn_cast<AffineMapAttr>(Attr.getValue());
  if (!Map || Map.getValue().getNumDims() != 0)
    return Op->emitOpError() << What << " " << Index << ": '" << Attr.getName().getValue()
                             << "' must be a map over symbols, found " << Attr.getValue();
  auto Tensor = dyn_cast<RankedTensorType>(Ty);
  if (!Tensor || getShape(Map.getValue().getResults()) != Tensor.getShape())
    return Op->emitOpError() << What << " " << Index << " of type " << Ty
                             << " cannot have dimensions " << Map;
  auto Symbols = Op->getAttrOfType<ArrayAttr>(QOptDialect::getSymbolsAttrName());
  if (Symbols && Map.getValue().getNumSymbols() > Symbols.size())
    return Op->emitOpError() << What << " " << Index << " has dimensions " << Map << ", but only "
                             << Symbols.size() << " symbols are declared";
  return success();
}

LogicalResult QOptDialect::verifyRegionArgAttribute(Operation *Op, unsigned, unsigned Index,
                                                    NamedAttribute Attr) {
  auto Function = dyn_cast<FunctionOpInterface>(Op);
  return Function
             ? verifyDimsAttribute(Op, "argument", Index, Function.getArgumentTypes()[Index], Attr)
             : success();
}

LogicalResult QOptDialect::verifyRegionResultAttribute(Operation *Op, unsigned, unsigned Index,
                                                       NamedAttribute Attr) {
  auto Function = dyn_cast<FunctionOpInterface>(Op);
  return Function ? verifyDimsAttribute(Op, "result", Index, Function.getResultTypes()[Index], Attr)
                  : success();
}
