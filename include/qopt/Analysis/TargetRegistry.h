//===- TargetRegistry.h - targets by name -----------------------------------------------------===//
//
// Passes that ask a target something take its name as an option. Targets are registered explicitly
// by the pipelines.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_TARGETREGISTRY_H
#define QOPT_ANALYSIS_TARGETREGISTRY_H

#include "qopt/Analysis/Target.h"

#include <memory>

namespace qopt {

class TargetRegistry {
public:
  /// The registry of this process.
  static TargetRegistry &get();
  /// A target of the same name is replaced.
  void add(std::unique_ptr<Target> New);
  /// Null where no target has this name.
  const Target *find(llvm::StringRef Name) const;
  std::vector<llvm::StringRef> getNames() const;

private:
  std::vector<std::unique_ptr<Target>> Targets;
};

/// The target of this name, or an error at `Op` that lists the known ones.
mlir::FailureOr<const Target *> findTarget(mlir::Operation *Op, llvm::StringRef Name);

} // namespace qopt

#endif // QOPT_ANALYSIS_TARGETREGISTRY_H
