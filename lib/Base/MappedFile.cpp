#include "qopt/Base/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qopt {

MappedFile::~MappedFile() {
  if (Size != 0)
    munmap(const_cast<char *>(Data), Size);
}

MappedFile::MappedFile(MappedFile &&Other) noexcept
    : Data(std::exchange(Other.Data, nullptr)), Size(std::exchange(Other.Size, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&Other) noexcept {
  std::swap(Data, Other.Data);
  std::swap(Size, Other.Size);
  return *this;
}

static Status openError(const std::string &Path) {
  if (errno == ELOOP)
    return makeError(StatusCode::BadInput, Path, ": is a symbolic link, which is not allowed here");
  bool Missing = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
  return makeError(Missing ? StatusCode::BadInput : StatusCode::Failed, Path,
                   ": cannot open: ", std::strerror(errno));
}

Result<MappedFile> MappedFile::open(const std::string &Path, Links Policy) {
  // O_NONBLOCK: a pipe in the place of the file must not hang us; map() refuses it.
  int Flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (Policy == Links::Refuse ? O_NOFOLLOW : 0);
  int Descriptor = ::open(Path.c_str(), Flags);
  if (Descriptor < 0)
    return openError(Path);
  Result<MappedFile> File = map(Descriptor, Path);
  close(Descriptor);
  return File;
}

Result<MappedFile> MappedFile::map(int Descriptor, const std::string &Name) {
  struct stat Info;
  if (fstat(Descriptor, &Info) != 0 || !S_ISREG(Info.st_mode))
    return makeError(StatusCode::BadInput, Name, ": is not a regular file");
  MappedFile File;
  if (Info.st_size == 0)
    return File;
  void *Memory = mmap(nullptr, Info.st_size, PROT_READ, MAP_SHARED, Descriptor, 0);
  if (Memory == MAP_FAILED)
    return makeError(StatusCode::Failed, Name, ": cannot map ", Info.st_size,
                     " bytes: ", std::strerror(errno));
  File.Data = static_cast<const char *>(Memory);
  File.Size = Info.st_size;
  return File;
}

} // namespace qopt
