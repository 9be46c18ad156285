#include "qopt/Support/ModelFolder.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qopt;

namespace {

/// Closes a descriptor at the end of a scope.
struct Descriptor {
  int Number;
  explicit Descriptor(int Number) : Number(Number) {}
  Descriptor(const Descriptor &) = delete;
  ~Descriptor() {
    if (Number >= 0)
      close(Number);
  }
  int release() { return std::exchange(Number, -1); }
};

constexpr int FolderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
// O_NONBLOCK: a pipe in the place of a file must not hang us.
constexpr int FileFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

bool isSameFile(int A, int B) {
  struct stat First, Second;
  return fstat(A, &First) == 0 && fstat(B, &Second) == 0 && First.st_dev == Second.st_dev &&
         First.st_ino == Second.st_ino;
}

/// Splits at slashes; failure where the path could lead out of its folder by its text alone.
Result<std::vector<std::string>> splitPath(const std::string &Path) {
  auto Refuse = [&](const char *Why) {
    return makeError(StatusCode::BadInput, "'", Path, "': ", Why);
  };
  if (Path.empty())
    return Refuse("an empty path names no file");
  if (Path.front() == '/' || Path.find('\0') != std::string::npos)
    return Refuse("must be relative to the model's folder");
  std::vector<std::string> Parts;
  for (size_t Begin = 0; Begin <= Path.size();) {
    size_t End = std::min(Path.find('/', Begin), Path.size());
    std::string Part = Path.substr(Begin, End - Begin);
    if (Part == "..")
      return Refuse("leads out of the model's folder");
    if (Part != "." && !Part.empty())
      Parts.push_back(std::move(Part));
    Begin = End + 1;
  }
  if (Parts.empty())
    return Refuse("names a folder");
  return Parts;
}

/// Opens a file below a folder, one component at a time and following no link. On failure returns
/// -1 and leaves errno.
int openBeneath(int Folder, const std::vector<std::string> &Parts) {
  int Current = Folder;
  for (size_t I = 0; I + 1 < Parts.size(); ++I) {
    int Next = openat(Current, Parts[I].c_str(), FolderFlags | O_NOFOLLOW);
    int Error = errno;
    if (Current != Folder)
      close(Current);
    if (Next < 0) {
      // A link is "not a folder" to O_PATH | O_DIRECTORY | O_NOFOLLOW; both are refused.
      errno = Error;
      return -1;
    }
    Current = Next;
  }
  int File = openat(Current, Parts.back().c_str(), FileFlags | O_NOFOLLOW);
  int Error = errno;
  if (Current != Folder)
    close(Current);
  errno = Error;
  return File;
}

std::pair<std::string, std::string> splitFileName(const std::string &Path) {
  size_t Slash = Path.rfind('/');
  if (Slash == std::string::npos)
    return {".", Path};
  return {Slash == 0 ? "/" : Path.substr(0, Slash), Path.substr(Slash + 1)};
}

/// The model's name in a folder: model.onnx, else the only .onnx file.
Result<std::string> findModel(const std::string &Folder) {
  DIR *Stream = opendir(Folder.c_str());
  if (!Stream)
    return makeError(StatusCode::Failed, Folder,
                     ": cannot read the folder: ", std::strerror(errno));
  std::vector<std::string> Names;
  while (dirent *Entry = readdir(Stream)) {
    std::string Name = Entry->d_name;
    if (Name.size() > 5 && Name.compare(Name.size() - 5, 5, ".onnx") == 0)
      Names.push_back(Name);
  }
  closedir(Stream);
  if (std::find(Names.begin(), Names.end(), "model.onnx") != Names.end())
    return std::string("model.onnx");
  if (Names.size() == 1)
    return Names.front();
  if (Names.empty())
    return makeError(StatusCode::BadInput, Folder, ": the folder holds no .onnx file");
  std::sort(Names.begin(), Names.end());
  return makeError(StatusCode::BadInput, Folder, ": the folder holds ", Names.size(),
                   " .onnx files and none is model.onnx; name one, for example ", Names.front());
}

/// Folder of the file that a chain of links ends at, or an empty string.
std::string canonicalFolder(const std::string &Path) {
  char *Real = realpath(Path.c_str(), nullptr);
  std::string Folder = Real ? splitFileName(Real).first : "";
  free(Real);
  return Folder;
}

} // namespace

ModelFolder::~ModelFolder() {
  for (int Folder : {Logical, Canonical})
    if (Folder >= 0)
      close(Folder);
}

