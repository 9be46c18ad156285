#include "Groups.h"

#include "qopt/Analysis/DimAnalysis.h"

#include "mlir/IR/IRMapping.h"

namespace qopt {
#define GEN_PASS_DECL_FORMKERNELS
#define GEN_PASS_DEF_FORMKERNELS
#include "FormKernels.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// Builds kernels and launches from groups; kernels with the same body are shared.
class KernelBuilder {
public:
  KernelBuilder(ModuleOp Module, func::FuncOp Function, DimAnalysis &Dims)
      : Module(Module), Function(Function), DimsOf(Dims), Symbols(getSymbols(Function)) {}

  /// Replaces the operations of the function's body by launches in the order of the groups.
  void build(ArrayRef<Group> Groups);

private:
  qkernel::KernelOp buildKernel(const Group &Group, ArrayRef<Value> Inputs,
                                ArrayRef<Value> Outputs);
  qkernel::KernelOp share(qkernel::KernelOp Kernel);
  DictionaryAttr dimsAttribute(Value Value);

  ModuleOp Module;
  func::FuncOp Function;
  DimAnalysis &DimsOf;
  SmallVector<SymbolAttr> Symbols;
  llvm::StringMap<qkernel::KernelOp> Shared;
  llvm::StringMap<unsigned> CountOfKind;
};

struct FormKernelsPass : public qopt::impl::FormKernelsBase<FormKernelsPass> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    for (auto Function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (Function.isExternal())
        continue;
      auto Dims = DimAnalysis::run(Function);
      if (failed(Dims))
        return signalPassFailure();
      SmallVector<Group> Groups = Fuse ? formGroups(Function) : formSingleGroups(Function);
      KernelBuilder(getOperation(), Function, *Dims).build(Groups);
    }
  }
};

} // namespace

DictionaryAttr KernelBuilder::dimsAttribute(Value Value) {
  MLIRContext *Context = Module.getContext();
  if (!isa<RankedTensorType>(Value.getType()))
    return DictionaryAttr::get(Context);
  AffineMap Map = makeDimsMap(DimsOf.getDims(Value), Symbols.size(), Context);
  NamedAttribute Entry(StringAttr::get(Context, QOptDialect::getDimsAttrName()),
                       AffineMapAttr::get(Map));
  return DictionaryAttr::get(Context, Entry);
}

qkernel::KernelOp KernelBuilder::buildKernel(const Group &Group, ArrayRef<Value> Inputs,
                                             ArrayRef<Value> Outputs) {
  OpBuilder Builder(Function);
  auto Type =
      Builder.getFunctionType(ValueRange(Inputs).getTypes(), ValueRange(Outputs).getTypes());
  auto Kernel = qkernel::KernelOp::create(Builder, Function.getLoc(), "kernel", Type, Group.Kind,
                                          /*lowering=*/nullptr, /*arg_attrs=*/nullptr,
                                          /*res_attrs=*/nullptr);
  Kernel->setAttr(QOptDialect::getSymbolsAttrName(),
                  Function->getAttr(QOptDialect::getSymbolsAttrName()));
  for (auto [I, Input] : llvm::enumerate(Inputs))
    if (DictionaryAttr Attr = dimsAttribute(Input); !Attr.empty())
      Kernel.setArgAttrs(I, Attr);
  for (auto [I, Output] : llvm::enumerate(Outputs))
    if (DictionaryAttr Attr = dimsAttribute(Output); !Attr.empty())
      Kernel.setResultAttrs(I, Attr);

  Block *Body = Builder.createBlock(&Kernel.getBody(), {}, ValueRange(Inputs).getTypes(),
                                    SmallVector<Location>(Inputs.size(), Function.getLoc()));
  IRMapping Mapping;
  Mapping.map(ValueRange(Inputs), ValueRange(Body->getArguments()));
  Builder.setInsertionPointToStart(Body);
  for (Operation *Op : Group.Ops) {
    for (Value Operand : Op->getOperands())
      if (Operation *Producer = Operand.getDefiningOp();
          Producer && isRecomputed(Producer) && !Mapping.contains(Operand))
        Builder.clone(*Producer, Mapping);
    // A kernel is shared between layers: where an operation came from is on the launch.
    Builder.clone(*Op, Mapping)->setLoc(Builder.getUnknownLoc());
  }
  SmallVector<Value> Yielded =
      llvm::map_to_vector(Outputs, [&](Value Output) { return Mapping.lookup<Value>(Output); });
  qkernel::YieldOp::create(Builder, Function.getLoc(), Yielded);
  return Kernel;
}

qkernel::KernelOp KernelBuilder::share(qkernel::KernelOp Kernel) {
  std::string Text;
  llvm::raw_string_ostream Stream(Text);
  Kernel->print(Stream, OpPrintingFlags().useLocalScope().elideLargeElementsAttrs(1 << 16));
  auto [It, Inserted] = Shared.try_emplace(Text, Kernel);
  if (!Inserted) {
    Kernel->erase();
    return It->second;
  }
  StringRef Kind = Kernel.getKind();
  Kernel.setSymName((Kind + "_" + Twine(CountOfKind[Kind]++)).str());
  return Kernel;
}

void KernelBuilder::build(ArrayRef<Group> Groups) {
  Operation *Return = Function.getBody().front().getTerminator();
  OpBuilder Builder(Return);
  SmallVector<Operation *> Old;
  for (Operation &Op : Function.getBody().front().without_terminator())
    if (!isa<UseWeightOp>(Op))
      Old.push_back(&Op);
  // Names follow the values of the function, which launches replace.
  SmallVector<std::string> Labels = llvm::map_to_vector(Groups, getLabel);
  for (auto [Group, Label] : llvm::zip_equal(Groups, Labels)) {
    auto [Inputs, Outputs] = getBoundary(Group);
    ArrayRef<Operation *> Members = Group.Ops;
    qkernel::KernelOp Kernel = share(buildKernel(Group, Inputs, Outputs));
    SmallVector<Location> Locations =
        llvm::map_to_vector(Group.Ops, [](Operation *Op) { return Op->getLoc(); });
    auto Launch = qkernel::LaunchOp::create(Builder, Builder.getFusedLoc(Locations),
                                            ValueRange(Outputs).getTypes(), Kernel.getSymName(),
                                            Label, Inputs, /*arena=*/nullptr);
    for (auto [Output, Result] : llvm::zip_equal(Outputs, Launch.getResults())) {
      DimsOf.copyDims(Output, Result);
      Output.replaceUsesWithIf(
          Result, [&](OpOperand &Use) { return !llvm::is_contained(Members, Use.getOwner()); });
    }
  }
  for (Operation *Op : llvm::reverse(Old)) {
    Op->dropAllUses();
    Op->erase();
  }
}
