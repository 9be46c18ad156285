#include "TensorData.h"

#include "WireFormat.h"
#include "onnx/onnx-ml.pb.h"

#include "qopt/Base/CheckedMath.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;
using onnx::TensorProto;

/// Tensors spelled out number by number are decoded into memory; larger ones must come as raw or
/// external data.
static constexpr uint64_t MaxTypedElements = 1 << 20;

Type onnx_import::getElementType(int32_t DataType, MLIRContext *Context) {
  Builder B(Context);
  auto Unsigned = [&](unsigned Bits) { return B.getIntegerType(Bits, /*isSigned=*/false); };
  switch (DataType) {
  case TensorProto::FLOAT:
    return B.getF32Type();
  case TensorProto::FLOAT16:
    return B.getF16Type();
  case TensorProto::BFLOAT16:
    return B.getBF16Type();
  case TensorProto::DOUBLE:
    return B.getF64Type();
  case TensorProto::BOOL:
    return B.getI1Type();
  case TensorProto::INT64:
    return B.getI64Type();
  case TensorProto::INT32:
    return B.getI32Type();
  case TensorProto::INT16:
    return B.getIntegerType(16);
  case TensorProto::INT8:
    return B.getIntegerType(8);
  case TensorProto::INT4:
    return B.getIntegerType(4);
  case TensorProto::INT2:
    return B.getIntegerType(2);
  case TensorProto::UINT64:
    return Unsigned(64);
  case TensorProto::UINT32:
    return Unsigned(32);
  case TensorProto::UINT16:
    return Unsigned(16);
  case TensorProto::UINT8:
    return Unsigned(8);
  case TensorProto::UINT4:
    return Unsigned(4);
  case TensorProto::UINT2:
    return Unsigned(2);
  case TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(Context);
  case TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(Context);
  case TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(Context);
  case TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(Context);
  case TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(Context);
  case TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(Context);
  case TensorProto::FLOAT6E2M3:
    return Float6E2M3FNType::get(Context);
  case TensorProto::FLOAT6E3M2:
    return Float6E3M2FNType::get(Context);
  default:
    return {};
  }
}

unsigned onnx_import::getStorageBits(Type Element) {
  return Element.isInteger(1) ? 8 : Element.getIntOrFloatBitWidth();
}

std::optional<uint64_t> onnx_import::getStorageBytes(ArrayRef<int64_t> Shape, Type Element) {
  if (llvm::any_of(Shape, [](int64_t Size) { return Size < 0; }))
    return std::nullopt;
  auto Elements = checkedProduct(Shape);
  auto Bits = Elements ? checkedMul(*Elements, getStorageBits(Element)) : std::nullopt;
  auto Bytes = Bits ? checkedAdd(*Bits, 7) : std::nullopt;
  return Bytes ? std::optional<uint64_t>(*Bytes / 8) : std::nullopt;
}

StringRef FileTensor::bytes() const {
  if (!isInFile())
    return Typed;
  return Mapped ? StringRef(Mapped->data() + Offset, Length) : StringRef();
}

static std::string describe(const TensorProto &Tensor) {
  return "tensor '" + llvm::StringRef(Tensor.name()).str() + "'";
}

template <typename... Parts> static Status bad(const TensorProto &Tensor, const Parts &...Message) {
  return makeError(StatusCode::BadInput, describe(Tensor), " ", Message...);
}

