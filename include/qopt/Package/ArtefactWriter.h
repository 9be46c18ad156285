// Writes a model.qopt folder:
//
//   Result<ArtefactWriter> W = ArtefactWriter::create("model.qopt",
//   FolderWriter::Existing::Refuse); Status S = W->declareWeights({{"layers.0.attn.q", 9216},
//   ...}); S = W->writeWeight(0, Offset, Data, Size);     // any order, several threads S =
//   W->addFile(artefact::ModuleFile, Bytes);   // generated code S = W->commit(Program, Manifest);
//   // validates, then the folder appears
//
// Without a successful commit nothing remains.
#ifndef QOPT_PACKAGE_ARTEFACTWRITER_H
#define QOPT_PACKAGE_ARTEFACTWRITER_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/FolderWriter.h"
#include "qopt/Package/SafetensorsWriter.h"

#include <optional>
#include <string_view>

namespace qopt {

class ArtefactWriter {
public:
  /// Errors: Usage if Path exists and may not be replaced; Failed from the system.
  static Result<ArtefactWriter> create(const std::string &Path, FolderWriter::Existing Policy);

  /// Names and sizes of all tensors of weights.safetensors, once.
  Status declareWeights(const std::vector<TensorDeclaration> &Tensors);
  /// See SafetensorsWriter::write.
  Status writeWeight(size_t Tensor, int64_t Offset, const void *Data, int64_t Size);
  /// After the last weight: the hash of all data behind the header of weights.safetensors. Errors:
  /// Internal if a tensor is incomplete.
  Result<uint64_t> finishWeights();
  /// A further file of the folder, with its whole contents.
  Status addFile(const std::string &Name, std::string_view Contents);

  /// Validates as a reader would and makes the folder appear. Fills Manifest.Files, and the entries
  /// "weights", "code" and "arena" of Manifest.Bytes. Errors: Internal if the parts do not fit
  /// together, because the compiler made them.
  Status commit(const artefact::Program &Program, artefact::Manifest Manifest);

private:
  FolderWriter Folder;
  Status commitWeights();

  std::optional<SafetensorsWriter> Weights;
  bool WeightsCommitted = false;
  std::vector<artefact::FileRecord> Files;
};

} // namespace qopt

#endif
