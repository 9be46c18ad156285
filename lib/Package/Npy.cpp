#include "qopt/Package/Npy.h"

#include "qopt/Base/CheckedMath.h"
#include "qopt/Base/FileWriter.h"
#include "qopt/Base/MappedFile.h"

#include <cstring>

namespace qopt {

int64_t NpyArray::elements() const { return checkedProduct(Shape).value_or(0); }

namespace {
struct Spelling {
  std::string_view Text;
  DataType Type;
};
constexpr Spelling Spellings[] = {
    {"<f8", DataType::F64}, {"<f4", DataType::F32}, {"<f2", DataType::F16}, {"<i8", DataType::I64},
    {"<i4", DataType::I32}, {"<i2", DataType::I16}, {"|i1", DataType::I8},  {"<u8", DataType::U64},
    {"<u4", DataType::U32}, {"<u2", DataType::U16}, {"|u1", DataType::U8},  {"|b1", DataType::Bool},
};

/// The header is a Python dictionary of three entries with literal values; this reads just that.
class HeaderReader {
public:
  explicit HeaderReader(std::string_view Text) : Text(Text) {}

  bool read(std::string &Type, bool &Fortran, std::vector<int64_t> &Shape) {
    int Seen = 0;
    if (!take('{'))
      return false;
    while (!take('}')) {
      std::string Key;
      if (!quoted(Key) || !take(':'))
        return false;
      bool Ok = Key == "descr"           ? quoted(Type)
                : Key == "fortran_order" ? boolean(Fortran)
                                         : Key == "shape" && tuple(Shape);
      if (!Ok || (!take(',') && peek() != '}'))
        return false;
      ++Seen;
    }
    return Seen == 3;
  }

private:
  std::string_view Text;
  size_t At = 0;

  char peek() {
    while (At < Text.size() && (Text[At] == ' ' || Text[At] == '\n'))
      ++At;
    return At < Text.size() ? Text[At] : '\0';
  }
  bool take(char Wanted) {
    if (peek() != Wanted)
      return false;
    ++At;
    return true;
  }
  bool quoted(std::string &Out) {
    char Quote = peek();
    if (Quote != '\'' && Quote != '"')
      return false;
    size_t End = Text.find(Quote, At + 1);
    if (End == std::string_view::npos)
      return false;
    Out = Text.substr(At + 1, End - At - 1);
    At = End + 1;
    return true;
  }
  bool word(std::string_view Wanted) {
    peek();
    if (Text.substr(At, Wanted.size()) != Wanted)
      return false;
    At += Wanted.size();
    return true;
  }
  bool boolean(bool &Out) {
    Out = word("True");
    return Out || word("False");
  }
  bool integer(int64_t &Out) {
    Out = 0;
    peek();
    size_t Begin = At;
    for (; At < Text.size() && Text[At] >= '0' && Text[At] <= '9'; ++At) {
      std::optional<int64_t> Next = checkedMul(Out, 10);
      Next = Next ? checkedAdd(*Next, Text[At] - '0') : std::nullopt;
      if (!Next)
        return false;
      Out = *Next;
    }
    return At != Begin;
  }
  bool tuple(std::vector<int64_t> &Out) {
    Out.clear();
    if (!take('('))
      return false;
    while (!take(')')) {
      int64_t Size;
      if (!integer(Size))
        return false;
      Out.push_back(Size);
      if (!take(',') && peek() != ')')
        return false;
    }
    return true;
  }
};

struct Layout {
  size_t HeaderBegin = 0;
  size_t DataBegin = 0;
};
} // namespace

static Result<Layout> findParts(std::string_view Bytes, const std::string &Name) {
  if (Bytes.size() < 10 || Bytes.substr(0, 6) != "\x93NUMPY")
    return makeError(StatusCode::BadInput, Name, ": is no .npy array");
  int Version = Bytes[6];
  if (Version < 1 || Version > 3)
    return makeError(StatusCode::Unsupported, Name, ": has .npy format ", Version,
                     ", 1 to 3 are read");
  Layout L;
  uint32_t Length = 0;
  L.HeaderBegin = Version == 1 ? 10 : 12;
  if (Bytes.size() >= L.HeaderBegin)
    std::memcpy(&Length, Bytes.data() + 8, L.HeaderBegin - 8);
  L.DataBegin = L.HeaderBegin + Length;
  if (Bytes.size() < L.DataBegin)
    return makeError(StatusCode::BadInput, Name, ": its header is cut off");
  return L;
}

Result<NpyArray> parseNpy(std::string_view Bytes, const std::string &Name) {
  Result<Layout> Parts = findParts(Bytes, Name);
  if (!Parts)
    return Parts.status();
  std::string Type;
  bool Fortran = false;
  NpyArray Array;
  HeaderReader Reader(Bytes.substr(Parts->HeaderBegin, Parts->DataBegin - Parts->HeaderBegin));
  if (!Reader.read(Type, Fortran, Array.Shape))
    return makeError(StatusCode::BadInput, Name, ": its .npy header is damaged");
  const Spelling *Known = nullptr;
  for (const Spelling &S : Spellings)
    if (S.Text == Type)
      Known = &S;
  if (!Known)
    return makeError(StatusCode::Unsupported, Name, ": element type \"", Type, "\" is not read");
  Array.Type = Known->Type;
  if (Fortran && Array.Shape.size() > 1)
    return makeError(StatusCode::Unsupported, Name,
                     ": is in Fortran order; save np.ascontiguousarray of it");
  std::optional<int64_t> Elements = checkedProduct(Array.Shape);
  std::optional<int64_t> Needed =
      Elements ? checkedMul(*Elements, dataTypeSize(Array.Type)) : std::nullopt;
  std::string_view Data = Bytes.substr(Parts->DataBegin);
  if (!Needed || *Needed != static_cast<int64_t>(Data.size()))
    return makeError(StatusCode::BadInput, Name, ": has ", Data.size(),
                     " bytes of data, its shape needs ", Needed ? std::to_string(*Needed) : "more");
  Array.Data.assign(Data.begin(), Data.end());
  return Array;
}

static std::string_view spelling(DataType Type) {
  for (const Spelling &S : Spellings)
    if (S.Type == Type)
      return S.Text;
  return "<u2";
}

std::string printNpy(const NpyArray &Array) {
  std::string Shape;
  for (int64_t Dimension : Array.Shape)
    Shape += std::to_string(Dimension) + ",";
  std::string Header = "{'descr': '" + std::string(spelling(Array.Type)) +
                       "', 'fortran_order': False, 'shape': (" + Shape + "), }";
  bool Short = Header.size() + 75 < 65536;
  size_t Prefix = Short ? 10 : 12;
  while ((Prefix + Header.size() + 1) % 64 != 0)
    Header += ' ';
  Header += '\n';
  std::string Bytes("\x93NUMPY", 6);
  Bytes += Short ? '\x01' : '\x02';
  Bytes += '\0';
  uint32_t Length = static_cast<uint32_t>(Header.size());
  Bytes.append(reinterpret_cast<const char *>(&Length), Prefix - 8);
  Bytes += Header;
  Bytes.append(Array.Data.data(), Array.Data.size());
  return Bytes;
}

Result<NpyArray> readNpy(const std::string &Path) {
  Result<MappedFile> File = MappedFile::open(Path);
  if (!File)
    return File.status();
  return parseNpy(File->text(), Path);
}

Status writeNpy(const std::string &Path, const NpyArray &Array) {
  return writeFile(Path, printNpy(Array));
}

} // namespace qopt
