// Contractions with 4-bit weights on the tensor cores, for up to 16 rows: bound by how fast weights
// come from memory.
//
// Weights are the left operand of mma.m16n8k16 in bf16, in which their codes are exact: two of them
// come out of a word with one lop3. The right operand is the input: each number as the sum of two
// bf16 numbers, in two neighbouring columns, so that products keep 16 bits of it and sums are f32.
// An mma has room for four rows; more rows take more of them with the same weights.
//
//   a block   one panel of 32 outputs and some rows; its warps share the tiles of 128 inputs
//   ring      a warp copies its tiles to its own part of shared memory while it computes earlier
//             ones (cp.async, 16 bytes a lane); it waits for its own copies only
//   staging   the rows, normalised or chosen where they must be, as columns in shared memory; slice
//             by slice where whole rows do not fit
//   scales    for every unit of 32 inputs: its sums of codes times inputs are scaled once
//   epilogue  the warps' sums are added in their order, then element by element
//
// An mma sums over inputs in any order, so they are numbered as it suits the words: of the eight
// inputs of a word, thread q of four takes number t in the low and t + 4 in the high half of
// register t. The order of a row's sums depends neither on the number of rows nor on slices.
#include "Emit/PanelSums.h"
#include "qopt/Targets/Common/FragmentWeight.h"
#include "qopt/Targets/Common/NormRow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::ContractionForm;
using codegen::FragmentWeight;
using codegen::Segment;
using qkernel::FragmentTiling;

using Values = KernelBuilder::Values;

static constexpr int64_t Warps = 8;
/// Tiles of a warp in shared memory, at best and at least: one that is computed with, the others on
/// their way.
static constexpr int64_t MostStages = 4, LeastStages = 3;
/// bf16 numbers that an input is the sum of, and rows that one mma has columns for.
static constexpr int64_t Terms = 2, MmaRows = 8 / Terms;
static constexpr int64_t MaxRows = 16;
/// Inputs that the warps take one tile each of: slices are a multiple of them.
static constexpr int64_t RoundInputs = Warps * FragmentTiling::Inputs;
/// Four threads read 16 bytes of each of eight columns without two meeting in a bank.
static constexpr int64_t ColumnPadding = 64;
static constexpr int64_t UnitBytes = WarpSize * FragmentTiling::LaneBytes;

namespace {

struct TensorForm {
  static std::optional<TensorForm> get(const KernelInfo &Info, std::string &Reason);
  /// Divides up to `Bytes` of shared memory for blocks of up to `MaxRows` rows.
  void divide(int64_t MaxRows, int64_t Bytes);
  bool isSliced() const { return Slice < Form.Inputs; }
  int64_t getColumnBytes() const { return Slice * 2 + ColumnPadding; }