Result<std::unique_ptr<ModelFolder>> ModelFolder::open(const std::string &Path) {
  std::string Full = Path;
  struct stat Info;
  if (stat(Path.c_str(), &Info) != 0)
    return makeError(StatusCode::BadInput, Path, ": cannot open: ", std::strerror(errno));
  if (S_ISDIR(Info.st_mode)) {
    Result<std::string> Name = findModel(Path);
    if (!Name)
      return Name.status();
    Full = Path + "/" + *Name;
  }
  std::unique_ptr<ModelFolder> Model(new ModelFolder());
  auto [Folder, Name] = splitFileName(Full);
  Model->FileName = Name;
  Model->Logical = ::open(Folder.c_str(), FolderFlags);
  if (Model->Logical < 0)
    return makeError(StatusCode::Failed, Folder, ": cannot open: ", std::strerror(errno));
  if (fstatat(Model->Logical, Name.c_str(), &Info, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISLNK(Info.st_mode))
    Model->Canonical = ::open(canonicalFolder(Full).c_str(), FolderFlags);

  // The model file is what the user named: a link there is the user's choice.
  Descriptor File(openat(Model->Logical, Name.c_str(), FileFlags));
  if (File.Number < 0)
    return makeError(StatusCode::BadInput, Full, ": cannot open: ", std::strerror(errno));
  Result<MappedFile> Mapped = MappedFile::map(File.Number, Full);
  if (!Mapped)
    return Mapped.status();
  Model->Files[Name] = std::make_shared<const MappedFile>(std::move(*Mapped));
  return Model;
}

Status ModelFolder::openError(const std::string &Path) const {
  if (errno == ELOOP)
    return makeError(StatusCode::BadInput, "'", Path,
                     "': is a symbolic link that leads out of the model's folder");
  if (errno == ENOENT) {
    Absent.insert(Path);
    return makeError(StatusCode::BadInput, "'", Path,
                     "': there is no such file in the model's folder");
  }
  if (errno == ENOTDIR)
    return makeError(StatusCode::BadInput, "'", Path,
                     "': a part of the path is a symbolic link or not a folder");
  return makeError(errno == ENAMETOOLONG ? StatusCode::BadInput : StatusCode::Failed, "'", Path,
                   "': cannot open: ", std::strerror(errno));
}

/// Where the logical name is a link or missing: the file beside the canonical model file that it
/// stands for.
Result<int> ModelFolder::openBesideCanonical(const std::string &Relative) const {
  Result<std::vector<std::string>> Parts = splitPath(Relative);
  if (!Parts)
    return Parts.status();
  char Target[PATH_MAX];
  ssize_t Length = readlinkat(Logical, Relative.c_str(), Target, sizeof(Target));
  if (Length > 0 && Length < PATH_MAX) {
    auto [Folder, Name] = splitFileName(std::string(Target, Length));
    auto [Beside, Unused] = splitFileName(Relative);
    Descriptor Base(openat(Logical, Beside.c_str(), FolderFlags));
    Descriptor Leads(Base.Number < 0 ? -1 : openat(Base.Number, Folder.c_str(), FolderFlags));
    // Whatever the link's text says, the folder that it leads to must be the canonical model's own.
    if (Leads.Number < 0 || !isSameFile(Leads.Number, Canonical) || Name == "..") {
      errno = ELOOP;
      return openError(Relative);
    }
    Parts = std::vector<std::string>{Name};
  }
  int File = openBeneath(Canonical, *Parts);
  if (File < 0)
    return openError(Relative);
  return File;
}

Result<int> ModelFolder::openRelative(const std::string &Relative) const {
  Result<std::vector<std::string>> Parts = splitPath(Relative);
  if (!Parts)
    return Parts.status();
  int File = openBeneath(Logical, *Parts);
  if (File >= 0)
    return File;
  if (Canonical >= 0 && (errno == ELOOP || errno == ENOENT))
    return openBesideCanonical(Relative);
  return openError(Relative);
}

Result<std::shared_ptr<const MappedFile>> ModelFolder::map(const std::string &Relative) {
  std::lock_guard<std::mutex> Guard(Lock);
  auto Known = Files.find(Relative);
  if (Known != Files.end())
    return Known->second;
  Result<int> Opened = openRelative(Relative);
  if (!Opened)
    return Opened.status();
  Descriptor File(*Opened);
  struct stat Info;
  if (fstat(File.Number, &Info) == 0 && Info.st_nlink > 1 && S_ISREG(Info.st_mode))
    Warnings.push_back("'" + Relative + "' has " + std::to_string(Info.st_nlink) +
                       " hard links; whoever holds another one can change the model");
  Result<MappedFile> Mapped = MappedFile::map(File.Number, "'" + Relative + "'");
  if (!Mapped)
    return Mapped.status();
  auto Shared = std::make_shared<const MappedFile>(std::move(*Mapped));
  Files[Relative] = Shared;
  return Shared;
}

std::vector<std::string> ModelFolder::absentFiles() {
  std::lock_guard<std::mutex> Guard(Lock);
  return {Absent.begin(), Absent.end()};
}

std::vector<std::string> ModelFolder::takeWarnings() {
  std::lock_guard<std::mutex> Guard(Lock);
  return std::exchange(Warnings, {});
}
