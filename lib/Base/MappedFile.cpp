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
  // O_NONBLOCK: a pipe in the place of the file must not hang us; it is refused just below.
  int Flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (Policy == Links::Refuse ? O_NOFOLLOW : 0);
  int Descriptor = ::open(Path.c_str(), Flags);
  if (Descriptor < 0)
    return openError(Path);
  struct stat Info;
  if (fstat(Descriptor, &Info) != 0 || !S_ISREG(Info.st_mode)) {
    close(Descriptor);
    return makeError(StatusCode::BadInput, Path, ": is not a regular file");
  }
  MappedFile File;
  if (Info.st_size != 0) {
    void *Memory = mmap(nullptr, Info.st_size, PROT_READ, MAP_SHARED, Descriptor, 0);
    if (Memory == MAP_FAILED) {
      int Error = errno;
      close(Descriptor);
      return makeError(StatusCode::Failed, Path, ": cannot map ", Info.st_size,
                       " bytes: ", std::strerror(Error));
    }
    File.Data = static_cast<const char *>(Memory);
    File.Size = Info.st_size;
  }
  close(Descriptor);
  return File;
}

} // namespace qopt
