#include "Explain.h"

#include "QKernel/QKernel.h"

#include "llvm/Support/Format.h"

using namespace mlir;
using namespace qopt;

/// "i4 group 32 scale f16" or "f16".
static std::string describe(const artefact::WeightRecord &Weight) {
  std::string Text = Weight.Stored;
  if (Weight.ScaleType.empty())
    return Text;
  Text += Weight.Group ? " group " + std::to_string(Weight.Group) : " channel";
  Text += Weight.Symmetric ? "" : " zero points";
  return Text + " scale " + Weight.ScaleType;
}

static void explainWeights(llvm::raw_ostream &Stream, const artefact::Manifest &Manifest) {
  Stream << "weights:\n";
  for (const artefact::WeightRecord &Weight : Manifest.Weights) {
    std::string Shape = llvm::join(
        llvm::map_range(Weight.Shape, [](int64_t Size) { return std::to_string(Size); }), "x");
    Stream << llvm::formatv("  {0,-28} {1,-14} {2,-28} {3,12} bytes  {4}{5}\n", Weight.Name, Shape,
                            describe(Weight), Weight.Bytes,
                            Weight.Scheme.empty() ? "" : Weight.Scheme + ", ", Weight.Reason);
  }
  if (Manifest.Kv)
    Stream << "kv cache: keys " << Manifest.Kv->Key << ", values " << Manifest.Kv->Value << ", "
           << Manifest.Kv->BytesPerToken << " bytes per token\n";
}

/// The names of the operations of a kernel, each once, with their number.
static std::string listOperations(qkernel::KernelOp Kernel) {
  llvm::MapVector<StringRef, unsigned> Counts;
  for (Operation &Op : Kernel.getBody().front().without_terminator())
    ++Counts[Op.getName().stripDialect()];
  return llvm::join(llvm::map_range(Counts,
                                    [](auto &Entry) {
                                      return Entry.second == 1 ? Entry.first.str()
                                                               : std::to_string(Entry.second) +
                                                                     " " + Entry.first.str();
                                    }),
                    ", ");
}

/// The type in which the products of a kernel's contractions are taken.
static std::string computeType(qkernel::KernelOp Kernel) {
  std::string Text = "f32";
  Kernel.walk([&](LinearOp Linear) {
    if (auto Compute = Linear.getCompute()) {
      Text.clear();
      llvm::raw_string_ostream(Text) << *Compute;
    }
  });
  return Text;
}

/// What the file permits for the inputs of a kernel's contractions, which nothing uses without
/// being asked.
static std::string describePermission(qkernel::KernelOp Kernel) {
  static constexpr StringRef Meaning[] = {"f32", "f16", "bf16", "8 bits"};
  std::optional<int64_t> Level;
  Kernel.walk([&](LinearOp Linear) {
    if (auto Each = Linear.getAccuracyLevel())
      Level = std::min<int64_t>(Level.value_or(*Each), *Each);
  });
  return Level ? llvm::formatv("; the file permits inputs in {0} (accuracy_level {1}), not used",
                               Meaning[*Level - 1], *Level)
                     .str()
               : std::string();
}

std::string qopt::explainProgram(ModuleOp Module, const artefact::Manifest &Manifest) {
  std::string Text;
  llvm::raw_string_ostream Stream(Text);
  explainWeights(Stream, Manifest);
  Stream << "launches:\n";
  SmallVector<std::string> Alone;
  Module.walk([&](qkernel::LaunchOp Launch) {
    auto Kernel = Module.lookupSymbol<qkernel::KernelOp>(Launch.getKernel());
    std::string Operations = listOperations(Kernel);
    Stream << llvm::formatv("  {0,-28} {1,-16} {2,-24} compute {3,-5} {4}{5}\n", Launch.getLabel(),
                            Launch.getKernel(), Kernel.getLowering().value_or("-"),
                            computeType(Kernel), Operations, describePermission(Kernel));
    if (Kernel.getKind() == "generic" || Kernel.getKind() == "elementwise" ||
        Kernel.getKind() == "norm")
      Alone.push_back(
          llvm::formatv(
              "  {0}: {1}: no rule joins it with a neighbour, or another reader needs its result\n",
              Launch.getLabel(), Operations)
              .str());
  });
  Stream << (Alone.empty() ? "every operation runs in a fused kernel\n" : "not fused:\n");
  for (const std::string &Line : Alone)
    Stream << Line;
  return Text;
}
