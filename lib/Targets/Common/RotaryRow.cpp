#include "qopt/Targets/Common/RotaryRow.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

RotaryTable codegen::getRotaryTable(RotaryOp Rotary) {
  RotaryTable Table;
  Table.InverseFrequencies.assign(Rotary.getInverseFrequencies().begin(),
                                  Rotary.getInverseFrequencies().end());
  Table.Scale = Rotary.getScale().convertToFloat();
  return Table;
}

SmallVector<RotaryTable> codegen::getRotaryTables(ArrayRef<RotaryOp> Rotaries) {
  SmallVector<RotaryTable> Tables;
  for (RotaryOp Rotary : Rotaries)
    if (RotaryTable Table = getRotaryTable(Rotary); !llvm::is_contained(Tables, Table))
      Tables.push_back(Table);
  return Tables;
}

Value codegen::getRotaryTableRow(KernelBuilder &B, RotaryOp Rotary, unsigned Number,
                                 Value Position) {
  int64_t Pairs = Rotary.getInverseFrequencies().size();
  return B.element(B.getTable(Number), B.mul(Position, 2 * Pairs), B.getF32Type());
}

bool codegen::isReadablePosition(Value Positions) {
  Positions = skipReshapes(Positions);
  if (auto Computed = Positions.getDefiningOp<PositionsOp>())
    Positions = Computed.getPast();
  return isa<BlockArgument>(Positions);
}

Value codegen::emitPosition(KernelBuilder &B, Value Positions, Value Batch, Value Token) {
  Value Source = skipReshapes(Positions);
  if (auto Computed = Source.getDefiningOp<PositionsOp>()) {
    Value Past = Computed.getPast();
    return B.add(B.loadIndex(B.getArgument(Past), Batch, codegen::getElementType(Past)), Token);
  }
  // One row of positions may serve all rows of the batch.
  ArrayRef<AffineExpr> Dims = B.getInfo().getDims(Positions);
  Value Index = Token;
  if (Dims[0] != B.getInfo().constant(1))
    Index = B.add(B.mul(Batch, B.size(Dims[1])), Token);
  return B.loadIndex(B.getArgument(Source), Index, codegen::getElementType(Source));
}

namespace {
/// A head in memory and the row of the table for its position.
struct Head {
  KernelBuilder &B;
  Value Pointer;
  Type Element;
  Value Table;
  int64_t Pairs;

  Value load(Value I, int64_t Lanes) const {
    return B.loadVector(B.element(Pointer, I, Element), Element, Lanes);
  }
  Value cosine(Value I, int64_t Lanes) const {
    return B.loadRaw(B.element(Table, I, B.getF32Type()), B.f32Vector(Lanes));
  }
  Value sine(Value I, int64_t Lanes) const { return cosine(B.add(I, Pairs), Lanes); }
};
} // namespace

using Sink = function_ref<void(Value, Value)>;

/// Pairs (i, i + n).
static void emitHalves(KernelBuilder &B, const Head &X, Sink Out) {
  B.loopLanes(B.index(X.Pairs), [&](Value I, int64_t Lanes) {
    Value Second = B.add(I, X.Pairs);
    Value A = X.load(I, Lanes), C = X.load(Second, Lanes), Cos = X.cosine(I, Lanes),
          Sin = X.sine(I, Lanes);
    Out(I, B.sub(B.mul(A, Cos), B.mul(C, Sin)));
    Out(Second, B.add(B.mul(C, Cos), B.mul(A, Sin)));
  });
}

/// Pairs (2i, 2i + 1).
static void emitInterleaved(KernelBuilder &B, const Head &X, Sink Out) {
  B.loop(B.index(0), B.index(X.Pairs), 1, [&](Value I) {
    Value First = B.mul(I, 2), Second = B.add(First, 1);
    Value A = X.load(First, 1), C = X.load(Second, 1), Cos = X.cosine(I, 1), Sin = X.sine(I, 1);
    Out(First, B.sub(B.mul(A, Cos), B.mul(C, Sin)));
    Out(Second, B.add(B.mul(C, Cos), B.mul(A, Sin)));
  });
}

void codegen::emitRotaryHead(KernelBuilder &B, RotaryOp Rotary, Value Pointer, Type Element,
                             int64_t Size, Value Table, Sink Out) {
  int64_t Pairs = Rotary ? Rotary.getInverseFrequencies().size() : 0;
  Head X{B, Pointer, Element, Table, Pairs};
  if (Rotary && Rotary.getInterleaved())
    emitInterleaved(B, X, Out);
  else if (Rotary)
    emitHalves(B, X, Out);
  // The channels that pass.
  B.loopLanes(B.index(Size - 2 * Pairs), [&](Value I, int64_t Lanes) {
    Value At = B.add(I, 2 * Pairs);
    Out(At, X.load(At, Lanes));
  });
}
