// qopt-opt: runs any pass or level of qopt on MLIR text or bytecode.
#include "qopt/Pipelines/Register.h"
#include "qopt/Support/CommandLine.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

/// The flags of mlir-opt, and of all of LLVM, are several hundred; these are the ones that matter
/// here.
static const char HelpText[] =
    R"(qopt-opt: runs passes and levels on MLIR text or bytecode; usage: qopt-opt INPUT [flags]

  qopt-opt model.mlir --qopt-raise
  qopt-opt model.mlir --qopt-to-quantized=weights=i4 --qopt-to-kernels
  qopt-opt model.mlir --pass-pipeline='builtin.module(qopt-assign-precision{weights=i8},qopt-quantize-blocks)'

Levels (docs/Levels.md):
  --qopt-raise                 from what the importer made to the canonical program
  --qopt-to-model              the same, with sizes bound: the level model
  --qopt-to-quantized          from the level model to the level quantized
  --qopt-to-kernels            from the level quantized to the level kernels

Passes:
  --qopt-<verb-object>         one pass; several run in the order given
  --list-passes                all of them, with their options
  --pass-pipeline=<text>       passes with nesting and options
  --load-pass-plugin=<file>    shared library with passes and lowerings
  --load-dialect-plugin=<file> shared library with dialects

Looking closer:
  --verify-each=<bool>         verify the module after every pass (true)
  --verify-diagnostics         compare messages with the expected-error comments of the input
  --split-input-file           every part between lines of // ----- is an input of its own
  --mlir-print-ir-after-all    print the module after every pass
  --mlir-print-ir-after-change print it only where a pass changed something
  --mlir-timing                print how long every pass took
  --mlir-disable-threading     run on one thread

Output:
  -o <file>                    - is standard output, the default
  --emit-bytecode              write bytecode, not text

All flags, those of MLIR and LLVM too: --help-list and --help-list-hidden
exit codes: 0 done, 1 failed or wrong usage
)";

/// mlir-opt only prints that a plugin does not load, and goes on without it.
static llvm::Error checkPlugin(llvm::StringRef Argument) {
  if (Argument.consume_front("--load-pass-plugin="))
    return mlir::PassPlugin::load(Argument.str()).takeError();
  if (Argument.consume_front("--load-dialect-plugin="))
    return mlir::DialectPlugin::load(Argument.str()).takeError();
  return llvm::Error::success();
}

int main(int Argc, char **Argv) {
  if (qopt::wantsHelp(Argc, Argv)) {
    llvm::outs() << HelpText;
    return 0;
  }
  for (const char *Argument : llvm::ArrayRef(Argv, Argc))
    if (llvm::Error Problem = checkPlugin(Argument)) {
      llvm::errs() << "qopt-opt: " << llvm::toString(std::move(Problem)) << "\n";
      return 1;
    }
  mlir::DialectRegistry Registry;
  qopt::registerAllDialects(Registry);
  qopt::registerAllPasses();
  auto [Input, Output] = mlir::registerAndParseCLIOptions(
      Argc, Argv, "qopt: quantization compiler driver\n", Registry);
  // After the plugins, whose lowerings the targets take.
  qopt::registerAllTargets();
  return mlir::asMainReturnCode(mlir::MlirOptMain(Argc, Argv, Input, Output, Registry));
}
