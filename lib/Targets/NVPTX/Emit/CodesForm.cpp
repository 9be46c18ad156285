#include "CodesForm.h"

#include "qopt/Targets/Common/ElementReader.h"
#include "qopt/Targets/Common/StoredRow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::ContractionForm;
using codegen::Segment;

/// Codes that are stored together.
static constexpr int64_t WordCodes = 4;

//===- Tiles ----------------------------------------------------------------------------------===//

Value TiledCodes::getPanel(KernelBuilder &B, Value Base, Value Panel) const {
  return B.bytes(Base, B.mul(Panel, getPanelBytes()));
}

Value TiledCodes::getScale(KernelBuilder &B, Value Base, Value Row) const {
  Value Panel = getPanel(B, Base, B.div(Row, CodeTiles::Rows));
  Value Scales = B.bytes(Panel, B.index(getTiles() * CodeTiles::TileBytes));
  return B.element(Scales, B.rem(Row, CodeTiles::Rows), ScaleType);
}

Value TiledCodes::getCode(KernelBuilder &B, Value Base, Value Row, Value Input) const {
  Value Panel = getPanel(B, Base, B.div(Row, CodeTiles::Rows)),
        InPanel = B.rem(Row, CodeTiles::Rows);
  Value Tile = B.bytes(Panel, B.mul(B.div(Input, CodeTiles::Inputs), CodeTiles::TileBytes));
  Value InRow = B.rem(Input, CodeTiles::Inputs);
  // 16-byte chunks change places, by the row.
  Value Swizzle = B.mul(B.rem(InPanel, 8), 16);
  Value Place = arith::XOrIOp::create(B, InRow, Swizzle);
  return B.bytes(B.bytes(Tile, B.mul(InPanel, CodeTiles::Inputs)), Place);
}

TiledCodes nvptx::getTiledWeight(Value Weight) {
  auto Type = cast<RankedTensorType>(Weight.getType());
  return TiledCodes(Type.getDimSize(1), getStoredElementType(Type).getScaleType());
}

Value nvptx::loadTiledWeight(KernelBuilder &B, Value Weight, Value Output, Value Input) {
  TiledCodes Tiles = getTiledWeight(Weight);
  Value Base = B.getArgument(Weight);
  Type Code = getStoredElementType(Weight.getType()).getCodeType();
  Value Number = codegen::loadElements(B, Tiles.getCode(B, Base, Output, Input), Code, 0);
  return B.mul(Number, Tiles.loadScale(B, Base, Output));
}

//===- What can be taken ----------------------------------------------------------------------===//

static bool isZero(Value Constant) {
  auto Value = cast<DenseElementsAttr>(Constant.getDefiningOp<ConstantOp>().getValue());
  if (isa<FloatType>(Value.getElementType()))
    return Value.getSplatValue<APFloat>().isZero();
  return Value.getSplatValue<APInt>().isZero();
}

/// A byte of the type that the inputs' codes have, and one scale for each output.
static bool isSuitable(RankedTensorType Weight, Type Code) {
  StoredTypeInterface Stored = getStoredElementType(Weight);
  return Stored && Stored.getCodeBits() == 8 && !Stored.hasZeroPoint() &&
         Stored.getGroupSize() == 0 && isa<FloatType>(Stored.getCodeType()) == isa<FloatType>(Code);
}

std::optional<CodesForm> CodesForm::get(const KernelInfo &Info, const Chip &Chip,
                                        std::string &Reason) {
  auto Form = ContractionForm::get(Info, Reason);
  if (!Form)
    return std::nullopt;
  if (!Form->Codes || Form->Inputs == 0) {
    Reason = "its input has no codes with a scale for each row";
    return std::nullopt;
  }
  if (Form->Inputs > MaxInputs || Form->getMaxLinears() > MaxLinears) {
    Reason = "more than 65536 inputs, or its epilogue combines more than four contractions";
    return std::nullopt;
  }
  Type Code = Form->Codes->getCode();
  CodesForm Codes;
  Codes.IsFloat = isa<Float8E4M3FNType>(Code);
  if (!Codes.IsFloat &&
      (!Code.isSignlessInteger(8) || !isZero(QuantizeOp(Form->Codes->Quantize).getZeroPoint()))) {
    Reason = "its input's codes are neither i8 around zero nor e4m3";
    return std::nullopt;
  }
  if (Codes.IsFloat && Chip.Float8 == Float8Products::None) {
    Reason = "the chip multiplies no e4m3";
    return std::nullopt;
  }
  Codes.HasShortSums = Codes.IsFloat && Chip.Float8 == Float8Products::ShortSums;
  if (Codes.IsFloat)
    Codes.Product =
        Chip.Float8 == Float8Products::AsHalves ? CodeProduct::Halves : CodeProduct::Float8;
  for (const Segment &Segment : Form->Segments)
    for (LinearOp Linear : Segment.Linears)
      if (!isSuitable(cast<RankedTensorType>(Linear.getWeight().getType()), Code)) {
        Reason = "a weight has no codes of its input's type with one scale for each output";
        return std::nullopt;
      }
  Codes.Form = std::move(*Form);
  return Codes;
}

