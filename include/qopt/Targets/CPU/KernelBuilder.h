//===- KernelBuilder.h - what a lowering emits code with --------------------------------------===//
//
// KernelInfo answers questions about a kernel; KernelBuilder builds the body of
//
//   void kernel(int64_t begin, int64_t end, void *const *buffers, const int64_t *symbols, void
//   *scratch)
//
// for one instruction set. Integers are i64, floats are computed in f32, and the vector of choice
// has 16 lanes
// ("lanes" below); a vector of one lane serves for what remains of a row. Products and sums may be
// contracted to one operation where the machine has it. Nothing emitted here calls a library.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_CPU_KERNELBUILDER_H
#define QOPT_TARGETS_CPU_KERNELBUILDER_H

#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Targets/CPU.h"
#include "qopt/Targets/CPU/Isa.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt::cpu {

/// Lanes of a vector, and rows of a panel of weights.
constexpr int64_t VectorLanes = 16;
constexpr int64_t PanelRows = 32;

/// A kernel, its symbolic dimensions and the numbers of its buffers.
class KernelInfo {
public:
  static mlir::FailureOr<KernelInfo> get(qkernel::KernelOp Kernel);

  qkernel::KernelOp getKernel() const { return Kernel; }
  mlir::MLIRContext *getContext() const { return Kernel->getContext(); }
  llvm::iterator_range<mlir::Block::iterator> getOps() const;
  /// The values that the kernel yields, and those that are passed as buffers (all but caches).
  mlir::OperandRange getYielded() const;
  llvm::SmallVector<mlir::Value> getResults() const;

  llvm::ArrayRef<mlir::AffineExpr> getDims(mlir::Value Value) const { return Dims.getDims(Value); }
  mlir::AffineExpr getElementCount(mlir::Value Value) const;
  /// Product of all dimensions but the last.
  mlir::AffineExpr getRowCount(mlir::Value Value) const;
  mlir::AffineExpr constant(int64_t Value) const {
    return mlir::getAffineConstantExpr(Value, getContext());
  }

  /// Layout of an argument that is a weight; null for others.
  qkernel::WeightLayoutInterface getLayout(mlir::Value Argument) const;

  unsigned getBufferOf(mlir::BlockArgument Argument) const {
    return ArgumentBuffers[Argument.getArgNumber()];
  }
  unsigned getResultBuffer(unsigned Result) const { return FirstResultBuffer + Result; }
  unsigned getTableBuffer(unsigned Table) const;

private:
  qkernel::KernelOp Kernel;
  DimAnalysis Dims;
  llvm::SmallVector<unsigned> ArgumentBuffers;
  unsigned FirstResultBuffer = 0;
};

/// The value that a reshape (of a reshape …) is a view of.
mlir::Value skipReshapes(mlir::Value Value);

/// Element type of a tensor value.
mlir::Type getElementType(mlir::Value Value);

/// Bytes of one element as buffers hold it; booleans are bytes.
int64_t getElementBytes(mlir::Type Type);

