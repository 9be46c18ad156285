#include "qopt/Reference/ReferenceValue.h"

#include "qopt/Reference/RowQuantization.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace qopt;

double qopt::roundToFloat(FloatType Ty, double Value) {
  if (Ty.isF64())
    return Value;
  llvm::APFloat Number(Value);
  bool LosesInfo;
  Number.convert(Ty.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &LosesInfo);
  return Number.convertToDouble();
}

int64_t qopt::wrapToInteger(Type Ty, int64_t Value) {
  auto Integer = dyn_cast<IntegerType>(Ty);
  if (!Integer || Integer.getWidth() >= 64)
    return Value;
  unsigned Shift = 64 - Integer.getWidth();
  uint64_t High = uint64_t(Value) << Shift;
  bool FromZero = Integer.isUnsigned() || Integer.getWidth() == 1;
  return FromZero ? int64_t(High >> Shift) : int64_t(High) >> Shift;
}

int64_t qopt::quantizeNumber(FloatType ScaleTy, IntegerType Code, double Value, double Scale,
                             int64_t ZeroPoint) {
  auto [Min, Max] = getCodeRange(Code);
  double Quotient = std::nearbyint(roundToFloat(ScaleTy, Value / Scale)) + double(ZeroPoint);
  return std::isnan(Quotient) || Quotient >= double(Max) ? Max
         : Quotient <= double(Min)                       ? Min
                                                         : int64_t(Quotient);
}

double qopt::quantizeNumber(FloatType ScaleTy, FloatType Code, double Value, double Scale) {
  double Quotient = roundToFloat(ScaleTy, Value / Scale), Largest = getLargestCode(Code);
  // NaN gives the largest code, as it does for integers.
  return roundToFloat(Code, Quotient < Largest ? std::max(Quotient, -Largest) : Largest);
}

/// The number that a code of a stored tensor is: integer codes are themselves, others are bits.
static double readCode(StoredTypeInterface Stored, int64_t Code) {
  auto Float = dyn_cast<FloatType>(Stored.getCodeType());
  if (!Float)
    return double(Code);
  llvm::APInt Bits(Float.getWidth(), uint64_t(Code));
  return llvm::APFloat(Float.getFloatSemantics(), Bits).convertToDouble();
}

//===- ReferenceTensor ------------------------------------------------------------------------===//

ReferenceTensor::ReferenceTensor(RankedTensorType Ty) : Ty(Ty), NumElements(Ty.getNumElements()) {
  if (StoredTypeInterface Stored = getStoredElementType(Ty)) {
    Kind = ElementKind::Stored;
    Integers.resize(NumElements);
    int64_t Rows = NumElements ? NumElements / getRowLength() : 0;
    Scales.resize(Rows * getNumGroups());
    if (Stored.hasZeroPoint())
      ZeroPoints.resize(Scales.size());
  } else if (isa<FloatType>(Ty.getElementType())) {
    Kind = ElementKind::Float;
    Floats.resize(NumElements);
  } else {
    Kind = ElementKind::Integer;
    Integers.resize(NumElements);
  }
}

ReferenceTensor ReferenceTensor::fromFloats(RankedTensorType Ty, ArrayRef<double> Elements) {
  ReferenceTensor Result(Ty);
  assert(int64_t(Elements.size()) == Result.NumElements);
  for (auto [Offset, Value] : llvm::enumerate(Elements))
    Result.setFloat(Offset, Value);
  return Result;
}

ReferenceTensor ReferenceTensor::fromIntegers(RankedTensorType Ty, ArrayRef<int64_t> Elements) {
  ReferenceTensor Result(Ty);
  assert(int64_t(Elements.size()) == Result.NumElements);
  for (auto [Offset, Value] : llvm::enumerate(Elements))
    Result.setInteger(Offset, Value);
  return Result;
}

ReferenceTensor ReferenceTensor::fromCodes(RankedTensorType Ty, ArrayRef<int64_t> Codes,
                                           ArrayRef<double> Scales, ArrayRef<double> ZeroPoints) {
  ReferenceTensor Result = fromIntegers(Ty, Codes);
  assert(Scales.size() == Result.Scales.size() && ZeroPoints.size() == Result.ZeroPoints.size());
  FloatType ScaleType = getStoredElementType(Ty).getScaleType();
  for (auto [I, Scale] : llvm::enumerate(Scales))
    Result.Scales[I] = roundToFloat(ScaleType, Scale);
  Result.ZeroPoints.assign(ZeroPoints.begin(), ZeroPoints.end());
  return Result;
}

