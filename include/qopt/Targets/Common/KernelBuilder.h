//===- KernelBuilder.h - what lowerings of every target share ---------------------------------===//
//
// KernelInfo answers questions about a kernel. KernelBuilder emits the numbers, loops and accesses
// of one thread's code in `arith`, `math`, `scf`, `vector` and `llvm` operations; a target derives
// from it and says where buffers and symbols come from, how the machine converts 16-bit floats, and
// how the elements of a row are shared out.
//
// Indices are i64, floats are computed in f32. "Lanes" are neighbouring elements that one operation
// handles: a vector, or one element where `Lanes` is 1 (a vector of one). Products and sums may be
// contracted to one operation where the machine has it. Nothing emitted here calls a library.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_COMMON_KERNELBUILDER_H
#define QOPT_TARGETS_COMMON_KERNELBUILDER_H

#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Analysis/Target.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt::codegen {

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

/// Whether a value is not computed in the kernel.
bool isArgumentOrConstant(mlir::Value Value);

/// Element type of a tensor value.
mlir::Type getElementType(mlir::Value Value);

/// Bytes of one element as buffers hold it; booleans are bytes.
int64_t getElementBytes(mlir::Type Type);

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  virtual ~KernelBuilder() = default;

  const KernelInfo &getInfo() const { return Info; }

  //===--- The arguments --------------------------------------------------------------------===//
  /// Pointer to a kernel argument; for a cache to its keys (Part 0) or values (1).
  Value getArgument(mlir::Value Argument, unsigned Part = 0);
  Value getResult(unsigned Result);
  Value getTable(unsigned Table);
  /// Value of an expression over the program's symbols.
  Value size(mlir::AffineExpr Expr);

  //===--- Numbers --------------------------------------------------------------------------===//
  Value index(int64_t Value);
  Value constant(mlir::Type Type, double Number);
  /// A vector of equal f32 (lanes = 0: a scalar).
  Value f32(double Number, int64_t Lanes);
  /// A vector of equal i32.
  Value i32(int64_t Number, int64_t Lanes);
  Value splat(Value Scalar, int64_t Lanes);
  mlir::VectorType f32Vector(int64_t Lanes);
  mlir::VectorType vectorOf(mlir::Type Element, int64_t Lanes);
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

  //===--- Functions of f32 vectors (also f32 scalars): a few units in the last place ---------===//
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
  using LanesBody = llvm::function_ref<void(Value, int64_t)>;
  using LanesValue = llvm::function_ref<Value(Value, int64_t)>;
  /// for (i = Low; i < High; i += Step)
  void loop(Value Low, Value High, int64_t Step, LoopBody Body);
  /// The same with values that each iteration passes on; returns the last ones.
  Values loop(Value Low, Value High, int64_t Step, mlir::ValueRange Init, CarryingBody Body);
  Values loop(Value Low, Value High, Value Step, mlir::ValueRange Init, CarryingBody Body);
  /// Runs `Body(i, lanes)` over [0, Count), each element once.
  virtual void loopLanes(Value Count, LanesBody Body) = 0;
  /// Sum of `Body(i, lanes)` over [0, Count), in an order that only `Count` decides.
  virtual Value sumOver(Value Count, LanesValue Body) = 0;
  /// Maximum of the same.
  virtual Value maxOver(Value Count, LanesValue Body) = 0;
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
  Value loadVector(Value Pointer, mlir::Type Element, int64_t Lanes);
  void storeVector(Value Vector, Value Pointer, mlir::Type Element);
  /// Lanes without conversion.
  Value loadRaw(Value Pointer, mlir::Type Type);
  void storeRaw(Value Value, mlir::Value Pointer);
  /// A small table in the module's read-only data.
  Value constantTable(mlir::ElementsAttr Elements);

  /// What a computed number reads as after it was stored as an element.
  Value rounded(Value Computed, mlir::Type Element) {
    return widen(narrow(Computed, Element), Element);
  }

  /// Bytes of e4m3 as f32.
  Value widenFloat8(Value Stored);

  /// Reads an integer of 32 or 64 bits as i64.
  Value loadIndex(Value Pointer, Value Index, mlir::Type Element);

  /// The type that an element is computed in; unsigned integers of less than 64 bits in a wider
  /// one.
  mlir::Type getComputeType(mlir::Type Element);
  /// Between what memory holds and what is computed with. Narrowing rounds, f8 to no more than its
  /// largest number. Targets say how 16-bit floats are converted.
  virtual Value widen(Value Stored, mlir::Type Element);
  virtual Value narrow(Value Computed, mlir::Type Element);
  /// `Element` in as many lanes as `Like` has.
  mlir::Type withLanesOf(Value Like, mlir::Type Element);

  /// One number of a weight that does not lie plainly, by its indices; null after a diagnostic.
  virtual Value loadWeight(Value Weight, llvm::ArrayRef<Value> At) = 0;