/// Hands out 64-byte aligned parts of the scratch memory, in the plan and again when code is
/// emitted.
class ScratchLayout {
public:
  explicit ScratchLayout(mlir::MLIRContext *Context)
      : Total(mlir::getAffineConstantExpr(0, Context)) {}
  /// Offset of a part of so many bytes.
  mlir::AffineExpr add(mlir::AffineExpr Bytes);
  mlir::AffineExpr getBytes() const { return Total; }

private:
  mlir::AffineExpr Total;
};

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  /// Starts the body of `Function`, which has the C signature.
  KernelBuilder(const KernelInfo &Info, const Isa &Isa, mlir::Operation *Function);

  const KernelInfo &getInfo() const { return Info; }
  const Isa &getIsa() const { return Target; }

  //===--- The arguments --------------------------------------------------------------------===//
  Value getBegin() const { return Begin; }
  Value getEnd() const { return End; }
  /// Pointer to a kernel argument; for a cache to its keys (Part 0) or values (1).
  Value getArgument(mlir::Value Argument, unsigned Part = 0);
  Value getResult(unsigned Result);
  Value getTable(unsigned Table);
  Value getScratch(mlir::AffineExpr ByteOffset);
  /// Value of an expression over the program's symbols.
  Value size(mlir::AffineExpr Expr);

  //===--- Numbers --------------------------------------------------------------------------===//
  Value index(int64_t Value);
  Value constant(mlir::Type Type, double Number);
  /// A vector of equal f32 (lanes = 0: a scalar).
  Value f32(double Number, int64_t Lanes = VectorLanes);
  /// A vector of equal i32.
  Value i32(int64_t Number, int64_t Lanes = VectorLanes);
  Value splat(Value Scalar, int64_t Lanes = VectorLanes);
  mlir::VectorType f32Vector(int64_t Lanes = VectorLanes);
  mlir::VectorType vectorOf(mlir::Type Element, int64_t Lanes = VectorLanes);
  static int64_t getLanes(Value Vector);

  // Integers or floats, scalars or vectors; integers are signed.
  Value add(Value A, Value B);
  Value sub(Value A, Value B);
  Value mul(Value A, Value B);
  Value div(Value A, Value B);
  Value rem(Value A, Value B);
  /// The smaller or larger; of floats, NaN if one is.
  Value min(Value A, Value B);
  Value max(Value A, Value B);
  /// A * B + C.
  Value fma(Value A, Value B, Value C);
  /// For i64 against constants.
  Value add(Value A, int64_t B) { return add(A, index(B)); }
  Value mul(Value A, int64_t B) { return mul(A, index(B)); }
  Value div(Value A, int64_t B) { return div(A, index(B)); }
  Value rem(Value A, int64_t B) { return rem(A, index(B)); }
  Value ceilDiv(Value A, int64_t B) { return div(add(A, B - 1), B); }

  Value lessThan(Value A, Value B);
  Value equal(Value A, Value B);
  Value select(Value Condition, Value A, Value B);
  Value bitcast(Value A, mlir::Type ElementType);
  Value shl(Value A, Value B);
  Value shr(Value A, Value B);
  Value sar(Value A, Value B);
  Value bitAnd(Value A, Value B);
  Value bitOr(Value A, Value B);
  /// Signed integers of any width to f32.
  Value toFloat(Value A);

  //===--- Functions of f32 vectors (also f32 scalars): a few units in the last place
  //----------===//
  Value exp(Value X);
  Value sigmoid(Value X);
  Value tanh(Value X);
  Value erf(Value X);
  Value log(Value X);
  Value sin(Value X);
  Value cos(Value X);
  Value sqrt(Value X);
  Value pow(Value X, Value Y);

  Value firstLane(Value Vector);
  /// Sum or maximum of all lanes, in an order that depends on nothing.
  Value sumLanes(Value Vector);
  Value maxLanes(Value Vector);

  //===--- Control flow ---------------------------------------------------------------------===//
  using LoopBody = llvm::function_ref<void(Value)>;
  using CarryingBody = llvm::function_ref<Values(Value, mlir::ValueRange)>;
  /// for (i = Low; i < High; i += Step)
  void loop(Value Low, Value High, int64_t Step, LoopBody Body);
  /// The same with values that each iteration passes on; returns the last ones.
  Values loop(Value Low, Value High, int64_t Step, mlir::ValueRange Init, CarryingBody Body);
  /// Runs `Body(i, lanes)` over [0, Count) in steps of 16 lanes, then one lane at a time.
  void loopLanes(Value Count, llvm::function_ref<void(Value, int64_t)> Body);
  /// Sum of `Body(i, lanes)` over [0, Count).
  Value sumOver(Value Count, llvm::function_ref<Value(Value, int64_t)> Body);
  /// Maximum of the same.
  Value maxOver(Value Count, llvm::function_ref<Value(Value, int64_t)> Body);
  void ifThen(Value Condition, llvm::function_ref<void()> Then);
  /// The value of the branch that is taken.
  Value choose(Value Condition, mlir::Type Type, llvm::function_ref<Value()> Then,
               llvm::function_ref<Value()> Else);
  void ifThenElse(Value Condition, llvm::function_ref<void()> Then,
                  llvm::function_ref<void()> Else);

  //===--- Memory ---------------------------------------------------------------------------===//
  /// Address of element `Index` of an array.
  Value element(Value Pointer, Value Index, mlir::Type Element);
  Value bytes(Value Pointer, Value Offset);
  /// One number as it is computed with: floats as f32 (f64 stays), booleans as i1.
  Value loadScalar(Value Pointer, mlir::Type Element);
  void storeScalar(Value Number, Value Pointer, mlir::Type Element);
  /// The same for vectors of neighbouring elements, which need no more alignment than their
  /// elements.
  Value loadVector(Value Pointer, mlir::Type Element, int64_t Lanes = VectorLanes);
  void storeVector(Value Vector, Value Pointer, mlir::Type Element);
  /// Only the first `Count` (0..15) lanes; the others are zero or not written.
  Value loadFirst(Value Pointer, mlir::Type Element, int64_t Count);
  void storeFirst(Value Vector, Value Pointer, mlir::Type Element, int64_t Count);
  /// Lanes without conversion.
  Value loadRaw(Value Pointer, mlir::Type Type);
  void storeRaw(Value Value, mlir::Value Pointer);
  /// Fetches the cache line that is read soon.
  void prefetch(Value Pointer);
  /// A small table in the module's read-only data.
  Value constantTable(mlir::ElementsAttr Elements);

  /// Reads an integer of 32 or 64 bits as i64.
  Value loadIndex(Value Pointer, Value Index, mlir::Type Element);

  /// The type that an element is computed in.
  mlir::Type getComputeType(mlir::Type Element);

private:
  Value loadBuffer(unsigned Number);
  Value widen(Value Stored, mlir::Type Element);
  Value narrow(Value Computed, mlir::Type Element);
  Value likeConstant(Value Like, double Number);

  KernelInfo Info;
  const Isa &Target;
  mlir::Operation *Function;
  Value Begin, End, Buffers, Symbols, Scratch;
  /// Buffers and sizes are loaded in the entry block, once.
  llvm::DenseMap<unsigned, Value> BufferCache;
  llvm::DenseMap<mlir::AffineExpr, Value> SizeCache;
  mlir::Operation *LastEntryOp = nullptr;
};

/// Emits one elementwise operation of the qopt dialect on numbers as they are computed with.
mlir::FailureOr<mlir::Value> emitElementwise(KernelBuilder &Builder, mlir::Operation *Op,
                                             llvm::ArrayRef<mlir::Value> Operands);

/// Whether `emitElementwise` knows the operation.
bool isElementwise(mlir::Operation *Op);

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_KERNELBUILDER_H
