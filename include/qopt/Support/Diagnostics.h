//===- Diagnostics.h - diagnostics as users read them -----------------------------------------===//
//
//   error: model.onnx: node '/blk.3/attn/q': weight has 5 input channels, input has 3
//
// A location that names a node is printed as such; a place in a text file as file:line:column. Notes follow their error.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_DIAGNOSTICS_H
#define QOPT_SUPPORT_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace qopt {

/// Prints the diagnostics of a context on stderr while it lives. With `Quiet` only errors (and their notes) are printed.
class DiagnosticPrinter : public mlir::ScopedDiagnosticHandler {
public:
  DiagnosticPrinter(mlir::MLIRContext *Context, std::string ModelName, bool Quiet);
};

/// The text of one diagnostic, without its notes and the end of the line.
std::string formatDiagnostic(const mlir::Diagnostic &Diag, llvm::StringRef ModelName);

} // namespace qopt

#endif // QOPT_SUPPORT_DIAGNOSTICS_H
