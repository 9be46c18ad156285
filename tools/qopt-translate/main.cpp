// qopt-translate: an ONNX model as .mlir at the model level.
#include "qopt/Import/ONNX.h"
#include "qopt/Pipelines/Register.h"
#include "qopt/Support/CommandLine.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;
using namespace qopt;

namespace {
/// The flags of this tool alone: LLVM's own are forgotten before these are made.
struct Flags {
  cl::OptionCategory Options{"Options"};
  cl::opt<std::string> Input{cl::Positional, cl::desc("<model.onnx or folder>"), cl::cat(Options)};
  cl::opt<bool> ImportONNX{"import-onnx",
                           cl::desc("the input is an ONNX model or a folder that holds one"),
                           cl::cat(Options)};
  cl::opt<std::string> Output{"o", cl::init("-"),
                              cl::desc("output file (- is standard output, the default)"),
                              cl::value_desc("file"), cl::cat(Options)};
  cl::opt<bool> EmitBytecode{"emit-bytecode", cl::desc("write MLIR bytecode, not text"),
                             cl::cat(Options)};
  cl::opt<bool> AllowMissingData{
      "allow-missing-data",
      cl::desc("import from shapes alone: external data may be absent, and hashes are 0"),
      cl::cat(Options)};
  cl::opt<bool> Quiet{"quiet", cl::desc("print errors only"), cl::cat(Options)};
};
} // namespace

static Flags &flags() {
  static Flags Instance;
  return Instance;
}

static const ToolHelp Help = {"qopt-translate: what an ONNX model says, in the operations of the "
                              "qopt dialect, before any pass\n"
                              "usage: qopt-translate --import-onnx MODEL [flags]",
                              R"(  qopt-translate --import-onnx model.onnx -o model.mlir
  qopt-translate --import-onnx model-folder/ --emit-bytecode -o model.mlirbc
  qopt-translate --import-onnx model.onnx | qopt-opt --qopt-raise
)",
                              "0 done, 1 cannot write, 2 wrong usage, 3 bad or unsafe input, 4 "
                              "unsupported operator or type,\n"
                              "            6 resource limit, 70 internal error"};

static int fail(StatusCode Code, const Twine &Message) {
  errs() << "qopt-translate: " << Message << "\n";
  return int(Code);
}

static int writeModule(mlir::ModuleOp Module) {
  std::string Problem;
  auto Output = mlir::openOutputFile(flags().Output, &Problem);
  if (!Output)
    return fail(StatusCode::Failed, Problem);
  if (!flags().EmitBytecode)
    Module.print(Output->os());
  else if (failed(mlir::writeBytecodeToFile(Module, Output->os())))
    return fail(StatusCode::Failed, "cannot write " + flags().Output);
  Output->os().flush();
  if (Output->os().has_error())
    return fail(StatusCode::Failed,
                "cannot write " + flags().Output + ": " + Output->os().error().message());
  Output->keep();
  return 0;
}

static int importModel() {
  mlir::DialectRegistry Registry;
  registerAllDialects(Registry);
  mlir::MLIRContext Context(Registry);
  Context.getDiagEngine().registerHandler([](mlir::Diagnostic &D) {
    bool IsWarning = D.getSeverity() == mlir::DiagnosticSeverity::Warning;
    if (flags().Quiet && D.getSeverity() != mlir::DiagnosticSeverity::Error)
      return mlir::success();
    errs() << "qopt-translate: " << (IsWarning ? "warning: " : "error: ") << D.str() << "\n";
    return mlir::success();
  });
  auto Folder = ModelFolder::open(flags().Input);
  if (!Folder)
    return fail(Folder.status().code(), "error: " + Folder.status().message());
  ImportOptions Options;
  Options.ShapesOnly = flags().AllowMissingData;
  auto Module = importONNX(Context, **Folder, Options);
  if (!Module)
    return fail(Module.status().code(), Module.status().message());
  return writeModule(**Module);
}

int main(int Argc, char **Argv) {
  cl::ResetCommandLineParser();
  auto Helped = parseCommandLine(Argc, Argv, Help, {&flags().Options});
  if (!Helped)
    return fail(StatusCode::Usage, Helped.status().message() + "\nSee qopt-translate --help.");
  if (*Helped)
    return 0;
  if (flags().Input.empty() || !flags().ImportONNX)
    return fail(StatusCode::Usage,
                "name a model: qopt-translate --import-onnx model.onnx (see --help)");
  return importModel();
}
