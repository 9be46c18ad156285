#include "qopt/Base/FolderWriter.h"

#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/Interrupts.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace qopt {

namespace fs = std::filesystem;

FolderWriter::~FolderWriter() {
  std::error_code Ignored;
  if (Temporary.empty())
    return;
  fs::remove_all(Temporary, Ignored);
  keepWhenInterrupted(Temporary);
}

FolderWriter::FolderWriter(FolderWriter &&Other) noexcept { *this = std::move(Other); }

FolderWriter &FolderWriter::operator=(FolderWriter &&Other) noexcept {
  std::swap(Path, Other.Path);
  std::swap(Temporary, Other.Temporary);
  std::swap(Policy, Other.Policy);
  return *this;
}

/// Deleting a folder because an option said so is only safe where we recognise our own work.
static Status checkReplaceable(const std::string &Path, FolderWriter::Existing Policy) {
  std::error_code Error;
  fs::file_status Info = fs::symlink_status(Path, Error);
  if (Info.type() == fs::file_type::not_found)
    return {};
  if (Policy == FolderWriter::Existing::Refuse)
    return makeError(StatusCode::Usage, Path, ": exists; use --force to replace it");
  bool Artefact = Info.type() == fs::file_type::directory &&
                  fs::is_regular_file(Path + "/" + artefact::ManifestFile, Error);
  if (!Artefact)
    return makeError(StatusCode::Usage, Path,
                     ": is not a qopt artefact (no manifest.json), so it is not replaced; "
                     "choose another output or remove it yourself");
  return {};
}

Result<FolderWriter> FolderWriter::create(const std::string &Path, Existing Policy) {
  FolderWriter Writer;
  Writer.Path = Path;
  while (Writer.Path.size() > 1 && Writer.Path.back() == '/')
    Writer.Path.pop_back();
  Writer.Policy = Policy;
  if (Status S = checkReplaceable(Writer.Path, Policy); !S.ok())
    return S;
  std::string Pattern = Writer.Path + ".XXXXXX";
  if (!mkdtemp(Pattern.data()))
    return makeError(StatusCode::Failed, Path,
                     ": cannot create a folder beside it: ", std::strerror(errno));
  Writer.Temporary = Pattern;
  removeWhenInterrupted(Pattern);
  mode_t Mask = umask(0);
  umask(Mask);
  if (chmod(Pattern.c_str(), 0777 & ~Mask) != 0)
    return makeError(StatusCode::Failed, Pattern,
                     ": cannot set permissions: ", std::strerror(errno));
  return Writer;
}

/// Swaps the two names in one step, so that there is no moment without an artefact.
static bool swapNames(const std::string &A, const std::string &B) {
  return renameat2(AT_FDCWD, A.c_str(), AT_FDCWD, B.c_str(), RENAME_EXCHANGE) == 0;
}

Status FolderWriter::commit() {
  if (Status S = checkReplaceable(Path, Policy); !S.ok())
    return S;
  if (rename(Temporary.c_str(), Path.c_str()) == 0) {
    keepWhenInterrupted(Temporary);
    Temporary.clear();
    return {};
  }
  bool Occupied = errno == ENOTEMPTY || errno == EEXIST;
  // After the exchange Temporary is the old folder, and the destructor removes it.
  if (Occupied && swapNames(Temporary, Path))
    return {};
  return makeError(StatusCode::Failed, Path,
                   ": cannot rename the finished folder to its name: ", std::strerror(errno));
}

} // namespace qopt
