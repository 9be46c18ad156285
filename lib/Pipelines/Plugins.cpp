#include "qopt/Pipelines/Plugins.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace qopt;

Status qopt::loadDialectPlugin(const std::string &File, mlir::DialectRegistry &Registry) {
  auto Plugin = mlir::DialectPlugin::load(File);
  if (!Plugin)
    return makeError(StatusCode::BadInput, File, ": ", llvm::toString(Plugin.takeError()));
  Plugin->registerDialectRegistryCallbacks(Registry);
  return Status();
}

Status qopt::loadPassPlugin(const std::string &File) {
  auto Plugin = mlir::PassPlugin::load(File);
  if (!Plugin)
    return makeError(StatusCode::BadInput, File, ": ", llvm::toString(Plugin.takeError()));
  Plugin->registerPassRegistryCallbacks();
  return Status();
}
