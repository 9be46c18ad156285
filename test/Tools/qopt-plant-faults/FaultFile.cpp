#include "FaultFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace qopt;
using namespace qopt::test;

namespace {

/// Reads the comments of a file, line by line.
class Reader {
public:
  explicit Reader(FaultFile &File) : File(File) {}
  /// False: the line has a keyword of ours and is wrong.
  bool readLine(StringRef Line, unsigned Number);

private:
  bool readSizes(StringRef Value);
  bool readFind(StringRef How, StringRef Value);

  FaultFile &File;
};

} // namespace

static bool readNumbers(StringRef Text, std::vector<int64_t> &Numbers) {
  SmallVector<StringRef> Words;
  Text.split(Words, ' ', -1, /*KeepEmpty=*/false);
  for (StringRef Word : Words)
    if (Word.getAsInteger(10, Numbers.emplace_back()))
      return false;
  return !Numbers.empty();
}

bool Reader::readSizes(StringRef Value) {
  SmallVector<StringRef> Sets;
  Value.split(Sets, ';');
  return all_of(Sets, [&](StringRef Set) { return readNumbers(Set, File.Sizes.emplace_back()); });
}

bool Reader::readFind(StringRef How, StringRef Value) {
  if (File.Faults.empty() || Value.empty() || !is_contained({"first", "last", "any", "every"}, How))
    return false;
  File.Faults.back().Where = How.str();
  File.Faults.back().Place = Pattern(Value.str());
  return true;
}

bool Reader::readLine(StringRef Line, unsigned Number) {
  auto [Key, Rest] = Line.split(':');
  auto [Keyword, Argument] = Key.trim().split(' ');
  StringRef Value = Rest.trim();
  unsigned Index = 0;
  bool HasIndex = !Argument.getAsInteger(10, Index);
  if (Key.trim() == "fault") {
    File.Faults.emplace_back();
    File.Faults.back().Name = Value.str();
    File.Faults.back().Line = Number;
    return !Value.empty();
  }
  if (Keyword == "find")
    return readFind(Argument, Value);
  Fault *Last = File.Faults.empty() ? nullptr : &File.Faults.back();
  if (Key.trim() == "make")
    return Last && (Last->Replacement = Value.str(), true);
  if (Key.trim() == "after")
    return Last && (Last->After = Pattern(Value.str()), true);
  if (Key.trim() == "caught by")
    return Last && (Last->CaughtBy = Value.str(), true);
  if (Key.trim() == "family")
    return File.Family = Value.str(), true;
  if (Key.trim() == "sizes")
    return readSizes(Value);
  if (Key.trim() == "weights")
    return readNumbers(Value, File.Weights);
  if (Key.trim() == "budget") {
    auto [Operation, Types] = Value.split(',');
    File.Operation = Operation.trim().str(), File.Types = Types.trim().str();
    return !File.Types.empty();
  }
  if (HasIndex && Keyword == "integers")
    return readNumbers(Value, File.Integers[Index]);
  if (HasIndex && Keyword == "cache")
    return readNumbers(Value, File.Caches[Index]);
  return true;
}

Result<FaultFile> FaultFile::read(StringRef Path) {
  auto Buffer = MemoryBuffer::getFile(Path);
  if (!Buffer)
    return Status(StatusCode::BadInput, Path.str() + ": " + Buffer.getError().message());
  FaultFile File;
  File.Path = Path.str();
  File.Text = (*Buffer)->getBuffer().str();
  Reader Reader(File);
  unsigned Number = 0;
  SmallVector<StringRef> Lines;
  StringRef(File.Text).split(Lines, '\n');
  for (StringRef Line : Lines) {
    ++Number;
    if (Line.consume_front("//") && !Reader.readLine(Line, Number))
      return Status(StatusCode::BadInput, Path.str() + ":" + std::to_string(Number) +
                                              ": cannot read '" + Line.str() + "'");
  }
  for (const Fault &Fault : File.Faults)
    if (Fault.Place.empty())
      return Status(StatusCode::BadInput, Path.str() + ":" + std::to_string(Fault.Line) +
                                              ": fault '" + Fault.Name + "' has no 'find'");
  if (File.Family.empty() || File.Sizes.empty() || File.Faults.empty())
    return Status(StatusCode::BadInput, Path.str() + ": needs a family, sizes, and faults");
  return File;
}
