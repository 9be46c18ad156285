#include "qopt/Support/Diagnostics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
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
    Stream << File.getFilename().getValue() << ":" << File.getLine() << ":" << File.getColumn()
           << ": ";
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

//===- for programs ---------------------------------------------------------------------------===//

static StringRef categoryName(StatusCode Code) {
  switch (Code) {
  case StatusCode::Ok:
    return "ok";
  case StatusCode::Failed:
    return "failed";
  case StatusCode::Usage:
    return "usage";
  case StatusCode::BadInput:
    return "bad input";
  case StatusCode::Unsupported:
    return "unsupported";
  case StatusCode::BudgetMissed:
    return "budget missed";
  case StatusCode::ResourceLimit:
    return "resource limit";
  case StatusCode::Internal:
    return "internal";
  }
  llvm_unreachable("all categories are named");
}

void qopt::classify(Diagnostic &Diag, StatusCode Category, StringRef Operator) {
  MLIRContext *Context = Diag.getLocation().getContext();
  Diag.getMetadata().push_back(DiagnosticArgument(
      Attribute(IntegerAttr::get(IntegerType::get(Context, 64), int64_t(Category)))));
  Diag.getMetadata().push_back(DiagnosticArgument(Attribute(StringAttr::get(Context, Operator))));
}

/// What classify() noted, if it did.
template <typename T> static T findNote(const Diagnostic &Diag) {
  for (const DiagnosticArgument &Note : const_cast<Diagnostic &>(Diag).getMetadata())
    if (Note.getKind() == DiagnosticArgument::DiagnosticArgumentKind::Attribute)
      if (auto Found = dyn_cast<T>(Note.getAsAttribute()))
        return Found;
  return {};
}

static llvm::json::Value textOrNull(StringRef Text) {
  return Text.empty() ? llvm::json::Value(nullptr) : llvm::json::Value(llvm::json::fixUTF8(Text));
}

/// The operator that was noted, or the one that a verifier's message begins with: "'qopt.linear' op
/// ...".
static std::string findOperator(const Diagnostic &Diag, StringRef Message) {
  if (auto Noted = findNote<StringAttr>(Diag); Noted && !Noted.empty())
    return Noted.str();
  auto [Name, Rest] = Message.drop_front(Message.starts_with("'")).split("' op ");
  return Message.starts_with("'") && !Rest.empty() ? Name.str() : "";
}

llvm::json::Object qopt::toJson(const Diagnostic &Diag, StringRef ModelName) {
  std::string Message = Diag.str();
  LocationAttr Place = findPlace(Diag.getLocation());
  auto File = dyn_cast_or_null<FileLineColLoc>(Place);
  auto Node = dyn_cast_or_null<NameLoc>(Place);
  llvm::json::Object Object{{"severity", severityName(Diag.getSeverity())},
                            {"file", textOrNull(File ? File.getFilename().getValue() : ModelName)},
                            {"node", textOrNull(Node ? Node.getName().getValue() : "")},
                            {"operator", textOrNull(findOperator(Diag, Message))},
                            {"message", llvm::json::fixUTF8(Message)}};
  if (File)
    Object["line"] = File.getLine();
  auto Category = findNote<IntegerAttr>(Diag);
  Object["code"] = Category ? llvm::json::Value(Category.getInt()) : llvm::json::Value(nullptr);
  Object["category"] = Category ? llvm::json::Value(categoryName(StatusCode(Category.getInt())))
                                : llvm::json::Value(nullptr);
  llvm::json::Array Notes;
  for (const Diagnostic &Note : Diag.getNotes())
    Notes.push_back(llvm::json::fixUTF8(Note.str()));
  Object["notes"] = std::move(Notes);
  return Object;
}

void qopt::printError(llvm::raw_ostream &Stream, const Status &Error, DiagnosticFormat Format) {
  if (Format == DiagnosticFormat::Text) {
    Stream << "error: " << Error.message() << "\n";
    return;
  }
  Stream << llvm::json::Value(llvm::json::Object{{"severity", "error"},
                                                 {"code", Error.exitCode()},
                                                 {"category", categoryName(Error.code())},
                                                 {"file", nullptr},
                                                 {"node", nullptr},
                                                 {"operator", nullptr},
                                                 {"message", llvm::json::fixUTF8(Error.message())},
                                                 {"notes", llvm::json::Array()}})
         << "\n";
}

//===- the handler ----------------------------------------------------------------------------===//

DiagnosticPrinter::DiagnosticPrinter(MLIRContext *Context, std::string ModelName, bool Quiet,
                                     DiagnosticFormat Format)
    : ScopedDiagnosticHandler(Context) {
  // The whole operation below an error helps who debugs a pass, not who compiles a model.
  Context->printOpOnDiagnostic(false);
  setHandler([ModelName = std::move(ModelName), Quiet, Format](Diagnostic &Diag) {
    if (Quiet && Diag.getSeverity() != DiagnosticSeverity::Error)
      return;
    if (Format == DiagnosticFormat::Json) {
      llvm::errs() << llvm::json::Value(toJson(Diag, ModelName)) << "\n";
      return;
    }
    llvm::errs() << formatDiagnostic(Diag, ModelName) << "\n";
    for (const Diagnostic &Note : Diag.getNotes())
      llvm::errs() << "  " << formatDiagnostic(Note, "") << "\n";
  });
}
