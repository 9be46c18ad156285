// The generated definitions of all operations; hand-written parts are in one file per family.
#include "QOpt/QOpt.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

#define GET_OP_CLASSES
#include "QOpt/QOptOps.cpp.inc"
