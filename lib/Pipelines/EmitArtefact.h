//===- EmitArtefact.h - writes model.qopt -----------------------------------------------------===//
#ifndef QOPT_LIB_PIPELINES_EMITARTEFACT_H
#define QOPT_LIB_PIPELINES_EMITARTEFACT_H

#include "EmitProgram.h"

#include "qopt/Analysis/WeightReader.h"
#include "qopt/Base/FolderWriter.h"
#include "qopt/Support/Progress.h"

namespace qopt {

/// What goes into the artefact beside the program.
struct ArtefactInputs {
  mlir::ModuleOp Module;
  artefact::Program Program;
  artefact::Manifest Manifest;
  CompiledModule Code;
  SourceBytes Sources;
  const Target &TheTarget;
  unsigned Threads = 1;
};

/// Manifest of a module at the kernels level: signature, precision of every weight, caches, limits.
mlir::FailureOr<artefact::Manifest> makeManifest(mlir::ModuleOp Module, const Target &Target,
                                                 const artefact::Program &Program);

/// Packs the weights while writing them; the folder appears only when all of it is there.
Status writeArtefact(ArtefactInputs Inputs, const std::string &Path, FolderWriter::Existing Policy, Progress &Log);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_EMITARTEFACT_H
