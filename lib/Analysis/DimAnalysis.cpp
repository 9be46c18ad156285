#include "qopt/Analysis/DimAnalysis.h"

#include "QOpt/DimExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt;

/// Dimensions that follow from a static type alone.
static std::optional<Dims> staticDims(Type Ty) {
  auto Tensor = dyn_cast<RankedTensorType>(Ty);
  if (!Tensor)
    return Dims();
  if (!Tensor.hasStaticShape())
    return std::nullopt;
  return llvm::map_to_vector<4>(Tensor.getShape(), [&](int64_t Size) {
    return getAffineConstantExpr(Size, Ty.getContext());
  });
}

FailureOr<DimAnalysis> DimAnalysis::run(FunctionOpInterface Function) {
  DimAnalysis Result;
  if (Function.isExternal())
    return Result;
  for (BlockArgument Argument : Function.getArguments()) {
    auto Map = Function.getArgAttrOfType<AffineMapAttr>(Argument.getArgNumber(),
                                                        QOptDialect::getDimsAttrName());
    if (Map) {
      Result.ValueDims[Argument] =
          llvm::map_to_vector<4>(Map.getValue().getResults(), canonicalizeDim);
    } else if (auto Known = staticDims(Argument.getType())) {
      Result.ValueDims[Argument] = *Known;
    } else {
      return Function.emitError() << "argument " << Argument.getArgNumber() << " of type "
                                  << Argument.getType() << " has no '"
                                  << QOptDialect::getDimsAttrName() << "'";
    }
  }
  for (Operation &Op : Function.getFunctionBody().front().without_terminator())
    if (failed(Result.visit(&Op)))
      return failure();
  return Result;
}

LogicalResult DimAnalysis::visit(Operation *Op) {
  if (auto Interface = dyn_cast<DimsOpInterface>(Op)) {
    SmallVector<Dims> Operands, Results;
    for (Value Operand : Op->getOperands())
      Operands.emplace_back(getDims(Operand));
    if (failed(Interface.inferResultDims(Operands, Results)))
      return failure();
    for (auto [Result, ResultDims] : llvm::zip_equal(Op->getResults(), Results))
      ValueDims[Result] = llvm::map_to_vector<4>(ResultDims, canonicalizeDim);
    return success();
  }
  for (Value Result : Op->getResults()) {
    auto Known = staticDims(Result.getType());
    if (!Known)
      return Op->emitOpError("does not say its result's symbolic dimensions");
    ValueDims[Result] = *Known;
  }
  return success();
}

void DimAnalysis::copyDims(Value From, Value To) {
  Dims Known(getDims(From));
  ValueDims[To] = Known;
}

ArrayRef<AffineExpr> DimAnalysis::getDims(Value Value) const {
  auto It = ValueDims.find(Value);
  return It == ValueDims.end() ? ArrayRef<AffineExpr>() : ArrayRef<AffineExpr>(It->second);
}

SmallVector<SymbolAttr> qopt::getSymbols(Operation *Function) {
  auto Symbols = Function->getAttrOfType<ArrayAttr>(QOptDialect::getSymbolsAttrName());
  return Symbols ? llvm::to_vector(Symbols.getAsRange<SymbolAttr>()) : SmallVector<SymbolAttr>();
}

int64_t qopt::findSymbol(Operation *Function, StringRef Name) {
  for (auto [I, Symbol] : llvm::enumerate(getSymbols(Function)))
    if (Symbol.getName() == Name)
      return I;
  return -1;
}

AffineMap qopt::makeDimsMap(ArrayRef<AffineExpr> Exprs, unsigned NumSymbols, MLIRContext *Context) {
  return AffineMap::get(/*dimCount=*/0, NumSymbols, Exprs, Context);
}

AffineExpr qopt::getElementCount(ArrayRef<AffineExpr> Exprs, MLIRContext *Context) {
  AffineExpr Count = getAffineConstantExpr(1, Context);
  for (AffineExpr Expr : Exprs)
    Count = Count * Expr;
  return Count;
}

std::optional<int64_t> qopt::evaluate(AffineExpr Expr, ArrayRef<int64_t> SymbolValues) {
  if (auto Constant = dyn_cast<AffineConstantExpr>(Expr))
    return Constant.getValue();
  if (auto Symbol = dyn_cast<AffineSymbolExpr>(Expr))
    return Symbol.getPosition() < SymbolValues.size()
               ? std::optional<int64_t>(SymbolValues[Symbol.getPosition()])
               : std::nullopt;
  auto Binary = dyn_cast<AffineBinaryOpExpr>(Expr);
  if (!Binary)
    return std::nullopt;
  auto Lhs = evaluate(Binary.getLHS(), SymbolValues), Rhs = evaluate(Binary.getRHS(), SymbolValues);
  if (!Lhs || !Rhs)
    return std::nullopt;
  int64_t Result = 0;
  switch (Binary.getKind()) {
  case AffineExprKind::Add:
    return llvm::AddOverflow(*Lhs, *Rhs, Result) ? std::nullopt : std::optional<int64_t>(Result);
  case AffineExprKind::Mul:
    return llvm::MulOverflow(*Lhs, *Rhs, Result) ? std::nullopt : std::optional<int64_t>(Result);
  case AffineExprKind::Mod:
    return *Rhs > 0 ? std::optional<int64_t>(llvm::mod(*Lhs, *Rhs)) : std::nullopt;
  case AffineExprKind::FloorDiv:
    return *Rhs > 0 ? std::optional<int64_t>(llvm::divideFloorSigned(*Lhs, *Rhs)) : std::nullopt;
  case AffineExprKind::CeilDiv:
    return *Rhs > 0 ? std::optional<int64_t>(llvm::divideCeilSigned(*Lhs, *Rhs)) : std::nullopt;
  default:
    return std::nullopt;
  }
}
