// Correct first: the fallback of every target, and what epilogues are computed with.
#include "qopt/Targets/Common/ElementReader.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

using Index = ElementReader::Index;

//===- Indices --------------------------------------------------------------------------------===//

Index ElementReader::broadcast(Value Operand, const Index &At) {
  ArrayRef<AffineExpr> Dims = Info.getDims(Operand);
  Index Result(ArrayRef<Value>(At).take_back(Dims.size()));
  for (auto [Axis, Size] : llvm::enumerate(Dims))
    if (Size == Info.constant(1))
      Result[Axis] = B.index(0);
  return Result;
}

Value ElementReader::linear(Value Of, const Index &At) {
  Value Result = B.index(0);
  for (auto [Axis, Position] : llvm::enumerate(At))
    Result = B.add(B.mul(Result, dim(Of, Axis)), Position);
  return Result;
}

Index ElementReader::delinearize(Value Of, Value Position) {
  Index Result(Info.getDims(Of).size());
  for (size_t Axis = Result.size(); Axis-- > 0;) {
    Result[Axis] = B.rem(Position, dim(Of, Axis));
    Position = B.div(Position, dim(Of, Axis));
  }
  return Result;
}

Value ElementReader::fromIndex(Value Number, Type Element) {
  Type Ty = B.getComputeType(Element);
  if (isa<FloatType>(Ty))
    return arith::SIToFPOp::create(B, Ty, Number);
  if (Ty == Number.getType())
    return Number;
  return arith::TruncIOp::create(B, Ty, Number);
}

//===- Elements -------------------------------------------------------------------------------===//

Value ElementReader::read(Value Of, const Index &At) {
  if (Value Number = Known.lookup(Of))
    return Number;
  if (isa<BlockArgument>(Of))
    return readArgument(Of, At);
  if (auto Constant = Of.getDefiningOp<ConstantOp>()) {
    Type Element = codegen::getElementType(Of);
    return B.loadScalar(B.element(B.constantTable(Constant.getValue()), linear(Of, At), Element),
                        Element);
  }
  return readOperation(Of.getDefiningOp(), At);
}

Value ElementReader::readArgument(Value Of, const Index &At) {
  auto Layout = Info.getLayout(Of);
  if (getStoredElementType(Of.getType()) || (Layout && !isa<qkernel::PlainLayoutAttr>(Layout)))
    return B.loadWeight(Of, At);
  Type Element = codegen::getElementType(Of);
  return B.loadScalar(B.element(B.getArgument(Of), linear(Of, At), Element), Element);
}

Value ElementReader::readElementwise(Operation *Op, const Index &At) {
  SmallVector<Value> Operands;
  for (Value Operand : Op->getOperands()) {
    Value Number = read(Operand, broadcast(Operand, At));
    if (!Number)
      return nullptr;
    // The functions are written for vectors.
    Operands.push_back(B.splat(Number, 1));
  }
  FailureOr<Value> Result = emitElementwise(B, Op, Operands);
  return failed(Result) ? Value() : B.firstLane(*Result);
}

