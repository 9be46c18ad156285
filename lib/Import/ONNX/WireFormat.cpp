#include "WireFormat.h"

#include <cstring>
#include <vector>

using namespace qopt;
using namespace qopt::onnx_import;

namespace {

enum class Message { Model, Graph, Node, Attribute, Tensor, SparseTensor, Function, Training };

/// Graphs nest inside attributes; a file that nests deeper than this is an attack.
constexpr unsigned MaxDepth = 64;

/// The messages inside a message, by field number. Anything else is copied as it is.
bool findSubmessage(Message Kind, uint32_t Field, Message &Result) {
  struct Entry {
    Message Kind;
    uint32_t Field;
    Message Result;
  };
  static constexpr Entry Table[] = {
      {Message::Model, 7, Message::Graph},
      {Message::Model, 20, Message::Training},
      {Message::Model, 25, Message::Function},
      {Message::Graph, 1, Message::Node},
      {Message::Graph, 5, Message::Tensor},
      {Message::Graph, 15, Message::SparseTensor},
      {Message::Node, 5, Message::Attribute},
      {Message::Attribute, 5, Message::Tensor},
      {Message::Attribute, 6, Message::Graph},
      {Message::Attribute, 10, Message::Tensor},
      {Message::Attribute, 11, Message::Graph},
      {Message::Attribute, 22, Message::SparseTensor},
      {Message::Attribute, 23, Message::SparseTensor},
      {Message::SparseTensor, 1, Message::Tensor},
      {Message::SparseTensor, 2, Message::Tensor},
      {Message::Function, 7, Message::Node},
      {Message::Function, 11, Message::Attribute},
  };
  for (const Entry &E : Table)
    if (E.Kind == Kind && E.Field == Field) {
      Result = E.Result;
      return true;
    }
  return false;
}

class Stripper {
public:
  explicit Stripper(std::string_view File) : File(File) {}

  bool run(std::string &Out) { return visit(Message::Model, 0, File.size(), 0, Out); }
  const Status &error() const { return Error; }

private:
  bool fail(uint64_t At, const char *What) {
    Error = makeError(StatusCode::BadInput, "is not a valid ONNX file: ", What, " at byte ", At);
    return false;
  }

  bool readVarint(uint64_t &At, uint64_t End, uint64_t &Value) {
    Value = 0;
    for (unsigned Shift = 0; Shift < 64; Shift += 7) {
      if (At >= End)
        return fail(At, "the file is truncated");
      uint8_t Byte = File[At++];
      Value |= uint64_t(Byte & 0x7f) << Shift;
      if (!(Byte & 0x80))
        return true;
    }
    return fail(At, "a number is too long");
  }

  static void writeVarint(uint64_t Value, std::string &Out) {
    for (; Value >= 0x80; Value >>= 7)
      Out.push_back(char(Value | 0x80));
    Out.push_back(char(Value));
  }

  static void writeBytes(uint32_t Field, std::string_view Bytes, std::string &Out) {
    writeVarint(uint64_t(Field) << 3 | 2, Out);
    writeVarint(Bytes.size(), Out);
    Out.append(Bytes);
  }

  /// Reads a field's head and leaves At behind the field. The payload is [Begin, At).
  bool readField(uint64_t &At, uint64_t End, uint32_t &Field, uint32_t &Wire, uint64_t &Begin) {
    uint64_t Key, Length;
    if (!readVarint(At, End, Key))
      return false;
    Field = Key >> 3;
    Wire = Key & 7;
    Begin = At;
    switch (Wire) {
    case 0:
      return readVarint(At, End, Length);
    case 1:
    case 5:
      Length = Wire == 1 ? 8 : 4;
      break;
    case 2:
      if (!readVarint(At, End, Length))
        return false;
      Begin = At;
      break;
    default:
      return fail(At, "an unknown kind of field");
    }
    if (Length > End - At)
      return fail(At, "the file is truncated");
    At += Length;
    return true;
  }

  bool visit(Message Kind, uint64_t At, uint64_t End, unsigned Depth, std::string &Out) {
    if (Depth > MaxDepth)
      return fail(At, "messages are nested too deeply");
    if (Kind == Message::Tensor)
      return visitTensor(At, End, Out);
    while (At < End) {
      uint64_t Head = At, Begin;
      uint32_t Field, Wire;
      Message Inner;
      if (!readField(At, End, Field, Wire, Begin))
        return false;
      if (Wire != 2 || !findSubmessage(Kind, Field, Inner)) {
        Out.append(File.substr(Head, At - Head));
        continue;
      }
      // What a model was trained with is no part of what it computes.
      if (Inner == Message::Training)
        continue;
      std::string Body;
      if (!visit(Inner, Begin, At, Depth + 1, Body))
        return false;
      writeBytes(Field, Body, Out);
    }
    return true;
  }

  bool visitTensor(uint64_t At, uint64_t End, std::string &Out) {
    constexpr uint32_t FloatData = 4, RawData = 9, DoubleData = 10;
    uint64_t Start = At;
    bool Found = false;
    FileRange Data;
    while (At < End) {
      uint64_t Head = At, Begin;
      uint32_t Field, Wire;
      if (!readField(At, End, Field, Wire, Begin))
        return false;
      if (Wire == 2 && (Field == FloatData || Field == RawData || Field == DoubleData)) {
        if (At == Begin)
          continue;
        if (Found)
          return fail(Start, "a tensor holds its data twice");
        Found = true;
        Data = {Begin, At - Begin};
      } else if (Field == FloatData || Field == DoubleData) {
        return fail(Head, "a tensor holds numbers that are not packed");
      } else {
        Out.append(File.substr(Head, At - Head));
      }
    }
    if (Found) {
      char Place[sizeof(FileRange)];
      std::memcpy(Place, &Data, sizeof(Place));
      writeBytes(RawData, {Place, sizeof(Place)}, Out);
    }
    return true;
  }

  std::string_view File;
  Status Error;
};

} // namespace

Result<std::string> onnx_import::stripTensorData(std::string_view File) {
  Stripper Walk(File);
  std::string Out;
  if (!Walk.run(Out))
    return Walk.error();
  return Out;
}

FileRange onnx_import::decodeFileRange(std::string_view RawData) {
  FileRange Range;
  if (RawData.size() == sizeof(Range))
    std::memcpy(&Range, RawData.data(), sizeof(Range));
  return Range;
}
