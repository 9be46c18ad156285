//===- LoweringRegistry.h - the lowerings that a target chooses from --------------------------===//
#ifndef QOPT_TARGETS_COMMON_LOWERINGREGISTRY_H
#define QOPT_TARGETS_COMMON_LOWERINGREGISTRY_H

#include "qopt/Targets/Common/KernelBuilder.h"

#include <memory>

namespace qopt::codegen {

/// `LoweringT` has getName(), getBenefit() and match(const KernelInfo &, std::string &Reason).
template <typename LoweringT> class LoweringRegistry {
public:
  void add(std::unique_ptr<LoweringT> Lowering) { Lowerings.push_back(std::move(Lowering)); }

  /// The best lowering that matches, or null; then `Reasons` lists why each did not.
  const LoweringT *find(const KernelInfo &Kernel, std::string &Reasons) const {
    const LoweringT *Best = nullptr;
    llvm::raw_string_ostream Stream(Reasons);
    for (const std::unique_ptr<LoweringT> &Lowering : Lowerings) {
      std::string Reason;
      if (!Lowering->match(Kernel, Reason))
        Stream << "\n  " << Lowering->getName() << ": " << Reason;
      else if (!Best || Lowering->getBenefit() >= Best->getBenefit())
        Best = Lowering.get();
    }
    return Best;
  }

  /// The lowering of this name, or null. The last one, as a plugin may replace a lowering under the
  /// same name.
  const LoweringT *lookup(llvm::StringRef Name) const {
    for (const std::unique_ptr<LoweringT> &Lowering : llvm::reverse(Lowerings))
      if (Lowering->getName() == Name)
        return Lowering.get();
    return nullptr;
  }

  /// The lowering that the kernel names, else the best one; without one an error that says why.
  mlir::FailureOr<const LoweringT *> choose(const KernelInfo &Info, llvm::StringRef Target) const {
    qkernel::KernelOp Kernel = Info.getKernel();
    if (auto Named = Kernel.getLowering())
      if (const LoweringT *Lowering = lookup(*Named))
        return Lowering;
    std::string Reasons;
    if (const LoweringT *Lowering = find(Info, Reasons))
      return Lowering;
    return Kernel.emitError() << "the " << Target << " target has no lowering for kernel '"
                              << Kernel.getSymName() << "' of kind '" << Kernel.getKind()
                              << "':" << Reasons;
  }

private:
  std::vector<std::unique_ptr<LoweringT>> Lowerings;
};

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_LOWERINGREGISTRY_H
