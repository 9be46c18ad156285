#include "Module.h"

#include "qopt/Base/MappedFile.h"

#include <cstring>
#include <elf.h>

namespace qopt::runtime {

#if defined(__x86_64__)
static constexpr Elf64_Half ThisMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr Elf64_Half ThisMachine = EM_AARCH64;
#endif

namespace {
/// Reads structures out of the file only where they are inside it.
class ElfView {
public:
  ElfView(const MappedFile &File, const std::string &Path) : File(File), Path(Path) {}

  template <typename T> bool read(uint64_t Offset, T &Out) const {
    if (Offset > File.size() || sizeof(T) > File.size() - Offset)
      return false;
    std::memcpy(&Out, File.data() + Offset, sizeof(T));
    return true;
  }
  bool contains(uint64_t Offset, uint64_t Size) const {
    return Offset <= File.size() && Size <= File.size() - Offset;
  }
  template <typename... Parts> Status bad(const Parts &...Message) const {
    return makeError(StatusCode::BadInput, Path, ": ", Message...);
  }

private:
  const MappedFile &File;
  const std::string &Path;
};
} // namespace

static Status checkHeader(const ElfView &View, Elf64_Ehdr &Header) {
  if (!View.read(0, Header) || std::memcmp(Header.e_ident, ELFMAG, SELFMAG) != 0 ||
      Header.e_ident[EI_CLASS] != ELFCLASS64 || Header.e_type != ET_DYN)
    return View.bad("is no 64-bit ELF shared object");
  if (Header.e_machine != ThisMachine)
    return Status(StatusCode::Unsupported,
                  View.bad("is code for another processor architecture; compile the model on this "
                           "kind of machine")
                      .message());
  if (Header.e_phentsize != sizeof(Elf64_Phdr))
    return View.bad("has a damaged ELF header");
  return {};
}

/// Loading another library would run code from outside the artefact.
static Status checkDynamic(const ElfView &View, const Elf64_Phdr &Segment) {
  for (uint64_t At = 0; At + sizeof(Elf64_Dyn) <= Segment.p_filesz; At += sizeof(Elf64_Dyn)) {
    Elf64_Dyn Entry;
    if (!View.read(Segment.p_offset + At, Entry))
      return View.bad("its dynamic section is cut off");
    if (Entry.d_tag == DT_NULL)
      return {};
    for (Elf64_Sxword Tag :
         {Elf64_Sxword(DT_NEEDED), Elf64_Sxword(DT_AUXILIARY), Elf64_Sxword(DT_FILTER),
          Elf64_Sxword(DT_AUDIT), Elf64_Sxword(DT_DEPAUDIT)})
      if (Entry.d_tag == Tag)
        return View.bad("asks for another library, which an artefact's code may not");
  }
  return View.bad("its dynamic section has no end");
}

Status checkSharedObject(const std::string &Path) {
  Result<MappedFile> File = MappedFile::open(Path, MappedFile::Links::Refuse);
  if (!File)
    return File.status();
  ElfView View(*File, Path);
  Elf64_Ehdr Header;
  if (Status S = checkHeader(View, Header); !S.ok())
    return S;
  bool HasDynamic = false;
  for (unsigned I = 0; I < Header.e_phnum; ++I) {
    Elf64_Phdr Segment;
    if (!View.read(Header.e_phoff + I * sizeof(Segment), Segment) ||
        !View.contains(Segment.p_offset, Segment.p_filesz))
      return View.bad("segment ", I, " lies outside the file; truncated?");
    if (Segment.p_type != PT_DYNAMIC)
      continue;
    HasDynamic = true;
    if (Status S = checkDynamic(View, Segment); !S.ok())
      return S;
  }
  return HasDynamic ? Status() : View.bad("has no dynamic section");
}

} // namespace qopt::runtime