Value ElementReader::readOperation(Operation *Op, const Index &At) {
  if (isElementwise(Op))
    return readElementwise(Op, At);
  return llvm::TypeSwitch<Operation *, Value>(Op)
      .Case<ReshapeOp>([&](ReshapeOp Reshape) {
        Value Input = Reshape.getInput();
        return read(Input, delinearize(Input, linear(Reshape, At)));
      })
      .Case<BroadcastOp>([&](BroadcastOp Broadcast) {
        return read(Broadcast.getInput(), broadcast(Broadcast.getInput(), At));
      })
      .Case<TransposeOp>([&](TransposeOp Transpose) {
        Index From(At.size());
        for (auto [Axis, Input] : llvm::enumerate(Transpose.getPermutation()))
          From[Input] = At[Axis];
        return read(Transpose.getInput(), From);
      })
      .Case<SliceOp>([&](SliceOp Slice) { return readSlice(Slice, At); })
      .Case<ConcatOp>(
          [&](ConcatOp Concat) { return readConcat(Concat, At, 0, At[Concat.getAxis()]); })
      .Case<GatherOp>([&](GatherOp Gather) { return readGather(Gather, At); })
      .Case<IotaOp>([&](IotaOp Iota) { return readIota(Iota, At[0]); })
      .Case<SizesOp>([&](SizesOp Sizes) {
        return readSizes(Sizes.getValues(), codegen::getElementType(Sizes.getResult()),
                         At.empty() ? B.index(0) : At[0]);
      })
      .Case<PositionsOp>([&](PositionsOp Positions) -> Value {
        Value Past = read(Positions.getPast(), {At[0]});
        return Past ? B.add(Past, fromIndex(At[1], Past.getType())) : Value();
      })
      .Case<TakeLastOp>([&](TakeLastOp Last) { return readTakeLast(Last, At); })
      .Case<ReduceOp>([&](ReduceOp Reduce) { return readReduce(Reduce, At); })
      .Case<MatmulOp>([&](MatmulOp Matmul) { return readMatmul(Matmul, At); })
      .Case<LinearOp>([&](LinearOp Linear) { return readLinear(Linear, At); })
      .Case<DynamicScaleOp>([&](DynamicScaleOp Scale) { return readDynamicScale(Scale, At); })
      .Case<ConvOp>([&](ConvOp Conv) { return readConv(Conv, At); })
      .Case<PoolOp>([&](PoolOp Pool) { return readPool(Pool, At); })
      .Case<PadOp>([&](PadOp Pad) { return readPad(Pad, At); })
      .Default([&](Operation *Other) -> Value {
        Other->emitOpError("has no generic lowering");
        return nullptr;
      });
}

Value ElementReader::readSlice(SliceOp Op, const Index &At) {
  Index From(At);
  Value Start = B.size(Op.getBounds().getResult(0));
  From[Op.getAxis()] = B.add(Start, B.mul(At[Op.getAxis()], int64_t(Op.getStep())));
  return read(Op.getInput(), From);
}

/// Only the input that holds the position is read.
Value ElementReader::readConcat(ConcatOp Op, const Index &At, unsigned Input, Value Position) {
  Value Source = Op.getInputs()[Input];
  Index From(At);
  From[Op.getAxis()] = Position;
  if (Input + 1 == Op.getInputs().size())
    return read(Source, From);
  Value Size = dim(Source, Op.getAxis());
  bool Failed = false;
  Value Result = B.choose(
      B.lessThan(Position, Size), B.getComputeType(codegen::getElementType(Op.getResult())),
      [&] {
        Value Number = read(Source, From);
        Failed |= !Number;
        return Number;
      },
      [&] {
        Value Number = readConcat(Op, At, Input + 1, B.sub(Position, Size));
        Failed |= !Number;
        return Number;
      });
  return Failed ? Value() : Result;
}

Value ElementReader::readGather(GatherOp Op, const Index &At) {
  size_t Axis = Op.getAxis(), IndexRank = Info.getDims(Op.getIndices()).size();
  Value Chosen = read(Op.getIndices(), Index(ArrayRef<Value>(At).slice(Axis, IndexRank)));
  if (!Chosen)
    return nullptr;
  if (!Chosen.getType().isInteger(64))
    Chosen = arith::ExtSIOp::create(B, B.getI64Type(), Chosen);
  Value Size = dim(Op.getTable(), Axis);
  Chosen = B.select(B.lessThan(Chosen, B.index(0)), B.add(Chosen, Size), Chosen);
  Chosen = B.max(B.min(Chosen, B.sub(Size, B.index(1))), B.index(0));
  Index From(ArrayRef<Value>(At).take_front(Axis));
  From.push_back(Chosen);
  llvm::append_range(From, ArrayRef<Value>(At).drop_front(Axis + IndexRank));
  return read(Op.getTable(), From);
}

Value ElementReader::readSizes(AffineMap Values, Type Element, Value Position) {
  Value Result = B.index(0);
  for (auto [I, Expr] : llvm::enumerate(Values.getResults()))
    Result = B.select(B.equal(Position, B.index(I)), B.size(Expr), Result);
  return fromIndex(Result, Element);
}

Value ElementReader::readIota(IotaOp Op, Value Position) {
  Value Start = B.size(Op.getRange().getResult(1)), Step = B.size(Op.getRange().getResult(2));
  return fromIndex(B.add(Start, B.mul(Position, Step)), codegen::getElementType(Op.getResult()));
}

