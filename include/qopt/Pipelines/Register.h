//===- Register.h - explicit registration of everything ---------------------------------------===//
#ifndef QOPT_PIPELINES_REGISTER_H
#define QOPT_PIPELINES_REGISTER_H

namespace mlir {
class DialectRegistry;
}

namespace qopt {
/// The dialects of all levels, and the translations that the targets need.
void registerAllDialects(mlir::DialectRegistry &Registry);
/// All passes, by their command-line names.
void registerAllPasses();
/// All targets. After plugins were loaded, so that targets see their lowerings.
void registerAllTargets();
} // namespace qopt

#endif // QOPT_PIPELINES_REGISTER_H
