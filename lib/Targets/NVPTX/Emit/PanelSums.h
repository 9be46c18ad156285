//===- PanelSums.h - where the warps of a contraction meet ------------------------------------===//
#ifndef QOPT_LIB_TARGETS_NVPTX_PANELSUMS_H
#define QOPT_LIB_TARGETS_NVPTX_PANELSUMS_H

#include "qopt/Targets/Common/ContractionForm.h"
#include "qopt/Targets/NVPTX/KernelBuilder.h"

namespace qopt::nvptx {

/// Outputs of a panel.
constexpr int64_t PanelRows = WarpSize;
/// What every chip gives a block.
constexpr int64_t MaxBlockBytes = 96 << 10;

/// Whether all weights lie in panels of 32 outputs: numbers side by side, or fragments.
bool haveWeightsInPanels(const KernelInfo &Info, const codegen::ContractionForm &Form,
                         std::string &Reason);

/// Whether all weights of a contraction are of types that can lie in fragments, and its inputs such
/// as tensor cores take then.
bool canMultiplyFragments(const codegen::ContractionForm &Form, std::string &Reason);

inline int64_t getPanels(const codegen::Segment &Segment, int64_t Rows = PanelRows) {
  return llvm::divideCeil(Segment.Outputs, Rows);
}
int64_t getPanels(const codegen::ContractionForm &Form, int64_t Rows = PanelRows);

/// Runs `Body(segment, panel of it)` for the segment that has panel `Panel` of all, where panels
/// have `Rows` outputs.
void forSegment(KernelBuilder &Builder, const codegen::ContractionForm &Form, mlir::Value Panel,
                llvm::function_ref<void(const codegen::Segment &, mlir::Value)> Body,
                int64_t Rows = PanelRows);

/// A contraction whose blocks compute one panel for up to `Rows` rows each, with the warps' sums
/// (PanelSums) in shared memory from `SumsOffset` on.
struct PanelBlocks {
  codegen::ContractionForm Form;
  int64_t Rows = 0, SumsOffset = 0, SharedBytes = 0;
};

/// `FormT` is derived from PanelBlocks and has get(KernelInfo, Reason); `EmitterT` is made of a
/// builder and a form, and has emit().
template <typename FormT, typename EmitterT, int64_t Warps>
class PanelLowering : public GpuLowering {
public:
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    return FormT::get(Kernel, Reason).has_value();
  }
  GridPlan plan(const KernelInfo &Kernel) const override {
    std::string Reason;
    PanelBlocks Blocks = *FormT::get(Kernel, Reason);
    GridPlan Plan;
    GridStage &Stage = Plan.onlyStage();
    Stage.Items = Blocks.Form.getRows(Kernel).ceilDiv(Blocks.Rows) * getPanels(Blocks.Form);
    Stage.Threads = Warps * WarpSize;
    Stage.SharedBytes = Blocks.SharedBytes;
    return Plan;
  }
  mlir::LogicalResult emit(KernelBuilder &B, unsigned) const override {
    std::string Reason;
    return EmitterT(B, *FormT::get(B.getInfo(), Reason)).emit();
  }
};

/// Sums of every warp for a panel, in shared memory as f32 [warps][linears][rows][32].
class PanelSums {
public:
  PanelSums(const codegen::ContractionForm &Form, int64_t Warps, int64_t Rows, int64_t Offset)
      : Form(Form), Warps(Warps), Rows(Rows), Offset(Offset) {}

  static int64_t getRowBytes(const codegen::ContractionForm &Form, int64_t Warps) {
    return Warps * int64_t(Form.getMaxLinears()) * PanelRows * 4;
  }
  /// Address of one sum.
  mlir::Value at(KernelBuilder &B, mlir::Value Warp, int64_t Linear, mlir::Value Row,
                 mlir::Value Output) const;

  /// Adds the warps' sums of `Count` rows in the order of the warps and evaluates what follows the
  /// contractions; the first of these rows is `FirstRow` of the contraction. The block must have
  /// written the sums.
  mlir::LogicalResult emitEpilogue(KernelBuilder &B, const codegen::Segment &Segment,
                                   mlir::Value Panel, mlir::Value FirstRow,
                                   mlir::Value Count) const;

private:
  const codegen::ContractionForm &Form;
  int64_t Warps, Rows, Offset;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_TARGETS_NVPTX_PANELSUMS_H
