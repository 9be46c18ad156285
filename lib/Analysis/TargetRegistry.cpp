#include "qopt/Analysis/TargetRegistry.h"

using namespace mlir;
using namespace qopt;

TargetRegistry &TargetRegistry::get() {
  // Never destroyed: what a plugin put there ends when the plugin is unloaded.
  static auto *Registry = new TargetRegistry();
  return *Registry;
}

void TargetRegistry::add(std::unique_ptr<Target> New) {
  llvm::erase_if(Targets, [&](const auto &Old) { return Old->getName() == New->getName(); });
  Targets.push_back(std::move(New));
}

const Target *TargetRegistry::find(StringRef Name) const {
  for (const std::unique_ptr<Target> &Each : Targets)
    if (Each->getName() == Name)
      return Each.get();
  return nullptr;
}

std::vector<StringRef> TargetRegistry::getNames() const {
  std::vector<StringRef> Names;
  for (const std::unique_ptr<Target> &Each : Targets)
    Names.push_back(Each->getName());
  return Names;
}

FailureOr<const Target *> qopt::findTarget(Operation *Op, StringRef Name) {
  if (const Target *Found = TargetRegistry::get().find(Name))
    return Found;
  return Op->emitError() << "unknown target '" << Name
                         << "'; known: " << llvm::join(TargetRegistry::get().getNames(), ", ");
}
