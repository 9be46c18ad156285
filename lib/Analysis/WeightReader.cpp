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
  for (auto Source : Weight.getSources().getAsRange<SourceAttr>()) {
    RankedTensorType Ty = Source.getType();
    Type Element = Ty.getElementType();
    if (Element.isF32())
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
    auto File = Bytes(Source.getFile());
    if (!File)
      return File.status();
    if (Source.getOffset() > int64_t(File->size()) ||
        Source.getLength() > int64_t(File->size()) - Source.getOffset())
      return makeError(StatusCode::BadInput, Source.getFile().str(), ": weight '",
                       Weight.getSymName().str(), "' is at bytes ", Source.getOffset(), " to ",
                       Source.getOffset() + Source.getLength(), ", but the file has ", File->size());
    Reader.Sources.push_back({Elements, File->data() + Source.getOffset()});
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
  Reader.Columns = Ty.getRank() ? Ty.getShape().back() : 1;
  Reader.Rows = Reader.Columns ? Ty.getNumElements() / Reader.Columns : 0;
  return Reader;
}

/// Elements [Position, Position + Count) of the concatenated sources as f32.
void WeightReader::loadRun(int64_t Position, int64_t Count, float *Out) const {
  size_t Index = Sources.size() - 1;
  while (Sources[Index].first > Position)
    --Index;
  while (Count > 0) {
    int64_t End = Index + 1 < Sources.size() ? Sources[Index + 1].first : INT64_MAX;
    int64_t Here = std::min(Count, End - Position);
    convertRun(Sources[Index].second, Position - Sources[Index].first, Here, Out);
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
    return convertPieces<double>(Data + First * 8, Count, Out,
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

/// A matrix whose columns are contiguous in the file: runs along the rows asked for, spread over the output.
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
