// Sources that hold a tensor as codes, scales and zero points, and the types that keep them so.
#include "QOpt/QOpt.h"

#include "mlir/IR/Diagnostics.h"

#include <numeric>

using namespace mlir;
using namespace qopt;

RankedTensorType qopt::getSourceType(Attribute Source) {
  if (auto Stored = dyn_cast<StoredSourceAttr>(Source))
    return Stored.getType();
  return cast<SourceAttr>(Source).getType();
}

SmallVector<SourceAttr> qopt::getFileRanges(Attribute Source) {
  if (auto Plain = dyn_cast<SourceAttr>(Source))
    return {Plain};
  auto Stored = cast<StoredSourceAttr>(Source);
  SmallVector<SourceAttr> Ranges = {Stored.getCodes()};
  for (Attribute Part : {Stored.getScales(), Stored.getZeroPoints(), Stored.getGroups()})
    if (auto Range = dyn_cast_or_null<SourceAttr>(Part))
      Ranges.push_back(Range);
  return Ranges;
}

std::pair<int64_t, int64_t> qopt::getCodeRange(IntegerType Code) {
  unsigned Width = Code.getWidth();
  if (Code.isUnsigned())
    return {0, (int64_t(1) << Width) - 1};
  return {-(int64_t(1) << (Width - 1)), (int64_t(1) << (Width - 1)) - 1};
}

//===- Verification ---------------------------------------------------------------------------===//

/// Type of a source or of numbers that are written out, or null.
static RankedTensorType getPartType(Attribute Part) {
  if (auto Range = dyn_cast<SourceAttr>(Part))
    return Range.getType();
  auto Written = dyn_cast<DenseElementsAttr>(Part);
  return Written ? dyn_cast<RankedTensorType>(Written.getType()) : RankedTensorType();
}

/// Whether the shapes agree but for the last axis, which may be longer.
static bool isPadded(ArrayRef<int64_t> Shape, ArrayRef<int64_t> Padded) {
  if (Shape.size() != Padded.size())
    return false;
  return Shape.empty() ||
         (Shape.drop_back() == Padded.drop_back() && Shape.back() <= Padded.back());
}

LogicalResult StoredSourceAttr::verify(function_ref<InFlightDiagnostic()> EmitError,
                                       RankedTensorType Ty, ArrayRef<int64_t> Block,
                                       SourceAttr Codes, Attribute Scales, Attribute ZeroPoints,
                                       int64_t, Attribute Groups) {
  auto Float = dyn_cast<FloatType>(Ty.getElementType());
  if (!Ty.hasStaticShape() || !Float || Float.getWidth() > 32)
    return EmitError() << "a stored source reads as a static tensor of f32, f16 or bf16, found "
                       << Ty;
  auto Code = dyn_cast<IntegerType>(Codes.getType().getElementType());
  if (!Code || Code.getWidth() < 2 || Code.getWidth() > 32)
    return EmitError() << "codes must be integers of 2 to 32 bits, found " << Codes.getType();
  if (!isPadded(Ty.getShape(), Codes.getType().getShape()))
    return EmitError() << "codes of type " << Codes.getType() << " do not fit " << Ty;
  if (int64_t(Block.size()) != Ty.getRank() ||
      llvm::any_of(Block, [](int64_t Size) { return Size < 1; }))
    return EmitError() << "a stored source has " << Block.size() << " block sizes for " << Ty
                       << ", expected a positive number for each axis";
  SmallVector<int64_t> Blocks;
  for (auto [Size, Of] : llvm::zip_equal(Ty.getShape(), Block))
    Blocks.push_back(llvm::divideCeil(Size, Of));
  RankedTensorType ScaleTy = getPartType(Scales);
  if (!ScaleTy || !isa<FloatType>(ScaleTy.getElementType()) ||
      ScaleTy.getShape() != ArrayRef<int64_t>(Blocks))
    return EmitError() << "scales must be floats, one for each block, found " << Scales;
  if (ZeroPoints) {
    RankedTensorType ZeroTy = getPartType(ZeroPoints);
    if (!ZeroTy || !isPadded(Blocks, ZeroTy.getShape()) ||
        (!isa<FloatType>(ZeroTy.getElementType()) && ZeroTy.getElementType() != Code))
      return EmitError() << "zero points must be floats or codes, one for each block, found "
                         << ZeroPoints;
  }
  if (Groups) {
    RankedTensorType GroupsTy = getPartType(Groups);
    if (!GroupsTy || Ty.getRank() == 0 || GroupsTy.getRank() != 1 ||
        !GroupsTy.getElementType().isInteger(32) || GroupsTy.getDimSize(0) != Ty.getShape().back())
      return EmitError() << "groups must be i32, one for each element of the last axis, found "
                         << Groups;
  }
  return success();
}

LogicalResult QuantizationAttr::verify(function_ref<InFlightDiagnostic()> EmitError,
                                       IntegerType Code, FloatAttr Scale, int64_t ZeroPoint) {
  if (Code.getWidth() != 8 && Code.getWidth() != 16)
    return EmitError() << "codes must be integers of 8 or 16 bits, found " << Code;
  if (!Scale.getType().isF32())
    return EmitError() << "the scale must be f32, found " << Scale.getType();
  auto [Min, Max] = getCodeRange(Code);
  if (ZeroPoint < Min || ZeroPoint > Max)
    return EmitError() << "zero point " << ZeroPoint << " is no code of " << Code;
  return success();
}

//===- Kept codes -----------------------------------------------------------------------------===//

bool qopt::hasStoredSources(WeightOp Weight) {
  return llvm::all_of(Weight.getSources(), llvm::IsaPred<StoredSourceAttr>);
}

