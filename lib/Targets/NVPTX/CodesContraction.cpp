// Contractions of 8-bit codes on tensor cores: weights in #qkernel.swizzled_tiles, inputs that
// become codes with a scale for each row. Few rows take one launch, many two.
#include "Emit/CodesOfFewRows.h"
#include "Emit/CodesOfManyRows.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

namespace {
class CodesLowering : public GpuLowering {
public:
  explicit CodesLowering(const Chip &Chip) : TheChip(Chip) {}

  StringRef getName() const override { return "codes-contraction"; }
  int getBenefit() const override { return 2; }
  bool match(const KernelInfo &Kernel, std::string &Reason) const override {
    auto Codes = CodesForm::get(Kernel, TheChip, Reason);
    return Codes && Codes->hasTiles(Kernel, Reason);
  }
  GridPlan plan(const KernelInfo &Kernel) const override;
  LogicalResult emit(KernelBuilder &B, unsigned Stage) const override;

private:
  void addManyRows(GridPlan &Plan, const KernelInfo &Kernel, const CodesForm &Codes,
                   AffineExpr RowCount) const;
  CodesForm getForm(const KernelInfo &Kernel) const {
    std::string Reason;
    return *CodesForm::get(Kernel, TheChip, Reason);
  }

  const Chip &TheChip;
};

enum StageNumber { FewStage, RowsStage, ProductsStage };
} // namespace

/// Whether there can ever be so many rows.
static bool canHaveManyRows(const KernelInfo &Kernel, AffineExpr Rows) {
  SmallVector<int64_t> Maxima = llvm::map_to_vector(
      getSymbols(Kernel.getKernel()), [](SymbolAttr Symbol) { return Symbol.getMax(); });
  auto Most = evaluate(Rows, Maxima);
  return !Most || *Most > FewRows::MostRows;
}

GridPlan CodesLowering::plan(const KernelInfo &Kernel) const {
  CodesForm Codes = getForm(Kernel);
  FewRows Few = *FewRows::get(Codes, TheChip.SharedBytes);
  GridPlan Plan;
  GridStage &FewIn = Plan.Stages[FewStage];
  FewIn.Items = Few.getBlocks(Kernel);
  FewIn.Threads = FewRows::Warps * WarpSize;
  FewIn.SharedBytes = Few.getSharedBytes();
  AffineExpr RowCount = Codes.Form.getRows(Kernel);
  if (canHaveManyRows(Kernel, RowCount))
    addManyRows(Plan, Kernel, Codes, RowCount);
  return Plan;
}

void CodesLowering::addManyRows(GridPlan &Plan, const KernelInfo &Kernel, const CodesForm &Codes,
                                AffineExpr RowCount) const {
  constexpr int64_t NoEnd = std::numeric_limits<int64_t>::max();
  ManyRows Many(Codes, TheChip);
  Plan.Stages[FewStage].Suffix = "few";
  Plan.Stages[FewStage].When = {RowCount, {0, FewRows::MostRows}};
  GridStage Rows;
  Rows.Suffix = "rows";
  Rows.When = {RowCount, {FewRows::MostRows + 1, NoEnd}};
  Rows.Items = Many.getRowBlocks(Kernel);
  Rows.Threads = ManyRows::RowWarps * WarpSize;
  GridStage Products = Rows;
  Products.Suffix = "products";
  Products.Continues = true;
  Products.Items = Many.getTileBlocks(Kernel);
  Products.Threads = Many.getTileThreads();
  Products.SharedBytes = Many.getTileSharedBytes();
  Plan.Stages.append({Rows, Products});
  Plan.WorkspaceBytes = Many.getWorkspaceBytes(Kernel);
}

LogicalResult CodesLowering::emit(KernelBuilder &B, unsigned Stage) const {
  CodesForm Codes = getForm(B.getInfo());
  ManyRows Many(Codes, TheChip);
  if (Stage == RowsStage)
    return Many.emitRows(B);
  if (Stage == ProductsStage)
    return Many.emitTiles(B);
  return FewRows::get(Codes, TheChip.SharedBytes)->emit(B);
}

namespace qopt::nvptx {
void registerCodesContractionLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<CodesLowering>(Registry.getChip()));
}
} // namespace qopt::nvptx
