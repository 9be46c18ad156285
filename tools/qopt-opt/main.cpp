// qopt-opt: runs any pass or level of qopt on MLIR text or bytecode.
#include "qopt/Pipelines/Register.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int Argc, char **Argv) {
  mlir::DialectRegistry Registry;
  qopt::registerAllDialects(Registry);
  qopt::registerAllPasses();
  qopt::registerAllTargets();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(Argc, Argv, "qopt: quantization compiler driver\n", Registry));
}
