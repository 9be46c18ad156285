#include "qopt/Package/ArtefactWriter.h"

#include "qopt/Base/Hash.h"
#include "qopt/Base/VerificationFormat.h"
#include "qopt/Package/ManifestJson.h"
#include "qopt/Package/ProgramJson.h"
#include "qopt/Package/Validate.h"

#include <algorithm>

namespace qopt {

using namespace artefact;

Result<ArtefactWriter> ArtefactWriter::create(const std::string &Path,
                                              FolderWriter::Existing Policy) {
  Result<FolderWriter> Folder = FolderWriter::create(Path, Policy);
  if (!Folder)
    return Folder.status();
  ArtefactWriter Writer;
  Writer.Folder = std::move(*Folder);
  return Writer;
}

Status ArtefactWriter::declareWeights(const std::vector<TensorDeclaration> &Tensors) {
  if (Weights)
    return makeError(StatusCode::Internal, Folder.path(), ": weights are declared twice");
  Result<SafetensorsWriter> Writer =
      SafetensorsWriter::create(Folder.filePath(WeightsFile), Tensors);
  if (!Writer)
    return Writer.status();
  Weights.emplace(std::move(*Writer));
  return {};
}

Status ArtefactWriter::writeWeight(size_t Tensor, int64_t Offset, const void *Data, int64_t Size) {
  if (!Weights)
    return makeError(StatusCode::Internal, Folder.path(), ": weights are not declared");
  return Weights->write(Tensor, Offset, Data, Size);
}

Status ArtefactWriter::commitWeights() {
  if (!Weights)
    if (Status S = declareWeights({}); !S.ok())
      return S;
  if (WeightsCommitted)
    return {};
  WeightsCommitted = true;
  return Weights->commit();
}

Result<uint64_t> ArtefactWriter::finishWeights() {
  if (Status S = commitWeights(); !S.ok())
    return S;
  Result<SafetensorsFile> File = SafetensorsFile::open(Folder.filePath(WeightsFile));
  if (!File)
    return File.status();
  size_t Header = File->header().size();
  return hashBytes(File->data() + Header, File->size() - Header);
}

Status ArtefactWriter::addFile(const std::string &Name, std::string_view Contents) {
  Files.push_back({Name, static_cast<int64_t>(Contents.size()), formatHash(hashBytes(Contents))});
  return writeFile(Folder.filePath(Name), Contents);
}

static void setBytes(Manifest &M, const std::string &Key, int64_t Value) {
  for (auto &[Name, Bytes] : M.Bytes)
    if (Name == Key) {
      Bytes = Value;
      return;
    }
  M.Bytes.emplace_back(Key, Value);
}

/// What a reader would call bad input is a bug when the compiler wrote it.
static Status asInternal(const Status &S) {
  return S.code() == StatusCode::BadInput ? Status(StatusCode::Internal, S.message()) : S;
}

static Status validateAll(const Program &P, const Manifest &M, const std::string &WeightsPath) {
  if (Status S = validateProgram(P); !S.ok())
    return S;
  if (Status S = validateSignature(P, M); !S.ok())
    return S;
  Result<SafetensorsFile> File = SafetensorsFile::open(WeightsPath);
  return File ? validateWeights(P, *File) : File.status();
}

Status ArtefactWriter::commit(const Program &Program, Manifest M) {
  if (Status S = commitWeights(); !S.ok())
    return S;
  int64_t CodeBytes = 0;
  for (const FileRecord &File : Files)
    if (File.Name != VerifyFile)
      CodeBytes += File.Bytes;
  setBytes(M, "weights", Weights->fileBytes());
  setBytes(M, "code", CodeBytes);
  setBytes(M, "arena", Program.ArenaBytes);
  if (Status S = asInternal(validateAll(Program, M, Folder.filePath(WeightsFile))); !S.ok())
    return S.within(Folder.path());

  if (Status S = addFile(ProgramFile, printProgram(Program)); !S.ok())
    return S;
  Files.push_back({WeightsFile, Weights->fileBytes(), formatHash(Weights->headerHash())});
  std::sort(Files.begin(), Files.end(),
            [](const FileRecord &A, const FileRecord &B) { return A.Name < B.Name; });
  M.Files = Files;
  if (Status S = writeFile(Folder.filePath(ManifestFile), printManifest(M)); !S.ok())
    return S;
  return Folder.commit();
}

} // namespace qopt
