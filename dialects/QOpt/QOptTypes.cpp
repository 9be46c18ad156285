#include "QOpt/QOpt.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

#define GET_TYPEDEF_CLASSES
#include "QOpt/QOptTypes.cpp.inc"

void QOptDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "QOpt/QOptTypes.cpp.inc"
      >();
}

static LogicalResult verifyGroups(function_ref<InFlightDiagnostic()> EmitError, int64_t Group,
                                  FloatType Scale) {
  if (Group < 0)
    return EmitError() << "a group has at least 1 element (0: the whole axis), found " << Group;
  if (!Scale.isF16() && !Scale.isBF16() && !Scale.isF32())
    return EmitError() << "scales must be f16, bf16 or f32, found " << Scale;
  return success();
}

//===- !qopt.packed ---------------------------------------------------------------------------===//

Type PackedType::parse(AsmParser &Parser) {
  IntegerType Code;
  int64_t Group = 0;
  FloatType Scale;
  bool Asymmetric = false;
  FloatType ZeroPoint;
  if (Parser.parseLess() || Parser.parseType(Code) || Parser.parseComma() ||
      Parser.parseKeyword("group") || Parser.parseEqual() || Parser.parseInteger(Group) ||
      Parser.parseComma() || Parser.parseKeyword("scale") || Parser.parseEqual() ||
      Parser.parseType(Scale))
    return {};
  if (succeeded(Parser.parseOptionalComma())) {
    if (Parser.parseKeyword("asymmetric") ||
        (succeeded(Parser.parseOptionalEqual()) && Parser.parseType(ZeroPoint)))
      return {};
    Asymmetric = true;
  }
  if (Parser.parseGreater())
    return {};
  return Parser.getChecked<PackedType>(Parser.getContext(), Code, Group, Scale, Asymmetric,
                                       ZeroPoint);
}

void PackedType::print(AsmPrinter &Printer) const {
  Printer << "<" << getCode() << ", group = " << getGroup() << ", scale = " << getScale();
  if (getAsymmetric())
    Printer << ", asymmetric";
  if (getZeroPoint())
    Printer << " = " << getZeroPoint();
  Printer << ">";
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> EmitError, IntegerType Code,
                                 int64_t Group, FloatType Scale, bool Asymmetric,
                                 FloatType ZeroPoint) {
  if (!Code.isSignless() || Code.getWidth() < 2 || Code.getWidth() > 8)
    return EmitError() << "codes must be signless integers of 2 to 8 bits, found " << Code;
  assert((!ZeroPoint || Asymmetric) && "codes without zero points have no type of zero points");
  if (ZeroPoint && !ZeroPoint.isF16() && !ZeroPoint.isBF16() && !ZeroPoint.isF32())
    return EmitError() << "zero points that are no codes must be f16, bf16 or f32, found "
                       << ZeroPoint;
  return verifyGroups(EmitError, Group, Scale);
}

Type PackedType::getCodeType() const { return getCode(); }
unsigned PackedType::getCodeBits() const { return getCode().getWidth(); }
int64_t PackedType::getGroupSize() const { return getGroup(); }
FloatType PackedType::getScaleType() const { return getScale(); }
bool PackedType::hasZeroPoint() const { return getAsymmetric(); }
Type PackedType::getZeroPointType() const {
  return !getAsymmetric() ? Type() : getZeroPoint() ? Type(getZeroPoint()) : Type(getCode());
}
int64_t PackedType::getImplicitZeroPoint() const { return 0; }
int64_t PackedType::getCodeMin() const {
  return getAsymmetric() ? 0 : -(int64_t(1) << (getCodeBits() - 1));
}
int64_t PackedType::getCodeMax() const {
  return getAsymmetric() ? (int64_t(1) << getCodeBits()) - 1
                         : (int64_t(1) << (getCodeBits() - 1)) - 1;
}

//===- !qopt.scaled ---------------------------------------------------------------------------===//

LogicalResult ScaledType::verify(function_ref<InFlightDiagnostic()> EmitError, FloatType Code,
                                 int64_t Group, FloatType Scale) {
  if (!isa<Float8E4M3FNType>(Code))
    return EmitError() << "codes must be f8E4M3FN, found " << Code;
  return verifyGroups(EmitError, Group, Scale);
}

