//===- Plugins.h - shared libraries that add dialects, passes and lowerings -------------------===//
#ifndef QOPT_PIPELINES_PLUGINS_H
#define QOPT_PIPELINES_PLUGINS_H

#include "qopt/Base/Status.h"

#include <string>

namespace mlir {
class DialectRegistry;
}

namespace qopt {

/// Loads a library that MLIR knows as a dialect plugin. Errors: BadInput, with the loader's reason.
Status loadDialectPlugin(const std::string &File, mlir::DialectRegistry &Registry);

/// Loads a library that MLIR knows as a pass plugin; its registration function may register
/// lowerings as well.
Status loadPassPlugin(const std::string &File);

} // namespace qopt

#endif // QOPT_PIPELINES_PLUGINS_H