Value ElementReader::readTakeLast(TakeLastOp Op, const Index &At) {
  Value Count = read(Op.getCount(), {At[0]});
  if (!Count)
    return nullptr;
  if (!Count.getType().isInteger(64))
    Count = arith::ExtSIOp::create(B, B.getI64Type(), Count);
  Index From(At);
  From[1] = B.max(B.add(B.sub(Count, dim(Op.getResult(), 1)), At[1]), B.index(0));
  return read(Op.getInput(), From);
}

//===- Elements that need a loop --------------------------------------------------------------===//

Value ElementReader::neutral(ReduceKind Kind, Type Ty) {
  if (Kind == ReduceKind::Sum || Kind == ReduceKind::Mean)
    return B.constant(Ty, 0);
  bool IsMax = Kind == ReduceKind::Max;
  if (isa<FloatType>(Ty))
    return B.constant(Ty, IsMax ? -std::numeric_limits<double>::infinity()
                                : std::numeric_limits<double>::infinity());
  unsigned Width = Ty.getIntOrFloatBitWidth();
  APInt Limit = IsMax ? APInt::getSignedMinValue(Width) : APInt::getSignedMaxValue(Width);
  return arith::ConstantOp::create(B, B.getIntegerAttr(Ty, Limit));
}

Value ElementReader::readReduce(ReduceOp Op, const Index &At) {
  Value Input = Op.getInput();
  AffineExpr Count = Info.constant(1);
  for (int64_t Axis : Op.getAxes())
    Count = Count * Info.getDims(Input)[Axis];
  Type Ty = B.getComputeType(codegen::getElementType(Input));
  bool Failed = false;
  Value Result = B.loop(
      B.index(0), B.size(Count), 1, neutral(Op.getKind(), Ty), [&](Value I, ValueRange Carried) {
        Index From;
        unsigned Next = 0;
        for (unsigned Axis = 0; Axis < Info.getDims(Input).size(); ++Axis)
          From.push_back(llvm::is_contained(Op.getAxes(), int64_t(Axis))
                             ? Value()
                             : At[Op.getKeepDims() ? Axis : Next++]);
        for (int64_t Axis : llvm::reverse(Op.getAxes())) {
          From[Axis] = B.rem(I, dim(Input, Axis));
          I = B.div(I, dim(Input, Axis));
        }
        Value Number = read(Input, From), Sum = Carried[0];
        Failed |= !Number;
        if (Failed)
          return KernelBuilder::Values{Sum};
        bool IsSum = Op.getKind() == ReduceKind::Sum || Op.getKind() == ReduceKind::Mean;
        return KernelBuilder::Values{IsSum                             ? B.add(Sum, Number)
                                     : Op.getKind() == ReduceKind::Max ? B.max(Sum, Number)
                                                                       : B.min(Sum, Number)};
      })[0];
  if (Failed)
    return nullptr;
  if (Op.getKind() == ReduceKind::Mean)
    Result = B.div(Result, fromIndex(B.size(Count), Ty));
  return Result;
}

Value ElementReader::readMatmul(MatmulOp Op, const Index &At) {
  Type Ty = B.getComputeType(codegen::getElementType(Op.getResult()));
  Index Batch(ArrayRef<Value>(At).drop_back(2));
  auto BatchOf = [&](Value Operand) {
    ArrayRef<AffineExpr> Dims = Info.getDims(Operand).drop_back(2);
    Index From(ArrayRef<Value>(Batch).take_back(Dims.size()));
    for (auto [Axis, Size] : llvm::enumerate(Dims))
      if (Size == Info.constant(1))
        From[Axis] = B.index(0);
    return From;
  };
  bool Failed = false;
  Value Result =
      B.loop(B.index(0), B.size(Info.getDims(Op.getLhs()).back()), 1, B.constant(Ty, 0),
             [&](Value K, ValueRange Carried) {
               Index Left = BatchOf(Op.getLhs()), Right = BatchOf(Op.getRhs());
               Left.append({At[At.size() - 2], K});
               Right.append({K, At.back()});
               Value L = read(Op.getLhs(), Left), R = read(Op.getRhs(), Right);
               Failed |= !L || !R;
               return KernelBuilder::Values{Failed ? Value(Carried[0]) : B.fma(L, R, Carried[0])};
             })[0];
  return Failed ? Value() : Result;
}

