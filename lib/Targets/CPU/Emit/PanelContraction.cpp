#include "PanelContraction.h"

#include "ByteProducts.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

//===- Taking a kernel apart ------------------------------------------------------------------===//

/// Whether all weights of a kernel can be multiplied as bytes: 8-bit codes around zero, one scale
/// per output.
static bool hasByteWeights(const KernelInfo &Info) {
  return llvm::all_of(Info.getOps(), [&](Operation &Op) {
    auto Linear = dyn_cast<LinearOp>(Op);
    if (!Linear)
      return true;
    auto Ty = cast<RankedTensorType>(Linear.getWeight().getType());
    StoredTypeInterface Stored = getStoredElementType(Ty);
    auto Layout = Info.getLayout(Linear.getWeight());
    return Stored && Ty.hasStaticShape() && Stored.getCodeBits() == 8 &&
           Stored.getCodeMin() == -128 && Stored.getImplicitZeroPoint() == 0 &&
           !Stored.hasZeroPoint() && Ty.getDimSize(1) <= MaxByteInputs &&
           (Stored.getGroupSize() == 0 || Stored.getGroupSize() >= Ty.getDimSize(1)) &&
           (!Layout || isa<qkernel::WordPanelLayoutAttr>(Layout));
  });
}

/// Products of bytes where codes meet such weights. Codes with a constant scale are the end of
/// `Coding` otherwise: numbers like others.
void PanelContraction::chooseProducts(const KernelInfo &Info) {
  auto Last = codegen::InputCodes::get(codegen::skipReshapes(Input));
  if (!Last || !Last->getCode().isInteger(8) || !hasByteWeights(Info))
    return;
  TakesBytes = true;
  if (!Codes)
    Coding.pop_back_n(2);
  Codes = Last;
}

static bool liesAsNeeded(qkernel::WeightLayoutInterface Layout, bool TakesBytes) {
  if (TakesBytes) {
    auto Words = dyn_cast<qkernel::WordPanelLayoutAttr>(Layout);
    return Words && Words.getRows() == PanelRows;
  }
  auto Panels = dyn_cast<qkernel::PanelLayoutAttr>(Layout);
  return Panels && Panels.getRows() == PanelRows;
}

std::optional<PanelContraction> PanelContraction::get(const KernelInfo &Info, std::string &Reason) {
  auto Form = ContractionForm::get(Info, Reason);
  if (!Form)
    return std::nullopt;
  PanelContraction Contraction(std::move(*Form));
  Contraction.chooseProducts(Info);
  for (const codegen::Segment &Segment : Contraction.Segments)
    for (LinearOp Linear : Segment.Linears) {
      auto Layout = Info.getLayout(Linear.getWeight());
      if (Layout && !liesAsNeeded(Layout, Contraction.TakesBytes)) {
        Reason = "a weight does not lie in panels of 32 rows";
        return std::nullopt;
      }
    }
  return Contraction;
}

//===- Sizes ----------------------------------------------------------------------------------===//

PanelWeight PanelContraction::getWeight(LinearOp Linear) const {
  return PanelWeight(Linear.getWeight().getType(),
                     TakesBytes ? PanelWeight::Layout::Words : PanelWeight::Layout::Panels);
}

AffineExpr PanelContraction::getItems(const KernelInfo &Info) const {
  int64_t Panels = 0;
  for (const Segment &Segment : Segments)
    Panels += getPanels(Segment);
  return Info.constant(Panels);
}

bool PanelContraction::stagesSingleRow() const {
  return Codes || Norm || TakeLast || !Coding.empty() || !cpu::getElementType(Source).isF32();
}

int64_t cpu::getBlockInputs(const PanelWeight &Weight) {
  constexpr int64_t Target = 128;
  int64_t Group = Weight.getGroup();
  // One group, or none: blocks are cut at words.
  if (!Weight.isStored() || Group >= Weight.getInputs())
    return Target;
  if (Group <= Target)
    return Target / Group * Group;
  return Group % Target == 0 ? Target : Group;
}

PanelContraction::Parts PanelContraction::getScratch(const KernelInfo &Info) const {
  ScratchLayout Layout(Info.getContext());
  AffineExpr Rows = getRows(Info);
  auto Constant = [&](int64_t Number) { return Info.constant(Number); };
  Parts Result;
  bool IsSingle = Rows == Constant(1);
  AffineExpr StagedRows = IsSingle ? Constant(1) : Rows.ceilDiv(MaxTileRows) * MaxTileRows;
  bool Stages = !IsSingle || stagesSingleRow();
  int64_t RowBytes = TakesBytes ? getByteRowSize(Inputs) : Inputs * 4;
  Result.Staged = Layout.add(Stages ? StagedRows * RowBytes : Constant(0));
  Result.Row = Layout.add(Constant(Codes ? Inputs * 4 : 0));
  int64_t Block = 0;
  for (const Segment &Segment : Segments)
    for (LinearOp Linear : Segment.Linears)
      Block = std::max(Block, getBlockInputs(getWeight(Linear)));
  // Whole words are decoded, also where the last one reaches beyond the block.
  Result.Decoded = Layout.add(Constant(IsSingle || TakesBytes ? 0 : (Block + 8) * PanelRows * 4));
  Result.Sums =
      Layout.add(IsSingle ? Constant(0) : Rows * (int64_t(getMaxLinears()) * PanelRows * 4));
  Result.Bytes = Layout.getBytes();
  return Result;
}
