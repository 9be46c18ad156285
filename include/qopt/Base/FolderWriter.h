// Folders that appear complete or not at all.
#ifndef QOPT_BASE_FOLDERWRITER_H
#define QOPT_BASE_FOLDERWRITER_H

#include "qopt/Base/Status.h"

#include <string>

namespace qopt {

/// Fills a temporary sibling of Path and renames it at commit. Without commit nothing remains.
class FolderWriter {
public:
  enum class Existing {
    Refuse,         ///< an error if Path exists
    ReplaceArtefact ///< replace Path if it is a folder with a manifest.json, and nothing else
  };

  FolderWriter() = default;
  ~FolderWriter();
  FolderWriter(FolderWriter &&Other) noexcept;
  FolderWriter &operator=(FolderWriter &&Other) noexcept;

  /// Errors: Usage if Path exists and may not be replaced; Failed if the system refuses.
  static Result<FolderWriter> create(const std::string &Path, Existing Policy);

  /// Where to write a file of this name.
  std::string filePath(const std::string &Name) const { return Temporary + "/" + Name; }
  /// The final path, for messages.
  const std::string &path() const { return Path; }
  /// Makes the folder appear under its name. The old one, if any, is removed afterwards.
  Status commit();

private:
  std::string Path;
  std::string Temporary;
  Existing Policy = Existing::Refuse;
};

} // namespace qopt

#endif
