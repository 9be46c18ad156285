#include "QOpt/QOpt.h"

#include "mlir/IR/DialectImplementation.h"
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
