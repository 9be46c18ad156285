// Contractions with 4-bit weights on the tensor cores, from one token to a whole chunk.
//
// Weights are the left operand of mma.m16n8k16 in bf16, in which their codes are exact: two of them
// come out of a word with one lop3. The right operand is the input: each number as the sum of two
// bf16 numbers, in two neighbouring columns, so that products keep 16 bits of it and sums are f32.
// An mma has room for four rows; more rows take more of them with the same weights.
//
//   a block   one panel of 32 outputs and up to 16 rows; its warps share the inputs in units of 32
//   staging   the rows, normalised or chosen where they must be, as columns in shared memory
//   scales    for every unit: its sums of codes times inputs are scaled once
//   epilogue  the warps' sums are added in their order, then element by element
//
// An mma sums over inputs in any order, so they are numbered as it suits the words: of the eight
// inputs of a word, thread q of four takes number t in the low and t + 4 in the high half of
// register t. The order of a row's sums depends neither on the number of rows nor on the path
// taken.
#include "Emit/PanelSums.h"
#include "qopt/Targets/Common/NormRow.h"
#include "qopt/Targets/Common/PanelWeight.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::ContractionForm;
using codegen::PanelWeight;
using codegen::Segment;

using Values = KernelBuilder::Values;

static constexpr int64_t Warps = 8;
/// Inputs that a warp takes at a time, and units whose weights are on their way together.
static constexpr int64_t UnitInputs = 32, UnitsInFlight = 4;
/// bf16 numbers that an input is the sum of, and rows that one mma has columns for.
static constexpr int64_t Terms = 2, MmaRows = 8 / Terms;
static constexpr int64_t MaxRows = 16;
/// Four threads read 16 bytes of each of eight columns without two meeting in a bank.
static constexpr int64_t ColumnPadding = 64;

namespace {

struct TensorForm : PanelBlocks {
  static std::optional<TensorForm> get(const KernelInfo &Info, std::string &Reason);
  int64_t getUnits() const { return llvm::divideCeil(Form.Inputs, UnitInputs); }
  int64_t getColumnBytes() const { return getUnits() * UnitInputs * 2 + ColumnPadding; }
};

/// The weights of one unit as a thread holds them: words of outputs g, g + 8, g + 16 and g + 24,
/// with their scales and, as pairs of bf16, what is to be added to each code.
struct Unit {
  Value Words[4], Scales[4], Biases[4];
};

class TensorEmitter {
public:
  TensorEmitter(KernelBuilder &B, const TensorForm &Tensor)
      : B(B), Info(B.getInfo()), Tensor(Tensor), Form(Tensor.Form),
        Sums(Tensor.Form, Warps, Tensor.Rows, Tensor.SumsOffset) {}
  LogicalResult emit();

private:
  void stage();
  void storeTerms(Value Row, Value I, Value Number);
  void emitLinear(unsigned Number, LinearOp Linear, Value Panel, int64_t Tiles);
  Unit loadUnit(const PanelWeight &Weight, Value Panel, Value UnitIndex);
  Values addUnit(const Unit &Unit, Value UnitIndex, int64_t Tiles, ValueRange Totals);
  Values loadInputs(Value UnitIndex, int64_t Tile);
  Values unpack(Value Word, Value Bias);
  Values multiply(ArrayRef<Value> A, ArrayRef<Value> Inputs, ValueRange C);
  Value pair(uint32_t Bits) { return B.i32(int32_t(Bits), 0); }
  Value getQuad() { return B.rem(B.getLane(), 4); }
  Value getGroupOfLane() { return B.div(B.getLane(), 4); }

  KernelBuilder &B;
  const KernelInfo &Info;
  const TensorForm &Tensor;
  const ContractionForm &Form;
  PanelSums Sums;
  /// Of the block: the first row, and how many there are.
  Value FirstRow, Rows;
};

class TensorLowering : public PanelLowering<TensorForm, TensorEmitter, Warps> {
public:
  StringRef getName() const override { return "tensor-contraction"; }
  int getBenefit() const override { return 2; }
};

} // namespace

//===- What it takes --------------------------------------------------------------------------===//

static bool isSuitable(const PanelWeight &Weight) {
  bool IsWhole = Weight.getGroups() == 1 || Weight.getGroup() % UnitInputs == 0;
  return Weight.isNibbles() && Weight.getInputs() > 0 && IsWhole;
}

