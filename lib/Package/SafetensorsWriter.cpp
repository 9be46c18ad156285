#include "qopt/Package/SafetensorsWriter.h"

#include "JsonPrinter.h"
#include "qopt/Base/ArtefactFormat.h"
#include "qopt/Base/CheckedMath.h"
#include "qopt/Base/Hash.h"

#include <cstring>
#include <set>

namespace qopt {

static std::string quoted(const std::string &Name) {
  return OrderedJson(Name).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

static std::string headerEntry(const std::string &Name, int64_t Begin, int64_t End) {
  return quoted(Name) + ":{\"dtype\":\"U8\",\"shape\":[" + std::to_string(End - Begin) +
         "],\"data_offsets\":[" + std::to_string(Begin) + "," + std::to_string(End) + "]}";
}

/// The size field, the members, and the spaces that align the data.
static std::string finishHeader(std::string Members) {
  std::string Json = "{" + std::move(Members) + "}";
  while ((sizeof(uint64_t) + Json.size()) % artefact::Alignment != 0)
    Json += ' ';
  uint64_t Size = Json.size();
  std::string Header(sizeof(Size), '\0');
  std::memcpy(Header.data(), &Size, sizeof(Size));
  return Header + Json;
}

namespace {
/// Where everything of a file lies.
struct Plan {
  std::string Header;
  std::vector<int64_t> Offsets; ///< of the tensors, in the file
  int64_t FileBytes = 0;
};
} // namespace

static Result<Plan> makePlan(const std::vector<TensorDeclaration> &Tensors) {
  Plan Made;
  std::set<std::string> Names = {"__metadata__"};
  std::string Members;
  int64_t End = 0;
  for (const TensorDeclaration &T : Tensors) {
    std::optional<int64_t> Padded = checkedAlign(T.Bytes, artefact::Alignment);
    std::optional<int64_t> Next = Padded ? checkedAdd(End, *Padded) : std::nullopt;
    if (!Next || !Names.insert(T.Name).second)
      return makeError(StatusCode::Internal, "tensor \"", T.Name, "\" of ", T.Bytes,
                       " bytes is repeated, negative or too large");
    Members += (Members.empty() ? "" : ",") + headerEntry(T.Name, End, *Next);
    Made.Offsets.push_back(End);
    End = *Next;
  }
  Made.Header = finishHeader(std::move(Members));
  int64_t HeaderBytes = static_cast<int64_t>(Made.Header.size());
  std::optional<int64_t> FileBytes = checkedAdd(HeaderBytes, End);
  if (!FileBytes)
    return makeError(StatusCode::Internal, "tensors of ", End, " bytes are too large for a file");
  Made.FileBytes = *FileBytes;
  for (int64_t &Offset : Made.Offsets)
    Offset += HeaderBytes;
  return Made;
}

Result<int64_t> SafetensorsWriter::fileBytes(const std::vector<TensorDeclaration> &Tensors) {
  Result<Plan> Made = makePlan(Tensors);
  if (!Made)
    return Made.status();
  return Made->FileBytes;
}

Result<SafetensorsWriter> SafetensorsWriter::create(const std::string &Path,
                                                    const std::vector<TensorDeclaration> &Tensors) {
  Result<Plan> Made = makePlan(Tensors);
  if (!Made)
    return Made.status().within(Path);
  SafetensorsWriter Writer;
  Writer.Count = Tensors.size();
  Writer.Slots = std::make_unique<Slot[]>(Tensors.size());
  for (size_t I = 0; I < Tensors.size(); ++I) {
    Writer.Slots[I].Name = Tensors[I].Name;
    Writer.Slots[I].Offset = Made->Offsets[I];
    Writer.Slots[I].Bytes = Tensors[I].Bytes;
  }
  Writer.FileBytes = Made->FileBytes;
  Writer.HeaderHash = hashBytes(Made->Header);

  Result<FileWriter> File = FileWriter::create(Path);
  if (!File)
    return File.status();
  Writer.File = std::move(*File);
  if (Status S = Writer.File.write(Made->Header); !S.ok())
    return S;
  if (Status S = Writer.File.resize(Writer.FileBytes); !S.ok())
    return S;
  return Writer;
}

Status SafetensorsWriter::write(size_t Tensor, int64_t Offset, const void *Data, int64_t Size) {
  if (Tensor >= Count)
    return makeError(StatusCode::Internal, File.path(), ": no tensor ", Tensor, " of ", Count);
  Slot &S = Slots[Tensor];
  if (Offset < 0 || Size < 0 || Offset > S.Bytes || Size > S.Bytes - Offset)
    return makeError(StatusCode::Internal, File.path(), ": ", Size, " bytes at ", Offset,
                     " do not fit tensor \"", S.Name, "\" of ", S.Bytes, " bytes");
  S.Written.fetch_add(Size, std::memory_order_relaxed);
  return File.writeAt(S.Offset + Offset, Data, static_cast<size_t>(Size));
}

Status SafetensorsWriter::commit() {
  for (size_t I = 0; I < Count; ++I)
    if (int64_t Written = Slots[I].Written; Written != Slots[I].Bytes)
      return makeError(StatusCode::Internal, File.path(), ": tensor \"", Slots[I].Name, "\" got ",
                       Written, " of its ", Slots[I].Bytes, " bytes");
  return File.commit();
}

} // namespace qopt
