#include "qopt/Analysis/WeightReader.h"

#include "qopt/Base/BulkFormats.h"
#include "qopt/Base/NumberFormats.h"

#include <cstring>

using namespace mlir;
using namespace qopt;

static SmallVector<int64_t, 4> rowMajorStrides(ArrayRef<int64_t> Shape) {
  SmallVector<int64_t, 4> Strides(Shape.size(), 1);
  for (size_t I = Shape.size(); I-- > 1;)
    Strides[I - 1] = Strides[I] * Shape[I];
  return Strides;
}

bool WeightReader::View::isRowMajor() const {
  return ArrayRef<int64_t>(Strides) == ArrayRef<int64_t>(rowMajorStrides(Shape));
}

int64_t WeightReader::View::position(int64_t Element) const {
  int64_t Result = Offset;
  for (size_t I = Shape.size(); I-- > 0;) {
    Result += Element % Shape[I] * Strides[I];
    Element /= Shape[I];
  }
  return Result;
}

void WeightReader::pushRowMajor(ArrayRef<int64_t> Shape) {
  View New;
  New.Shape.assign(Shape.begin(), Shape.end());
  New.Strides = rowMajorStrides(Shape);
  Views.push_back(std::move(New));
}

void WeightReader::applyStep(Attribute Step) {
  View &Top = Views.back();
  if (auto Transpose = dyn_cast<TransposeStepAttr>(Step)) {
    View Old = Top;
    for (auto [I, Axis] : llvm::enumerate(Transpose.getPermutation())) {
      Top.Shape[I] = Old.Shape[Axis];
      Top.Strides[I] = Old.Strides[Axis];
    }
  } else if (auto Slice = dyn_cast<SliceStepAttr>(Step)) {
    Top.Offset += Slice.getOffset() * Top.Strides[Slice.getAxis()];
    Top.Shape[Slice.getAxis()] = Slice.getSize();
  } else if (auto Reshape = dyn_cast<ReshapeStepAttr>(Step)) {
    // Elements in order need no second view; otherwise positions go through both.
    if (Top.isRowMajor()) {
      Top.Shape.assign(Reshape.getShape().begin(), Reshape.getShape().end());
      Top.Strides = rowMajorStrides(Reshape.getShape());
    } else {
      pushRowMajor(Reshape.getShape());
    }
  } else if (auto Cast = dyn_cast<CastStepAttr>(Step)) {
    if (Cast.getElementType().isF16())
      ValueSteps.push_back({ValueStep::ToF16, 0});
    else if (Cast.getElementType().isBF16())
      ValueSteps.push_back({ValueStep::ToBF16, 0});
  } else if (auto Scale = dyn_cast<ScaleStepAttr>(Step)) {
    ValueSteps.push_back({ValueStep::Scale, float(Scale.getFactor().getValueAsDouble())});
  }
}

