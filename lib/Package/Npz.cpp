#include "qopt/Package/Npz.h"

#include "qopt/Base/FileWriter.h"

#include <memory>
#include <zip.h>

namespace qopt {

namespace {
struct ArchiveCloser {
  void operator()(zip_t *Archive) const { zip_discard(Archive); }
};
using ArchiveHandle = std::unique_ptr<zip_t, ArchiveCloser>;

struct MemberCloser {
  void operator()(zip_file_t *Member) const { zip_fclose(Member); }
};
using MemberHandle = std::unique_ptr<zip_file_t, MemberCloser>;

std::string describe(int Code) {
  zip_error_t Error;
  zip_error_init_with_code(&Error, Code);
  std::string Text = zip_error_strerror(&Error);
  zip_error_fini(&Error);
  return Text;
}
} // namespace

static Result<std::string> readMember(zip_t *Archive, const zip_stat_t &Info,
                                      const std::string &Name) {
  MemberHandle Member(zip_fopen_index(Archive, Info.index, 0));
  if (!Member)
    return makeError(StatusCode::BadInput, Name, ": ", zip_strerror(Archive));
  // Grown as bytes really arrive, because the size in the archive is only a claim.
  std::string Bytes;
  char Piece[1 << 16];
  for (;;) {
    zip_int64_t Got = zip_fread(Member.get(), Piece, sizeof(Piece));
    if (Got < 0 || Bytes.size() + static_cast<size_t>(Got) > Info.size)
      return makeError(StatusCode::BadInput, Name, ": is damaged");
    if (Got == 0)
      break;
    Bytes.append(Piece, static_cast<size_t>(Got));
  }
  if (Bytes.size() != Info.size)
    return makeError(StatusCode::BadInput, Name, ": is cut off");
  return Bytes;
}

Result<NpzArrays> readNpz(const std::string &Path, int64_t MaxBytes) {
  int Code = 0;
  ArchiveHandle Archive(zip_open(Path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &Code));
  if (!Archive)
    return makeError(StatusCode::BadInput, Path, ": ", describe(Code));
  NpzArrays Arrays;
  zip_int64_t Count = zip_get_num_entries(Archive.get(), 0);
  uint64_t Left = static_cast<uint64_t>(MaxBytes);
  for (zip_int64_t I = 0; I < Count; ++I) {
    zip_stat_t Info;
    zip_stat_init(&Info);
    constexpr zip_uint64_t Needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_INDEX;
    if (zip_stat_index(Archive.get(), static_cast<zip_uint64_t>(I), 0, &Info) != 0 ||
        (Info.valid & Needed) != Needed)
      return makeError(StatusCode::BadInput, Path, ": member ", I, " is damaged");
    std::string Name = Info.name;
    if (Info.size > Left)
      return makeError(StatusCode::ResourceLimit, Path, ": holds more than ", MaxBytes, " bytes");
    Left -= Info.size;
    std::string Place = Path + ": " + Name;
    if (Name.size() > 4 && Name.compare(Name.size() - 4, 4, ".npy") == 0)
      Name.resize(Name.size() - 4);
    if (findArray(Arrays, Name))
      return makeError(StatusCode::BadInput, Path, ": has two arrays named \"", Name, "\"");
    Result<std::string> Bytes = readMember(Archive.get(), Info, Place);
    if (!Bytes)
      return Bytes.status();
    Result<NpyArray> Array = parseNpy(*Bytes, Place);
    if (!Array)
      return Array.status();
    Arrays.emplace_back(std::move(Name), std::move(*Array));
  }
  return Arrays;
}

/// Adds one member; Bytes must live until the archive is closed.
static Status addMember(zip_t *Archive, const std::string &Name, const std::string &Bytes) {
  zip_source_t *Source = zip_source_buffer(Archive, Bytes.data(), Bytes.size(), 0);
  zip_int64_t Index = Source ? zip_file_add(Archive, Name.c_str(), Source, ZIP_FL_ENC_UTF_8) : -1;
  if (Index < 0) {
    zip_source_free(Source);
    return Status(StatusCode::Failed, zip_strerror(Archive));
  }
  zip_uint64_t Member = static_cast<zip_uint64_t>(Index);
  zip_set_file_compression(Archive, Member, ZIP_CM_STORE, 0);
  constexpr zip_uint16_t FirstDayOf1980 = (1 << 5) | 1;
  zip_file_set_dostime(Archive, Member, 0, FirstDayOf1980, 0);
  return {};
}

Status writeNpz(const std::string &Path, const NpzArrays &Arrays) {
  // libzip writes into memory, and FileWriter makes the file appear whole.
  zip_error_t Error;
  zip_error_init(&Error);
  zip_source_t *Memory = zip_source_buffer_create(nullptr, 0, 0, &Error);
  ArchiveHandle Archive(Memory ? zip_open_from_source(Memory, ZIP_TRUNCATE, &Error) : nullptr);
  if (!Archive) {
    zip_source_free(Memory);
    return makeError(StatusCode::Failed, Path, ": ", zip_error_strerror(&Error));
  }
  zip_source_keep(Memory);
  std::unique_ptr<zip_source_t, void (*)(zip_source_t *)> Keep(Memory, zip_source_free);
  std::vector<std::string> Members;
  Members.reserve(Arrays.size());
  for (const auto &[Name, Array] : Arrays) {
    Members.push_back(printNpy(Array));
    if (Status S = addMember(Archive.get(), Name + ".npy", Members.back()); !S.ok())
      return S.within(Path);
  }
  if (zip_close(Archive.get()) != 0)
    return makeError(StatusCode::Failed, Path, ": ", zip_strerror(Archive.get()));
  Archive.release();

  zip_stat_t Info;
  if (zip_source_open(Memory) != 0 || zip_source_stat(Memory, &Info) != 0)
    return makeError(StatusCode::Failed, Path, ": cannot finish the archive");
  std::string Bytes(Info.size, '\0');
  zip_int64_t Got = zip_source_read(Memory, Bytes.data(), Bytes.size());
  zip_source_close(Memory);
  if (Got != static_cast<zip_int64_t>(Bytes.size()))
    return makeError(StatusCode::Failed, Path, ": cannot finish the archive");
  return writeFile(Path, Bytes);
}

const NpyArray *findArray(const NpzArrays &Arrays, const std::string &Name) {
  for (const auto &[Key, Array] : Arrays)
    if (Key == Name)
      return &Array;
  return nullptr;
}

} // namespace qopt
