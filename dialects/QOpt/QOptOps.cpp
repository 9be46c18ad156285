// The generated definitions of all operations; hand-written parts are in one file per family.
#include "QOpt/QOpt.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace qopt;

/// `[1.00000000e+00, ...]`: nine digits, with which every f32 comes back as it was.
static ParseResult parseExactFloats(OpAsmParser &Parser, DenseF32ArrayAttr &Floats) {
  SmallVector<float> Values;
  auto ParseOne = [&]() -> ParseResult {
    double Value;
    if (Parser.parseFloat(Value))
      return failure();
    Values.push_back(float(Value));
    return success();
  };
  if (Parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, ParseOne))
    return failure();
  Floats = DenseF32ArrayAttr::get(Parser.getContext(), Values);
  return success();
}

static void printExactFloats(OpAsmPrinter &Printer, Operation *, DenseF32ArrayAttr Floats) {
  Printer << "[";
  llvm::interleaveComma(Floats.asArrayRef(), Printer,
                        [&](float Value) { Printer.getStream() << llvm::format("%.8e", Value); });
  Printer << "]";
}

#define GET_OP_CLASSES
#include "QOpt/QOptOps.cpp.inc"
