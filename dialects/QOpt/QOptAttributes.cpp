#include "QOpt/QOpt.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

#define GET_ATTRDEF_CLASSES
#include "QOpt/QOptAttributes.cpp.inc"

void QOptDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "QOpt/QOptAttributes.cpp.inc"
      >();
}

LogicalResult SymbolAttr::verify(function_ref<InFlightDiagnostic()> EmitError, StringRef Name,
                                 int64_t Min, int64_t Max, int64_t Divisor) {
  if (Name.empty())
    return EmitError() << "a symbol needs a name";
  if (Min < 0 || (Max != -1 && Max < Min))
    return EmitError() << "symbol '" << Name << "' has an empty range " << Min << ".." << Max;
  if (Divisor < 1)
    return EmitError() << "symbol '" << Name << "' has divisor " << Divisor
                       << ", expected 1 or more";
  return success();
}

LogicalResult SourceAttr::verify(function_ref<InFlightDiagnostic()> EmitError, StringRef File,
                                 int64_t Offset, int64_t Length, RankedTensorType Ty, uint64_t) {
  if (Offset < 0 || Length < 0)
    return EmitError() << "source '" << File << "' has offset " << Offset << " and length "
                       << Length << ", expected non-negative numbers";
  if (!Ty.hasStaticShape() || !Ty.getElementType().isIntOrFloat())
    return EmitError() << "source '" << File << "' has type " << Ty
                       << ", expected a static tensor of numbers";
  int64_t Bits = Ty.getElementTypeBitWidth();
  for (int64_t Size : Ty.getShape())
    if (llvm::MulOverflow(Bits, Size, Bits))
      return EmitError() << "source '" << File << "' has type " << Ty << ", whose size overflows";
  if (llvm::divideCeil(Bits, 8) != uint64_t(Length))
    return EmitError() << "source '" << File << "' holds " << Length << " bytes, but " << Ty
                       << " needs " << llvm::divideCeil(Bits, 8);
  if (Offset > std::numeric_limits<int64_t>::max() - Length)
    return EmitError() << "source '" << File << "' ends beyond the largest offset of a file";
  return success();
}