Type ScaledType::getCodeType() const { return getCode(); }
unsigned ScaledType::getCodeBits() const { return getCode().getWidth(); }
int64_t ScaledType::getGroupSize() const { return getGroup(); }
FloatType ScaledType::getScaleType() const { return getScale(); }
bool ScaledType::hasZeroPoint() const { return false; }
Type ScaledType::getZeroPointType() const { return Type(); }
int64_t ScaledType::getImplicitZeroPoint() const { return 0; }
int64_t ScaledType::getCodeMin() const { return -getCodeMax(); }
int64_t ScaledType::getCodeMax() const { return int64_t(getLargestCode(getCode())); }

double qopt::getLargestCode(Type Code) {
  if (auto Float = dyn_cast<FloatType>(Code))
    return APFloat::getLargest(Float.getFloatSemantics()).convertToDouble();
  return double(getCodeRange(cast<IntegerType>(Code)).second);
}

//===- !qopt.kv_cache -------------------------------------------------------------------------===//

Type KVCacheType::parse(AsmParser &Parser) {
  SmallVector<int64_t> Shape;
  int64_t Capacity = ShapedType::kDynamic;
  Type Key, Value;
  if (Parser.parseLess() ||
      Parser.parseDimensionList(Shape, /*allowDynamic=*/false, /*withTrailingX=*/false) ||
      Parser.parseComma() || Parser.parseKeyword("capacity") || Parser.parseEqual())
    return {};
  if (failed(Parser.parseOptionalQuestion()) && Parser.parseInteger(Capacity))
    return {};
  if (Parser.parseComma() || Parser.parseKeyword("key") || Parser.parseEqual() ||
      Parser.parseType(Key) || Parser.parseComma() || Parser.parseKeyword("value") ||
      Parser.parseEqual() || Parser.parseType(Value) || Parser.parseGreater())
    return {};
  if (Shape.size() != 2) {
    Parser.emitError(Parser.getNameLoc(), "expected heads x head size");
    return {};
  }
  return Parser.getChecked<KVCacheType>(Parser.getContext(), Shape[0], Shape[1], Capacity, Key,
                                        Value);
}

void KVCacheType::print(AsmPrinter &Printer) const {
  Printer << "<" << getHeads() << "x" << getHeadSize() << ", capacity = ";
  if (ShapedType::isDynamic(getCapacity()))
    Printer << "?";
  else
    Printer << getCapacity();
  Printer << ", key = " << getKey() << ", value = " << getValue() << ">";
}

LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> EmitError, int64_t Heads,
                                  int64_t HeadSize, int64_t Capacity, Type Key, Type Value) {
  if (Heads < 1 || HeadSize < 1)
    return EmitError() << "heads and head size must be positive, found " << Heads << "x"
                       << HeadSize;
  if (!ShapedType::isDynamic(Capacity) && Capacity < 1)
    return EmitError() << "capacity must be positive, found " << Capacity;
  for (Type Side : {Key, Value}) {
    auto Stored = dyn_cast<StoredTypeInterface>(Side);
    bool HasRows =
        Stored && Stored.getCodeBits() == 8 && Stored.getGroupSize() == 0 && !Stored.hasZeroPoint();
    if (!HasRows && !Side.isF16() && !Side.isBF16() && !Side.isF32())
      return EmitError() << "a cache stores f32, f16, bf16, or codes of 8 bits with one group and "
                            "no zero point, found "
                         << Side;
  }
  return success();
}

//===- Helpers --------------------------------------------------------------------------------===//

StoredTypeInterface qopt::getStoredElementType(Type Ty) {
  if (auto Tensor = dyn_cast<TensorType>(Ty))
    return dyn_cast<StoredTypeInterface>(Tensor.getElementType());
  return nullptr;
}

RankedTensorType qopt::getReadType(RankedTensorType Ty, FloatType ReadAs) {
  return getStoredElementType(Ty) ? Ty.clone(ReadAs) : Ty;
}