  ContractionForm Form;
  /// Bytes of a tile in the ring.
  int64_t SlotBytes = 0;
  /// Rows of a block, tiles of a warp in the ring, and inputs that are staged at a time.
  int64_t Rows = 0, Stages = 0, Slice = 0;
  int64_t InputsOffset = 0, NormOffset = 0, SharedBytes = 0;

private:
  bool fits(int64_t Bytes);
};

/// The tiles of a weight that a warp takes.
struct Stream {
  FragmentWeight Weight;
  /// Of this lane in the first one (global memory), and how many there are (i32).
  Value Begin, Count;
};

/// The weights of one unit as a thread holds them: words of outputs g, g + 8, g + 16 and g + 24,
/// with their scales and, as pairs of bf16, what is to be added to each code.
struct Unit {
  Value Words[4], Scales[4], Biases[4];
};

/// What a thread reads of a tile, in words of 32 bits.
struct Tile {
  Values Words, Scales, Zeros;
};

class TensorEmitter {
public:
  TensorEmitter(KernelBuilder &B, const TensorForm &Tensor)
      : B(B), Info(B.getInfo()), Tensor(Tensor), Form(Tensor.Form),
        Sums(Tensor.Form, Warps, Tensor.Rows, /*Offset=*/0) {}
  LogicalResult emit();

private:
  void stage(Value Start);
  void storeTerms(Value Row, Value I, Value Number);
  Stream open(LinearOp Linear, Value Panel);
  void fillRing(const Stream &From);
  void copyTile(const Stream &From, Value Source, Value Slot);
  void emitSegment(const Segment &Segment, Value Panel, int64_t Tiles);
  Values multiply(const Stream &From, int64_t Tiles);
  Values multiplyTiles(const Stream &From, Value Low, Value High, ValueRange State, int64_t Tiles);
  Tile loadTile(const Stream &From, Value Slot);
  Unit getUnit(const Stream &From, const Tile &Of, int64_t Number);
  Value getNumber(ArrayRef<Value> Words, int64_t Index, Type Element);
  Value emitAssembly(StringRef Text, StringRef Constraints, ValueRange Operands);
  void addUnit(const Unit &Unit, bool IsUnsigned, ArrayRef<Value> Columns,
               MutableArrayRef<Value> Totals);
  Values getColumns(int64_t Tiles);
  Values unpack(Value Word, Value Bias, bool IsUnsigned);
  Values multiply(ArrayRef<Value> A, ArrayRef<Value> Inputs, ValueRange C);
  void loadWords(Value Address, int64_t Bytes, Values &Words);
  Value pair(uint32_t Bits) { return B.i32(int32_t(Bits), 0); }
  Value narrow(Value Index) { return arith::TruncIOp::create(B, B.getI32Type(), Index); }
  Value getQuad() { return B.rem(B.getLane(), 4); }
  Value getGroupOfLane() { return B.div(B.getLane(), 4); }

  KernelBuilder &B;
  const KernelInfo &Info;
  const TensorForm &Tensor;
  const ContractionForm &Form;
  PanelSums Sums;
  /// Of the block: the first row, and how many there are.
  Value FirstRow, Rows;
  /// The warp's part of the ring.
  Value Ring;
};

/// Single rows, which is what decoding multiplies, have a launch of their own: their blocks need
/// little memory for inputs.
class TensorLowering : public GpuLowering {
public:
  explicit TensorLowering(const Chip &Chip) : TheChip(Chip) {}
  StringRef getName() const override { return "tensor-contraction"; }
  int getBenefit() const override { return 2; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return TensorForm::get(Kernel, Reason).has_value();
  }
  GridPlan plan(const KernelInfo &Kernel) const override {
    GridPlan Plan;
    Plan.Stages = {planStage(Kernel, false), planStage(Kernel, true)};
    return Plan;
  }
  LogicalResult emit(KernelBuilder &B, unsigned Stage) const override {
    return TensorEmitter(B, getForm(B.getInfo(), /*IsMany=*/Stage)).emit();
  }

private:
  TensorForm getForm(const KernelInfo &Kernel, bool IsMany) const {
    std::string Reason;
    TensorForm Tensor = *TensorForm::get(Kernel, Reason);
    Tensor.divide(IsMany ? MaxRows : 1, TheChip.SharedBytes);
    return Tensor;
  }
  GridStage planStage(const KernelInfo &Kernel, bool IsMany) const {
    TensorForm Tensor = getForm(Kernel, IsMany);
    AffineExpr Rows = Tensor.Form.getRows(Kernel);
    GridStage Stage;
    Stage.Suffix = IsMany ? "rows" : "row";
    Stage.When = {Rows, {IsMany ? 2 : 0, IsMany ? std::numeric_limits<int64_t>::max() : 1}};
    Stage.Items = Rows.ceilDiv(Tensor.Rows) * getPanels(Tensor.Form);
    Stage.Threads = Warps * WarpSize;
    Stage.SharedBytes = Tensor.SharedBytes;
    return Stage;
  }

  const Chip &TheChip;
};

} // namespace

//===- What it takes --------------------------------------------------------------------------===//

bool nvptx::canMultiplyFragments(const ContractionForm &Form, std::string &Reason) {
  if (Form.Codes) {
    Reason = "the scale of its input's codes is that of the row";
    return false;
  }
  for (const Segment &Segment : Form.Segments)
    for (LinearOp Linear : Segment.Linears) {
      auto Ty = cast<RankedTensorType>(Linear.getWeight().getType());
      if (!FragmentTiling::get(Ty) || !Ty.getDimSize(1)) {
        Reason = "a weight has no codes of at most 4 bits in groups of a multiple of 32";
        return false;
      }
    }
  return true;
}

