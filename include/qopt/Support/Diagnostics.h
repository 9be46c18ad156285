//===- Diagnostics.h - diagnostics as users read them -----------------------------------------===//
//
//   error: model.onnx: node '/blk.3/attn/q': weight has 5 input channels, input has 3
//
// A location that names a node is printed as such; a place in a text file as file:line:column.
// Notes follow their error.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_DIAGNOSTICS_H
#define QOPT_SUPPORT_DIAGNOSTICS_H

#include "qopt/Base/Status.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/JSON.h"

#include <string>

namespace qopt {

/// Lines for people, or one JSON object per line with the keys severity, code (the exit code of its
/// category), category, file, node, operator, message and notes; what is not known is null.
enum class DiagnosticFormat { Text, Json };

/// Prints the diagnostics of a context on stderr while it lives. With `Quiet` only errors (and
/// their notes) are printed.
class DiagnosticPrinter : public mlir::ScopedDiagnosticHandler {
public:
  DiagnosticPrinter(mlir::MLIRContext *Context, std::string ModelName, bool Quiet,
                    DiagnosticFormat Format = DiagnosticFormat::Text);
};

/// Notes on a diagnostic what its text does not say in a form that a program reads.
void classify(mlir::Diagnostic &Diag, StatusCode Category, llvm::StringRef Operator);

/// The JSON object of one diagnostic.
llvm::json::Object toJson(const mlir::Diagnostic &Diag, llvm::StringRef ModelName);

/// Prints an error that is no diagnostic of a context.
void printError(llvm::raw_ostream &Stream, const Status &Error, DiagnosticFormat Format);

/// The text of one diagnostic, without its notes and the end of the line.
std::string formatDiagnostic(const mlir::Diagnostic &Diag, llvm::StringRef ModelName);

} // namespace qopt

#endif // QOPT_SUPPORT_DIAGNOSTICS_H
