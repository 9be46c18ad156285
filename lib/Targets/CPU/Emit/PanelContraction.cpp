#include "PanelContraction.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

std::optional<PanelContraction> PanelContraction::get(const KernelInfo &Info, std::string &Reason) {
  auto Form = ContractionForm::get(Info, Reason);
  if (!Form)
    return std::nullopt;
  for (const codegen::Segment &Segment : Form->Segments)
    for (LinearOp Linear : Segment.Linears) {
      auto Layout = Info.getLayout(Linear.getWeight());
      auto Panels = dyn_cast_or_null<qkernel::PanelLayoutAttr>(Layout);
      if (Layout && (!Panels || Panels.getRows() != PanelRows)) {
        Reason = "a weight does not lie in panels of 32 rows";
        return std::nullopt;
      }
    }
  return PanelContraction(std::move(*Form));
}

AffineExpr PanelContraction::getItems(const KernelInfo &Info) const {
  int64_t Panels = 0;
  for (const Segment &Segment : Segments)
    Panels += getPanels(Segment);
  return Info.constant(Panels);
}

bool PanelContraction::stagesSingleRow() const {
  return Norm || TakeLast || !Coding.empty() || !cpu::getElementType(Source).isF32();
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
  Result.Staged = Layout.add(Stages ? StagedRows * (Inputs * 4) : Constant(0));
  int64_t Block = 0;
  for (const Segment &Segment : Segments)
    for (LinearOp Linear : Segment.Linears)
      Block = std::max(Block, getBlockInputs(PanelWeight(Linear.getWeight().getType())));
  // Whole words are decoded, also where the last one reaches beyond the block.
  Result.Decoded = Layout.add(Constant(IsSingle ? 0 : (Block + 8) * PanelRows * 4));
  Result.Sums =
      Layout.add(IsSingle ? Constant(0) : Rows * (int64_t(getMaxLinears()) * PanelRows * 4));
  Result.Bytes = Layout.getBytes();
  return Result;
}
