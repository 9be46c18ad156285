#include "qopt/Targets/Common/FragmentWeight.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

/// Outputs of a panel whose lanes have the same place in a warp: g, g + 8, …
static constexpr int64_t LanesOfOutputs = 8;

Value FragmentWeight::getTile(KernelBuilder &B, Value Panel, Value Input) const {
  return B.bytes(Panel, B.mul(B.div(Input, Tiling::Inputs), Tiles.getTileBytes()));
}

Value FragmentWeight::loadWord(KernelBuilder &B, Value Panel, Value InPanel, Value First) const {
  Value InTile = B.rem(First, Tiling::Inputs);
  Value Unit = B.div(InTile, Tiling::UnitInputs);
  Value Quad = B.div(B.rem(InTile, Tiling::UnitInputs), 8);
  Value Lane = B.add(B.mul(B.rem(InPanel, LanesOfOutputs), 4), Quad);
  Value Piece = B.add(B.mul(Unit, Tiling::Outputs), Lane);
  Value At = B.add(B.mul(Piece, Tiling::LaneBytes), B.mul(B.div(InPanel, LanesOfOutputs), 4));
  return B.loadRaw(B.bytes(getTile(B, Panel, First), At), B.getI32Type());
}

Value FragmentWeight::getScaleIndex(KernelBuilder &B, Value InPanel, Value Input) const {
  Value Step = B.div(B.rem(Input, Tiling::Inputs), Tiles.Step);
  Value Steps = B.add(B.mul(B.rem(InPanel, LanesOfOutputs), Tiles.getSteps()), Step);
  return B.add(B.mul(Steps, Tiling::Outputs / LanesOfOutputs), B.div(InPanel, LanesOfOutputs));
}

Value FragmentWeight::loadScale(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const {
  Value Scales = B.bytes(getTile(B, Panel, Input), B.index(Tiling::CodeBytes));
  Type ScaleType = Stored.getScaleType();
  return B.loadScalar(B.element(Scales, getScaleIndex(B, InPanel, Input), ScaleType), ScaleType);
}

Value FragmentWeight::loadZeroPoint(KernelBuilder &B, Value Panel, Value InPanel,
                                    Value Input) const {
  Value Zeros = B.bytes(getTile(B, Panel, Input), B.index(Tiles.getZerosOffset()));
  Value Byte = B.loadRaw(B.bytes(Zeros, getScaleIndex(B, InPanel, Input)), B.getI8Type());
  return arith::ExtUIOp::create(B, B.getI32Type(), Byte);
}

Value FragmentWeight::loadElement(KernelBuilder &B, Value Panel, Value InPanel, Value Input) const {
  Value InWord = B.rem(Input, 8);
  Value Word = loadWord(B, Panel, InPanel, B.sub(Input, InWord));
  Value Shift = arith::TruncIOp::create(B, B.getI32Type(), B.mul(B.sub(B.index(7), InWord), 4));
  Value Top = B.shl(Word, Shift), Down = B.i32(28, 0);
  Value Code = hasZeroPoint() ? B.sub(B.shr(Top, Down), loadZeroPoint(B, Panel, InPanel, Input))
                              : B.sar(Top, Down);
  return B.mul(B.toFloat(Code), loadScale(B, Panel, InPanel, Input));
}
