#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

//===- weight ---------------------------------------------------------------------------------===//

/// The type after one step, or failure where the step does not fit.
static FailureOr<RankedTensorType> applyStep(Attribute Step, RankedTensorType Ty) {
  if (auto Transpose = dyn_cast<TransposeStepAttr>(Step)) {
    if (int64_t(Transpose.getPermutation().size()) != Ty.getRank())
      return failure();
    SmallVector<int64_t> Shape;
    SmallVector<bool> Seen(Ty.getRank(), false);
    for (int64_t Axis : Transpose.getPermutation()) {
      if (Axis < 0 || Axis >= Ty.getRank() || Seen[Axis])
        return failure();
      Seen[Axis] = true;
      Shape.push_back(Ty.getDimSize(Axis));
    }
    return Ty.clone(Shape);
  }
  if (auto Slice = dyn_cast<SliceStepAttr>(Step)) {
    if (Slice.getAxis() < 0 || Slice.getAxis() >= Ty.getRank() || Slice.getOffset() < 0 ||
        Slice.getSize() < 0 || Slice.getOffset() > Ty.getDimSize(Slice.getAxis()) - Slice.getSize())
      return failure();
    SmallVector<int64_t> Shape(Ty.getShape());
    Shape[Slice.getAxis()] = Slice.getSize();
    return Ty.clone(Shape);
  }
  if (auto Reshape = dyn_cast<ReshapeStepAttr>(Step)) {
    if (llvm::any_of(Reshape.getShape(), [](int64_t Size) { return Size < 0; }))
      return failure();
    auto To = Ty.clone(Reshape.getShape());
    if (To.getNumElements() != Ty.getNumElements())
      return failure();
    return To;
  }
  if (auto Cast = dyn_cast<CastStepAttr>(Step))
    return FailureOr<RankedTensorType>(Ty.clone(Cast.getElementType()));
  if (isa<ScaleStepAttr>(Step))
    return Ty;
  return failure();
}

/// The type of the sources, joined along axis 0. `Explain` gets the reason of a failure.
static FailureOr<RankedTensorType> joinSources(WeightOp Weight,
                                               function_ref<void(const Twine &)> Explain) {
  RankedTensorType Ty;
  for (auto [Number, Source] : llvm::enumerate(Weight.getSources())) {
    RankedTensorType Next = getSourceType(Source);
    if (!Ty) {
      Ty = Next;
      continue;
    }
    int64_t Rows;
    if (Ty.getRank() == 0 || Next.getRank() != Ty.getRank() ||
        Next.getElementType() != Ty.getElementType() ||
        Next.getShape().drop_front() != Ty.getShape().drop_front() ||
        llvm::AddOverflow(Ty.getDimSize(0), Next.getDimSize(0), Rows)) {
      Explain("source " + Twine(Number) + " does not continue the ones before it along axis 0");
      return failure();
    }
    SmallVector<int64_t> Shape(Ty.getShape());
    Shape[0] = Rows;
    Ty = Ty.clone(Shape);
  }
  return Ty;
}

/// The type after all steps. `Explain` gets the reason of a failure.
static FailureOr<RankedTensorType> applySteps(WeightOp Weight,
                                              function_ref<void(const Twine &)> Explain) {
  auto Ty = joinSources(Weight, Explain);
  if (failed(Ty))
    return failure();
  for (auto [Number, Step] : llvm::enumerate(Weight.getSteps())) {
    auto Next = applyStep(Step, *Ty);
    if (failed(Next)) {
      std::string Text;
      llvm::raw_string_ostream(Text) << Step << " does not apply to " << *Ty;
      Explain("step " + Twine(Number) + ", " + Text);
      return failure();
    }
    Ty = Next;
  }
  return Ty;
}

FailureOr<RankedTensorType> qopt::getUnquantizedType(WeightOp Weight) {
  if (Weight.getSources().empty())
    return failure();
  return applySteps(Weight, [](const Twine &) {});
}

LogicalResult WeightOp::verify() {
  auto Ty = cast<RankedTensorType>(getType());
  if (!Ty.hasStaticShape())
    return emitOpError() << "must have a static shape, found " << Ty;
  if (getSources().empty())
    return emitOpError("needs at least one source");
  std::string Reason;
  auto Unquantized = applySteps(*this, [&](const Twine &Text) { Reason = Text.str(); });
  if (failed(Unquantized))
    return emitOpError() << "sources and steps do not fit together: " << Reason;
  if (Unquantized->getShape() != Ty.getShape())
    return emitOpError() << "sources and steps give " << *Unquantized << ", but the type is " << Ty;
  if (getStoredElementType(Ty)) {
    if (!getScheme())
      return emitOpError() << "of stored type " << Ty << " names no scheme that computes its codes";
    if (!isa<FloatType>(Unquantized->getElementType()))
      return emitOpError() << "cannot be quantized from " << *Unquantized;
    if (*getScheme() == FileScheme) {
      PackedType Kept = getFileStoredType(*this);
      if (!Kept)
        return emitOpError("keeps the codes of the file, but its sources and steps give none that "
                           "a packed type holds");
      if (Kept != Ty.getElementType())
        return emitOpError() << "keeps the codes of the file, which are " << Kept
                             << ", but the type is " << Ty;
    }
  } else if (Unquantized->getElementType() != Ty.getElementType()) {
    return emitOpError() << "sources and steps give " << *Unquantized << ", but the type is " << Ty;
  }
  return success();
}

//===- use_weight -----------------------------------------------------------------------------===//

LogicalResult UseWeightOp::verifySymbolUses(SymbolTableCollection &Tables) {
  auto Weight = Tables.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!Weight)
    return emitOpError() << "'" << getWeight() << "' does not name a qopt.weight";
  if (Weight.getType() != getResult().getType())
    return emitOpError() << "has type " << getResult().getType() << ", but the weight has type "
                         << Weight.getType();
  return success();
}

static void constantDims(RankedTensorType Ty, SmallVectorImpl<Dims> &Results) {
  Results.push_back(llvm::map_to_vector<4>(
      Ty.getShape(), [&](int64_t Size) { return getAffineConstantExpr(Size, Ty.getContext()); }));
}

LogicalResult UseWeightOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  constantDims(rankedType(getResult()), Results);
  return success();
}

//===- constant -------------------------------------------------------------------------------===//

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor Adaptor,
                                           SmallVectorImpl<Type> &Results) {
  Results.push_back(Adaptor.getValue().getType());
  return success();
}

LogicalResult ConstantOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  constantDims(rankedType(getResult()), Results);
  return success();
}
