//===- ModelFolder.h - the files of a model, and no others ------------------------------------===//
//
// A model is a file and the files beside it. Every file that a model names is found by descriptor,
// one component of its path at a time, never by comparing strings: no absolute path, no "..", no
// symbolic link, regular files only.
//
// One layout with links is allowed, that of model hubs: where the model file itself is a symbolic
// link, the data may lie beside the file that the link leads to (the canonical model file), under
// the same name, or under the name that a link beside the logical model file gives. Nothing outside
// these two folders is ever opened.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_MODELFOLDER_H
#define QOPT_SUPPORT_MODELFOLDER_H

#include "qopt/Base/MappedFile.h"

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace qopt {

class ModelFolder {
public:
  /// `Path` is a model file, or a folder that holds `model.onnx` or exactly one other `.onnx` file.
  static Result<std::unique_ptr<ModelFolder>> open(const std::string &Path);
  ~ModelFolder();
  ModelFolder(const ModelFolder &) = delete;
  ModelFolder &operator=(const ModelFolder &) = delete;

  /// The model file's name; map() takes it as well.
  const std::string &modelFileName() const { return FileName; }

  /// The bytes of a file by its path relative to the model's folder. Repeated calls share one
  /// mapping. Thread-safe.
  Result<std::shared_ptr<const MappedFile>> map(const std::string &Relative);

  /// Names that map() was asked for and that are fine, but there is no such file.
  std::vector<std::string> absentFiles();

  /// What is allowed but worth a word, each at most once: so far, files with several hard links,
  /// which another folder can change.
  std::vector<std::string> takeWarnings();

private:
  ModelFolder() = default;
  Status openError(const std::string &Path) const;
  Result<int> openRelative(const std::string &Relative) const;
  Result<int> openBesideCanonical(const std::string &Relative) const;

  std::string FileName;
  int Logical = -1;
  /// The folder of the file that a linked model leads to; -1 where the model file is no link.
  int Canonical = -1;
  std::mutex Lock;
  std::map<std::string, std::shared_ptr<const MappedFile>> Files;
  mutable std::set<std::string> Absent;
  std::vector<std::string> Warnings;
};

} // namespace qopt

#endif // QOPT_SUPPORT_MODELFOLDER_H
