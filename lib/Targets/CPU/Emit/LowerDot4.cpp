// AVX-512 VNNI multiplies unsigned bytes by signed ones (vpdpbusd). Elsewhere bytes are widened to
// 16 bits and multiplied by pmaddwd, which is exact; pmaddubsw would saturate.
#include "LowerDot4.h"

#include "QKernel/QKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {
/// Emits one dot4 in pieces of a machine's vectors.
class Dot4Writer {
public:
  Dot4Writer(qkernel::Dot4Op Op, int64_t VectorBits, bool HasVnni)
      : B(Op.getLoc(), Op), Op(Op), HasVnni(HasVnni) {
    int64_t Lanes = Op.getResult().getType().getNumElements();
    PieceLanes = std::gcd(Lanes, VectorBits / 32);
  }

  LogicalResult write();

private:
  VectorType vector(int64_t Lanes, unsigned Bits) {
    return VectorType::get({Lanes}, B.getIntegerType(Bits));
  }
  Value splat(VectorType Ty, int64_t Number) {
    auto Bits = APInt(Ty.getElementTypeBitWidth(), Number, /*isSigned=*/true);
    return arith::ConstantOp::create(B, DenseElementsAttr::get(Ty, Bits));
  }
  Value slice(Value Whole, int64_t First, int64_t Count) {
    return vector::ExtractStridedSliceOp::create(B, Whole, ArrayRef(First), ArrayRef(Count),
                                                 ArrayRef<int64_t>{1});
  }
  Value call(StringRef Name, ValueRange Operands) {
    return LLVM::CallIntrinsicOp::create(B, vector(PieceLanes, 32), B.getStringAttr(Name), Operands)
        .getResult(0);
  }
  Value vnni(Value Accumulator, Value Lhs, Value Rhs);
  Value widening(Value Accumulator, Value Lhs, Value Rhs);
  std::pair<Value, Value> widen(Value Bytes, bool IsUnsigned);

  ImplicitLocOpBuilder B;
  qkernel::Dot4Op Op;
  int64_t PieceLanes;
  bool HasVnni;
};
} // namespace

/// (a + 128) * b summed, less 128 * b summed, where the instruction wants unsigned bytes.
Value Dot4Writer::vnni(Value Accumulator, Value Lhs, Value Rhs) {
  std::string Name = ("llvm.x86.avx512.vpdpbusd." + Twine(32 * PieceLanes)).str();
  if (Op.getIsUnsigned())
    return call(Name, {Accumulator, Lhs, Rhs});
  Value Offset = splat(vector(4 * PieceLanes, 8), -128);
  Value Sum = call(Name, {Accumulator, arith::XOrIOp::create(B, Lhs, Offset), Rhs});
  Value Excess = call(Name, {splat(vector(PieceLanes, 32), 0), Offset, Rhs});
  return arith::SubIOp::create(B, Sum, Excess);
}

/// The bytes at even and at odd places as 16-bit integers.
std::pair<Value, Value> Dot4Writer::widen(Value Bytes, bool IsUnsigned) {
  VectorType Ty = vector(2 * PieceLanes, 16);
  Value Pairs = vector::BitCastOp::create(B, Ty, Bytes), Eight = splat(Ty, 8);
  if (IsUnsigned)
    return {arith::AndIOp::create(B, Pairs, splat(Ty, 0xff)),
            arith::ShRUIOp::create(B, Pairs, Eight)};
  Value Even = arith::ShLIOp::create(B, Pairs, Eight);
  return {arith::ShRSIOp::create(B, Even, Eight), arith::ShRSIOp::create(B, Pairs, Eight)};
}

Value Dot4Writer::widening(Value Accumulator, Value Lhs, Value Rhs) {
  StringRef Name = PieceLanes == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                   : PieceLanes == 8 ? "llvm.x86.avx2.pmadd.wd"
                                     : "llvm.x86.sse2.pmadd.wd";
  auto [LhsEven, LhsOdd] = widen(Lhs, Op.getIsUnsigned());
  auto [RhsEven, RhsOdd] = widen(Rhs, /*IsUnsigned=*/false);
  Value Sum =
      arith::AddIOp::create(B, call(Name, {LhsEven, RhsEven}), call(Name, {LhsOdd, RhsOdd}));
  return arith::AddIOp::create(B, Accumulator, Sum);
}

LogicalResult Dot4Writer::write() {
  if (PieceLanes < 4)
    return Op.emitOpError() << "has " << Op.getResult().getType()
                            << "; the CPU target takes multiples of 4 lanes";
  VectorType Ty = Op.getResult().getType();
  Value Result = splat(Ty, 0);
  for (int64_t First = 0; First < Ty.getNumElements(); First += PieceLanes) {
    Value Accumulator = slice(Op.getAccumulator(), First, PieceLanes);
    Value Lhs = slice(Op.getLhs(), 4 * First, 4 * PieceLanes);
    Value Rhs = slice(Op.getRhs(), 4 * First, 4 * PieceLanes);
    Value Piece = HasVnni ? vnni(Accumulator, Lhs, Rhs) : widening(Accumulator, Lhs, Rhs);
    Result = vector::InsertStridedSliceOp::create(B, Piece, Result, ArrayRef(First),
                                                  ArrayRef<int64_t>{1});
  }
  Op.replaceAllUsesWith(Result);
  Op.erase();
  return success();
}

static bool hasFeature(LLVM::LLVMFuncOp Function, StringRef Feature) {
  auto Features = Function.getTargetFeatures();
  return Features && Features->contains(Feature);
}

LogicalResult cpu::lowerDot4(ModuleOp Module) {
  for (auto Function : Module.getOps<LLVM::LLVMFuncOp>()) {
    int64_t VectorBits = hasFeature(Function, "+avx512bw") ? 512
                         : hasFeature(Function, "+avx2")   ? 256
                                                           : 128;
    bool HasVnni = hasFeature(Function, "+avx512vnni");
    SmallVector<qkernel::Dot4Op> Ops;
    Function.walk([&](qkernel::Dot4Op Op) { Ops.push_back(Op); });
    for (qkernel::Dot4Op Op : Ops)
      if (failed(Dot4Writer(Op, VectorBits, HasVnni).write()))
        return failure();
  }
  return success();
}
