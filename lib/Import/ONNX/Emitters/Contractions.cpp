// Products of matrices, reductions, softmax.
#include "Folding.h"
#include "NodeEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

//===- products -------------------------------------------------------------------------------===//

/// x · W for a constant matrix [in, out] is a linear operation with Wᵀ.
static Value multiply(NodeEmitter &E, Value X, unsigned Right) {
  ImportedValue &Y = E.in(Right);
  if (X && Y.Weight && Y.rank() == 2)
    return E.B.linear(X, Y.Weight->transposed({1, 0}));
  return E.B.matmul(X, E.value(Right));
}

/// A vector operand is a matrix of one row (left) or one column (right), whose axis then
/// disappears.
static LogicalResult emitMatMul(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1))
    return E.badInput("needs two operands");
  if (E.rank(0) == 0 || E.rank(1) == 0)
    return E.badInput("needs matrices or vectors");
  if (E.rank(1) > 1 && (E.rank(0) > 1 || (E.in(1).Weight && E.rank(1) == 2)))
    return E.out(multiply(E, E.value(0), 1));
  bool IsRow = E.rank(0) == 1, IsColumn = E.rank(1) == 1;
  Value X = E.value(0), Y = E.value(1);
  if (IsRow && X)
    X = E.B.reshape(X, {E.B.constant(1), E.B.dims(X)[0]});
  if (IsColumn && Y)
    Y = E.B.reshape(Y, {E.B.dims(Y)[0], E.B.constant(1)});
  Value Product = E.B.matmul(X, Y);
  if (!Product)
    return failure();
  Dims Shape(E.B.dims(Product));
  if (IsColumn)
    Shape.pop_back();
  if (IsRow)
    Shape.erase(Shape.end() - (IsColumn ? 1 : 2));
  return E.out(E.B.reshape(Product, Shape));
}

static Value swapLastAxes(NodeEmitter &E, Value X) {
  if (!X || GraphBuilder::rank(X) < 2)
    return X;
  auto Permutation = llvm::to_vector(llvm::seq<int64_t>(0, GraphBuilder::rank(X)));
  std::swap(Permutation[Permutation.size() - 1], Permutation[Permutation.size() - 2]);
  return E.B.transpose(X, Permutation);
}

/// x · y with the last two axes of either swapped first.
static Value multiplyTransposed(NodeEmitter &E, bool TransposeLeft, bool TransposeRight) {
  Value X = E.value(0);
  if (TransposeLeft)
    X = swapLastAxes(E, X);
  ImportedValue &Y = E.in(1);
  if (Y.Weight && Y.rank() == 2 && TransposeRight)
    return X ? E.B.linear(X, *Y.Weight) : Value();
  if (!TransposeRight)
    return multiply(E, X, 1);
  return E.B.matmul(X, swapLastAxes(E, E.value(1)));
}

static Value scale(NodeEmitter &E, Value X, double Factor) {
  return Factor == 1 ? X : E.B.binary(BinaryKind::Mul, X, Factor);
}

static LogicalResult emitGemm(NodeEmitter &E) {
  if (!E.has(0) || !E.has(1) || E.rank(0) != 2 || E.rank(1) != 2)
    return E.badInput("needs two matrices");
  double Alpha = E.getFloat("alpha", 1), Beta = E.getFloat("beta", 1);
  bool TransposeLeft = E.getInt("transA", 0) != 0, TransposeRight = E.getInt("transB", 0) != 0;
  Value Product = scale(E, multiplyTransposed(E, TransposeLeft, TransposeRight), Alpha);
  if (E.has(2))
    Product = E.B.binary(BinaryKind::Add, Product, scale(E, E.value(2), Beta));
  return E.out(Product);
}

static LogicalResult emitFusedMatMul(NodeEmitter &E) {
  if (!E.requireInt("transBatchA", 0) || !E.requireInt("transBatchB", 0))
    return failure();
  if (!E.has(0) || !E.has(1) || E.rank(0) < 2 || E.rank(1) < 2)
    return E.badInput("needs two matrices");
  bool TransposeLeft = E.getInt("transA", 0) != 0, TransposeRight = E.getInt("transB", 0) != 0;
  return E.out(
      scale(E, multiplyTransposed(E, TransposeLeft, TransposeRight), E.getFloat("alpha", 1)));
}

