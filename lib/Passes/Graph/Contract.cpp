#include "Contract.h"

#include "Values.h"

using namespace mlir;
using namespace qopt;

StringRef qopt::getArgumentName(func::FuncOp Function, unsigned Index) {
  auto Name = Function.getArgAttrOfType<StringAttr>(Index, QOptDialect::getNameAttrName());
  return Name ? Name.getValue() : StringRef();
}

std::optional<CachedTensor> CachedTensor::get(ConcatOp Present) {
  if (!Present || Present.getInputs().size() != 2)
    return std::nullopt;
  auto Past = dyn_cast<BlockArgument>(Present.getInputs().front());
  if (!Past || !Past.hasOneUse())
    return std::nullopt;
  std::optional<CachedTensor> Found;
  for (OpOperand &Use : Present->getUses())
    if (isa<func::ReturnOp>(Use.getOwner())) {
      if (Found)
        return std::nullopt;
      Found = CachedTensor{Past, Present, Use.getOperandNumber()};
    }
  return Found;
}

DecoderInputs DecoderInputs::find(func::FuncOp Function, const DimAnalysis &Dims) {
  DecoderInputs Result;
  for (BlockArgument Argument : Function.getArguments()) {
    auto Ty = dyn_cast<RankedTensorType>(Argument.getType());
    if (!Ty || Ty.getRank() != 2 || !Ty.getElementType().isInteger())
      continue;
    StringRef Name = getArgumentName(Function, Argument.getArgNumber());
    if (Name == "attention_mask")
      Result.Mask = Argument;
    else if (Name == "position_ids")
      Result.Positions = Argument;
    else if (Name == "input_ids")
      Result.Ids = Argument;
  }
  if (!Result.Ids)
    return Result;
  Result.Tokens = Dims.getDims(Result.Ids)[1];
  for (auto Concat : Function.getOps<ConcatOp>())
    if (auto Cached = CachedTensor::get(Concat); Cached && !Result.Past)
      Result.Past = Dims.getDims(Cached->Past)[Concat.getAxis()];
  if (!Result.Past && Result.Mask)
    Result.Past = Dims.getDims(Result.Mask)[1] - Result.Tokens;
  if (!Result.Past)
    Result.Past = getAffineConstantExpr(0, Function.getContext());
  AffineExpr Length = Result.Mask ? Dims.getDims(Result.Mask)[1] : AffineExpr();
  if (auto Symbol = dyn_cast_or_null<AffineSymbolExpr>(Length);
      Symbol && !(Result.Past + Result.Tokens).isFunctionOfSymbol(Symbol.getPosition()))
    Result.MaskLength = Length;
  return Result;
}

ElementAnalysis::Contract DecoderInputs::getContract(bool *MaskWasRead) const {
  return [*this, MaskWasRead](Value Value, ArrayRef<AffineExpr> At) -> std::optional<Element> {
    if (Mask && Value == Mask) {
      if (MaskWasRead)
        *MaskWasRead = true;
      return ElementAnalysis::number(1);
    }
    if (Positions && Value == Positions)
      return ElementAnalysis::count(Past + At[1]);
    return std::nullopt;
  };
}

AffineExpr DecoderInputs::normalize(AffineExpr Expr) const {
  return MaskLength ? Expr.replace(MaskLength, Past + Tokens) : Expr;
}

/// All elements of a tensor are this expression over its indices and the symbols.
bool DecoderInputs::isEverywhere(Value Value, AffineExpr Expr, const DimAnalysis &Dims,
                                 unsigned NumSymbols) const {
  unsigned Rank = tensorType(Value).getRank();
  ElementAnalysis Elements(Dims, NumSymbols, Value.getContext(), getContract());
  AffineExpr Count =
      Elements.evaluate(Value, Elements.getIdentity(Rank)).getCount(Expr.getContext());
  if (!Count)
    return false;
  auto Difference = dyn_cast<AffineConstantExpr>(
      simplifyAffineExpr(normalize(Count) - normalize(Expr), Rank, NumSymbols));
  return Difference && Difference.getValue() == 0;
}

bool DecoderInputs::arePositions(Value Value, const DimAnalysis &Dims, unsigned NumSymbols) const {
  RankedTensorType Ty = tensorType(Value);
  return Ty.getRank() == 2 && Ty.getElementType().isInteger() &&
         isEverywhere(Value, Past + getAffineDimExpr(1, Value.getContext()), Dims, NumSymbols);
}

bool DecoderInputs::areLengths(Value Value, bool WithTokens, const DimAnalysis &Dims,
                               unsigned NumSymbols) const {
  RankedTensorType Ty = tensorType(Value);
  return Ty.getRank() == 1 && Ty.getElementType().isInteger() &&
         isEverywhere(Value, WithTokens ? Past + Tokens : Past, Dims, NumSymbols);
}