static bool haveFragments(const KernelInfo &Info, const ContractionForm &Form,
                          std::string &Reason) {
  for (const Segment &Segment : Form.Segments)
    for (LinearOp Linear : Segment.Linears)
      if (auto Layout = Info.getLayout(Linear.getWeight());
          Layout && !isa<qkernel::FragmentLayoutAttr>(Layout)) {
        Reason = "a weight does not lie in fragments";
        return false;
      }
  return true;
}

std::optional<TensorForm> TensorForm::get(const KernelInfo &Info, std::string &Reason) {
  auto Form = ContractionForm::get(Info, Reason);
  if (!Form || !canMultiplyFragments(*Form, Reason) || !haveFragments(Info, *Form, Reason))
    return std::nullopt;
  TensorForm Tensor;
  Tensor.Form = std::move(*Form);
  for (const Segment &Segment : Tensor.Form.Segments)
    for (LinearOp Linear : Segment.Linears)
      Tensor.SlotBytes =
          std::max(Tensor.SlotBytes,
                   FragmentTiling::get(cast<RankedTensorType>(Linear.getWeight().getType()))
                       ->getTileBytes());
  return Tensor;
}

/// Whether what was chosen fits; decides where everything lies.
bool TensorForm::fits(int64_t Bytes) {
  InputsOffset = Warps * Stages * SlotBytes;
  NormOffset = InputsOffset + Rows * Terms * getColumnBytes();
  // The sums lie where the ring was.
  SharedBytes = std::max(NormOffset + KernelBuilder::getSumBytes(Warps),
                         Rows * PanelSums::getRowBytes(Form, Warps));
  return SharedBytes <= Bytes;
}

void TensorForm::divide(int64_t MaxRows, int64_t Bytes) {
  // More stages than a warp has tiles are of no use.
  int64_t Rounds = llvm::divideCeil(Form.Inputs, RoundInputs);
  Rows = MaxRows;
  Stages = std::clamp<int64_t>(Rounds, 2, MostStages);
  Slice = std::min(RoundInputs, int64_t(llvm::alignTo(Form.Inputs, FragmentTiling::Inputs)));
  if (!fits(Bytes))
    Stages = std::min(Stages, LeastStages);
  while (!fits(Bytes) && Rows > 1)
    Rows = llvm::divideCeil(Rows, 2);
  while (Slice < Form.Inputs) {
    Slice += RoundInputs;
    if (fits(Bytes))
      continue;
    Slice -= RoundInputs;
    break;
  }
  fits(Bytes);
}

/// Neighbouring blocks read the same rows and other panels. The first copies of weights start
/// before the inputs are staged.
LogicalResult TensorEmitter::emit() {
  Value Panel = B.rem(B.getBlock(), getPanels(Form));
  FirstRow = B.mul(B.div(B.getBlock(), getPanels(Form)), Tensor.Rows);
  Rows = B.min(B.sub(B.size(Form.getRows(Info)), FirstRow), B.index(Tensor.Rows));
  Ring = B.bytes(B.shared(0), B.mul(B.getWarp(), Tensor.Stages * Tensor.SlotBytes));
  forSegment(B, Form, Panel, [&](const Segment &Segment, Value Mine) {
    fillRing(open(Segment.Linears.front(), Mine));
  });
  if (!Tensor.isSliced()) {
    stage(B.index(0));
    B.syncBlock();
  }
  LogicalResult Status = success();
  forSegment(B, Form, Panel, [&](const Segment &Segment, Value Mine) {
    auto Emit = [&](int64_t Tiles) { return [&, Tiles] { emitSegment(Segment, Mine, Tiles); }; };
    int64_t Most = llvm::divideCeil(Tensor.Rows, MmaRows);
    if (Most == 1)
      Emit(1)();
    else
      B.ifThenElse(B.lessThan(Rows, B.index(MmaRows + 1)), Emit(1), Emit(Most));
    B.syncBlock();
    Status = Sums.emitEpilogue(B, Segment, Mine, FirstRow, Rows);
  });
  return Status;
}