/// The keys of external data, checked against the list that the format knows.
static Result<FileTensor> parseExternal(const TensorProto &Tensor, FileTensor Result) {
  std::optional<uint64_t> Offset, Length;
  for (const auto &Entry : Tensor.external_data()) {
    StringRef Key = Entry.key(), Text = Entry.value();
    std::optional<uint64_t> *Number = Key == "offset"   ? &Offset
                                      : Key == "length" ? &Length
                                                        : nullptr;
    if (Key == "location") {
      if (!Result.File.empty())
        return bad(Tensor, "has two locations of its data");
      Result.File = Text.str();
    } else if (Number) {
      uint64_t Value;
      if (*Number || Text.getAsInteger(10, Value) || Value > uint64_t(INT64_MAX))
        return bad(Tensor, "has a wrong ", Key.str(), " of its external data: '", Text.str(), "'");
      *Number = Value;
    } else if (Key != "checksum") {
      return bad(Tensor, "has external data with an unknown key '", Key.str(), "'");
    }
  }
  if (Result.File.empty())
    return bad(Tensor, "has external data but no location");
  if (Result.File.compare(0, 2, "*/") == 0)
    return bad(Tensor, "refers to the memory of the process that wrote it ('", Result.File, "')");
  Result.Offset = Offset.value_or(0);
  if (Length && *Length != Result.Length)
    return bad(Tensor, "has ", *Length, " bytes of external data, but its type needs ",
               Result.Length);
  return Result;
}

static Result<FileTensor> locateExternal(const TensorProto &Tensor, FileTensor Place,
                                         ModelFolder &Folder, bool ShapeOnly) {
  if (Tensor.has_raw_data() || Tensor.int32_data_size() || Tensor.int64_data_size() ||
      Tensor.uint64_data_size())
    return bad(Tensor, "has external data and data of its own");
  Result<FileTensor> Found = parseExternal(Tensor, std::move(Place));
  if (!Found)
    return Found;
  auto Mapped = Folder.map(Found->File);
  if (!Mapped && ShapeOnly && llvm::is_contained(Folder.absentFiles(), Found->File))
    return Found;
  if (!Mapped)
    return Mapped.status().within(describe(Tensor) + " has its data in");
  uint64_t Size = (*Mapped)->size();
  if (Found->Offset > Size || Found->Length > Size - Found->Offset)
    return bad(Tensor, "needs bytes ", Found->Offset, " to ", Found->Offset + Found->Length,
               " of '", Found->File, "', which has ", Size);
  Found->Mapped = *Mapped;
  return Found;
}

/// Elements that one entry of int32_data holds.
static unsigned elementsPerEntry(unsigned Bits) { return Bits == 4 ? 2 : Bits == 2 ? 4 : 1; }

/// Packs numbers spelled out as integers as raw data would hold them.
static Result<FileTensor> packTyped(const TensorProto &Tensor, FileTensor Place,
                                    uint64_t Elements) {
  Type Element = Place.Type.getElementType();
  unsigned Bits = getStorageBits(Element);
  bool Is64 = Element.isInteger(64),
       IsUnsigned64 = Element.isUnsignedInteger(64) || Element.isUnsignedInteger(32);
  uint64_t Entries = IsUnsigned64 ? Tensor.uint64_data_size()
                     : Is64       ? Tensor.int64_data_size()
                                  : Tensor.int32_data_size();
  unsigned PerEntry = elementsPerEntry(Bits);
  if (Elements > MaxTypedElements)
    return makeError(StatusCode::Unsupported, describe(Tensor), " spells out ", Elements,
                     " numbers one by one; save the model with raw or external data");
  if (Entries != llvm::divideCeil(Elements, PerEntry))
    return bad(Tensor, "has ", Entries, " entries of data, but its type needs ",
               llvm::divideCeil(Elements, PerEntry));
  Place.Typed.assign(Place.Length, '\0');
  unsigned EntryBits = Bits * PerEntry;
  for (uint64_t I = 0; I < Entries; ++I) {
    uint64_t Value = IsUnsigned64 ? Tensor.uint64_data(I)
                     : Is64       ? uint64_t(Tensor.int64_data(I))
                                  : uint64_t(int64_t(Tensor.int32_data(I)));
    for (unsigned Bit = 0; Bit < EntryBits; ++Bit) {
      uint64_t At = I * EntryBits + Bit;
      if (At / 8 < Place.Length && (Value >> Bit & 1))
        Place.Typed[At / 8] |= char(1 << At % 8);
    }
  }
  return Place;
}