struct ReferenceTensor::LoadedRows {
  int64_t BlockRows;
  RowLoader Load;
  std::map<int64_t, ReferenceTensor> Blocks;
};

ReferenceTensor::ReferenceTensor(RankedTensorType Ty, std::shared_ptr<LoadedRows> Rows)
    : Ty(Ty), NumElements(Ty.getNumElements()), Rows(std::move(Rows)) {
  assert(Ty.getRank() == 2 && "only matrices are read in rows");
  Kind = getStoredElementType(Ty)              ? ElementKind::Stored
         : isa<FloatType>(Ty.getElementType()) ? ElementKind::Float
                                               : ElementKind::Integer;
}

ReferenceTensor ReferenceTensor::fromRows(RankedTensorType Ty, int64_t BlockRows, RowLoader Load) {
  return ReferenceTensor(Ty,
                         std::make_shared<LoadedRows>(LoadedRows{BlockRows, std::move(Load), {}}));
}

const ReferenceTensor &ReferenceTensor::loadBlock(int64_t &Row) const {
  int64_t First = Row / Rows->BlockRows * Rows->BlockRows;
  auto It = Rows->Blocks.find(First);
  if (It == Rows->Blocks.end())
    It =
        Rows->Blocks.emplace(First, Rows->Load(First, std::min(Rows->BlockRows, getDim(0) - First)))
            .first;
  Row -= First;
  return It->second;
}

const ReferenceTensor &ReferenceTensor::loadElement(int64_t &Offset) const {
  int64_t Row = Offset / getDim(1), Column = Offset % getDim(1);
  const ReferenceTensor &Block = loadBlock(Row);
  Offset = Row * getDim(1) + Column;
  return Block;
}

int64_t ReferenceTensor::offset(ArrayRef<int64_t> Index) const {
  assert(int64_t(Index.size()) == getRank());
  int64_t Result = 0;
  for (auto [Position, Size] : llvm::zip_equal(Index, getShape())) {
    assert(Position >= 0 && Position < Size);
    Result = Result * Size + Position;
  }
  return Result;
}

double ReferenceTensor::getFloat(int64_t Offset) const {
  if (Rows)
    return loadElement(Offset).getFloat(Offset);
  if (Kind == ElementKind::Float)
    return Floats[Offset];
  if (Kind == ElementKind::Integer)
    return double(Integers[Offset]);
  StoredTypeInterface Stored = getStoredElementType(Ty);
  int64_t Length = getRowLength(), Row = Offset / Length;
  int64_t Group = Stored.getGroupSize() ? Offset % Length / Stored.getGroupSize() : 0;
  // A difference of integers is exact; one with a zero point that is none is rounded like every f32
  // difference.
  return double(float(readCode(Stored, Integers[Offset]) - getZeroPoint(Row, Group))) *
         getScale(Row, Group);
}

int64_t ReferenceTensor::getInteger(int64_t Offset) const {
  assert(Kind != ElementKind::Float);
  if (Rows)
    return loadElement(Offset).getInteger(Offset);
  return Integers[Offset];
}

void ReferenceTensor::setFloat(int64_t Offset, double Value) {
  assert(Kind == ElementKind::Float && !Rows);
  auto Float = cast<FloatType>(getElementType());
  Floats[Offset] = Float.isF32() ? double(float(Value)) : roundToFloat(Float, Value);
}

void ReferenceTensor::setInteger(int64_t Offset, int64_t Value) {
  assert(Kind != ElementKind::Float && !Rows);
  if (StoredTypeInterface Stored = getStoredElementType(Ty)) {
    assert(isa<FloatType>(Stored.getCodeType()) ||
           (Value >= Stored.getCodeMin() && Value <= Stored.getCodeMax()));
    Integers[Offset] = Value;
  } else {
    Integers[Offset] = wrapToInteger(getElementType(), Value);
  }
}

void ReferenceTensor::copyElement(int64_t Offset, const ReferenceTensor &From, int64_t FromOffset) {
  assert(From.Kind == Kind && Kind != ElementKind::Stored && !Rows);
  if (From.Rows) {
    const ReferenceTensor &Block = From.loadElement(FromOffset);
    return copyElement(Offset, Block, FromOffset);
  }
  if (Kind == ElementKind::Float)
    Floats[Offset] = From.Floats[FromOffset];
  else
    Integers[Offset] = From.Integers[FromOffset];
}