std::optional<TensorForm> TensorForm::get(const KernelInfo &Info, std::string &Reason) {
  auto Form = ContractionForm::get(Info, Reason);
  if (!Form || !haveWeightsInPanels(Info, *Form, Reason))
    return std::nullopt;
  if (Form->Codes) {
    Reason = "the scale of its input's codes is that of the row";
    return std::nullopt;
  }
  for (const Segment &Segment : Form->Segments)
    for (LinearOp Linear : Segment.Linears) {
      PanelWeight Weight(cast<RankedTensorType>(Linear.getWeight().getType()), PanelRows);
      if (!isSuitable(Weight)) {
        Reason = "a weight has no codes of at most 4 bits in groups of a multiple of 32";
        return std::nullopt;
      }
    }
  TensorForm Tensor;
  Tensor.Form = std::move(*Form);
  int64_t RowBytes = Terms * Tensor.getColumnBytes(),
          SumBytes = PanelSums::getRowBytes(Tensor.Form, Warps);
  Tensor.Rows = MaxRows;
  while (Tensor.Rows && Tensor.Rows * (RowBytes + SumBytes) > MaxBlockBytes)
    Tensor.Rows /= 2;
  if (!Tensor.Rows) {
    Reason = "a row of " + std::to_string(Tensor.Form.Inputs) +
             " inputs does not fit into shared memory";
    return std::nullopt;
  }
  Tensor.SumsOffset = Tensor.Rows * RowBytes;
  Tensor.SharedBytes = Tensor.Rows * (RowBytes + SumBytes);
  return Tensor;
}

/// Neighbouring blocks read the same rows and other panels.
LogicalResult TensorEmitter::emit() {
  Value Panel = B.rem(B.getBlock(), getPanels(Form));
  FirstRow = B.mul(B.div(B.getBlock(), getPanels(Form)), Tensor.Rows);
  Rows = B.min(B.sub(B.size(Form.getRows(Info)), FirstRow), B.index(Tensor.Rows));
  stage();
  B.syncBlock();
  LogicalResult Status = success();
  forSegment(B, Form, Panel, [&](const Segment &Segment, Value Mine) {
    for (auto [I, Linear] : llvm::enumerate(Segment.Linears)) {
      auto Emit = [&, I = I, Linear = Linear](int64_t Tiles) {
        return [this, I, Linear, Mine, Tiles] { emitLinear(I, Linear, Mine, Tiles); };
      };
      int64_t Most = llvm::divideCeil(Tensor.Rows, MmaRows);
      if (Most == 1)
        Emit(1)();
      else
        B.ifThenElse(B.lessThan(Rows, B.index(MmaRows + 1)), Emit(1), Emit(Most));
    }
    B.syncBlock();
    Status = Sums.emitEpilogue(B, Segment, Mine, FirstRow, Rows);
  });
  return Status;
}

//===- Staging --------------------------------------------------------------------------------===//

/// Both bf16 numbers of an input, in the order in which registers take the eight of a word.
void TensorEmitter::storeTerms(Value Row, Value I, Value Number) {
  Type BF16 = B.getBF16Type();
  Value InWord = B.rem(I, 8);
  Value At = B.add(B.sub(I, InWord), B.add(B.mul(B.rem(InWord, 4), 2), B.div(InWord, 4)));
  Value High = arith::TruncFOp::create(B, BF16, Number);
  Value Widened = arith::ExtFOp::create(B, B.getF32Type(), High);
  Value Rest = B.sub(Number, Widened);
  // What is no number has no rest: infinity less infinity would be none either.
  Value IsFinite = B.equal(Rest, Rest);
  Value Low = arith::TruncFOp::create(B, BF16, B.select(IsFinite, Rest, B.f32(0.0, 0)));
  for (int64_t Term = 0; Term < Terms; ++Term) {
    Value Column = B.add(B.mul(Row, Terms), Term);
    Value Bytes = B.bytes(B.shared(0), B.mul(Column, Tensor.getColumnBytes()));
    B.storeRaw(Term ? Low : High, B.element(Bytes, At, BF16));
  }
}

void TensorEmitter::stage() {
  B.setTeam(KernelBuilder::Team::Block);
  B.loop(B.index(0), Rows, 1, [&](Value Row) {
    Value Source = emitSourceRow(B, Form, B.add(FirstRow, Row));
    emitNormRow(B, Form.Norm, Source, nvptx::getElementType(Form.Source), B.index(Form.Inputs),
                [&](Value I, Value Number) {
                  storeTerms(Row, I, B.firstLane(emitCoding(B, Form.Coding, Number)));
                });
    int64_t Rest = Tensor.getUnits() * UnitInputs - Form.Inputs;
    B.loopLanes(B.index(Rest),
                [&](Value I, int64_t) { storeTerms(Row, B.add(I, Form.Inputs), B.f32(0.0, 0)); });
  });
}