//===- Staging --------------------------------------------------------------------------------===//

/// Both bf16 numbers of input `I` of the slice, in the order in which registers take the eight of a
/// word.
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
    Value Bytes = B.bytes(B.shared(Tensor.InputsOffset), B.mul(Column, Tensor.getColumnBytes()));
    B.storeRaw(Term ? Low : High, B.element(Bytes, At, BF16));
  }
}

/// The inputs of all rows from `Start` on, as many as a slice has, and zeros to the end of the last
/// tile.
void TensorEmitter::stage(Value Start) {
  B.setTeam(KernelBuilder::Team::Block);
  B.sumOverBlock(Tensor.NormOffset);
  Type Element = nvptx::getElementType(Form.Source);
  Value Inputs = B.index(Form.Inputs);
  Value Count = B.min(B.sub(Inputs, Start), B.index(Tensor.Slice));
  B.loop(B.index(0), Rows, 1, [&](Value Row) {
    Value Source = emitSourceRow(B, Form, B.add(FirstRow, Row));
    auto Store = [&](Value I, Value Number) {
      storeTerms(Row, I, B.firstLane(emitCoding(B, Form.Coding, Number)));
    };
    if (!Form.Norm)
      emitNormRow(B, nullptr, B.element(Source, Start, Element), Element, Count, Store);
    else if (!Tensor.isSliced())
      emitNormRow(B, Form.Norm, Source, Element, Inputs, Store);
    else
      emitNormRow(B, Form.Norm, Source, Element, Inputs, [&](Value I, Value Number) {
        Value InSlice = B.sub(I, Start);
        B.ifThen(B.bitAnd(B.lessThan(B.index(-1), InSlice), B.lessThan(InSlice, Count)),
                 [&] { Store(InSlice, Number); });
      });
    Value End = B.mul(B.ceilDiv(Count, FragmentTiling::Inputs), FragmentTiling::Inputs);
    B.loopLanes(B.sub(End, Count),
                [&](Value I, int64_t) { storeTerms(Row, B.add(I, Count), B.f32(0.0, 0)); });
  });
}

//===- The ring -------------------------------------------------------------------------------===//

/// Tiles of this warp: warp, warp + 8, …
Stream TensorEmitter::open(LinearOp Linear, Value Panel) {
  FragmentWeight Weight(cast<RankedTensorType>(Linear.getWeight().getType()));
  const FragmentTiling &Tiling = Weight.getTiling();
  Value At = B.add(B.mul(Panel, Tiling.getPanelBytes()),
                   B.add(B.mul(B.getWarp(), Tiling.getTileBytes()),
                         B.mul(B.getLane(), FragmentTiling::LaneBytes)));
  Value Begin = LLVM::AddrSpaceCastOp::create(
      B, LLVM::LLVMPointerType::get(B.getContext(), unsigned(NVVM::NVVMMemorySpace::Global)),
      B.bytes(B.getArgument(Linear.getWeight()), At));
  Value Count = B.div(B.add(B.sub(B.index(Tiling.Tiles), B.getWarp()), Warps - 1), Warps);
  return {Weight, Begin, narrow(Count)};
}

/// Starts the copies of one tile, 16 bytes a lane.
void TensorEmitter::copyTile(const Stream &From, Value Source, Value Slot) {
  int64_t Bytes = From.Weight.getTiling().getTileBytes();
  Value LaneAt = B.mul(B.getLane(), FragmentTiling::LaneBytes);
  Value To = B.bytes(B.bytes(Ring, LaneAt), Slot);
  for (int64_t At = 0; At < Bytes; At += UnitBytes) {
    auto Copy = [&] {
      NVVM::CpAsyncOp::create(B, B.bytes(To, B.index(At)), B.bytes(Source, B.index(At)),
                              FragmentTiling::LaneBytes, NVVM::LoadCacheModifierKind::CG, nullptr);
    };
    if (At + UnitBytes <= Bytes)
      Copy();
    else
      B.ifThen(B.lessThan(LaneAt, B.index(Bytes - At)), Copy);
  }
}

