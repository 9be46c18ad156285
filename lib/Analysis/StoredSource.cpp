#include "qopt/Analysis/StoredSource.h"

#include "qopt/Base/NumberFormats.h"

#include <cstring>

using namespace mlir;
using namespace qopt;

Result<const char *> qopt::findSourceBytes(SourceAttr Source, StringRef Weight,
                                           const SourceBytes &Bytes) {
  auto File = Bytes(Source.getFile());
  if (!File)
    return File.status();
  if (Source.getOffset() > int64_t(File->size()) ||
      Source.getLength() > int64_t(File->size()) - Source.getOffset())
    return makeError(StatusCode::BadInput, Source.getFile().str(), ": weight '", Weight.str(),
                     "' is at bytes ", Source.getOffset(), " to ",
                     Source.getOffset() + Source.getLength(), ", but the file has ", File->size());
  return File->data() + Source.getOffset();
}

//===- NumberArray ----------------------------------------------------------------------------===//

static double toDouble(APFloat Number) {
  bool LosesInfo;
  Number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &LosesInfo);
  return Number.convertToDouble();
}

Result<NumberArray> NumberArray::open(Attribute Part, StringRef Weight, const SourceBytes &Bytes) {
  NumberArray Result;
  if (auto Range = dyn_cast<SourceAttr>(Part)) {
    auto Data = findSourceBytes(Range, Weight, Bytes);
    if (!Data)
      return Data.status();
    Result.Data = *Data;
    Result.Element = Range.getType().getElementType();
    Result.Pitch = Range.getType().getRank() ? Range.getType().getShape().back() : 1;
    return Result;
  }
  auto Written = cast<DenseElementsAttr>(Part);
  auto Ty = cast<RankedTensorType>(Written.getType());
  Result.Element = Ty.getElementType();
  Result.Pitch = Ty.getRank() ? Ty.getShape().back() : 1;
  if (isa<FloatType>(Result.Element))
    for (const APFloat &Number : Written.getValues<APFloat>())
      Result.Written.push_back(toDouble(Number));
  else
    for (const APInt &Number : Written.getValues<APInt>())
      Result.Written.push_back(Result.Element.isUnsignedInteger() ? double(Number.getZExtValue())
                                                                  : double(Number.getSExtValue()));
  return Result;
}

template <typename T> static T load(const char *Data, int64_t Index) {
  T Value;
  std::memcpy(&Value, Data + Index * int64_t(sizeof(T)), sizeof(T));
  return Value;
}

int64_t NumberArray::getInteger(int64_t Index) const {
  if (!Data)
    return int64_t(Written[Index]);
  unsigned Bits = Element.getIntOrFloatBitWidth();
  uint64_t Value;
  if (Bits == 8)
    Value = uint8_t(Data[Index]);
  else if (Bits == 16)
    Value = load<uint16_t>(Data, Index);
  else if (Bits == 32)
    Value = load<uint32_t>(Data, Index);
  else // The first element lies in the lowest bits, and none of 2 or 4 bits crosses a byte.
    Value = uint8_t(Data[Index * Bits / 8]) >> (Index * Bits % 8) & ((1u << Bits) - 1);
  return Element.isUnsignedInteger() ? int64_t(Value) : llvm::SignExtend64(Value, Bits);
}

float NumberArray::getFloat(int64_t Index) const {
  if (!Data)
    return float(Written[Index]);
  if (Element.isF32())
    return load<float>(Data, Index);
  if (Element.isF16())
    return floatFromHalf(load<uint16_t>(Data, Index));
  if (Element.isBF16())
    return floatFromBfloat(load<uint16_t>(Data, Index));
  if (Element.isF64())
    return float(load<double>(Data, Index));
  return float(getInteger(Index));
}

//===- StoredSource ---------------------------------------------------------------------------===//

static bool isReadable(Type Element) {
  return Element.isF32() || Element.isF16() || Element.isBF16() || Element.isF64() ||
         llvm::is_contained({2u, 4u, 8u, 16u, 32u},
                            isa<IntegerType>(Element) ? Element.getIntOrFloatBitWidth() : 0);
}

