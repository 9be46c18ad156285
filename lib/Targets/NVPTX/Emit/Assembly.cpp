#include "Assembly.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

using Values = KernelBuilder::Values;

Values nvptx::emitAssembly(KernelBuilder &B, TypeRange Results, ValueRange Operands, StringRef Text,
                           StringRef Constraints, Effect Does) {
  Type Result;
  if (Results.size() == 1)
    Result = Results.front();
  else if (Results.size() > 1)
    Result = LLVM::LLVMStructType::getLiteral(B.getContext(), llvm::to_vector(Results));
  std::string All = Constraints.str();
  if (Does == Effect::Memory)
    All += All.empty() ? "~{memory}" : ",~{memory}";
  auto Asm = LLVM::InlineAsmOp::create(B, Result ? TypeRange(Result) : TypeRange(), Operands, Text,
                                       All, Does != Effect::None, /*is_align_stack=*/false,
                                       LLVM::TailCallKind::None, nullptr, nullptr);
  if (Results.size() < 2)
    return Values(Asm->getResults());
  Values Registers;
  for (int64_t I = 0; I < int64_t(Results.size()); ++I)
    Registers.push_back(LLVM::ExtractValueOp::create(B, Asm.getRes(), I));
  return Registers;
}

static void emitChange(KernelBuilder &B, ValueRange Operands, const Twine &Text,
                       StringRef Constraints) {
  emitAssembly(B, {}, Operands, Text.str(), Constraints, Effect::Memory);
}

Value nvptx::getSharedAddress(KernelBuilder &B, Value Pointer) {
  return LLVM::PtrToIntOp::create(B, B.getI32Type(), Pointer);
}

//===- Phases ---------------------------------------------------------------------------------===//

void nvptx::initPhases(KernelBuilder &B, Value Barrier, int64_t Arrivals) {
  emitChange(B, Barrier, "mbarrier.init.shared::cta.b64 [$0], " + Twine(Arrivals) + ";", "r");
}

void nvptx::waitForPhase(KernelBuilder &B, Value Barrier, Value Parity) {
  emitChange(B, {Barrier, Parity},
             "{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1; "
             "@!done bra again; }",
             "r,r");
}

void nvptx::arriveAtPhase(KernelBuilder &B, Value Barrier) {
  Value Lane = arith::TruncIOp::create(B, B.getI32Type(), B.getLane());
  emitChange(B, {Barrier, Lane},
             "{ .reg .pred first; setp.eq.u32 first, $1, 0; "
             "@first mbarrier.arrive.shared::cta.b64 _, [$0]; }",
             "r,r");
}

void nvptx::expectBytes(KernelBuilder &B, Value Barrier, int64_t Bytes) {
  emitChange(B, Barrier, "mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], " + Twine(Bytes) + ";",
             "r");
}

void nvptx::copyBytes(KernelBuilder &B, Value To, Value From, int64_t Bytes, Value Barrier) {
  emitChange(B, {To, From, Barrier},
             "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1], " +
                 Twine(Bytes) + ", [$2];",
             "r,l,r");
}

void nvptx::copyChunk(KernelBuilder &B, Value To, Value From) {
  emitChange(B, {To, From}, "cp.async.cg.shared.global [$0], [$1], 16;", "r,l");
}

void nvptx::closeCopies(KernelBuilder &B) { emitChange(B, {}, "cp.async.commit_group;", ""); }

void nvptx::waitForCopies(KernelBuilder &B, int64_t Left) {
  emitChange(B, {}, "cp.async.wait_group " + Twine(Left) + ";", "");
}

