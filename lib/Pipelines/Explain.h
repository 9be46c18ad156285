//===- Explain.h - what was decided, and why --------------------------------------------------===//
#ifndef QOPT_LIB_PIPELINES_EXPLAIN_H
#define QOPT_LIB_PIPELINES_EXPLAIN_H

#include "qopt/Base/ArtefactFormat.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// The text of --explain: each tensor's precision, bytes and reason; each launch with its kernel,
/// lowering, compute type and the operations that it holds; each operation that stayed alone.
std::string explainProgram(mlir::ModuleOp Module, const artefact::Manifest &Manifest);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_EXPLAIN_H