/// The registers of the right operand for the two mma of a unit: 16 bytes of this thread's column.
Values TensorEmitter::loadInputs(Value UnitIndex, int64_t Tile) {
  // Columns of rows that do not exist read as another's: nobody looks at their sums.
  Value Column = B.min(B.add(getGroupOfLane(), Tile * 8), B.sub(B.mul(Rows, Terms), B.index(1)));
  Value Address = B.bytes(B.shared(0), B.mul(Column, Tensor.getColumnBytes()));
  Address = B.bytes(Address, B.add(B.mul(UnitIndex, UnitInputs * 2), B.mul(getQuad(), 16)));
  Value Loaded = LLVM::LoadOp::create(B, B.vectorOf(B.getI32Type(), 4), Address, /*alignment=*/16);
  Values Registers;
  for (int64_t I = 0; I < 4; ++I)
    Registers.push_back(LLVM::ExtractElementOp::create(B, Loaded, B.i32(I, 0)));
  return Registers;
}

//===- Weights --------------------------------------------------------------------------------===//

Unit TensorEmitter::loadUnit(const PanelWeight &Weight, Value Panel, Value UnitIndex) {
  Type I32 = B.getI32Type(), ScaleType = Weight.getStored().getScaleType();
  int64_t Inputs = Form.Inputs, Group = Weight.getGroup();
  Value First = B.mul(UnitIndex, UnitInputs);
  Value GroupIndex = B.div(First, Group), GroupStart = B.mul(GroupIndex, Group);
  Value Count = B.min(B.index(Group), B.sub(B.index(Inputs), GroupStart));
  Value Codes = B.bytes(Panel, B.mul(GroupIndex, Weight.getGroupBytes()));
  Value Scales = B.bytes(Codes, B.mul(B.ceilDiv(Count, 8), 4 * PanelRows));
  Value WordOfGroup = B.add(B.div(B.sub(First, GroupStart), 8), getQuad());
  Unit Loaded;
  for (int64_t I = 0; I < 4; ++I) {
    Value Output = B.add(getGroupOfLane(), I * 8);
    Value Address = B.element(Codes, B.add(B.mul(WordOfGroup, PanelRows), Output), I32);
    // Behind the last word the inputs are zero, so that any codes do.
    Loaded.Words[I] = Inputs % UnitInputs == 0 ? B.loadRaw(Address, I32)
                                               : B.choose(
                                                     B.lessThan(B.mul(WordOfGroup, 8), Count), I32,
                                                     [&] { return B.loadRaw(Address, I32); },
                                                     [&] { return B.i32(0, 0); });
    Loaded.Scales[I] = B.loadScalar(B.element(Scales, Output, ScaleType), ScaleType);
    // -(128 + 8): signed codes are read as unsigned ones, 8 larger.
    Loaded.Biases[I] = pair(0xc308c308);
    if (!Weight.hasZeroPoint())
      continue;
    Value At = B.add(Output, PanelRows * getElementBytes(ScaleType));
    Value Zero = arith::ExtUIOp::create(B, I32, B.loadRaw(B.bytes(Scales, At), B.getI8Type()));
    Loaded.Biases[I] = B.bitOr(B.mul(Zero, pair(0x00010001)), pair(0xc300c300));
  }
  if (Weight.hasZeroPoint())
    // The highest bit of unsigned codes stays.
    for (Value &Word : Loaded.Words)
      Word = arith::XOrIOp::create(B, Word, pair(0x88888888));
  return Loaded;
}

/// Four registers of two codes each, as bf16: 128 + code, less what stands for zero.
Values TensorEmitter::unpack(Value Word, Value Bias) {
  Type I32 = B.getI32Type();
  Values Registers;
  for (int64_t T = 0; T < 4; ++T) {
    Value Shifted = T ? B.shr(Word, B.i32(4 * T, 0)) : Word;
    // (word & mask) ^ constant: the exponent of 128, and the code's highest bit turned over.
    Value Number =
        LLVM::InlineAsmOp::create(B, I32, ValueRange{Shifted, pair(0x000f000f), pair(0x43084308)},
                                  "lop3.b32 $0, $1, $2, $3, 0x6a;", "=r,r,n,r",
                                  /*has_side_effects=*/false, /*is_align_stack=*/false,
                                  LLVM::TailCallKind::None, nullptr, nullptr)
            .getRes();
    Registers.push_back(
        LLVM::InlineAsmOp::create(B, I32, ValueRange{Number, pair(0x3f803f80), Bias},
                                  "fma.rn.bf16x2 $0, $1, $2, $3;", "=r,r,r,r",
                                  /*has_side_effects=*/false, /*is_align_stack=*/false,
                                  LLVM::TailCallKind::None, nullptr, nullptr)
            .getRes());
  }
  return Registers;
}

