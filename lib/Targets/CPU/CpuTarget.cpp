// The CPU as a target: layouts, plans, and one shared object for all kernels and instruction sets.
#include "qopt/Targets/CPU.h"

#include "Emit/CodeGen.h"
#include "Emit/PanelContraction.h"
#include "qopt/Targets/CPU/CacheLayout.h"
#include "qopt/Targets/CPU/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

//===- Plugins --------------------------------------------------------------------------------===//

static std::vector<std::function<std::unique_ptr<CpuLowering>()>> &pluginLowerings() {
  // Never destroyed: the plugin's code may be gone by then.
  static auto *Makers = new std::vector<std::function<std::unique_ptr<CpuLowering>()>>();
  return *Makers;
}

void cpu::registerCpuLowering(std::function<std::unique_ptr<CpuLowering>()> Make) {
  pluginLowerings().push_back(std::move(Make));
}

//===- The target -----------------------------------------------------------------------------===//

namespace {
class CpuTarget : public Target {
public:
  CpuTarget(SmallVector<Isa> Isas, CpuLoweringRegistry Lowerings)
      : Isas(std::move(Isas)), Lowerings(std::move(Lowerings)) {}

  StringRef getName() const override { return "cpu"; }
  qkernel::WeightLayoutInterface
  chooseLayout(WeightOp Weight,
               ArrayRef<std::pair<qkernel::KernelOp, unsigned>> Readers) const override;
  std::pair<int64_t, int64_t> getCacheRowBytes(KVCacheType Cache) const override {
    return {getKeySide(Cache).getRowBytes(), getValueSide(Cache).getRowBytes()};
  }
  std::pair<artefact::CacheLayout, artefact::CacheLayout>
  getCacheLayout(KVCacheType Cache) const override {
    return {getKeySide(Cache).getLayout(), getValueSide(Cache).getLayout()};
  }
  std::pair<int64_t, int64_t> getCacheScale(KVCacheType Cache, int64_t Position,
                                            int64_t Head) const override {
    return {getKeySide(Cache).getScaleIndex(Head, Position),
            getValueSide(Cache).getScaleIndex(Head, Position)};
  }
  FailureOr<KernelPlan> planKernel(qkernel::KernelOp Kernel) const override;
  int64_t estimateCodeBytes(ModuleOp Module) const override;
  FailureOr<CompiledModule> compile(ModuleOp Module, StringRef Form) const override;

private:
  LogicalResult emitKernel(qkernel::KernelOp Kernel, ModuleOp Code, CompiledModule &Result) const;

  SmallVector<Isa> Isas;
  CpuLoweringRegistry Lowerings;
};
} // namespace

/// Whether an argument is the matrix of a contraction or convolution.
static bool isMatrix(qkernel::KernelOp Kernel, unsigned Argument) {
  Value Read = Kernel.getBody().front().getArgument(Argument);
  return llvm::any_of(Read.getUsers(), [&](Operation *User) {
    return isa<LinearOp, ConvOp>(User) && User->getOperand(1) == Read;
  });
}

/// Whether a kernel takes products of bytes with this argument.
static bool takesBytes(qkernel::KernelOp Kernel, unsigned Argument) {
  std::string Reason;
  auto Info = KernelInfo::get(Kernel);
  if (failed(Info) || !isMatrix(Kernel, Argument))
    return false;
  auto Form = PanelContraction::get(*Info, Reason);
  return Form && Form->TakesBytes;
}

qkernel::WeightLayoutInterface
CpuTarget::chooseLayout(WeightOp Weight,
                        ArrayRef<std::pair<qkernel::KernelOp, unsigned>> Readers) const {
  MLIRContext *Context = Weight->getContext();
  auto Ty = cast<RankedTensorType>(Weight.getType());
  bool IsStored = bool(getStoredElementType(Ty));
  // Every lowering can read a matrix from panels; only products with it gain from them.
  bool WantsPanels =
      IsStored || (isa<FloatType>(Ty.getElementType()) && llvm::any_of(Readers, [](auto &Reader) {
                     return isMatrix(Reader.first, Reader.second);
                   }));
  // Words of bytes serve products of bytes only.
  if (IsStored && !Readers.empty() &&
      llvm::all_of(Readers, [](auto &Reader) { return takesBytes(Reader.first, Reader.second); }))
    return qkernel::WordPanelLayoutAttr::get(Context, PanelRows);
  if (Ty.getRank() == 2 && WantsPanels)
    return qkernel::PanelLayoutAttr::get(Context, PanelRows);
  return qkernel::PlainLayoutAttr::get(Context);
}

