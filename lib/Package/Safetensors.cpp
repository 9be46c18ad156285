#include "qopt/Package/Safetensors.h"

#include "JsonReader.h"
#include "qopt/Base/CheckedMath.h"

#include <algorithm>
#include <cstring>

namespace qopt {

/// The format's own limit.
static constexpr uint64_t MaxHeaderBytes = 100'000'000;

static int64_t typeBits(const std::string &Type) {
  static const std::map<std::string, int64_t> Bits = {
      {"BOOL", 8},    {"U8", 8},   {"I8", 8},      {"F8_E5M2", 8}, {"F8_E4M3", 8},
      {"F8_E8M0", 8}, {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16},
      {"U16", 16},    {"F16", 16}, {"BF16", 16},   {"I32", 32},    {"U32", 32},
      {"F32", 32},    {"C64", 64}, {"F64", 64},    {"I64", 64},    {"U64", 64}};
  auto Found = Bits.find(Type);
  return Found == Bits.end() ? 0 : Found->second;
}

static Result<uint64_t> headerSize(const MappedFile &File, const std::string &Path) {
  uint64_t Size = 0;
  if (File.size() < sizeof(Size))
    return makeError(StatusCode::BadInput, Path, ": ", File.size(),
                     " bytes are too few for a safetensors file");
  std::memcpy(&Size, File.data(), sizeof(Size));
  if (Size > MaxHeaderBytes)
    return makeError(StatusCode::BadInput, Path, ": the header claims ", Size,
                     " bytes, the format allows ", MaxHeaderBytes);
  if (Size > File.size() - sizeof(Size))
    return makeError(StatusCode::BadInput, Path, ": the header claims ", Size,
                     " bytes, the file has ", File.size(), "; truncated?");
  return Size;
}

static std::optional<int64_t> expectedBytes(const SafetensorsEntry &E) {
  std::optional<int64_t> Elements = checkedProduct(E.Shape);
  std::optional<int64_t> Bits = Elements ? checkedMul(*Elements, typeBits(E.Type)) : std::nullopt;
  if (!Bits || *Bits % 8 != 0)
    return std::nullopt;
  return *Bits / 8;
}

/// Reads one member of the header; Data points into the file only once the offsets are checked.
static SafetensorsEntry tensorEntry(const JsonView &View, const char *Data, int64_t DataBytes) {
  SafetensorsEntry E;
  View.allowOnly({"dtype", "shape", "data_offsets"});
  E.Type = View.member("dtype").string();
  if (!View.failed() && typeBits(E.Type) == 0)
    View.fail("unknown dtype \"" + E.Type + "\"");
  View.member("shape").forEach(
      [&](const JsonView &Dimension) { E.Shape.push_back(Dimension.integer(0, INT64_MAX)); });
  std::vector<int64_t> Offsets;
  View.member("data_offsets").forEach([&](const JsonView &Offset) {
    Offsets.push_back(Offset.integer(0, DataBytes));
  });
  if (!View.expect(Offsets.size() == 2 && Offsets[0] <= Offsets[1], "data_offsets [begin, end]"))
    return E;
  E.Data = Data + Offsets[0];
  E.Bytes = Offsets[1] - Offsets[0];
  if (expectedBytes(E) != E.Bytes)
    View.fail(std::to_string(E.Bytes) + " bytes do not hold its dtype and shape");
  return E;
}

/// Tensors in file order must follow each other without hole or overlap up to the end.
static Status checkCoverage(const std::map<std::string, SafetensorsEntry> &Entries,
                            const char *Begin, const char *End, const std::string &Path) {
  std::vector<std::pair<const SafetensorsEntry *, const std::string *>> Order;
  for (const auto &[Name, Entry] : Entries)
    Order.emplace_back(&Entry, &Name);
  std::sort(Order.begin(), Order.end(), [](const auto &A, const auto &B) {
    return std::make_pair(A.first->Data, A.first->Bytes) <
           std::make_pair(B.first->Data, B.first->Bytes);
  });
  const char *Next = Begin;
  for (const auto &[Entry, Name] : Order) {
    if (Entry->Data != Next)
      return makeError(StatusCode::BadInput, Path, ": tensor \"", *Name, "\" begins at ",
                       Entry->Data - Begin, " where ", Next - Begin, " is next: a hole or overlap");
    Next += Entry->Bytes;
  }
  if (Next != End)
    return makeError(StatusCode::BadInput, Path, ": the tensors cover ", Next - Begin, " of ",
                     End - Begin, " data bytes");
  return {};
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &Path) {
  Result<MappedFile> Mapped = MappedFile::open(Path);
  if (!Mapped)
    return Mapped.status();
  SafetensorsFile Out;
  Out.File = std::move(*Mapped);
  Result<uint64_t> Size = headerSize(Out.File, Path);
  if (!Size)
    return Size.status();
  Out.HeaderEnd = sizeof(uint64_t) + *Size;
  const char *Data = Out.File.data() + Out.HeaderEnd;
  int64_t DataBytes = static_cast<int64_t>(Out.File.size() - Out.HeaderEnd);

  std::string_view Header = Out.header().substr(sizeof(uint64_t));
  if (Header.empty() || Header[0] != '{')
    return makeError(StatusCode::BadInput, Path, ": the header does not begin with '{'");
  Result<nlohmann::json> Json = parseJson(Header, Path);
  if (!Json)
    return Json.status();
  Status Error;
  for (const auto &Item : Json->items()) {
    JsonView View(Item.value(), Path + ": tensor \"" + Item.key() + "\"", Error);
    if (Item.key() != "__metadata__") {
      Out.Entries.emplace(Item.key(), tensorEntry(View, Data, DataBytes));
      continue;
    }
    if (!View.expect(Item.value().is_object(), "an object of strings"))
      break;
    for (const auto &Pair : Item.value().items())
      Out.Metadata[Pair.key()] = View.member(Pair.key().c_str()).string();
  }
  if (!Error.ok())
    return Error;
  if (Status S = checkCoverage(Out.Entries, Data, Data + DataBytes, Path); !S.ok())
    return S;
  return Out;
}

const SafetensorsEntry *SafetensorsFile::find(const std::string &Name) const {
  auto Found = Entries.find(Name);
  return Found == Entries.end() ? nullptr : &Found->second;
}

} // namespace qopt