//===- Products -------------------------------------------------------------------------------===//

/// D = A B + C for 16 outputs and 8 columns.
Values TensorEmitter::multiply(ArrayRef<Value> A, ArrayRef<Value> Inputs, ValueRange C) {
  Type F32 = B.getF32Type();
  auto Ty = LLVM::LLVMStructType::getLiteral(B.getContext(), {F32, F32, F32, F32});
  Value D = NVVM::MmaOp::create(
      B, Ty, A, Inputs, C, ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
  Values Result;
  for (int64_t I = 0; I < 4; ++I)
    Result.push_back(LLVM::ExtractValueOp::create(B, D, I));
  return Result;
}

/// Totals are [tile][output g, g + 8, g + 16, g + 24] of the row that this thread's columns belong
/// to.
Values TensorEmitter::addUnit(const Unit &Unit, Value UnitIndex, int64_t Tiles, ValueRange Totals) {
  SmallVector<Values> Codes;
  for (int64_t I = 0; I < 4; ++I)
    Codes.push_back(unpack(Unit.Words[I], Unit.Biases[I]));
  Values Next(Totals);
  for (int64_t Tile = 0; Tile < Tiles; ++Tile) {
    Values Inputs = loadInputs(UnitIndex, Tile);
    for (int64_t Half = 0; Half < 2; ++Half) {
      const Values &Upper = Codes[2 * Half], &Lower = Codes[2 * Half + 1];
      Values D(4, B.f32(0.0, 0));
      for (int64_t J = 0; J < 2; ++J)
        D = multiply({Upper[2 * J], Lower[2 * J], Upper[2 * J + 1], Lower[2 * J + 1]},
                     {Inputs[2 * J], Inputs[2 * J + 1]}, D);
      // The two terms of a row are neighbours.
      for (int64_t I = 0; I < 2; ++I) {
        Value &Total = Next[Tile * 4 + 2 * Half + I];
        Total = B.fma(Unit.Scales[2 * Half + I], B.add(D[2 * I], D[2 * I + 1]), Total);
      }
    }
  }
  return Next;
}

/// This warp's sums of a panel for all rows of the block, or for the first four.
void TensorEmitter::emitLinear(unsigned Number, LinearOp Linear, Value Panel, int64_t Tiles) {
  PanelWeight Weight(cast<RankedTensorType>(Linear.getWeight().getType()), PanelRows);
  Value Begin = B.bytes(B.getArgument(Linear.getWeight()), B.mul(Panel, Weight.getPanelBytes()));
  // Units of this warp: warp, warp + 8, … The first ones four at a time.
  Value Mine = B.div(B.add(B.sub(B.index(Tensor.getUnits()), B.getWarp()), Warps - 1), Warps);
  Value Together = B.mul(B.div(Mine, UnitsInFlight), UnitsInFlight);
  auto IndexOf = [&](Value I) { return B.add(B.mul(I, Warps), B.getWarp()); };
  auto AddUnits = [&](Value I, int64_t Count, ValueRange Totals) {
    SmallVector<Unit> Units;
    for (int64_t J = 0; J < Count; ++J)
      Units.push_back(loadUnit(Weight, Begin, IndexOf(B.add(I, J))));
    Values Next(Totals);
    for (int64_t J = 0; J < Count; ++J)
      Next = addUnit(Units[J], IndexOf(B.add(I, J)), Tiles, Next);
    return Next;
  };
  Values Totals(Tiles * 4, B.f32(0.0, 0));
  Totals = B.loop(B.index(0), Together, UnitsInFlight, Totals,
                  [&](Value I, ValueRange Carried) { return AddUnits(I, UnitsInFlight, Carried); });
  Totals = B.loop(Together, Mine, 1, Totals,
                  [&](Value I, ValueRange Carried) { return AddUnits(I, 1, Carried); });
  for (int64_t Tile = 0; Tile < Tiles; ++Tile) {
    Value Row = B.add(getQuad(), Tile * MmaRows);
    B.ifThen(B.lessThan(Row, Rows), [&] {
      for (int64_t I = 0; I < 4; ++I) {
        Value Output = B.add(getGroupOfLane(), I * 8);
        B.storeScalar(Totals[Tile * 4 + I], Sums.at(B, B.getWarp(), Number, Row, Output),
                      B.getF32Type());
      }
    });
  }
}

namespace qopt::nvptx {
void registerTensorContractionLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<TensorLowering>());
}
} // namespace qopt::nvptx
