// An NVIDIA GPU as a target: layouts, grids, and one PTX module for all kernels.
#include "qopt/Targets/NVPTX.h"

#include "Emit/CodesForm.h"
#include "Emit/PanelSums.h"
#include "Emit/PtxModule.h"
#include "qopt/Targets/NVPTX/CacheLayout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

// "a": the instructions that only this chip has. PTX 8.0 is what drivers for CUDA 12.0 know.
static constexpr Chip Chips[] = {
    {"sm80", "sm_80", "+ptx80", 163 << 10, Float8Products::None, false},
    {"sm86", "sm_86", "+ptx80", 99 << 10, Float8Products::None, false},
    {"sm89", "sm_89", "+ptx84", 99 << 10, Float8Products::ShortSums, false},
    {"sm90", "sm_90a", "+ptx80", 227 << 10, Float8Products::AsHalves, true},
    {"sm100", "sm_100", "+ptx86", 227 << 10, Float8Products::AsHalves, false},
    {"sm120", "sm_120", "+ptx87", 99 << 10, Float8Products::LongSums, false},
};

ArrayRef<Chip> nvptx::getChips() { return Chips; }

using MakeLowering = std::function<std::unique_ptr<GpuLowering>(const Chip &)>;

static std::vector<MakeLowering> &pluginLowerings() {
  // Never destroyed: the plugin's code may be gone by then.
  static auto *Makers = new std::vector<MakeLowering>();
  return *Makers;
}

void nvptx::registerGpuLowering(MakeLowering Make) { pluginLowerings().push_back(std::move(Make)); }

namespace {
class NvptxTarget : public Target {
public:
  explicit NvptxTarget(const Chip &Chip) : TheChip(Chip), Lowerings(Chip) {
    registerAllGpuLowerings(Lowerings);
    for (const MakeLowering &Make : pluginLowerings())
      Lowerings.add(Make(Chip));
  }

  StringRef getName() const override { return TheChip.Target; }
  qkernel::WeightLayoutInterface
  chooseLayout(WeightOp Weight,
               ArrayRef<std::pair<qkernel::KernelOp, unsigned>> Readers) const override;
  std::pair<int64_t, int64_t> getCacheRowBytes(KVCacheType Cache) const override {
    return {getCacheSide(Cache, 0).getRowBytes(), getCacheSide(Cache, 1).getRowBytes()};
  }
  std::pair<artefact::CacheLayout, artefact::CacheLayout>
  getCacheLayout(KVCacheType Cache) const override {
    return {getCacheSide(Cache, 0).getLayout(), getCacheSide(Cache, 1).getLayout()};
  }
  std::pair<int64_t, int64_t> getCacheScale(KVCacheType Cache, int64_t Position,
                                            int64_t Head) const override {
    return {getCacheSide(Cache, 0).getScaleIndex(Head, Position),
            getCacheSide(Cache, 1).getScaleIndex(Head, Position)};
  }
  FailureOr<KernelPlan> planKernel(qkernel::KernelOp Kernel) const override;
  int64_t estimateCodeBytes(ModuleOp Module) const override;
  ArrayRef<llvm::StringLiteral> getForms() const override {
    static constexpr llvm::StringLiteral Forms[] = {"ptx"};
    return Forms;
  }
  FailureOr<CompiledModule> compile(ModuleOp Module, StringRef Form) const override;

private:
  LogicalResult emitKernel(qkernel::KernelOp Kernel, ModuleOp Code, CompiledModule &Result) const;
  LogicalResult emitStage(const KernelInfo &Info, const GpuLowering &Lowering, const GridPlan &Plan,
                          unsigned Number, ModuleOp Code, CompiledModule &Result) const;

  const Chip &TheChip;
  GpuLoweringRegistry Lowerings;
};
} // namespace

/// Whether an argument is the matrix of a contraction.
static bool isMatrix(qkernel::KernelOp Kernel, unsigned Argument) {
  Value Read = Kernel.getBody().front().getArgument(Argument);
  return llvm::any_of(Read.getUsers(), [&](Operation *User) {
    return isa<LinearOp>(User) && User->getOperand(1) == Read;
  });
}

/// Whether kernels multiply codes with the weight on tensor cores. Those that gather its rows read
/// any layout.
static bool wantsTiles(ArrayRef<std::pair<qkernel::KernelOp, unsigned>> Readers, const Chip &Chip) {
  bool Any = false;
  for (auto [Kernel, Argument] : Readers) {
    if (!isMatrix(Kernel, Argument))
      continue;
    auto Info = KernelInfo::get(Kernel);
    std::string Reason;
    if (failed(Info) || !CodesForm::get(*Info, Chip, Reason))
      return false;
    Any = true;
  }
  return Any;
}

/// Whether a kernel reads an argument best in fragments: it multiplies with it on the tensor cores.
/// All kernels can read them.
static bool wantsFragments(qkernel::KernelOp Kernel, unsigned Argument) {
  if (!isMatrix(Kernel, Argument))
    return false;
  auto Info = KernelInfo::get(Kernel);
  std::string Reason;
  auto Form = succeeded(Info) ? codegen::ContractionForm::get(*Info, Reason) : std::nullopt;
  return Form && canMultiplyFragments(*Form, Reason);
}