namespace {
/// How many neighbours along each axis share a scale.
struct Blocks {
  SmallVector<int64_t> Shape, Size;

  bool isWhole(size_t Axis) const { return Size[Axis] >= Shape[Axis]; }
};
} // namespace

/// Blocks of a part of an axis; failure where it cuts one.
static LogicalResult slice(Blocks &Of, SliceStepAttr Step) {
  int64_t Axis = Step.getAxis(), Size = Of.Size[Axis];
  bool Inside = Step.getSize() == 0 ||
                Step.getOffset() / Size == (Step.getOffset() + Step.getSize() - 1) / Size;
  if (!Inside && Step.getOffset() % Size != 0)
    return failure();
  Of.Shape[Axis] = Step.getSize();
  if (Inside)
    Of.Size[Axis] = std::max<int64_t>(Step.getSize(), 1);
  return success();
}

/// Leading axes stay as they are; the others may be cut anew where each is one block.
static LogicalResult reshape(Blocks &Of, ArrayRef<int64_t> Shape) {
  size_t Same = 0;
  while (Same < std::min(Of.Shape.size(), Shape.size()) && Of.Shape[Same] == Shape[Same])
    ++Same;
  if (!llvm::all_of(llvm::seq(Same, Of.Shape.size()),
                    [&](size_t Axis) { return Of.isWhole(Axis); }))
    return failure();
  Of.Shape.assign(Shape.begin(), Shape.end());
  Of.Size.truncate(Same);
  for (int64_t Axis : Shape.drop_front(Same))
    Of.Size.push_back(std::max<int64_t>(Axis, 1));
  return success();
}

static LogicalResult applyStep(Blocks &Of, Attribute Step) {
  if (isa<CastStepAttr>(Step))
    return success();
  if (auto Slice = dyn_cast<SliceStepAttr>(Step))
    return slice(Of, Slice);
  if (auto Transpose = dyn_cast<TransposeStepAttr>(Step)) {
    Blocks Old = Of;
    for (auto [I, Axis] : llvm::enumerate(Transpose.getPermutation())) {
      Of.Shape[I] = Old.Shape[Axis];
      Of.Size[I] = Old.Size[Axis];
    }
    return success();
  }
  auto Reshape = dyn_cast<ReshapeStepAttr>(Step);
  return Reshape ? reshape(Of, Reshape.getShape()) : failure();
}

/// Blocks of sources joined along axis 0. Rows of a matrix have their own scales in every packed
/// type, so only other ranks need equal ones.
static std::optional<Blocks> joinBlocks(WeightOp Weight) {
  Blocks Joined;
  for (auto Source : Weight.getSources().getAsRange<StoredSourceAttr>()) {
    ArrayRef<int64_t> Shape = Source.getType().getShape(), Size = Source.getBlock();
    if (Joined.Shape.empty()) {
      Joined = {SmallVector<int64_t>(Shape), SmallVector<int64_t>(Size)};
      continue;
    }
    if (Size.drop_front() != ArrayRef<int64_t>(Joined.Size).drop_front())
      return std::nullopt;
    int64_t Start = Joined.Shape[0];
    Joined.Shape[0] += Shape[0];
    // Only rows that are blocks of their own surely begin where one begins.
    if (Size[0] != 1 || Joined.Size[0] != 1)
      Joined.Size[0] = std::gcd(std::gcd(Joined.Size[0], Size[0]), Start);
  }
  return Joined;
}

/// The form of codes and zero points as a packed type has it, or null.
static PackedType getPackedForm(StoredSourceAttr Source, int64_t Group) {
  MLIRContext *Context = Source.getContext();
  auto Code = cast<IntegerType>(Source.getCodes().getType().getElementType());
  auto Scale = cast<FloatType>(getPartType(Source.getScales()).getElementType());
  if (Code.getWidth() > 8 || Scale.getWidth() > 32 || Source.getGroups())
    return {};
  auto Packed = IntegerType::get(Context, Code.getWidth());
  int64_t Middle = Code.isUnsigned() ? int64_t(1) << (Code.getWidth() - 1) : 0;
  if (!Source.getZeroPoints() && Source.getZero() == Middle)
    return PackedType::get(Context, Packed, Group, Scale, /*asymmetric=*/false);
  auto [Min, Max] = getCodeRange(Code);
  auto Zero = Source.getZeroPoints()
                  ? dyn_cast<FloatType>(getPartType(Source.getZeroPoints()).getElementType())
                  : FloatType();
  // Signed codes become unsigned ones, which moves their zero points: exact for integers.
  if (Zero ? !Code.isUnsigned() || Zero.getWidth() > 32
           : Source.getZero() < Min || Source.getZero() > Max)
    return {};
  return PackedType::get(Context, Packed, Group, Scale, /*asymmetric=*/true, Zero);
}

PackedType qopt::getFileStoredType(WeightOp Weight) {
  if (!hasStoredSources(Weight) || Weight.getSources().empty())
    return {};
  auto Of = joinBlocks(Weight);
  if (!Of)
    return {};
  for (Attribute Step : Weight.getSteps())
    if (failed(applyStep(*Of, Step)))
      return {};
  // Groups of a few elements take more room for scales than codes need as floats.
  constexpr int64_t SmallestGroup = 8;
  if (Of->Shape.size() != 2 || (!Of->isWhole(1) && Of->Size[1] < SmallestGroup))
    return {};
  PackedType Result;
  for (auto Source : Weight.getSources().getAsRange<StoredSourceAttr>()) {
    PackedType Next = getPackedForm(Source, Of->isWhole(1) ? 0 : Of->Size[1]);
    if (!Next || (Result && Next != Result))
      return {};
    Result = Next;
  }
  return Result;
}
