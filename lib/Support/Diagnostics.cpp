#include "qopt/Support/Diagnostics.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace qopt;

/// The first name or place in a location that has one.
static LocationAttr findPlace(LocationAttr Loc) {
  LocationAttr Found;
  Loc.walk([&](Location Each) {
    if (!isa<NameLoc, FileLineColLoc>(Each))
      return WalkResult::advance();
    Found = Each;
    return WalkResult::interrupt();
  });
  return Found;
}

static StringRef severityName(DiagnosticSeverity Severity) {
  switch (Severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Note:
  case DiagnosticSeverity::Remark:
    return "note";
  }
  llvm_unreachable("all severities are named");
}

std::string qopt::formatDiagnostic(const Diagnostic &Diag, StringRef ModelName) {
  std::string Message = Diag.str(), Text;
  llvm::raw_string_ostream Stream(Text);
  Stream << severityName(Diag.getSeverity()) << ": ";
  LocationAttr Place = findPlace(Diag.getLocation());
  if (auto File = dyn_cast_or_null<FileLineColLoc>(Place)) {
    Stream << File.getFilename().getValue() << ":" << File.getLine() << ":" << File.getColumn() << ": ";
  } else if (!ModelName.empty()) {
    Stream << ModelName << ": ";
    // The importer's own messages begin with operator and name.
    auto Node = dyn_cast_or_null<NameLoc>(Place);
    if (Node && !StringRef(Message).contains(Node.getName().getValue())) {
      Stream << "node '";
      llvm::printEscapedString(Node.getName().getValue(), Stream);
      Stream << "': ";
    }
  }
  Stream << Message;
  return Text;
}

DiagnosticPrinter::DiagnosticPrinter(MLIRContext *Context, std::string ModelName, bool Quiet)
    : ScopedDiagnosticHandler(Context) {
  // The whole operation below an error helps who debugs a pass, not who compiles a model.
  Context->printOpOnDiagnostic(false);
  setHandler([ModelName = std::move(ModelName), Quiet](Diagnostic &Diag) {
    if (Quiet && Diag.getSeverity() != DiagnosticSeverity::Error)
      return;
    llvm::errs() << formatDiagnostic(Diag, ModelName) << "\n";
    for (const Diagnostic &Note : Diag.getNotes())
      llvm::errs() << "  " << formatDiagnostic(Note, "") << "\n";
  });
}