std::vector<double> ReferenceTensor::readFloats() const {
  if (Kind == ElementKind::Float && !Rows)
    return Floats;
  std::vector<double> Result(NumElements);
  for (int64_t I = 0; I < NumElements; ++I)
    Result[I] = getFloat(I);
  return Result;
}

int64_t ReferenceTensor::getNumGroups() const {
  int64_t Group = getStoredElementType(Ty).getGroupSize();
  return Group ? llvm::divideCeil(getRowLength(), Group) : 1;
}

double ReferenceTensor::getScale(int64_t Row, int64_t Group) const {
  if (Rows)
    return loadBlock(Row).getScale(Row, Group);
  return Scales[groupOffset(Row, Group)];
}

double ReferenceTensor::getZeroPoint(int64_t Row, int64_t Group) const {
  if (Rows)
    return loadBlock(Row).getZeroPoint(Row, Group);
  return ZeroPoints.empty() ? double(getStoredElementType(Ty).getImplicitZeroPoint())
                            : ZeroPoints[groupOffset(Row, Group)];
}

void ReferenceTensor::setScale(int64_t Row, int64_t Group, double Scale) {
  Scales[groupOffset(Row, Group)] = roundToFloat(getStoredElementType(Ty).getScaleType(), Scale);
}

void ReferenceTensor::setZeroPoint(int64_t Row, int64_t Group, double ZeroPoint) {
  assert(!ZeroPoints.empty() && "the type has no zero points");
  ZeroPoints[groupOffset(Row, Group)] = ZeroPoint;
}

//===- ReferenceCache -------------------------------------------------------------------------===//

ReferenceCache::ReferenceCache(KVCacheType Ty, int64_t Batch, int64_t WantedCapacity)
    : Ty(Ty), Batch(Batch),
      Capacity(ShapedType::isDynamic(Ty.getCapacity()) ? WantedCapacity : Ty.getCapacity()) {
  assert(Batch >= 0 && Capacity >= 0 && "the capacity must be decided by now");
  Slots.resize(Batch * Capacity);
}

int64_t ReferenceCache::offset(int64_t Head, int64_t Channel) const {
  assert(Head >= 0 && Head < Ty.getHeads() && Channel >= 0 && Channel < Ty.getHeadSize());
  return Head * Ty.getHeadSize() + Channel;
}

double ReferenceCache::read(int64_t Row, int64_t Position, int64_t Offset) const {
  assert(Row >= 0 && Row < Batch && Position >= 0 && Position < Capacity);
  const std::vector<double> &Slot = Slots[Row * Capacity + Position];
  return Slot.empty() ? 0 : Slot[Offset];
}

/// What a cache that stores `Ty` makes of one head of a token; returns its scale.
static double store(Type Ty, MutableArrayRef<double> Row) {
  if (auto Stored = dyn_cast<StoredTypeInterface>(Ty))
    return quantizeRow(Stored, Row);
  for (double &Number : Row)
    Number = roundToFloat(cast<FloatType>(Ty), Number);
  return 1;
}

void ReferenceCache::set(int64_t Row, int64_t Position, int64_t Head, ArrayRef<double> Key,
                         ArrayRef<double> Value) {
  std::vector<double> Keys(Key), Values(Value);
  double KeyScale = store(Ty.getKey(), Keys), ValueScale = store(Ty.getValue(), Values);
  load(Row, Position, Head, Keys, Values, KeyScale, ValueScale);
}

void ReferenceCache::load(int64_t Row, int64_t Position, int64_t Head, ArrayRef<double> Key,
                          ArrayRef<double> Value, double KeyScale, double ValueScale) {
  assert(Row >= 0 && Row < Batch && Position >= 0 && Position < Capacity);
  int64_t Heads = Ty.getHeads(), Size = Heads * Ty.getHeadSize(), Offset = offset(Head, 0);
  std::vector<double> &Slot = Slots[Row * Capacity + Position];
  Slot.resize(2 * Size + 2 * Heads);
  llvm::copy(Key, Slot.begin() + Offset);
  llvm::copy(Value, Slot.begin() + Size + Offset);
  Slot[2 * Size + Head] = KeyScale;
  Slot[2 * Size + Heads + Head] = ValueScale;
}

//===- ReferenceValue -------------------------------------------------------------------------===//

bool ReferenceValue::fits(Type Expected) const {
  if (isCache())
    return Cache->getType() == Expected;
  auto Tensor = dyn_cast<RankedTensorType>(Expected);
  return Tensor && Tensor.getElementType() == getTensor().getElementType() &&
         succeeded(verifyCompatibleShape(Tensor, getTensor().getType()));
}
