#include "DecodePanel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

using Values = KernelBuilder::Values;

static constexpr int64_t Halves = PanelRows / VectorLanes;

/// The inputs [Low, High) of the group at `Pointer`, which has `InGroup` of them.
static void decodeGroup(KernelBuilder &B, const PanelWeight &Weight, Value Pointer, Value InGroup,
                        Value Low, Value High, Value To, Decoded Form) {
  int64_t PerStep = Weight.isNibbles() ? 8 : 1;
  int64_t StepBytes = Weight.isNibbles() ? 4 * PanelRows : PanelRows;
  Value Scales = B.bytes(Pointer, B.mul(B.ceilDiv(InGroup, PerStep), StepBytes));
  Values Factors, Zeros;
  for (int64_t Half = 0; Half < Halves; ++Half) {
    if (Form == Decoded::Numbers)
      Factors.push_back(Weight.loadScales(B, Scales, Half));
    if (Weight.hasZeroPoint())
      Zeros.push_back(Weight.loadZeroPoints(B, Scales, Half));
  }
  // `Low` is a multiple of a step; codes beyond `High` are decoded too and lie in the block's spare
  // inputs, or are overwritten by the next group.
  B.loop(B.div(Low, PerStep), B.ceilDiv(High, PerStep), 1, [&](Value I) {
    Value Codes = B.bytes(Pointer, B.mul(I, StepBytes));
    Value First = B.sub(B.mul(I, PerStep), Low);
    for (int64_t Half = 0; Half < Halves; ++Half) {
      Value Word = Weight.loadCodes(B, Codes, Half);
      for (int64_t J = 0; J < PerStep; ++J) {
        Value Number = Weight.decode(B, Word, J);
        if (Weight.hasZeroPoint())
          Number = B.sub(Number, Zeros[Half]);
        if (Form == Decoded::Numbers)
          Number = B.mul(Number, Factors[Half]);
        Value At = B.add(B.mul(B.add(First, J), PanelRows), Half * VectorLanes);
        B.storeRaw(Number, B.element(To, At, B.getF32Type()));
      }
    }
  });
}

void cpu::decodePanel(KernelBuilder &B, const PanelWeight &Weight, Value Panel, Value Low,
                      Value High, Value To, Decoded Form) {
  if (!Weight.isStored()) {
    Type Element = Weight.getElementType();
    B.loop(B.mul(Low, PanelRows), B.mul(High, PanelRows), VectorLanes, [&](Value I) {
      Value Numbers = B.loadVector(B.element(Panel, I, Element), Element);
      B.storeRaw(Numbers, B.element(To, B.sub(I, B.mul(Low, PanelRows)), B.getF32Type()));
    });
    return;
  }
  int64_t Group = Weight.getGroup();
  B.loop(B.div(Low, Group), B.ceilDiv(High, Group), 1, [&](Value G) {
    Value First = B.mul(G, Group);
    Value Start = B.max(Low, First);
    Value Stop = B.min(High, B.add(First, Group));
    Value InGroup = B.min(B.index(Group), B.sub(B.index(Weight.getInputs()), First));
    Value Pointer = B.bytes(Panel, B.mul(G, Weight.getGroupBytes()));
    decodeGroup(B, Weight, Pointer, InGroup, B.sub(Start, First), B.sub(Stop, First),
                B.element(To, B.mul(B.sub(Start, Low), PanelRows), B.getF32Type()), Form);
  });
}