Result<WeightReader> WeightReader::open(WeightOp Weight, const SourceBytes &Bytes) {
  WeightReader Reader;
  int64_t Elements = 0;
  SmallVector<int64_t, 4> Shape;
  for (Attribute Each : Weight.getSources()) {
    RankedTensorType Ty = getSourceType(Each);
    Type Element = Ty.getElementType();
    Source Opened{Elements, nullptr, nullptr};
    if (auto Stored = dyn_cast<StoredSourceAttr>(Each)) {
      auto Parts = StoredSource::open(Stored, Weight.getSymName(), Bytes);
      if (!Parts)
        return Parts.status();
      Opened.Stored = std::make_shared<const StoredSource>(std::move(*Parts));
    } else if (Element.isF32())
      Reader.SourceElement = Element::F32;
    else if (Element.isF16())
      Reader.SourceElement = Element::F16;
    else if (Element.isBF16())
      Reader.SourceElement = Element::BF16;
    else if (Element.isF64())
      Reader.SourceElement = Element::F64;
    else
      return makeError(StatusCode::Unsupported, "weight '", Weight.getSymName().str(),
                       "': its source is not a float tensor");
    if (auto Plain = dyn_cast<SourceAttr>(Each)) {
      auto Data = findSourceBytes(Plain, Weight.getSymName(), Bytes);
      if (!Data)
        return Data.status();
      Opened.Data = *Data;
    }
    Reader.Sources.push_back(std::move(Opened));
    Elements += Ty.getNumElements();
    if (Shape.empty())
      Shape.assign(Ty.getShape().begin(), Ty.getShape().end());
    else
      Shape[0] += Ty.getDimSize(0);
  }
  Reader.pushRowMajor(Shape);
  for (Attribute Step : Weight.getSteps())
    Reader.applyStep(Step);
  auto Ty = cast<RankedTensorType>(Weight.getType());
  Reader.StoredType = getStoredElementType(Ty);
  Reader.Columns = Ty.getRank() ? Ty.getShape().back() : 1;
  Reader.Rows = Reader.Columns ? Ty.getNumElements() / Reader.Columns : 0;
  return Reader;
}

/// Elements [Position, Position + Count) of the concatenated sources as f32.
void WeightReader::loadRun(int64_t Position, int64_t Count, float *Out) const {
  size_t Index = Sources.size() - 1;
  while (Sources[Index].First > Position)
    --Index;
  while (Count > 0) {
    const Source &From = Sources[Index];
    int64_t End = Index + 1 < Sources.size() ? Sources[Index + 1].First : INT64_MAX;
    int64_t Here = std::min(Count, End - Position);
    if (From.Stored)
      From.Stored->read(Position - From.First, Here, Out);
    else
      convertRun(From.Data, Position - From.First, Here, Out);
    Position += Here;
    Out += Here;
    Count -= Here;
    ++Index;
  }
}

/// Bytes of a file need not be aligned to their type, so they go through a small aligned buffer.
template <typename T, typename Convert>
static void convertPieces(const char *Data, int64_t Count, float *Out, Convert Piece) {
  constexpr int64_t Size = 1024;
  T Buffer[Size];
  for (int64_t Begin = 0; Begin < Count; Begin += Size) {
    int64_t Here = std::min(Size, Count - Begin);
    std::memcpy(Buffer, Data + Begin * int64_t(sizeof(T)), Here * sizeof(T));
    Piece(Buffer, Here, Out + Begin);
  }
}

void WeightReader::convertRun(const char *Data, int64_t First, int64_t Count, float *Out) const {
  switch (SourceElement) {
  case Element::F32:
    std::memcpy(Out, Data + First * 4, Count * 4);
    return;
  case Element::F16:
    return convertPieces<uint16_t>(Data + First * 2, Count, Out, floatsFromHalfs);
  case Element::BF16:
    return convertPieces<uint16_t>(Data + First * 2, Count, Out, floatsFromBfloats);
  case Element::F64:
    return convertPieces<double>(
        Data + First * 8, Count, Out,
        [](const double *In, int64_t N, float *To) { std::copy(In, In + N, To); });
  }
}

void WeightReader::transform(float *Values, int64_t Count) const {
  for (const ValueStep &Step : ValueSteps)
    for (int64_t I = 0; I < Count; ++I) {
      if (Step.Kind == ValueStep::Scale)
        Values[I] *= Step.Factor;
      else
        Values[I] = Step.Kind == ValueStep::ToF16 ? floatFromHalf(halfFromFloat(Values[I]))
                                                  : floatFromBfloat(bfloatFromFloat(Values[I]));
    }
}

/// One element at a time through all views: for what is no plain matrix.
void WeightReader::readElements(int64_t First, int64_t Count, float *Out) const {
  for (int64_t I = 0; I < Count; ++I) {
    int64_t Position = First + I;
    for (const View &Each : llvm::reverse(Views))
      Position = Each.position(Position);
    loadRun(Position, 1, Out + I);
  }
}