bool CodesForm::hasTiles(const KernelInfo &Info, std::string &Reason) const {
  for (const Segment &Segment : Form.Segments)
    for (LinearOp Linear : Segment.Linears)
      if (!isa_and_nonnull<CodeTiles>(Info.getLayout(Linear.getWeight()))) {
        Reason = "a weight does not lie in tiles";
        return false;
      }
  return true;
}

//===- Rows -----------------------------------------------------------------------------------===//

/// Chips that multiply e4m3 also convert it.
static KernelBuilder &prepare(KernelBuilder &B, const CodesForm &Codes) {
  if (Codes.IsFloat)
    B.convertFloat8();
  return B;
}

SourceRow::SourceRow(KernelBuilder &B, const CodesForm &Codes, Value M)
    : B(prepare(B, Codes)), Codes(Codes),
      Numbers(B, Codes.Form.Norm, emitSourceRow(B, Codes.Form, M),
              nvptx::getElementType(Codes.Form.Source), B.index(Codes.Form.Inputs)),
      Row(B, *Codes.Form.Codes, Codes.Form.Inputs, [&B, &Codes, this](Value I, int64_t Lanes) {
        return emitCoding(B, Codes.Form.Coding, Numbers.load(I, Lanes));
      }) {}

/// Bytes of the codes from `I` on, a vector.
Value SourceRow::encode(Value I, int64_t Lanes) const {
  return B.narrow(Row.encode(I, Lanes), Codes.Form.Codes->getCode());
}

/// A word of the codes of `Count` inputs from `I` on, and zeros.
Value SourceRow::encodeWord(Value I, int64_t Count) const {
  if (Count == WordCodes)
    return LLVM::BitcastOp::create(B, B.getI32Type(), encode(I, WordCodes));
  Value Word = B.i32(0, 0);
  for (int64_t J = 0; J < Count; ++J) {
    Value Code = B.firstLane(encode(B.add(I, J), 1));
    Code = arith::ExtUIOp::create(B, B.getI32Type(), Code);
    Word = B.bitOr(Word, B.shl(Code, B.i32(8 * J, 0)));
  }
  return Word;
}

void SourceRow::store(function_ref<Value(Value)> At) const {
  int64_t Inputs = Codes.Form.Inputs, Whole = Inputs / WordCodes, Rest = Inputs % WordCodes;
  int64_t Words = Codes.getTiles() * CodeTiles::Inputs / WordCodes;
  B.loopLanes(B.index(Whole), [&](Value Word, int64_t) {
    Value I = B.mul(Word, WordCodes);
    B.storeRaw(encodeWord(I, WordCodes), At(I));
  });
  B.loopLanes(B.index(Words - Whole), [&](Value Word, int64_t) {
    Value I = B.mul(B.add(Word, Whole), WordCodes);
    Value Codes = B.i32(0, 0);
    if (Rest)
      Codes = B.choose(
          B.equal(Word, B.index(0)), B.getI32Type(), [&] { return encodeWord(I, Rest); },
          [&] { return B.i32(0, 0); });
    B.storeRaw(Codes, At(I));
  });
}

//===- Results --------------------------------------------------------------------------------===//

LogicalResult nvptx::emitOutput(KernelBuilder &B, const Segment &Segment, Value Row, Value Output,
                                ValueRange Sums, Value RowScale) {
  codegen::ElementReader Reader(B);
  for (auto [Linear, Sum] : llvm::zip_equal(Segment.Linears, Sums)) {
    Value Weight = LinearOp(Linear).getWeight();
    Value Scale = getTiledWeight(Weight).loadScale(B, B.getArgument(Weight), Output);
    Value Number = isa<FloatType>(Sum.getType()) ? Sum : B.toFloat(Sum);
    Reader.define(Linear->getResult(0), B.mul(B.mul(Number, Scale), RowScale));
  }
  Value Position = B.add(B.mul(Row, Segment.Outputs), Output);
  for (unsigned Result : Segment.Results)
    if (failed(Reader.store(Result, Position)))
      return failure();
  return success();
}
