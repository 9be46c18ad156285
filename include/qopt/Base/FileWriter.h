// Files that appear complete or not at all.
#ifndef QOPT_BASE_FILEWRITER_H
#define QOPT_BASE_FILEWRITER_H

#include "qopt/Base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace qopt {

/// Writes to a temporary sibling of Path and renames at commit. Without commit nothing remains.
/// Errors are Failed (ResourceLimit for a full disk) with the path and the system's reason.
class FileWriter {
public:
  FileWriter() = default;
  ~FileWriter();
  FileWriter(FileWriter &&Other) noexcept;
  FileWriter &operator=(FileWriter &&Other) noexcept;

  static Result<FileWriter> create(const std::string &Path);

  /// Appends.
  Status write(const void *Data, size_t Size);
  Status write(std::string_view Text) { return write(Text.data(), Text.size()); }
  /// Writes at an absolute offset; does not move the end for write(). Threads may call it at once.
  Status writeAt(int64_t Offset, const void *Data, size_t Size) const;
  /// Sets the file's length; bytes never written read as zero.
  Status resize(int64_t Size);
  /// Makes the file appear under its name, replacing what was there.
  Status commit();

  const std::string &path() const { return Path; }

private:
  Status failure(const char *What) const;

  std::string Path;
  std::string Temporary;
  int Descriptor = -1;
  int64_t End = 0;
};

/// Writes a whole file in one go.
Status writeFile(const std::string &Path, std::string_view Contents);

} // namespace qopt

#endif