/// A matrix whose columns are contiguous in the file: runs along the rows asked for, spread over
/// the output.
void WeightReader::readTransposed(int64_t First, int64_t Count, float *Out) const {
  const View &Top = Views.back();
  SmallVector<float, 64> Run(Count);
  for (int64_t Column = 0; Column < Columns; ++Column) {
    loadRun(Top.Offset + First + Column * Top.Strides[1], Count, Run.data());
    for (int64_t Row = 0; Row < Count; ++Row)
      Out[Row * Columns + Column] = Run[Row];
  }
}

void WeightReader::readRows(int64_t First, int64_t Count, float *Out) const {
  const View &Top = Views.back();
  bool Matrix = Views.size() == 1 && Top.Shape.size() == 2;
  if (Views.size() == 1 && Top.isRowMajor())
    loadRun(Top.Offset + First * Columns, Count * Columns, Out);
  else if (Matrix && Top.Strides[1] == 1)
    for (int64_t Row = 0; Row < Count; ++Row)
      loadRun(Top.Offset + (First + Row) * Top.Strides[0], Columns, Out + Row * Columns);
  else if (Matrix && Top.Strides[0] == 1)
    readTransposed(First, Count, Out);
  else
    readElements(First * Columns, Count * Columns, Out);
  transform(Out, Count * Columns);
}

//===- Codes of the file ----------------------------------------------------------------------===//

const WeightReader::Source &WeightReader::findSource(int64_t Position) const {
  size_t Index = Sources.size() - 1;
  while (Sources[Index].First > Position)
    --Index;
  return Sources[Index];
}

int64_t WeightReader::positionOf(int64_t Row, int64_t Column) const {
  const View &Top = Views.back();
  if (Views.size() == 1 && Top.Shape.size() == 2)
    return Top.Offset + Row * Top.Strides[0] + Column * Top.Strides[1];
  int64_t Position = Row * Columns + Column;
  for (const View &Each : llvm::reverse(Views))
    Position = Each.position(Position);
  return Position;
}

/// One group of a row. Codes move by what makes them the type's own: unsigned ones from 0 up, or
/// signed ones whose zero point is 0.
void WeightReader::readGroup(int64_t Row, int64_t Begin, int64_t Size, int16_t *Codes, float &Scale,
                             float *ZeroPoint) const {
  int64_t Start = positionOf(Row, Begin), Step = Size > 1 ? positionOf(Row, Begin + 1) - Start : 0;
  const Source &From = findSource(Start);
  const StoredSource &Stored = *From.Stored;
  int64_t Block = Stored.getBlock(Start - From.First);
  float Zero = Stored.getZeroPoint(Block);
  int64_t Move = ZeroPoint ? Stored.getUnsignedOffset() : -int64_t(Zero);
  Scale = Stored.getScale(Block);
  if (ZeroPoint)
    *ZeroPoint = Zero + float(Move);
  bool Straight = Views.size() == 1;
  for (int64_t I = 0; I < Size; ++I) {
    int64_t Position = Straight ? Start + I * Step : positionOf(Row, Begin + I);
    Codes[I] = int16_t(Stored.getCode(Position - From.First) + Move);
  }
}

void WeightReader::readCodes(int64_t First, int64_t Count, QuantizedRows &Out) const {
  Out.reset(StoredType, Count, Columns);
  int64_t Group = StoredType.getGroupSize() ? StoredType.getGroupSize() : Columns;
  for (int64_t G = 0; G < Out.Groups; ++G)
    for (int64_t Row = 0; Row < Count; ++Row) {
      int64_t Begin = G * Group, Index = Row * Out.Groups + G;
      readGroup(First + Row, Begin, std::min(Group, Columns - Begin),
                &Out.Codes[Row * Columns + Begin], Out.Scales[Index],
                Out.ZeroPoints.empty() ? nullptr : &Out.ZeroPoints[Index]);
    }
}
