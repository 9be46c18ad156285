//===- Raise.h - from what exporters write to the canonical program ---------------------------===//
#ifndef QOPT_PIPELINES_RAISE_H
#define QOPT_PIPELINES_RAISE_H

namespace mlir {
class OpPassManager;
}

namespace qopt {

/// Raises an imported module to the canonical form of the `model` level; see qopt-raise-kv-cache
/// for `KeepSignature`.
void buildRaisingPipeline(mlir::OpPassManager &Manager, bool KeepSignature = false);

/// Registers it as `--qopt-raise`.
void registerRaisingPipeline();

} // namespace qopt

#endif // QOPT_PIPELINES_RAISE_H