//===- reductions -----------------------------------------------------------------------------===//

/// All elements of a small integer tensor in one; null where that is not known.
static AffineExpr reduceSizes(ArrayRef<AffineExpr> Elements,
                              llvm::function_ref<AffineExpr(AffineExpr, AffineExpr)> Combine) {
  AffineExpr Result = Elements.front();
  for (AffineExpr Next : Elements.drop_front())
    if (Result)
      Result = Combine(Result, Next);
  return Result;
}

static AffineExpr larger(AffineExpr A, AffineExpr B) {
  auto Less = isDimLessOrEqual(A, B);
  return !Less ? AffineExpr() : *Less ? B : A;
}

static AffineExpr smaller(AffineExpr A, AffineExpr B) {
  auto Less = isDimLessOrEqual(A, B);
  return !Less ? AffineExpr() : *Less ? A : B;
}

enum class Reduction { Sum, Mean, Max, Min, Product };

static AffineExpr foldReduction(Reduction Kind, const ImportedValue &X) {
  if (!X.Elements || X.rank() > 1 || X.Elements->empty())
    return {};
  switch (Kind) {
  case Reduction::Sum:
    return reduceSizes(*X.Elements, addSizes);
  case Reduction::Product:
    return reduceSizes(*X.Elements, multiplySizes);
  case Reduction::Max:
    return reduceSizes(*X.Elements, larger);
  case Reduction::Min:
    return reduceSizes(*X.Elements, smaller);
  default:
    return {};
  }
}

static ReduceKind toKind(Reduction Kind) {
  return Kind == Reduction::Mean  ? ReduceKind::Mean
         : Kind == Reduction::Max ? ReduceKind::Max
         : Kind == Reduction::Min ? ReduceKind::Min
                                  : ReduceKind::Sum;
}

template <Reduction Kind> static LogicalResult emitReduce(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  bool KeepDims = E.getInt("keepdims", 1) != 0,
       NoAxesIsNothing = E.getInt("noop_with_empty_axes", 0) != 0;
  bool Given = false;
  auto Axes = E.getAxes(1, E.rank(0), Given);
  if (!Axes)
    return failure();
  if (Axes->empty() && NoAxesIsNothing)
    return E.out(E.in(0));
  if (Axes->empty())
    *Axes = llvm::to_vector(llvm::seq<int64_t>(0, E.rank(0)));
  if (AffineExpr Folded = foldReduction(Kind, E.in(0)))
    return E.outElements({Folded}, SmallVector<int64_t>(KeepDims ? E.rank(0) : 0, 1), E.element(0));
  if (Kind == Reduction::Product)
    return E.unsupported("a product of data is not supported");
  if (Kind == Reduction::Mean && !E.in(0).isFloat())
    return E.unsupported("a mean of integers is not supported");
  return E.out(E.B.reduce(toKind(Kind), E.value(0), *Axes, KeepDims));
}

//===- Softmax --------------------------------------------------------------------------------===//

static LogicalResult emitSoftmax(NodeEmitter &E) {
  if (!E.has(0))
    return E.badInput("needs an operand");
  auto Axis = E.getAxis(E.Version < 13 ? 1 : -1, E.rank(0));
  if (!Axis)
    return failure();
  // Before version 13 all axes from this one on were normalized together.
  if (E.Version < 13 && *Axis != E.rank(0) - 1)
    return E.unsupported("a softmax over several axes is not supported");
  return E.out(E.B.softmax(E.value(0), *Axis));
}

namespace qopt::onnx_import {
void registerContractionsEmitters(EmitterRegistry &Registry) {
  constexpr int64_t Newest = EmitterRegistry::Newest;
  Registry.add("MatMul", emitMatMul);
  Registry.add("", "Gemm", 7, Newest, emitGemm);
  Registry.addMicrosoft("FusedMatMul", emitFusedMatMul);
  Registry.add("ReduceSum", emitReduce<Reduction::Sum>);
  Registry.add("ReduceMean", emitReduce<Reduction::Mean>);
  Registry.add("ReduceMax", emitReduce<Reduction::Max>);
  Registry.add("ReduceMin", emitReduce<Reduction::Min>);
  Registry.add("ReduceProd", emitReduce<Reduction::Product>);
  Registry.add("Softmax", emitSoftmax);
}
} // namespace qopt::onnx_import
