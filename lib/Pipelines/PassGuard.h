//===- PassGuard.h - what remains when a pass fails or crashes --------------------------------===//
#ifndef QOPT_LIB_PIPELINES_PASSGUARD_H
#define QOPT_LIB_PIPELINES_PASSGUARD_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

#include <memory>
#include <string>

namespace qopt {

/// Makes a pass manager survive a crash of a pass, and write a reproducer for the pass that failed
/// or crashed: the module as the pass got it, in a file of the system's temporary folder that
/// `qopt-opt --run-reproducer` runs. While the guard lives the context has one thread, so that the
/// reproducer holds the one pass.
class PassGuard {
public:
  /// `Name` is part of the file's name.
  PassGuard(mlir::PassManager &Passes, const std::string &Name);
  ~PassGuard();

  /// Whether a pass crashed, when running failed.
  bool sawCrash() const;
  /// Removes the reproducer: the user's request explains the failure.
  void discard();
  /// "; reproducer: FILE", or nothing where there is none.
  std::string describe() const;

  struct State;

private:
  mlir::MLIRContext *Context;
  bool WasThreaded;
  std::shared_ptr<State> Shared;
  /// Keeps MLIR's own words about the failure back: describe() says the same in one line.
  mlir::ScopedDiagnosticHandler Silence;
};

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_PASSGUARD_H
