// The entry point of libQOptDialects as a plugin: mlir-opt --load-dialect-plugin=libQOptDialects.so
#include "QKernel/QKernel.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"

/// Both dialects, and the functions that programs are made of.
static void registerDialects(mlir::DialectRegistry *Registry) {
  Registry->insert<qopt::QOptDialect, qopt::qkernel::QKernelDialect, mlir::func::FuncDialect>();
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "QOptDialects", QOPT_VERSION, registerDialects};
}
