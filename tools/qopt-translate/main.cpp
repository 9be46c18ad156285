// qopt-translate: an ONNX model as .mlir at the model level.
#include "qopt/Import/ONNX.h"
#include "qopt/Pipelines/Register.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;
using namespace qopt;

static cl::OptionCategory Category("Options of qopt-translate");

static cl::opt<bool> ImportONNX("import-onnx",
                                cl::desc("The input is an ONNX model or a folder that holds one"),
                                cl::cat(Category));
static cl::opt<std::string> InputPath(cl::Positional, cl::desc("<model.onnx or folder>"),
                                      cl::cat(Category));
static cl::opt<std::string> OutputPath("o", cl::desc("Output file (default -)"),
                                       cl::value_desc("file"), cl::init("-"), cl::cat(Category));
static cl::opt<bool> EmitBytecode("emit-bytecode", cl::desc("Write MLIR bytecode, not text"),
                                  cl::cat(Category));
static cl::opt<bool>
    AllowMissingData("allow-missing-data",
                     cl::desc("Import from shapes alone where external data is absent"),
                     cl::cat(Category));

static int fail(StatusCode Code, const Twine &Message) {
  errs() << "qopt-translate: " << Message << "\n";
  return int(Code);
}

static int writeModule(mlir::ModuleOp Module) {
  std::string Problem;
  auto Output = mlir::openOutputFile(OutputPath, &Problem);
  if (!Output)
    return fail(StatusCode::Failed, Problem);
  if (!EmitBytecode)
    Module.print(Output->os());
  else if (failed(mlir::writeBytecodeToFile(Module, Output->os())))
    return fail(StatusCode::Failed, "cannot write " + OutputPath);
  Output->os().flush();
  if (Output->os().has_error())
    return fail(StatusCode::Failed,
                "cannot write " + OutputPath + ": " + Output->os().error().message());
  Output->keep();
  return 0;
}

static int importModel() {
  mlir::DialectRegistry Registry;
  registerAllDialects(Registry);
  mlir::MLIRContext Context(Registry);
  Context.getDiagEngine().registerHandler([](mlir::Diagnostic &D) {
    bool IsWarning = D.getSeverity() == mlir::DiagnosticSeverity::Warning;
    errs() << "qopt-translate: " << (IsWarning ? "warning: " : "error: ") << D.str() << "\n";
    return mlir::success();
  });
  auto Folder = ModelFolder::open(InputPath);
  if (!Folder)
    return fail(Folder.status().code(), "error: " + Folder.status().message());
  ImportOptions Options;
  Options.AllowMissingData = AllowMissingData;
  auto Module = importONNX(Context, **Folder, Options);
  if (!Module)
    return fail(Module.status().code(), Module.status().message());
  return writeModule(**Module);
}

int main(int Argc, char **Argv) {
  cl::HideUnrelatedOptions(Category);
  std::string Problem;
  raw_string_ostream Problems(Problem);
  bool Parsed =
      cl::ParseCommandLineOptions(Argc, Argv,
                                  "qopt-translate: imports a model to .mlir at the model level\n\n"
                                  "  qopt-translate --import-onnx model.onnx -o model.mlir\n\n"
                                  "Exit codes: 0 done, 2 wrong usage, 3 bad or unsafe input, 4 "
                                  "unsupported operator or type, 6 resource limit\n",
                                  &Problems);
  if (!Parsed)
    return fail(StatusCode::Usage, StringRef(Problem).trim() + "\nSee qopt-translate --help.");
  if (InputPath.empty() || !ImportONNX)
    return fail(StatusCode::Usage,
                "name a model: qopt-translate --import-onnx model.onnx (see --help)");
  return importModel();
}
