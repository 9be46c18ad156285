// Contractions of 8-bit codes on tensor cores: weights in #qkernel.swizzled_tiles, inputs that
// become codes with a scale for each row.
#include "Emit/CodesOfFewRows.h"

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
  LogicalResult emit(KernelBuilder &B) const override;

private:
  CodesForm getForm(const KernelInfo &Kernel) const {
    std::string Reason;
    return *CodesForm::get(Kernel, TheChip, Reason);
  }

  const Chip &TheChip;
};
} // namespace

GridPlan CodesLowering::plan(const KernelInfo &Kernel) const {
  CodesForm Codes = getForm(Kernel);
  FewRows Few = *FewRows::get(Codes, TheChip.SharedBytes);
  GridPlan Plan;
  Plan.Blocks = Few.getBlocks(Kernel);
  Plan.Threads = FewRows::Warps * WarpSize;
  Plan.SharedBytes = Few.getSharedBytes();
  return Plan;
}

LogicalResult CodesLowering::emit(KernelBuilder &B) const {
  CodesForm Codes = getForm(B.getInfo());
  return FewRows::get(Codes, TheChip.SharedBytes)->emit(B);
}

namespace qopt::nvptx {
void registerCodesContractionLowerings(GpuLoweringRegistry &Registry) {
  Registry.add(std::make_unique<CodesLowering>(Registry.getChip()));
}
} // namespace qopt::nvptx
