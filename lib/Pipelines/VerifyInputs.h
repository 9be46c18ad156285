//===- VerifyInputs.h - made-up arguments that a kernel can run on ----------------------------===//
#ifndef QOPT_LIB_PIPELINES_VERIFYINPUTS_H
#define QOPT_LIB_PIPELINES_VERIFYINPUTS_H

#include "QKernel/QKernel.h"
#include "qopt/Base/Expression.h"

#include "llvm/ADT/ArrayRef.h"

namespace qopt {

/// Values of the program's symbols for a request of one token, and for a larger one of several rows
/// and tokens.
llvm::SmallVector<int64_t> chooseSmallRequest(llvm::ArrayRef<SymbolAttr> Symbols);
llvm::SmallVector<int64_t> chooseLargeRequest(llvm::ArrayRef<SymbolAttr> Symbols);

/// Values that an integer argument may take, from what reads it: indices of a table lie in it,
/// cached tokens leave room for new ones. 0 and 1 where nothing is known. `Context` bounds
/// positions that no cache bounds.
Interval chooseRange(mlir::BlockArgument Argument, llvm::ArrayRef<int64_t> Symbols,
                     int64_t Context);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_VERIFYINPUTS_H
