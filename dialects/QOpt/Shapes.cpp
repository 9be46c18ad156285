#include "QOpt/Shapes.h"

using namespace mlir;
using namespace qopt;

FailureOr<SmallVector<int64_t>> qopt::broadcastShapes(ArrayRef<int64_t> Lhs,
                                                      ArrayRef<int64_t> Rhs) {
  size_t Rank = std::max(Lhs.size(), Rhs.size());
  SmallVector<int64_t> Result(Rank, 1);
  for (size_t I = 0; I < Rank; ++I) {
    int64_t A = I < Rank - Lhs.size() ? 1 : Lhs[I - (Rank - Lhs.size())];
    int64_t B = I < Rank - Rhs.size() ? 1 : Rhs[I - (Rank - Rhs.size())];
    if (A == 1 || A == B)
      Result[I] = B;
    else if (B == 1)
      Result[I] = A;
    else if (ShapedType::isDynamic(A))
      Result[I] = B;
    else if (ShapedType::isDynamic(B))
      Result[I] = A;
    else
      return failure();
  }
  return Result;
}

FailureOr<Dims> qopt::broadcastDims(ArrayRef<AffineExpr> Lhs, ArrayRef<AffineExpr> Rhs) {
  size_t Rank = std::max(Lhs.size(), Rhs.size());
  Dims Result;
  for (size_t I = 0; I < Rank; ++I) {
    AffineExpr A = I < Rank - Lhs.size() ? AffineExpr() : Lhs[I - (Rank - Lhs.size())];
    AffineExpr B = I < Rank - Rhs.size() ? AffineExpr() : Rhs[I - (Rank - Rhs.size())];
    auto IsOne = [](AffineExpr E) {
      auto Constant = dyn_cast_or_null<AffineConstantExpr>(E);
      return !E || (Constant && Constant.getValue() == 1);
    };
    if (IsOne(A) && B)
      Result.push_back(B);
    else if (IsOne(B) || A == B)
      Result.push_back(A);
    else
      return failure();
  }
  return Result;
}

SmallVector<int64_t> qopt::getShape(ArrayRef<AffineExpr> DimExprs) {
  return llvm::map_to_vector(DimExprs, [](AffineExpr Expr) {
    auto Constant = dyn_cast<AffineConstantExpr>(Expr);
    return Constant ? Constant.getValue() : ShapedType::kDynamic;
  });
}

std::string qopt::printDims(ArrayRef<AffineExpr> Exprs) {
  std::string Text;
  llvm::raw_string_ostream Out(Text);
  Out << "(";
  llvm::interleaveComma(Exprs, Out);
  Out << ")";
  return Text;
}

LogicalResult qopt::verifyDims(Operation *Op, AffineMap Map, RankedTensorType Ty) {
  if (Map.getNumDims() != 0)
    return Op->emitOpError() << "dimensions must be a map over symbols only, found "
                             << AffineMapAttr::get(Map);
  if (int64_t(Map.getNumResults()) != Ty.getRank())
    return Op->emitOpError() << "has " << Map.getNumResults() << " dimensions for a result of rank "
                             << Ty.getRank();
  if (getShape(Map.getResults()) != Ty.getShape())
    return Op->emitOpError() << "dimensions " << AffineMapAttr::get(Map)
                             << " do not give the result type " << Ty;
  return success();
}

LogicalResult qopt::verifyAxis(Operation *Op, int64_t Axis, RankedTensorType Ty) {
  if (Axis < 0 || Axis >= Ty.getRank())
    return Op->emitOpError() << "axis " << Axis << " is out of range for rank " << Ty.getRank();
  return success();
}