/// The first copies: a group for each tile, also where there is none.
void TensorEmitter::fillRing(const Stream &From) {
  int64_t Stride = Warps * From.Weight.getTiling().getTileBytes();
  for (int64_t I = 0; I < Tensor.Stages - 1; ++I) {
    B.ifThen(B.lessThan(B.i32(I, 0), From.Count), [&] {
      copyTile(From, B.bytes(From.Begin, B.index(I * Stride)), B.i32(I * Tensor.SlotBytes, 0));
    });
    NVVM::CpAsyncCommitGroupOp::create(B);
  }
}

void TensorEmitter::loadWords(Value Address, int64_t Bytes, Values &Words) {
  for (int64_t At = 0; At < Bytes; At += 16) {
    int64_t Count = std::min<int64_t>(Bytes - At, 16) / 4;
    Value Loaded = LLVM::LoadOp::create(B, B.vectorOf(B.getI32Type(), Count),
                                        B.bytes(Address, B.index(At)), /*alignment=*/4 * Count);
    for (int64_t I = 0; I < Count; ++I)
      Words.push_back(LLVM::ExtractElementOp::create(B, Loaded, B.i32(I, 0)));
  }
}

Tile TensorEmitter::loadTile(const Stream &From, Value Slot) {
  const FragmentTiling &Tiling = From.Weight.getTiling();
  Tile Loaded;
  Value Codes = B.bytes(Ring, B.mul(B.getLane(), FragmentTiling::LaneBytes));
  for (int64_t At = 0; At < FragmentTiling::CodeBytes; At += UnitBytes)
    loadWords(B.bytes(B.bytes(Codes, Slot), B.index(At)), FragmentTiling::LaneBytes, Loaded.Words);
  auto LoadParameters = [&](int64_t Offset, int64_t Bytes, Values &Words) {
    Value At = B.add(B.mul(getGroupOfLane(), Bytes), Offset);
    loadWords(B.bytes(B.bytes(Ring, At), Slot), Bytes, Words);
  };
  int64_t Scales = 4 * Tiling.getSteps();
  LoadParameters(FragmentTiling::CodeBytes, Scales * Tiling.ScaleBytes, Loaded.Scales);
  if (Tiling.ZeroBytes)
    LoadParameters(Tiling.getZerosOffset(), Scales, Loaded.Zeros);
  return Loaded;
}

//===- Weights --------------------------------------------------------------------------------===//

/// A number of 32 bits, or of 16 of them, as f32.
Value TensorEmitter::getNumber(ArrayRef<Value> Words, int64_t Index, Type Element) {
  if (Element.isF32())
    return B.bitcast(Words[Index], Element);
  Value Word = Words[Index / 2];
  bool IsHigh = Index % 2;
  if (Element.isBF16()) {
    Value Bits = IsHigh ? B.bitAnd(Word, B.i32(int32_t(0xffff0000), 0)) : B.shl(Word, B.i32(16, 0));
    return B.bitcast(Bits, B.getF32Type());
  }
  Value Half =
      arith::TruncIOp::create(B, B.getI16Type(), IsHigh ? B.shr(Word, B.i32(16, 0)) : Word);
  return B.widen(B.bitcast(Half, Element), Element);
}

Unit TensorEmitter::getUnit(const Stream &From, const Tile &Of, int64_t Number) {
  const FragmentTiling &Tiling = From.Weight.getTiling();
  int64_t Step = Number * FragmentTiling::UnitInputs / Tiling.Step;
  Unit Loaded;
  for (int64_t I = 0; I < 4; ++I) {
    Loaded.Words[I] = Of.Words[Number * 4 + I];
    Loaded.Scales[I] = getNumber(Of.Scales, Step * 4 + I, From.Weight.getStored().getScaleType());
    // -(128 + 8): signed codes are read as unsigned ones, 8 larger.
    Loaded.Biases[I] = pair(0xc308c308);
    if (Tiling.ZeroBytes)
      // -(128 + zero point), twice.
      Loaded.Biases[I] =
          emitAssembly("prmt.b32 $0, $1, $2, $3;", "=r,r,r,n",
                       {Of.Zeros[Step], pair(0xc3c3c3c3), B.i32(0x4040 + 0x101 * I, 0)});
  }
  return Loaded;
}

