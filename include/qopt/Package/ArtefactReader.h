// Opens a model.qopt folder.
#ifndef QOPT_PACKAGE_ARTEFACTREADER_H
#define QOPT_PACKAGE_ARTEFACTREADER_H

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Status.h"
#include "qopt/Package/Safetensors.h"

#include <string>

namespace qopt {

/// A validated artefact. Weights are mapped; code is only known to be undamaged, not loaded.
struct Artefact {
  std::string Folder;       ///< absolute, without symbolic links
  std::string ManifestText; ///< as in the file
  artefact::Manifest Manifest;
  artefact::Program Program;
  SafetensorsFile Weights;

  std::string filePath(const std::string &Name) const { return Folder + "/" + Name; }
};

/// Reads and validates everything but the contents of the weights. Sizes and hashes of the other
/// files must be those in the manifest. Code files must be regular files in the folder itself.
/// Errors: BadInput; Unsupported for a newer schema; Failed from the system.
Result<Artefact> openArtefact(const std::string &Path);

} // namespace qopt

#endif
