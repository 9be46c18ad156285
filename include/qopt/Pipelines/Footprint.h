//===- Footprint.h - the bytes that a program takes -------------------------------------------===//
//
// Read off the layouts, the launch table and the limits: from shapes alone, before any weight is
// read.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_PIPELINES_FOOTPRINT_H
#define QOPT_PIPELINES_FOOTPRINT_H

#include "QOpt/QOpt.h"
#include "qopt/Base/ArtefactFormat.h"

namespace qopt {

struct Footprint {
  /// Of the weights in their layouts: codes, the scales and zero points that belong to them, and
  /// tensors that are not stored as codes.
  int64_t Codes = 0, Scales = 0, Others = 0;
  /// weights.safetensors: the weights, its header and padding.
  int64_t WeightsFile = 0;
  /// Caches of all rows at full context; rotary tables.
  int64_t Caches = 0, Tables = 0;
  /// Intermediate results of the largest request; scratch memory of each worker.
  int64_t Arena = 0, Scratch = 0;

  int64_t weights() const { return Codes + Scales + Others; }
  /// What a running program holds, its code aside, with one worker.
  int64_t memory() const { return WeightsFile + Caches + Tables + Arena + Scratch; }
};

/// Nothing where a size does not fit 63 bits.
std::optional<Footprint> measureFootprint(llvm::ArrayRef<WeightOp> Weights,
                                          const artefact::Program &Program,
                                          const artefact::Manifest &Manifest);

} // namespace qopt

#endif // QOPT_PIPELINES_FOOTPRINT_H