Values nvptx::loadMatrices(KernelBuilder &B, Value Address, int64_t Offset) {
  SmallVector<Type> Results(4, B.getI32Type());
  return emitAssembly(B, Results, Address,
                      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [$4+" +
                          std::to_string(Offset) + "];",
                      "=r,=r,=r,=r,r", Effect::Memory);
}

//===- Threads --------------------------------------------------------------------------------===//

void nvptx::setRegisters(KernelBuilder &B, int64_t Count, bool More) {
  emitChange(
      B, {},
      "setmaxnreg." + Twine(More ? "inc" : "dec") + ".sync.aligned.u32 " + Twine(Count) + ";", "");
}

void nvptx::syncThreads(KernelBuilder &B, int64_t Barrier, int64_t Threads) {
  emitChange(B, {}, "bar.sync " + Twine(Barrier) + ", " + Twine(Threads) + ";", "");
}

//===- Numbers --------------------------------------------------------------------------------===//

/// The elements of a vector, or the scalar.
static Values getElements(KernelBuilder &B, Value Of) {
  Values Elements;
  for (int64_t I = 0; I < KernelBuilder::getLanes(Of); ++I)
    Elements.push_back(vector::ExtractOp::create(B, Of, ArrayRef<int64_t>{I}));
  return Elements.empty() ? Values{Of} : Elements;
}

/// The first ones of the elements as `Like` has them: a vector of as many, or a scalar.
static Value putElements(KernelBuilder &B, Value Like, Values Elements) {
  int64_t Lanes = KernelBuilder::getLanes(Like);
  if (!Lanes)
    return Elements.front();
  Elements.resize(Lanes);
  return vector::FromElementsOp::create(B, B.vectorOf(Elements.front().getType(), Lanes), Elements);
}

/// Instructions convert two at a time; the last one may be alone.
Value nvptx::makeFloat8(KernelBuilder &B, Value Numbers) {
  Values Elements = getElements(B, Numbers), Codes;
  for (size_t I = 0; I < Elements.size(); I += 2) {
    Value Low = Elements[I], High = I + 1 < Elements.size() ? Elements[I + 1] : Low;
    Value Pair = emitAssembly(B, B.getI16Type(), {High, Low},
                              "cvt.rn.satfinite.e4m3x2.f32 $0, $1, $2;", "=h,f,f", Effect::None)[0];
    Value Shift = B.constant(B.getI16Type(), 8);
    for (Value Code : {Pair, B.shr(Pair, Shift)})
      Codes.push_back(arith::TruncIOp::create(B, B.getI8Type(), Code));
  }
  return putElements(B, Numbers, Codes);
}

/// Two e4m3 as a pair of f16.
static Value widenPair(KernelBuilder &B, Value Pair) {
  return emitAssembly(B, B.getI32Type(), Pair, "cvt.rn.f16x2.e4m3x2 $0, $1;", "=r,h",
                      Effect::None)[0];
}

Value nvptx::readFloat8(KernelBuilder &B, Value Codes) {
  Values Elements = getElements(B, Codes), Numbers;
  auto Widen = [&](Value Code) -> Value { return arith::ExtUIOp::create(B, B.getI16Type(), Code); };
  for (size_t I = 0; I < Elements.size(); I += 2) {
    Value Pair = Widen(Elements[I]);
    if (I + 1 < Elements.size())
      Pair = B.bitOr(Pair, B.shl(Widen(Elements[I + 1]), B.constant(B.getI16Type(), 8)));
    Value Halves = widenPair(B, Pair);
    for (Value Half : {Halves, B.shr(Halves, B.i32(16, 0))}) {
      Value Bits = arith::TruncIOp::create(B, B.getI16Type(), Half);
      Numbers.push_back(arith::ExtFOp::create(B, B.getF32Type(), B.bitcast(Bits, B.getF16Type())));
    }
  }
  return putElements(B, Codes, Numbers);
}

//===- Products -------------------------------------------------------------------------------===//

/// mma.sync with four registers of A, two of the right operand, and four of C and D.
static Values emitMma(KernelBuilder &B, bool IsFloat, const Twine &Form, ValueRange A,
                      ValueRange Right, ValueRange C) {
  SmallVector<Value> Operands(A);
  llvm::append_range(Operands, Right);
  llvm::append_range(Operands, C);
  SmallVector<Type> Results(4, IsFloat ? Type(B.getF32Type()) : Type(B.getI32Type()));
  std::string Text = ("mma.sync.aligned." + Form +
                      " {$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};")
                         .str();
  return emitAssembly(B, Results, Operands, Text,
                      IsFloat ? "=f,=f,=f,=f,r,r,r,r,r,r,f,f,f,f"
                              : "=r,=r,=r,=r,r,r,r,r,r,r,r,r,r,r",
                      Effect::Together);
}

/// The same of half of a register.
static Value widenPair(KernelBuilder &B, Value Register, bool High) {
  if (High)
    Register = B.shr(Register, B.i32(16, 0));
  return widenPair(B, arith::TruncIOp::create(B, B.getI16Type(), Register));
}

Values nvptx::multiplyCodes(KernelBuilder &B, CodeProduct Product, ValueRange A, ValueRange Right,
                            ValueRange C) {
  if (Product == CodeProduct::Int8)
    return emitMma(B, false, "m16n8k32.row.col.s32.s8.s8.s32", A, Right, C);
  if (Product == CodeProduct::Float8)
    return emitMma(B, true, "m16n8k32.row.col.f32.e4m3.e4m3.f32", A, Right, C);
  // Of the registers of each half of the inputs, the low pairs count as its first inputs: on both
  // sides, so that the same ones meet.
  Values D(C);
  for (int64_t Half = 0; Half < 2; ++Half) {
    Values Left, Column;
    for (bool High : {false, true}) {
      for (int64_t Row = 0; Row < 2; ++Row)
        Left.push_back(widenPair(B, A[2 * Half + Row], High));
      Column.push_back(widenPair(B, Right[Half], High));
    }
    D = emitMma(B, true, "m16n8k16.row.col.f32.f16.f16.f32", Left, Column, D);
  }
  return D;
}

Value nvptx::getDescriptor(KernelBuilder &B, Value Address) {
  // Swizzle of 128 bytes; eight rows are 1024 bytes away from the next eight.
  constexpr int64_t Swizzle = int64_t(1) << 62, Stride = int64_t(1024 >> 4) << 32;
  Value Start = arith::ExtUIOp::create(B, B.getI64Type(), B.shr(Address, B.i32(4, 0)));
  return B.bitOr(Start, B.index(Swizzle | Stride));
}

/// "$0, $1, …".
static std::string listRegisters(int64_t Count) {
  std::string Text;
  for (int64_t I = 0; I < Count; ++I)
    Text += (I ? ", $" : "$") + std::to_string(I);
  return Text;
}

/// Four products of 32 inputs each: a descriptor advances by 32 bytes, counted in 16.
static std::string getTileText(bool IsFloat) {
  std::string Sums = listRegisters(64), Types = IsFloat ? "f32.e4m3.e4m3" : "s32.s8.s8";
  std::string Text = "{ .reg .pred fresh, more; .reg .b64 a, b; "
                     "setp.ne.u32 fresh, 0, 0; setp.eq.u32 more, 0, 0; "
                     "mov.b64 a, $64; mov.b64 b, $65; wgmma.fence.sync.aligned; ";
  for (int64_t Step = 0; Step < 4; ++Step) {
    if (Step)
      Text += "add.s64 a, a, 2; add.s64 b, b, 2; ";
    Text += "wgmma.mma_async.sync.aligned.m64n128k32." + Types + " {" + Sums + "}, a, b, ";
    Text += IsFloat && Step == 0 ? "fresh" : "more";
    Text += IsFloat ? ", 1, 1; " : "; ";
  }
  return Text + "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; }";
}

Values nvptx::multiplyTiles(KernelBuilder &B, bool IsFloat, Value A, Value Right, ValueRange Sums) {
  constexpr int64_t Count = 64;
  SmallVector<Type> Results(Count, IsFloat ? Type(B.getF32Type()) : Type(B.getI32Type()));
  SmallVector<Value> Operands = {A, Right};
  std::string Constraints;
  for (int64_t I = 0; I < Count; ++I)
    Constraints += IsFloat ? "=f," : "=r,";
  Constraints += "l,l";
  if (!IsFloat) {
    llvm::append_range(Operands, Sums);
    for (int64_t I = 0; I < Count; ++I)
      Constraints += "," + std::to_string(I);
  }
  return emitAssembly(B, Results, Operands, getTileText(IsFloat), Constraints, Effect::Memory);
}
