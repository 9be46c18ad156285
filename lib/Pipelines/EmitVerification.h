//===- EmitVerification.h - cases that show whether a kernel computes what it means -----------===//
#ifndef QOPT_LIB_PIPELINES_EMITVERIFICATION_H
#define QOPT_LIB_PIPELINES_EMITVERIFICATION_H

#include "qopt/Analysis/Target.h"
#include "qopt/Analysis/WeightReader.h"
#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/VerificationFormat.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// For each kernel of the program: its first launch, with that launch's weights, a small and a
/// larger request, made-up inputs, and sampled elements of what the reference evaluation of its
/// region gives. A kernel that the reference cannot run on made-up inputs is listed with the
/// reason. `WeightsHash` is left empty.
artefact::Verification makeVerification(mlir::ModuleOp Module, const Target &Target,
                                        const artefact::Program &Program,
                                        const SourceBytes &Sources);

} // namespace qopt

#endif // QOPT_LIB_PIPELINES_EMITVERIFICATION_H
