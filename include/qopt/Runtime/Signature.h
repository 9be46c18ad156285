// What a program takes and gives when it is run from inputs to outputs.
#ifndef QOPT_RUNTIME_SIGNATURE_H
#define QOPT_RUNTIME_SIGNATURE_H

#include "qopt/Base/ArtefactFormat.h"

#include <vector>

namespace qopt::runtime {

/// Inputs and outputs with shapes over symbols that the inputs' sizes decide. A graph's are those
/// of its table. A decoder has them when it was compiled with the signature of its ONNX file: then
/// the symbols are `batch`, `tokens` and `past`, in this order, and values stand as in the file.
struct Signature {
  std::vector<artefact::Symbol> Symbols;
  std::vector<artefact::Buffer> Inputs, Outputs;

  static Signature ofGraph(const artefact::Program &Program);
  static Signature ofDecoder(const artefact::Manifest &Manifest);

  /// The index of an input with this name, if there is one.
  const artefact::Buffer *findInput(const std::string &Name) const;
};

} // namespace qopt::runtime

#endif
