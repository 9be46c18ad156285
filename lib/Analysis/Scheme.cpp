#include "qopt/Analysis/Scheme.h"

#include "qopt/Base/NumberFormats.h"

using namespace mlir;
using namespace qopt;

void QuantizedRows::reset(StoredTypeInterface Type, int64_t NewRows, int64_t NewColumns) {
  Rows = NewRows;
  Columns = NewColumns;
  int64_t Group = Type.getGroupSize() ? Type.getGroupSize() : std::max<int64_t>(Columns, 1);
  Groups = llvm::divideCeil(Columns, Group);
  Codes.assign(Rows * Columns, 0);
  Scales.assign(Rows * Groups, 0.0f);
  ZeroPoints.assign(Type.hasZeroPoint() ? Rows * Groups : 0, 0);
}

float QuantizedRows::read(StoredTypeInterface Type, int64_t Row, int64_t Column) const {
  int64_t Group = Type.getGroupSize() ? Column / Type.getGroupSize() : 0;
  float Zero =
      Type.hasZeroPoint() ? ZeroPoints[Row * Groups + Group] : float(Type.getImplicitZeroPoint());
  int16_t Code = Codes[Row * Columns + Column];
  float Number = isa<FloatType>(Type.getCodeType()) ? floatFromFloat8(uint8_t(Code)) : float(Code);
  return (Number - Zero) * Scales[Row * Groups + Group];
}

const Scheme *SchemeRegistry::find(StringRef Name) const {
  for (const std::unique_ptr<Scheme> &Each : Schemes)
    if (Each->getName() == Name)
      return Each.get();
  return nullptr;
}

std::vector<StringRef> SchemeRegistry::getNames() const {
  std::vector<StringRef> Names;
  for (const std::unique_ptr<Scheme> &Each : Schemes)
    Names.push_back(Each->getName());
  return Names;
}

float qopt::roundToScaleType(FloatType Type, float Value) {
  if (Type.isF16())
    return floatFromHalf(halfFromFloat(Value));
  if (Type.isBF16())
    return floatFromBfloat(bfloatFromFloat(Value));
  return Value;
}
