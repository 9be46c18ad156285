// Reads safetensors files: an 8-byte little-endian header size, a JSON header, then the data.
#ifndef QOPT_PACKAGE_SAFETENSORS_H
#define QOPT_PACKAGE_SAFETENSORS_H

#include "qopt/Base/MappedFile.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace qopt {

/// A tensor inside the mapping.
struct SafetensorsEntry {
  std::string Type; ///< as the file spells it: "F32", "BF16", "U8"…
  std::vector<int64_t> Shape;
  const char *Data = nullptr;
  int64_t Bytes = 0;
};

/// An open file. It is validated whole: header at most 100 MB, sizes agree with types and shapes,
/// no two tensors overlap, no byte is left over.
class SafetensorsFile {
public:
  SafetensorsFile() = default;

  /// Errors: BadInput, with the tensor and the numbers.
  static Result<SafetensorsFile> open(const std::string &Path);

  /// The tensor with this name, or nullptr.
  const SafetensorsEntry *find(const std::string &Name) const;
  const std::map<std::string, SafetensorsEntry> &entries() const { return Entries; }
  const std::map<std::string, std::string> &metadata() const { return Metadata; }

  const char *data() const { return File.data(); }
  size_t size() const { return File.size(); }
  /// Size field and header, the part that a FileRecord hashes.
  std::string_view header() const { return {File.data(), HeaderEnd}; }

private:
  MappedFile File;
  size_t HeaderEnd = 0;
  std::map<std::string, SafetensorsEntry> Entries;
  std::map<std::string, std::string> Metadata;
};

} // namespace qopt

#endif