Value TensorEmitter::emitAssembly(StringRef Text, StringRef Constraints, ValueRange Operands) {
  return LLVM::InlineAsmOp::create(B, B.getI32Type(), Operands, Text, Constraints,
                                   /*has_side_effects=*/false, /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None, nullptr, nullptr)
      .getRes();
}

/// Four registers of two codes each, as bf16: 128 + code, less what stands for zero.
Values TensorEmitter::unpack(Value Word, Value Bias, bool IsUnsigned) {
  // (word & mask) ^ constant: the exponent of 128, and the highest bit of signed codes turned over.
  Value Constant = pair(IsUnsigned ? 0x43004300 : 0x43084308);
  Values Registers;
  for (int64_t T = 0; T < 4; ++T) {
    Value Shifted = T ? B.shr(Word, B.i32(4 * T, 0)) : Word;
    Value Number = emitAssembly("lop3.b32 $0, $1, $2, $3, 0x6a;", "=r,r,n,r",
                                {Shifted, pair(0x000f000f), Constant});
    Registers.push_back(emitAssembly("fma.rn.bf16x2 $0, $1, $2, $3;", "=r,r,r,r",
                                     {Number, pair(0x3f803f80), Bias}));
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

/// Adds the products of a unit to the totals, which are [tile][output g, g + 8, g + 16, g + 24] of
/// the row that this thread's columns belong to.
void TensorEmitter::addUnit(const Unit &Unit, bool IsUnsigned, ArrayRef<Value> Columns,
                            MutableArrayRef<Value> Totals) {
  SmallVector<Values> Codes;
  for (int64_t I = 0; I < 4; ++I)
    Codes.push_back(unpack(Unit.Words[I], Unit.Biases[I], IsUnsigned));
  for (auto [Tile, Column] : llvm::enumerate(Columns)) {
    // The registers of the right operand for the two mma of a unit.
    Values Inputs;
    loadWords(Column, 16, Inputs);
    for (int64_t Half = 0; Half < 2; ++Half) {
      const Values &Upper = Codes[2 * Half], &Lower = Codes[2 * Half + 1];
      Values D(4, B.f32(0.0, 0));
      for (int64_t J = 0; J < 2; ++J)
        D = multiply({Upper[2 * J], Lower[2 * J], Upper[2 * J + 1], Lower[2 * J + 1]},
                     {Inputs[2 * J], Inputs[2 * J + 1]}, D);
      // The two terms of a row are neighbours.
      for (int64_t I = 0; I < 2; ++I) {
        Value &Total = Totals[Tile * 4 + 2 * Half + I];
        Total = B.fma(Unit.Scales[2 * Half + I], B.add(D[2 * I], D[2 * I + 1]), Total);
      }
    }
  }
}

/// This thread's part of the column of each tile of rows.
Values TensorEmitter::getColumns(int64_t Tiles) {
  Values Columns;
  for (int64_t Tile = 0; Tile < Tiles; ++Tile) {
    // Columns of rows that do not exist read as another's: nobody looks at their sums.
    Value Column = B.min(B.add(getGroupOfLane(), Tile * 8), B.sub(B.mul(Rows, Terms), B.index(1)));
    Value At = B.add(B.mul(Column, Tensor.getColumnBytes()), B.mul(getQuad(), 16));
    Columns.push_back(B.bytes(B.shared(Tensor.InputsOffset), At));
  }
  return Columns;
}

/// Of the warp's tiles those from `Low` to `High`, whose inputs are staged. The state is: where the
/// next copy comes from, the slot of the next tile, and the totals.
Values TensorEmitter::multiplyTiles(const Stream &From, Value Low, Value High, ValueRange State,
                                    int64_t Tiles) {
  const FragmentTiling &Tiling = From.Weight.getTiling();
  constexpr int64_t TileInputBytes = FragmentTiling::Inputs * 2,
                    UnitInputBytes = FragmentTiling::UnitInputs * 2;
  Values Columns = getColumns(Tiles), Begin(State);
  Begin.push_back(narrow(B.mul(B.getWarp(), TileInputBytes)));
  Values End = B.loop(Low, High, B.i32(1, 0), Begin, [&](Value I, ValueRange Carried) {
    Value Source = Carried[0], Slot = Carried[1], InputsAt = Carried.back();
    Value Last = B.i32((Tensor.Stages - 1) * Tensor.SlotBytes, 0),
          Step = B.i32(Tensor.SlotBytes, 0), Zero = B.i32(0, 0);
    // This tile is there; and every lane is done with the one before, whose slot is free.
    NVVM::CpAsyncWaitGroupOp::create(B, Tensor.Stages - 2);
    B.syncWarp();
    B.ifThen(B.lessThan(B.add(I, B.i32(Tensor.Stages - 1, 0)), From.Count), [&] {
      copyTile(From, Source, B.select(B.equal(Slot, Zero), Last, B.sub(Slot, Step)));
    });
    NVVM::CpAsyncCommitGroupOp::create(B);
    Tile Loaded = loadTile(From, Slot);
    Values Totals(Carried.drop_front(2).drop_back());
    for (int64_t U = 0; U < FragmentTiling::Inputs / FragmentTiling::UnitInputs; ++U) {
      Values OfUnit;
      for (Value Column : Columns)
        OfUnit.push_back(B.bytes(B.bytes(Column, InputsAt), B.index(U * UnitInputBytes)));
      addUnit(getUnit(From, Loaded, U), Tiling.ZeroBytes, OfUnit, Totals);
    }
    Values Next{B.bytes(Source, B.index(Warps * Tiling.getTileBytes())),
                B.select(B.equal(Slot, Last), Zero, B.add(Slot, Step))};
    Next.append(Totals);
    Next.push_back(B.add(InputsAt, B.i32(Warps * TileInputBytes, 0)));
    return Next;
  });
  End.pop_back();
  return End;
}

/// This warp's sums of a panel for `Tiles` tiles of rows. The ring was filled.
Values TensorEmitter::multiply(const Stream &From, int64_t Tiles) {
  int64_t TileBytes = From.Weight.getTiling().getTileBytes();
  Values State{B.bytes(From.Begin, B.index((Tensor.Stages - 1) * Warps * TileBytes)), B.i32(0, 0)};
  State.append(Tiles * 4, B.f32(0.0, 0));
  if (!Tensor.isSliced()) {
    State = multiplyTiles(From, B.i32(0, 0), From.Count, State, Tiles);
  } else {
    Value Rounds = B.i32(Tensor.Slice / RoundInputs, 0);
    int64_t Slices = llvm::divideCeil(Form.Inputs, Tensor.Slice);
    State = B.loop(B.index(0), B.index(Slices), 1, State, [&](Value Slice, ValueRange Carried) {
      B.syncBlock();
      stage(B.mul(Slice, Tensor.Slice));
      B.syncBlock();
      Value Low = B.mul(narrow(Slice), Rounds);
      return multiplyTiles(From, Low, B.min(B.add(Low, Rounds), From.Count), Carried, Tiles);
    });
  }
  return Values(ArrayRef<Value>(State).drop_front(2));
}

/// Leaves the warps' sums where the ring was.
void TensorEmitter::emitSegment(const Segment &Segment, Value Panel, int64_t Tiles) {
  SmallVector<Values> Totals;
  for (LinearOp Linear : Segment.Linears) {
    Stream From = open(Linear, Panel);
    if (!Totals.empty()) {
      B.syncWarp();
      fillRing(From);
    }
    Totals.push_back(multiply(From, Tiles));
  }
  B.syncBlock();
  for (auto [Number, OfLinear] : llvm::enumerate(Totals))
    for (int64_t Tile = 0; Tile < Tiles; ++Tile) {
      Value Row = B.add(getQuad(), Tile * MmaRows);
      B.ifThen(B.lessThan(Row, Rows), [&, Number = Number] {
        for (int64_t I = 0; I < 4; ++I) {
          Value Output = B.add(getGroupOfLane(), I * 8);
          B.storeScalar(OfLinear[Tile * 4 + I], Sums.at(B, B.getWarp(), Number, Row, Output),
                        B.getF32Type());
        }
      });
    }
}

namespace qopt::nvptx {
void registerTensorContractionLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<TensorLowering>(Registry.getChip()));
}
} // namespace qopt::nvptx