Result<FileTensor> onnx_import::locateTensor(const TensorProto &Tensor, ModelFolder &Folder,
                                             MLIRContext *Context, bool ShapeOnly) {
  Type Element = getElementType(Tensor.data_type(), Context);
  if (!Element)
    return makeError(StatusCode::Unsupported, describe(Tensor),
                     " has elements of ONNX type number ", Tensor.data_type(),
                     ", which is not supported");
  if (Tensor.has_segment())
    return makeError(StatusCode::Unsupported, describe(Tensor), " is split into segments");
  SmallVector<int64_t> Shape(Tensor.dims().begin(), Tensor.dims().end());
  auto Bytes = getStorageBytes(Shape, Element);
  if (!Bytes)
    return bad(Tensor, "has dimensions that are negative or too large");
  FileTensor Place;
  Place.Type = RankedTensorType::get(Shape, Element);
  Place.Length = *Bytes;
  Place.ShapeOnly = ShapeOnly;
  if (Tensor.data_location() == TensorProto::EXTERNAL)
    return locateExternal(Tensor, std::move(Place), Folder, ShapeOnly);
  if (!Tensor.has_raw_data() && *Bytes != 0)
    return packTyped(Tensor, std::move(Place), Place.Type.getNumElements());
  if (*Bytes == 0)
    return Place;
  FileRange Range = decodeFileRange(Tensor.raw_data());
  if (Range.Length != *Bytes)
    return bad(Tensor, "has ", Range.Length, " bytes of data, but its type needs ", *Bytes);
  auto Mapped = Folder.map(Folder.modelFileName());
  if (!Mapped)
    return Mapped.status();
  if (Range.Offset > (*Mapped)->size() || Range.Length > (*Mapped)->size() - Range.Offset)
    return makeError(StatusCode::Internal, describe(Tensor), " lies outside the model file");
  Place.File = Folder.modelFileName();
  Place.Offset = Range.Offset;
  Place.Mapped = *Mapped;
  return Place;
}

/// Element `Index` of a little-endian stream of elements, the first in the lowest bits.
static uint64_t loadBits(StringRef Bytes, uint64_t Index, unsigned Bits) {
  uint64_t Value = 0, First = Index * Bits;
  for (unsigned Bit = 0; Bit < Bits; ++Bit)
    if (uint8_t(Bytes[(First + Bit) / 8]) >> (First + Bit) % 8 & 1)
      Value |= uint64_t(1) << Bit;
  return Value;
}

SmallVector<int64_t> onnx_import::readIntegers(const FileTensor &Tensor) {
  Type Element = Tensor.Type.getElementType();
  unsigned Bits = getStorageBits(Element);
  SmallVector<int64_t> Values;
  for (int64_t I = 0, E = Tensor.Type.getNumElements(); I < E; ++I) {
    uint64_t Value = loadBits(Tensor.bytes(), I, Bits);
    if (Element.isInteger(1))
      Values.push_back(Value != 0);
    else if (Element.isUnsignedInteger() || Bits == 64)
      Values.push_back(int64_t(Value));
    else
      Values.push_back(llvm::SignExtend64(Value, Bits));
  }
  return Values;
}

DenseElementsAttr onnx_import::readTensor(const FileTensor &Tensor) {
  Type Element = Tensor.Type.getElementType();
  if (auto Float = dyn_cast<FloatType>(Element)) {
    SmallVector<APFloat> Values;
    for (int64_t I = 0, E = Tensor.Type.getNumElements(); I < E; ++I)
      Values.emplace_back(Float.getFloatSemantics(),
                          APInt(Float.getWidth(), loadBits(Tensor.bytes(), I, Float.getWidth())));
    return DenseElementsAttr::get(Tensor.Type, Values);
  }
  SmallVector<APInt> Values;
  unsigned Bits = Element.getIntOrFloatBitWidth();
  for (int64_t Value : readIntegers(Tensor))
    Values.emplace_back(Bits, uint64_t(Value), /*isSigned=*/false, /*implicitTrunc=*/true);
  return DenseElementsAttr::get(Tensor.Type, Values);
}
