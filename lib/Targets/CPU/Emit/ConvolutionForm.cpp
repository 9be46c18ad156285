#include "ConvolutionForm.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Scratch of one worker, beyond which nothing is gained by staging.
static constexpr int64_t MaxScratchBytes = int64_t(64) << 20;

//===- Taking a kernel apart ------------------------------------------------------------------===//

static bool checkConv(const KernelInfo &Info, ConvOp Conv, std::string &Reason) {
  auto Ty = cast<RankedTensorType>(Conv.getWeight().getType());
  auto Layout = Info.getLayout(Conv.getWeight());
  auto Panels = dyn_cast_or_null<qkernel::PanelLayoutAttr>(Layout);
  Type Element = Ty.getElementType();
  if (!isa<BlockArgument>(Conv.getInput()) || !isa<BlockArgument>(Conv.getWeight()))
    Reason = "its input or weight is computed in the kernel";
  else if (Layout && (!Panels || Panels.getRows() != PanelRows))
    Reason = "its weight does not lie in panels of 32 rows";
  else if (cpu::getElementType(Conv.getInput()).isF64() || Element.isF64())
    Reason = "it is computed in f64";
  else
    return true;
  return false;
}

/// Whether everything but the convolution is elementwise, on its shape.
static bool checkEpilogue(const KernelInfo &Info, ConvOp Conv, std::string &Reason) {
  ArrayRef<AffineExpr> Shape = Info.getDims(Conv.getResult());
  for (Operation &Op : Info.getOps()) {
    if (isa<ConvOp, ConstantOp>(Op))
      continue;
    // Reshapes only give results another shape.
    bool IsLast = isa<ReshapeOp>(Op) && llvm::all_of(Op.getUsers(), [](Operation *User) {
                    return User->hasTrait<OpTrait::IsTerminator>() || isa<ReshapeOp>(User);
                  });
    if (!IsLast && (!isElementwise(&Op) || Info.getDims(Op.getResult(0)) != Shape)) {
      Reason = ("holds " + Op.getName().getStringRef() + " on another shape").str();
      return false;
    }
    for (Value Operand : Op.getOperands()) {
      Operation *Producer = Operand.getDefiningOp();
      bool IsWeight = getStoredElementType(Operand.getType()) ||
                      isa_and_nonnull<qkernel::PanelLayoutAttr>(Info.getLayout(Operand));
      if (IsWeight || (IsLast && (!Producer || isa<ConstantOp>(Producer)))) {
        Reason = "its epilogue reads a packed weight, or reshapes an argument";
        return false;
      }
    }
  }
  for (Value Result : Info.getResults())
    if (Operation *Producer = skipReshapes(Result).getDefiningOp();
        !Producer || isa<ConstantOp>(Producer)) {
      Reason = "yields something that is not computed by a convolution";
      return false;
    }
  return true;
}

std::optional<ConvolutionForm> ConvolutionForm::get(const KernelInfo &Info, std::string &Reason) {
  ConvolutionForm Form;
  for (Operation &Op : Info.getOps())
    if (auto Conv = dyn_cast<ConvOp>(Op)) {
      if (Form.Conv) {
        Reason = "has several convolutions";
        return std::nullopt;
      }
      Form.Conv = Conv;
    }
  if (!Form.Conv) {
    Reason = "has no qopt.conv";
    return std::nullopt;
  }
  if (!checkConv(Info, Form.Conv, Reason) || !checkEpilogue(Info, Form.Conv, Reason))
    return std::nullopt;
  auto Tile = SpatialTile::get(Info, Form.Conv, Reason);
  if (!Tile)
    return std::nullopt;
  Form.Tile = *Tile;
  Form.Groups = Form.Conv.getGroups();
  Form.Channels =
      cast<RankedTensorType>(Form.Conv.getInput().getType()).getDimSize(1) / Form.Groups;
  Form.OutputsOfGroup =
      cast<RankedTensorType>(Form.Conv.getWeight().getType()).getDimSize(0) / Form.Groups;
  auto Bytes = dyn_cast<AffineConstantExpr>(Form.getScratch(Info).Bytes);
  if (!Bytes || Bytes.getValue() > MaxScratchBytes) {
    Reason = "the input of a tile takes too much memory";
    return std::nullopt;
  }
  return Form;
}

//===- Sizes ----------------------------------------------------------------------------------===//

AffineExpr ConvolutionForm::getItems(const KernelInfo &Info) const {
  auto Op = Conv;
  return Info.getDims(Op.getInput())[0] * Tile.getTiles() * (Groups * getItemsOfGroup());
}

ConvolutionForm::Parts ConvolutionForm::getScratch(const KernelInfo &Info) const {
  ScratchLayout Layout(Info.getContext());
  auto Add = [&](int64_t Bytes) { return Layout.add(Info.constant(Bytes)); };
  Parts Result;
  Result.Staged = Add(Tile.getStagedBytes(Channels));
  // Whole words of 8 codes are decoded.
  Result.Decoded = Add(decodes() ? 4 * getItemOutputs() * (getColumns() + 8) : 0);
  Result.Sums = Add(4 * getItemOutputs() * Tile.getPositions());
  Result.Bytes = Layout.getBytes();
  return Result;
}