Value ElementReader::readLinear(LinearOp Op, const Index &At) {
  Type Ty = B.getComputeType(codegen::getElementType(Op.getResult()));
  bool Failed = false;
  Value Result =
      B.loop(B.index(0), B.size(Info.getDims(Op.getWeight())[1]), 1, B.constant(Ty, 0),
             [&](Value K, ValueRange Carried) {
               Index From(At);
               From.back() = K;
               Value L = read(Op.getInput(), From), R = read(Op.getWeight(), {At.back(), K});
               Failed |= !L || !R;
               return KernelBuilder::Values{Failed ? Value(Carried[0]) : B.fma(L, R, Carried[0])};
             })[0];
  return Failed ? Value() : Result;
}

Value ElementReader::readDynamicScale(DynamicScaleOp Op, const Index &At) {
  if (codegen::getElementType(Op.getInput()).isF64()) {
    Op.emitOpError("has no generic lowering for f64");
    return nullptr;
  }
  bool Failed = false;
  Value Largest = B.loop(B.index(0), dim(Op.getInput(), At.size() - 1), 1, B.f32(0.0, 0),
                         [&](Value K, ValueRange Carried) {
                           Index From(At);
                           From.back() = K;
                           Value Number = read(Op.getInput(), From), Most = Carried[0];
                           Failed |= !Number;
                           if (Number)
                             Most = B.max(Most, math::AbsFOp::create(B, Number));
                           return KernelBuilder::Values{Most};
                         })[0];
  return Failed ? Value() : emitDynamicScale(B, Op, Largest);
}

//===- Windows --------------------------------------------------------------------------------===//

Value ElementReader::readInside(Value IsInside, Value Of, const Index &At, Value Outside) {
  bool Failed = false;
  Value Result = B.choose(
      IsInside, Outside.getType(),
      [&] {
        Value Number = read(Of, At);
        Failed |= !Number;
        return Number;
      },
      [&] { return Outside; });
  return Failed ? Value() : Result;
}

/// Whether 0 <= Position < Size.
static Value isInside(KernelBuilder &B, Value Position, Value Size) {
  return arith::CmpIOp::create(B, arith::CmpIPredicate::ult, Position, Size);
}

