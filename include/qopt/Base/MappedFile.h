// A read-only view of a file.
#ifndef QOPT_BASE_MAPPEDFILE_H
#define QOPT_BASE_MAPPEDFILE_H

#include "qopt/Base/Status.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace qopt {

/// A regular file mapped into memory, shared with every other process that maps it and not counted
/// as private memory. The file must not shrink while it is mapped.
class MappedFile {
public:
  enum class Links { Follow, Refuse };

  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile &&Other) noexcept;
  MappedFile &operator=(MappedFile &&Other) noexcept;

  /// Errors: BadInput if there is no such regular file (or it is a symbolic link and Links says
  /// Refuse); Failed if the system refuses.
  static Result<MappedFile> open(const std::string &Path, Links Policy = Links::Follow);

  /// Maps a file that is already open; `Name` is what messages call it. The descriptor stays open.
  static Result<MappedFile> map(int Descriptor, const std::string &Name);

  const char *data() const { return Data; }
  size_t size() const { return Size; }
  std::string_view text() const { return {Data, Size}; }

private:
  const char *Data = nullptr;
  size_t Size = 0;
};

} // namespace qopt

#endif
