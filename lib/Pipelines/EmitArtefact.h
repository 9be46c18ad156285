//===- EmitArtefact.h - writes model.qopt -----------------------------------------------------===//
#ifndef QOPT_LIB_PIPELINES_EMITARTEFACT_H
#define QOPT_LIB_PIPELINES_EMITARTEFACT_H

#include "EmitProgram.h"

#include "qopt/Analysis/WeightReader.h"
#include "qopt/Base/FolderWriter.h"
#include "qopt/Support/Progress.h"

namespace qopt {

/// What an artefact is made of.
struct ArtefactInputs {
  mlir::ModuleOp Module;
  const Target &TheTarget;
  /// Without versions of the kernels, which come with the code.
  artefact::Program Program;
  artefact::Manifest Manifest;
  SourceBytes Sources;
  /// The form of the code that was asked for.
  llvm::StringRef Emit;
  unsigned Threads = 1;
};

/// Weights that the program reads, in the order of their first launch.
llvm::SmallVector<WeightOp> getUsedWeights(mlir::ModuleOp Module);

/// Manifest of a module at the kernels level: signature, precision of every weight, caches, limits.
mlir::FailureOr<artefact::Manifest> makeManifest(mlir::ModuleOp Module, const Target &Target,
                                                 const artefact::Program &Program);

/// Compiles the kernels and packs the weights while writing them, both at once where there are
/// threads for it; the folder appears only when all of it is there. Returns the bytes of code.
Result<int64_t> writeArtefact(ArtefactInputs Inputs, const std::string &Path,
                              FolderWriter::Existing Policy, Progress &Log);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_EMITARTEFACT_H
