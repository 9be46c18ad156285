//===- KernelBuilder.h - what a lowering emits code with --------------------------------------===//
//
// Builds the body of
//
//   void kernel(int64_t begin, int64_t end, void *const *buffers, const int64_t *symbols,
//               void *scratch)
//
// for one instruction set. The vector of choice has 16 lanes; a vector of one lane serves for what
// remains of a row.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_CPU_KERNELBUILDER_H
#define QOPT_TARGETS_CPU_KERNELBUILDER_H

#include "qopt/Targets/CPU.h"
#include "qopt/Targets/CPU/Isa.h"
#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::cpu {

using codegen::emitElementwise;
using codegen::emitElementwiseTree;
using codegen::getElementBytes;
using codegen::getElementType;
using codegen::isArgumentOrConstant;
using codegen::isElementwise;
using codegen::skipCoding;
using codegen::skipReshapes;

/// Lanes of a vector, and rows of a panel of weights.
constexpr int64_t VectorLanes = 16;
constexpr int64_t PanelRows = 32;

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

class KernelBuilder : public codegen::KernelBuilder {
public:
  using Base = codegen::KernelBuilder;

  /// Starts the body of `Function`, which has the C signature.
  KernelBuilder(const KernelInfo &Info, const Isa &Isa, mlir::Operation *Function);

  const Isa &getIsa() const { return Target; }

  Value getBegin() const { return Begin; }
  Value getEnd() const { return End; }
  Value getScratch(mlir::AffineExpr ByteOffset);

  // Without a number of lanes: those of the vector of choice.
  Value f32(double Number, int64_t Lanes = VectorLanes) { return Base::f32(Number, Lanes); }
  Value i32(int64_t Number, int64_t Lanes = VectorLanes) { return Base::i32(Number, Lanes); }
  Value splat(Value Scalar, int64_t Lanes = VectorLanes) { return Base::splat(Scalar, Lanes); }
  mlir::VectorType f32Vector(int64_t Lanes = VectorLanes) { return Base::f32Vector(Lanes); }
  mlir::VectorType vectorOf(mlir::Type Element, int64_t Lanes = VectorLanes) {
    return Base::vectorOf(Element, Lanes);
  }
  Value loadVector(Value Pointer, mlir::Type Element, int64_t Lanes = VectorLanes) {
    return Base::loadVector(Pointer, Element, Lanes);
  }

  /// In steps of 16 lanes, then one lane at a time.
  void loopLanes(Value Count, LanesBody Body) override;
  Value sumOver(Value Count, LanesValue Body) override;
  Value maxOver(Value Count, LanesValue Body) override;

  /// Only the first `Count` (0..15) lanes; the others are zero or not written.
  Value loadFirst(Value Pointer, mlir::Type Element, int64_t Count);
  void storeFirst(Value Vector, Value Pointer, mlir::Type Element, int64_t Count);
  /// Fetches the cache line that is read soon.
  void prefetch(Value Pointer);
  Value widen(Value Stored, mlir::Type Element) override;
  Value narrow(Value Computed, mlir::Type Element) override;
  Value loadWeight(Value Weight, llvm::ArrayRef<Value> At) override;

protected:
  Value emitBuffer(unsigned Number) override;
  Value emitSymbol(unsigned Number) override;
  mlir::Type getMemoryType(mlir::Type Element) override;

private:
  const Isa &Target;
  Value Begin, End, Buffers, Symbols, Scratch;
};

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_KERNELBUILDER_H