template <typename OpT>
KernelBuilder::Values
ElementReader::overWindow(OpT Op, const Index &At, Value Channel, ValueRange Init,
                          function_ref<KernelBuilder::Values(Value, Value, ValueRange)> Body) {
  ArrayRef<int64_t> Kernel = Op.getKernel();
  bool Failed = false;
  KernelBuilder::Values Result = B.loop(
      B.index(0), B.index(ShapedType::getNumElements(Kernel)), 1, Init,
      [&](Value Tap, ValueRange Carried) {
        Index From(Kernel.size() + 2);
        From[0] = At[0];
        From[1] = Channel;
        Value IsInside = arith::ConstantOp::create(B, B.getBoolAttr(true));
        Value Rest = Tap;
        for (size_t Axis = Kernel.size(); Axis-- > 0;) {
          Value Step = B.rem(Rest, Kernel[Axis]);
          Rest = B.div(Rest, Kernel[Axis]);
          Value First = B.add(B.mul(At[Axis + 2], Op.getStrides()[Axis]), -Op.getPads()[Axis]);
          From[Axis + 2] = B.add(First, B.mul(Step, Op.getDilations()[Axis]));
          IsInside = B.bitAnd(IsInside, isInside(B, From[Axis + 2], dim(Op.getInput(), Axis + 2)));
        }
        auto If = scf::IfOp::create(B, Init.getTypes(), IsInside, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard Guard(B);
        B.setInsertionPointToStart(If.thenBlock());
        Value Number = read(Op.getInput(), From);
        Failed |= !Number;
        KernelBuilder::Values Next(Carried);
        if (Number)
          Next = Body(Number, Tap, Carried);
        scf::YieldOp::create(B, Next);
        B.setInsertionPointToStart(If.elseBlock());
        scf::YieldOp::create(B, Carried);
        return KernelBuilder::Values(If.getResults());
      });
  return Failed ? KernelBuilder::Values() : Result;
}

Value ElementReader::readConv(ConvOp Op, const Index &At) {
  Type Ty = B.getComputeType(codegen::getElementType(Op.getResult()));
  int64_t Groups = Op.getGroups();
  int64_t Channels = cast<RankedTensorType>(Op.getInput().getType()).getDimSize(1) / Groups;
  int64_t Outputs = cast<RankedTensorType>(Op.getWeight().getType()).getDimSize(0) / Groups;
  int64_t Taps = ShapedType::getNumElements(Op.getKernel());
  Value First = B.mul(B.div(At[1], Outputs), Channels);
  bool Failed = false;
  Value Result = B.loop(
      B.index(0), B.index(Channels), 1, B.constant(Ty, 0), [&](Value Channel, ValueRange Carried) {
        auto Add = [&](Value Number, Value Tap, ValueRange Sum) {
          Value Factor = read(Op.getWeight(), {At[1], B.add(B.mul(Channel, Taps), Tap)});
          Failed |= !Factor;
          return KernelBuilder::Values{Factor ? B.fma(Number, Factor, Sum[0]) : Value(Sum[0])};
        };
        auto Sum = overWindow(Op, At, B.add(First, Channel), Carried, Add);
        Failed |= Sum.empty();
        return Failed ? KernelBuilder::Values(Carried) : Sum;
      })[0];
  return Failed ? Value() : Result;
}

Value ElementReader::readPool(PoolOp Op, const Index &At) {
  Type Ty = B.getComputeType(codegen::getElementType(Op.getResult()));
  bool IsMax = Op.getKind() == PoolKind::Max;
  Value Neutral = B.constant(Ty, IsMax ? -std::numeric_limits<double>::infinity() : 0);
  auto Result = overWindow(
      Op, At, At[1], {Neutral, B.constant(Ty, 0)}, [&](Value Number, Value, ValueRange Carried) {
        return KernelBuilder::Values{IsMax ? B.max(Carried[0], Number) : B.add(Carried[0], Number),
                                     B.add(Carried[1], B.constant(Ty, 1))};
      });
  if (Result.empty())
    return nullptr;
  return IsMax ? Result[0] : B.div(Result[0], Result[1]);
}

Value ElementReader::readPad(PadOp Op, const Index &At) {
  Index From;
  Value IsInside = arith::ConstantOp::create(B, B.getBoolAttr(true));
  for (auto [Axis, Position] : llvm::enumerate(At)) {
    From.push_back(B.add(Position, -Op.getLow()[Axis]));
    IsInside = B.bitAnd(IsInside, isInside(B, From.back(), dim(Op.getInput(), Axis)));
  }
  Type Ty = B.getComputeType(codegen::getElementType(Op.getResult()));
  TypedAttr Fill = Op.getValue();
  if (auto Float = dyn_cast<FloatAttr>(Fill); Float && Float.getType() != Ty)
    Fill = B.getFloatAttr(Ty, Float.getValueAsDouble());
  return readInside(IsInside, Op.getInput(), From, arith::ConstantOp::create(B, Fill));
}

//===- Kernels --------------------------------------------------------------------------------===//

static bool isSupported(Operation *Op) {
  return isElementwise(Op) ||
         isa<ConstantOp, ReshapeOp, BroadcastOp, TransposeOp, SliceOp, ConcatOp, GatherOp, IotaOp,
             SizesOp, PositionsOp, TakeLastOp, ReduceOp, MatmulOp, LinearOp, ConvOp, PoolOp, PadOp,
             DynamicScaleOp>(Op);
}

bool ElementReader::canRead(const KernelInfo &Kernel, std::string &Reason) {
  for (Operation &Op : Kernel.getOps())
    if (!isSupported(&Op)) {
      Reason = ("holds " + Op.getName().getStringRef()).str();
      return false;
    }
  if (Kernel.getResults().size() == Kernel.getYielded().size())
    return true;
  Reason = "yields a cache";
  return false;
}

LogicalResult ElementReader::store(unsigned Number, Value Position) {
  Value Result = Info.getResults()[Number];
  Value Computed = read(Result, delinearize(Result, Position));
  if (!Computed)
    return failure();
  Type Element = codegen::getElementType(Result);
  B.storeScalar(Computed, B.element(B.getResult(Number), Position, Element), Element);
  return success();
}