Result<StoredSource> StoredSource::open(StoredSourceAttr Source, StringRef Weight,
                                        const SourceBytes &Bytes) {
  StoredSource Result;
  for (auto [Part, Into] : {std::pair<Attribute, NumberArray *>(Source.getCodes(), &Result.Codes),
                            {Source.getScales(), &Result.Scales},
                            {Source.getZeroPoints(), &Result.ZeroPoints},
                            {Source.getGroups(), &Result.Groups}}) {
    if (!Part)
      continue;
    auto Opened = NumberArray::open(Part, Weight, Bytes);
    if (!Opened)
      return Opened.status();
    *Into = std::move(*Opened);
    if (!isReadable(Into->getElement()))
      return makeError(StatusCode::Unsupported, "weight '", Weight.str(),
                       "': a part of its stored source has elements that cannot be read");
  }
  RankedTensorType Ty = Source.getType();
  Result.Element = Ty.getElementType();
  Result.Shape.assign(Ty.getShape().begin(), Ty.getShape().end());
  Result.Block.assign(Source.getBlock().begin(), Source.getBlock().end());
  for (auto [Size, Of] : llvm::zip_equal(Result.Shape, Result.Block))
    Result.Blocks.push_back(llvm::divideCeil(Size, Of));
  Result.Columns = Ty.getRank() ? std::max<int64_t>(Ty.getShape().back(), 1) : 1;
  Result.Zero = Source.getZero();
  Result.HasZeroPoints = bool(Source.getZeroPoints());
  Result.ZeroPointsAreFloats =
      Result.HasZeroPoints && isa<FloatType>(Result.ZeroPoints.getElement());
  Result.HasGroups = bool(Source.getGroups());
  int64_t Named = Result.HasGroups ? Ty.getShape().back() : 0;
  for (int64_t I = 0; I < Named; ++I)
    if (int64_t Group = Result.Groups.getInteger(I); Group < 0 || Group >= Result.Blocks.back())
      return makeError(StatusCode::BadInput, "weight '", Weight.str(), "': element ", I,
                       " is in group ", Group, ", expected 0 to ", Result.Blocks.back() - 1);
  Result.UnsignedOffset =
      -getCodeRange(cast<IntegerType>(Source.getCodes().getType().getElementType())).first;
  return Result;
}

int64_t StoredSource::getCode(int64_t Position) const {
  return Codes.getInteger(Position / Columns * Codes.getPitch() + Position % Columns);
}

int64_t StoredSource::getBlock(int64_t Position) const {
  int64_t Result = 0, Stride = 1;
  for (size_t I = Shape.size(); I-- > 0;) {
    int64_t Index = Position % Shape[I];
    bool Named = HasGroups && I + 1 == Shape.size();
    Result += (Named ? Groups.getInteger(Index) : Index / Block[I]) * Stride;
    Stride *= Blocks[I];
    Position /= Shape[I];
  }
  return Result;
}

float StoredSource::getZeroPoint(int64_t Of) const {
  if (!HasZeroPoints)
    return float(Zero);
  int64_t PerRow = Blocks.empty() ? 1 : Blocks.back();
  int64_t Index = Of / PerRow * ZeroPoints.getPitch() + Of % PerRow;
  return ZeroPointsAreFloats ? ZeroPoints.getFloat(Index) : float(ZeroPoints.getInteger(Index));
}

void StoredSource::read(int64_t Position, int64_t Count, float *Out) const {
  for (int64_t I = 0; I < Count; ++I) {
    int64_t Of = getBlock(Position + I);
    float Difference = float(getCode(Position + I)) - getZeroPoint(Of),
          Value = Difference * getScale(Of);
    if (Element.isF16())
      Value = floatFromHalf(halfFromFloat(Value));
    else if (Element.isBF16())
      Value = floatFromBfloat(bfloatFromFloat(Value));
    Out[I] = Value;
  }
}
