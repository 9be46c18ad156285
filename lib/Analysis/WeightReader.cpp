#include "qopt/Analysis/WeightReader.h"

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

float WeightReader::load(int64_t Position) const {
  size_t Index = Sources.size() - 1;
  while (Sources[Index].first > Position)
    --Index;
  const char *Data = Sources[Index].second;
  Position -= Sources[Index].first;
  auto Read = [&](auto Value) {
    std::memcpy(&Value, Data + Position * int64_t(sizeof(Value)), sizeof(Value));
    return Value;
  };
  switch (SourceElement) {
  case Element::F32:
    return Read(float());
  case Element::F16:
    return floatFromHalf(Read(uint16_t()));
  case Element::BF16:
    return floatFromBfloat(Read(uint16_t()));
  case Element::F64:
    return float(Read(double()));
  }
  llvm_unreachable("all element types are handled");
}

float WeightReader::transform(float Value) const {
  for (const ValueStep &Step : ValueSteps) {
    if (Step.Kind == ValueStep::Scale)
      Value *= Step.Factor;
    else
      Value = Step.Kind == ValueStep::ToF16 ? floatFromHalf(halfFromFloat(Value))
                                            : floatFromBfloat(bfloatFromFloat(Value));
  }
  return Value;
}

void WeightReader::readRows(int64_t First, int64_t Count, float *Out) const {
  const View &Top = Views.back();
  if (Views.size() > 1 || Top.Shape.size() != 2) {
    for (int64_t I = 0; I < Count * Columns; ++I) {
      int64_t Position = First * Columns + I;
      for (const View &Each : llvm::reverse(Views))
        Position = Each.position(Position);
      Out[I] = transform(load(Position));
    }
    return;
  }
  // A matrix: walk along the axis that is contiguous in the file.
  auto Copy = [&](int64_t Row, int64_t Column) {
    int64_t Position = Top.Offset + (First + Row) * Top.Strides[0] + Column * Top.Strides[1];
    Out[Row * Columns + Column] = transform(load(Position));
  };
  if (Top.Strides[0] < Top.Strides[1]) {
    for (int64_t Column = 0; Column < Columns; ++Column)
      for (int64_t Row = 0; Row < Count; ++Row)
        Copy(Row, Column);
  } else {
    for (int64_t Row = 0; Row < Count; ++Row)
      for (int64_t Column = 0; Column < Columns; ++Column)
        Copy(Row, Column);
  }
}
