#include "qopt/Base/FileWriter.h"

#include "qopt/Base/Interrupts.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qopt {

FileWriter::~FileWriter() {
  if (Descriptor >= 0)
    close(Descriptor);
  if (Temporary.empty())
    return;
  unlink(Temporary.c_str());
  keepWhenInterrupted(Temporary);
}

FileWriter::FileWriter(FileWriter &&Other) noexcept { *this = std::move(Other); }

FileWriter &FileWriter::operator=(FileWriter &&Other) noexcept {
  std::swap(Path, Other.Path);
  std::swap(Temporary, Other.Temporary);
  std::swap(Descriptor, Other.Descriptor);
  std::swap(End, Other.End);
  return *this;
}

Status FileWriter::failure(const char *What) const {
  StatusCode Code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? StatusCode::ResourceLimit
                                                                         : StatusCode::Failed;
  return makeError(Code, Path, ": cannot ", What, ": ", std::strerror(errno));
}

/// mkstemp makes private files; ours get the permissions any new file would have.
static mode_t newFileMode() {
  mode_t Mask = umask(0);
  umask(Mask);
  return 0666 & ~Mask;
}

Result<FileWriter> FileWriter::create(const std::string &Path) {
  // Renaming would replace a device or a pipe by a file.
  struct stat Existing;
  if (stat(Path.c_str(), &Existing) == 0 && !S_ISREG(Existing.st_mode))
    return makeError(StatusCode::Usage, Path, " exists and is no regular file");
  FileWriter Writer;
  Writer.Path = Path;
  std::string Pattern = Path + ".XXXXXX";
  Writer.Descriptor = mkostemp(Pattern.data(), O_CLOEXEC);
  if (Writer.Descriptor < 0)
    return Writer.failure("create");
  Writer.Temporary = Pattern;
  removeWhenInterrupted(Pattern);
  if (fchmod(Writer.Descriptor, newFileMode()) != 0)
    return Writer.failure("set permissions");
  return Writer;
}

Status FileWriter::write(const void *Data, size_t Size) {
  Status S = writeAt(End, Data, Size);
  End += static_cast<int64_t>(Size);
  return S;
}

Status FileWriter::writeAt(int64_t Offset, const void *Data, size_t Size) const {
  const char *Next = static_cast<const char *>(Data);
  while (Size != 0) {
    ssize_t Done = pwrite(Descriptor, Next, Size, Offset);
    if (Done < 0 && errno == EINTR)
      continue;
    if (Done <= 0)
      return failure("write");
    Next += Done;
    Offset += Done;
    Size -= static_cast<size_t>(Done);
  }
  return {};
}

Status FileWriter::resize(int64_t Size) {
  if (ftruncate(Descriptor, Size) != 0)
    return failure("resize");
  return {};
}

Status FileWriter::commit() {
  int Closed = close(std::exchange(Descriptor, -1));
  if (Closed != 0)
    return failure("close");
  if (rename(Temporary.c_str(), Path.c_str()) != 0)
    return failure("rename to its name");
  keepWhenInterrupted(Temporary);
  Temporary.clear();
  return {};
}

Status writeFile(const std::string &Path, std::string_view Contents) {
  Result<FileWriter> Writer = FileWriter::create(Path);
  if (!Writer)
    return Writer.status();
  if (Status S = Writer->write(Contents); !S.ok())
    return S;
  return Writer->commit();
}

} // namespace qopt
