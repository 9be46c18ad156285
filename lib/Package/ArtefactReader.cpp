#include "qopt/Package/ArtefactReader.h"

#include "qopt/Base/Hash.h"
#include "qopt/Base/MappedFile.h"
#include "qopt/Package/ManifestJson.h"
#include "qopt/Package/ProgramJson.h"
#include "qopt/Package/Validate.h"

#include <cstdlib>
#include <memory>

namespace qopt {

using namespace artefact;

static Result<std::string> resolveFolder(const std::string &Path) {
  std::unique_ptr<char, void (*)(void *)> Resolved(realpath(Path.c_str(), nullptr), std::free);
  if (!Resolved)
    return makeError(StatusCode::BadInput, Path, ": there is no such artefact");
  return std::string(Resolved.get());
}

static const FileRecord *findRecord(const Manifest &M, const std::string &Name) {
  for (const FileRecord &Record : M.Files)
    if (Record.Name == Name)
      return &Record;
  return nullptr;
}

static Status checkRecord(const FileRecord &Record, const std::string &Path, size_t Bytes,
                          std::string_view Hashed) {
  if (Record.Bytes != static_cast<int64_t>(Bytes))
    return makeError(StatusCode::BadInput, Path, ": has ", Bytes, " bytes, ", ManifestFile,
                     " says ", Record.Bytes, "; compile the model again");
  if (Record.Hash != formatHash(hashBytes(Hashed)))
    return makeError(StatusCode::BadInput, Path, ": its contents are not those ", ManifestFile,
                     " describes; compile the model again");
  return {};
}

/// Code is read through its own folder only: a link could lead to someone else's file.
static Status checkCode(const Artefact &A, const FileRecord &Record) {
  Result<MappedFile> File = MappedFile::open(A.filePath(Record.Name), MappedFile::Links::Refuse);
  if (!File)
    return File.status();
  return checkRecord(Record, A.filePath(Record.Name), File->size(), File->text());
}

static Status readManifest(Artefact &A) {
  std::string Path = A.filePath(ManifestFile);
  Result<MappedFile> File = MappedFile::open(Path);
  if (!File)
    return File.status();
  A.ManifestText = std::string(File->text());
  Result<Manifest> M = parseManifest(A.ManifestText, Path);
  if (!M)
    return M.status();
  A.Manifest = std::move(*M);
  for (const FileRecord &Record : A.Manifest.Files)
    if (Record.Name.empty() || Record.Name[0] == '.' || Record.Name.find('/') != std::string::npos)
      return makeError(StatusCode::BadInput, Path, ": \"", Record.Name,
                       "\" is no name of a file in the folder");
  for (const char *Needed : {ProgramFile, WeightsFile})
    if (!findRecord(A.Manifest, Needed))
      return makeError(StatusCode::BadInput, Path, ": does not list ", Needed);
  return {};
}

static Status readProgram(Artefact &A) {
  std::string Path = A.filePath(ProgramFile);
  Result<MappedFile> File = MappedFile::open(Path);
  if (!File)
    return File.status();
  if (Status S =
          checkRecord(*findRecord(A.Manifest, ProgramFile), Path, File->size(), File->text());
      !S.ok())
    return S;
  Result<Program> P = parseProgram(File->text(), Path);
  if (!P)
    return P.status();
  A.Program = std::move(*P);
  if (Status S = validateProgram(A.Program); !S.ok())
    return S.within(A.Folder);
  return validateSignature(A.Program, A.Manifest).within(A.Folder);
}

static Status readWeights(Artefact &A) {
  std::string Path = A.filePath(WeightsFile);
  Result<SafetensorsFile> File = SafetensorsFile::open(Path);
  if (!File)
    return File.status();
  A.Weights = std::move(*File);
  if (Status S = checkRecord(*findRecord(A.Manifest, WeightsFile), Path, A.Weights.size(),
                             A.Weights.header());
      !S.ok())
    return S;
  return validateWeights(A.Program, A.Weights).within(A.Folder);
}

Result<Artefact> openArtefact(const std::string &Path) {
  Result<std::string> Folder = resolveFolder(Path);
  if (!Folder)
    return Folder.status();
  Artefact A;
  A.Folder = *Folder;
  for (Status (*Read)(Artefact &) : {readManifest, readProgram, readWeights})
    if (Status S = Read(A); !S.ok())
      return S;
  for (const FileRecord &Record : A.Manifest.Files)
    if (Record.Name != ProgramFile && Record.Name != WeightsFile)
      if (Status S = checkCode(A, Record); !S.ok())
        return S;
  return A;
}

} // namespace qopt