FailureOr<KernelPlan> CpuTarget::planKernel(qkernel::KernelOp Kernel) const {
  auto Info = KernelInfo::get(Kernel);
  if (failed(Info))
    return failure();
  auto Lowering = Lowerings.choose(*Info, "CPU");
  if (failed(Lowering))
    return failure();
  KernelPlan Plan = (*Lowering)->plan(*Info);
  Plan.Lowering = (*Lowering)->getName().str();
  return Plan;
}

LogicalResult CpuTarget::emitKernel(qkernel::KernelOp Kernel, ModuleOp Code,
                                    CompiledModule &Result) const {
  auto Info = KernelInfo::get(Kernel);
  if (failed(Info))
    return failure();
  auto Lowering = Lowerings.choose(*Info, "CPU");
  if (failed(Lowering))
    return failure();
  SmallVector<KernelVariant> &Variants = Result.Variants[Kernel.getSymName()];
  bool Multiplies = false;
  for (const Isa &Isa : llvm::reverse(Isas)) {
    if (Isa.HasDot && !Multiplies && !Variants.empty()) {
      Variants.insert(Variants.begin(), {Isa.Name.str(), Variants.front().Symbol});
      continue;
    }
    std::string Symbol = (Kernel.getSymName() + "_" + Isa.Name).str();
    LLVM::LLVMFuncOp Function = createKernelFunction(Code, Isa, Symbol);
    KernelBuilder Builder(*Info, Isa, Function);
    if (failed((*Lowering)->emit(Builder)))
      return failure();
    Multiplies |=
        Function.walk([](qkernel::Dot4Op) { return WalkResult::interrupt(); }).wasInterrupted();
    Variants.insert(Variants.begin(), {Isa.Name.str(), Symbol});
  }
  return success();
}

/// Products are unrolled over rows of weights and of inputs; what is fused into them or stands
/// alone is small.
int64_t CpuTarget::estimateCodeBytes(ModuleOp Module) const {
  constexpr int64_t ProductBytes = 8 << 10, OtherBytes = 1 << 10;
  int64_t Bytes = 0, WithDot = llvm::count_if(Isas, [](const Isa &Each) { return Each.HasDot; });
  int64_t Common = std::max<int64_t>(1, int64_t(Isas.size()) - WithDot);
  for (auto Kernel : Module.getOps<qkernel::KernelOp>()) {
    Block &Body = Kernel.getBody().front();
    bool MayMultiplyBytes = llvm::any_of(Body, [](Operation &Op) { return isa<QuantizeOp>(Op); });
    int64_t Versions = MayMultiplyBytes ? int64_t(Isas.size()) : Common;
    for (Operation &Op : Body.without_terminator())
      Bytes += Versions * (isa<LinearOp>(Op) ? ProductBytes : OtherBytes);
  }
  return Bytes;
}

FailureOr<CompiledModule> CpuTarget::compile(ModuleOp Module, StringRef) const {
  Module.getContext()
      ->loadDialect<arith::ArithDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect,
                    LLVM::LLVMDialect>();
  CompiledModule Result;
  OwningOpRef<ModuleOp> Code = ModuleOp::create(UnknownLoc::get(Module.getContext()));
  for (auto Kernel : Module.getOps<qkernel::KernelOp>())
    if (failed(emitKernel(Kernel, *Code, Result)))
      return failure();
  auto Bytes = compileToSharedObject(*Code);
  if (failed(Bytes))
    return failure();
  Result.Files.push_back({"module.so", std::move(*Bytes)});
  return Result;
}

static SmallVector<Isa> chooseIsas(const CpuOptions &Options) {
  SmallVector<Isa> Chosen;
  for (const Isa &Isa : getIsas())
    if (Options.Isas.empty() || llvm::is_contained(Options.Isas, Isa.Name))
      Chosen.push_back(Isa);
  return Chosen;
}

std::unique_ptr<Target> qopt::createCpuTarget(const CpuOptions &Options,
                                              CpuLoweringRegistry Lowerings) {
  return std::make_unique<CpuTarget>(chooseIsas(Options), std::move(Lowerings));
}

std::unique_ptr<Target> qopt::createCpuTarget(const CpuOptions &Options) {
  CpuLoweringRegistry Lowerings;
  registerAllCpuLowerings(Lowerings);
  for (const auto &Make : pluginLowerings())
    Lowerings.add(Make());
  return createCpuTarget(Options, std::move(Lowerings));
}