qkernel::WeightLayoutInterface
NvptxTarget::chooseLayout(WeightOp Weight,
                          ArrayRef<std::pair<qkernel::KernelOp, unsigned>> Readers) const {
  auto Ty = cast<RankedTensorType>(Weight.getType());
  if (wantsTiles(Readers, TheChip))
    return CodeTiles::get(Weight->getContext());
  if (llvm::any_of(Readers,
                   [](auto &Reader) { return wantsFragments(Reader.first, Reader.second); }))
    return qkernel::FragmentLayoutAttr::get(Weight->getContext());
  bool WantsPanels =
      getStoredElementType(Ty) ||
      (isa<FloatType>(Ty.getElementType()) &&
       llvm::any_of(Readers, [](auto &Reader) { return isMatrix(Reader.first, Reader.second); }));
  if (Ty.getRank() == 2 && WantsPanels)
    return qkernel::PanelLayoutAttr::get(Weight->getContext(), WarpSize);
  return qkernel::PlainLayoutAttr::get(Weight->getContext());
}

FailureOr<KernelPlan> NvptxTarget::planKernel(qkernel::KernelOp Kernel) const {
  auto Info = KernelInfo::get(Kernel);
  if (failed(Info))
    return failure();
  auto Lowering = Lowerings.choose(*Info, TheChip.Target);
  if (failed(Lowering))
    return failure();
  GridPlan Grid = (*Lowering)->plan(*Info);
  KernelPlan Plan;
  Plan.Lowering = (*Lowering)->getName().str();
  Plan.Stages.clear();
  for (const GridStage &Stage : Grid.Stages) {
    if (Stage.SharedBytes > TheChip.SharedBytes)
      return Kernel.emitError() << "lowering '" << (*Lowering)->getName() << "' needs "
                                << Stage.SharedBytes << " bytes of shared memory, "
                                << TheChip.Architecture << " has " << TheChip.SharedBytes;
    Plan.Stages.push_back(Stage);
  }
  Plan.ScratchBytes = Info->constant(0);
  Plan.WorkspaceBytes = Grid.WorkspaceBytes;
  Plan.Tables = std::move(Grid.Tables);
  return Plan;
}

/// Buffers of a kernel as a launch passes them.
static unsigned countBuffers(const KernelInfo &Info, const GridPlan &Grid) {
  return Info.getTableBuffer(Grid.Tables.size()) + (Grid.WorkspaceBytes ? 1 : 0);
}

LogicalResult NvptxTarget::emitStage(const KernelInfo &Info, const GpuLowering &Lowering,
                                     const GridPlan &Plan, unsigned Number, ModuleOp Code,
                                     CompiledModule &Result) const {
  qkernel::KernelOp Kernel = Info.getKernel();
  const GridStage &Stage = Plan.Stages[Number];
  std::string Symbol = Kernel.getSymName().str();
  for (StringRef Part : {StringRef(Stage.Suffix), StringRef(TheChip.Architecture)})
    if (!Part.empty())
      Symbol += ("_" + Part).str();
  LLVM::LLVMFuncOp Function = createKernelFunction(Code, Symbol, countBuffers(Info, Plan),
                                                   getSymbols(Kernel).size(), Stage.Threads);
  KernelBuilder Builder(Info, Stage.Threads, Function);
  if (failed(Lowering.emit(Builder, Number)))
    return failure();
  Result.Variants[Stage.getName(Kernel.getSymName())].push_back(
      {TheChip.Architecture.str(), Symbol, Stage.Threads, Stage.SharedBytes});
  return success();
}

LogicalResult NvptxTarget::emitKernel(qkernel::KernelOp Kernel, ModuleOp Code,
                                      CompiledModule &Result) const {
  auto Info = KernelInfo::get(Kernel);
  if (failed(Info))
    return failure();
  auto Lowering = Lowerings.choose(*Info, TheChip.Target);
  if (failed(Lowering))
    return failure();
  GridPlan Plan = (*Lowering)->plan(*Info);
  for (unsigned Stage = 0; Stage < Plan.Stages.size(); ++Stage)
    if (failed(emitStage(*Info, **Lowering, Plan, Stage, Code, Result)))
      return failure();
  return success();
}

/// Text and machine code of about the same size; products are unrolled over rows.
int64_t NvptxTarget::estimateCodeBytes(ModuleOp Module) const {
  constexpr int64_t ProductBytes = 28 << 10, OtherBytes = 2 << 10;
  int64_t Bytes = 0;
  for (auto Kernel : Module.getOps<qkernel::KernelOp>())
    for (Operation &Op : Kernel.getBody().front().without_terminator())
      Bytes += isa<LinearOp>(Op) ? ProductBytes : OtherBytes;
  return Bytes;
}

FailureOr<CompiledModule> NvptxTarget::compile(ModuleOp Module, StringRef Form) const {
  Module.getContext()
      ->loadDialect<arith::ArithDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect,
                    LLVM::LLVMDialect, NVVM::NVVMDialect>();
  CompiledModule Result;
  OwningOpRef<ModuleOp> Code = ModuleOp::create(UnknownLoc::get(Module.getContext()));
  for (auto Kernel : Module.getOps<qkernel::KernelOp>())
    if (failed(emitKernel(Kernel, *Code, Result)))
      return failure();
  auto Ptx = compileToPtx(*Code, TheChip);
  if (failed(Ptx))
    return failure();
  Result.Files.push_back({"kernels.ptx", *Ptx});
  std::optional<std::string> Assembler = Form == "ptx" ? std::nullopt : findAssembler();
  if (!Assembler)
    return Result;
  auto Cubin = assemble(*Code, TheChip, *Assembler, *Ptx);
  if (failed(Cubin))
    return failure();
  Result.Files.push_back({"kernels.cubin", std::move(*Cubin)});
  return Result;
}

std::unique_ptr<Target> qopt::createNvptxTarget(const Chip &Chip) {
  return std::make_unique<NvptxTarget>(Chip);
}