protected:
  /// Starts the body of `Function` in its entry block.
  KernelBuilder(const KernelInfo &Info, mlir::Operation *Function);

  mlir::Block &getEntry() const { return Function->getRegion(0).front(); }
  /// Emit the address of a buffer, or the value of a symbol as i64, where the builder stands.
  virtual Value emitBuffer(unsigned Number) = 0;
  virtual Value emitSymbol(unsigned Number) = 0;
  /// What memory holds for an element: bytes for booleans and 8-bit floats, and no signs.
  virtual mlir::Type getMemoryType(mlir::Type Element);

  Value likeConstant(Value Like, double Number);

private:
  Value loadBuffer(unsigned Number);

  KernelInfo Info;
  mlir::Operation *Function;
  /// Buffers and sizes are emitted in the entry block, once.
  llvm::DenseMap<unsigned, Value> BufferCache;
  llvm::DenseMap<mlir::AffineExpr, Value> SizeCache;
  mlir::Operation *LastEntryOp = nullptr;
};

/// Emits one elementwise operation of the qopt dialect on numbers as they are computed with.
mlir::FailureOr<mlir::Value> emitElementwise(KernelBuilder &Builder, mlir::Operation *Op,
                                             llvm::ArrayRef<mlir::Value> Operands);

/// A value that elementwise operations (and reshapes between them) make of values that `Leaf`
/// gives; it gives null for what is no leaf. `Known` holds values that are computed already, and
/// gets all others.
mlir::FailureOr<mlir::Value> emitElementwiseTree(KernelBuilder &Builder, mlir::Value Of,
                                                 llvm::DenseMap<mlir::Value, mlir::Value> &Known,
                                                 llvm::function_ref<mlir::Value(mlir::Value)> Leaf);

/// What f32 numbers read as after they went through codes.
mlir::Value emitRequantized(KernelBuilder &Builder, QuantizationAttr By, mlir::Value X);

/// Follows a value back through codes: quantize and dequantize with single numbers that are
/// constant. `Ops` gets them in the order in which they apply.
mlir::Value skipCoding(mlir::Value Value, llvm::SmallVectorImpl<mlir::Operation *> &Ops);

/// The single number that a constant is.
mlir::Value loadNumber(KernelBuilder &Builder, mlir::Value Constant);

/// f32 numbers, one or a vector, after they went through the codes of such operations.
mlir::Value emitCoding(KernelBuilder &Builder, llvm::ArrayRef<mlir::Operation *> Ops,
                       mlir::Value X);

/// The scale of a row (f32, one number) whose largest magnitude is given; NaN if one of them is not
/// finite.
mlir::Value emitDynamicScale(KernelBuilder &Builder, DynamicScaleOp Op, mlir::Value Largest);

/// Whether `emitElementwise` knows the operation.
bool isElementwise(mlir::Operation *Op);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_KERNELBUILDER_H
