#include "EmitProgram.h"

#include "qopt/Analysis/DimAnalysis.h"

using namespace mlir;
using namespace qopt;

Expression qopt::toExpression(AffineExpr Expr) {
  if (auto Constant = dyn_cast<AffineConstantExpr>(Expr))
    return Expression(Constant.getValue());
  if (auto Symbol = dyn_cast<AffineSymbolExpr>(Expr))
    return Expression::symbol(Symbol.getPosition());
  auto Binary = cast<AffineBinaryOpExpr>(Expr);
  auto Kind = [&] {
    switch (Binary.getKind()) {
    case AffineExprKind::Add:
      return Expression::Kind::Add;
    case AffineExprKind::Mul:
      return Expression::Kind::Mul;
    case AffineExprKind::Mod:
      return Expression::Kind::Mod;
    case AffineExprKind::FloorDiv:
      return Expression::Kind::FloorDiv;
    case AffineExprKind::CeilDiv:
      return Expression::Kind::CeilDiv;
    default:
      llvm_unreachable("an affine binary expression is one of these");
    }
  }();
  return Expression::apply(Kind, {toExpression(Binary.getLHS()), toExpression(Binary.getRHS())});
}

DataType qopt::toDataType(Type Element) {
  if (Element.isF64())
    return DataType::F64;
  if (Element.isF16())
    return DataType::F16;
  if (Element.isBF16())
    return DataType::BF16;
  if (Element.isUnsignedInteger())
    return Element.isUnsignedInteger(64)   ? DataType::U64
           : Element.isUnsignedInteger(32) ? DataType::U32
           : Element.isUnsignedInteger(16) ? DataType::U16
                                           : DataType::U8;
  if (Element.isInteger(64))
    return DataType::I64;
  if (Element.isInteger(32))
    return DataType::I32;
  if (Element.isInteger(16))
    return DataType::I16;
  if (Element.isInteger(8))
    return DataType::I8;
  if (Element.isInteger(1))
    return DataType::Bool;
  return DataType::F32;
}

FailureOr<func::FuncOp> qopt::findEntry(ModuleOp Module) {
  func::FuncOp Entry;
  for (auto Function : Module.getOps<func::FuncOp>()) {
    if (Function.isExternal())
      continue;
    if (Entry)
      return Function.emitError() << "a program has one function, but '" << Entry.getSymName()
                                  << "' is another";
    Entry = Function;
  }
  if (!Entry)
    return Module.emitError("a program needs a function with a body");
  return Entry;
}

FailureOr<KernelPlans> qopt::planKernels(ModuleOp Module, const Target &Target) {
  KernelPlans Plans;
  for (auto Kernel : Module.getOps<qkernel::KernelOp>()) {
    auto Plan = Target.planKernel(Kernel);
    if (failed(Plan))
      return failure();
    Kernel.setLowering(Plan->Lowering);
    Plans[Kernel.getSymName()] = std::move(*Plan);
  }
  return Plans;
}

namespace {

/// Builds the table; buffers are numbered in the order in which they are first seen.
class ProgramEmitter {
public:
  ProgramEmitter(ModuleOp Module, func::FuncOp Entry, const Target &Target,
                 const KernelPlans &Plans, DimAnalysis Dims)
      : Module(Module), Entry(Entry), TheTarget(Target), Plans(Plans), Dims(std::move(Dims)) {}

  FailureOr<artefact::Program> emit();

private:
  void addSymbols();
  void addArguments();
  void addInput(BlockArgument Argument, StringRef Name);
  void addCache(BlockArgument Argument, StringRef Name);
  LogicalResult addOutputs();
  void addKernels();
  LogicalResult addLaunch(qkernel::LaunchOp Launch);
  void addStages(const KernelPlan &Plan, int64_t First, const artefact::Launch &Launch);
  LogicalResult addWorkspace();
  LogicalResult addResults(qkernel::LaunchOp Launch);
  int64_t rotaryBuffer(const RotaryTable &Table);
  int64_t weightBuffer(UseWeightOp Use);
  std::vector<Expression> shapeOf(Value Value);
  Expression bytesOf(Value Value);
  int64_t staticWeightBytes(StringRef Weight);
  std::optional<Interval> indexRange(BlockArgument Argument);
  int64_t addBuffer(artefact::Buffer Buffer) {
    Program.Buffers.push_back(std::move(Buffer));
    return int64_t(Program.Buffers.size()) - 1;
  }

  ModuleOp Module;
  func::FuncOp Entry;
  const Target &TheTarget;
  const KernelPlans &Plans;
  DimAnalysis Dims;
  artefact::Program Program;
  /// A tensor has one buffer, a cache two.
  llvm::DenseMap<Value, SmallVector<int64_t, 2>> BuffersOf;
  llvm::StringMap<int64_t> WeightBuffers;
  /// Of a kernel's first stage.
  llvm::StringMap<int64_t> KernelIndex;
  SmallVector<std::pair<RotaryTable, int64_t>> Tables;
  int64_t ArenaBuffers = 0;
  /// Shared by all kernels that want one, as launches follow each other.
  std::optional<int64_t> WorkspaceBuffer;
};

} // namespace

static std::string argumentName(func::FuncOp Function, unsigned Index) {
  auto Name = Function.getArgAttrOfType<StringAttr>(Index, QOptDialect::getNameAttrName());
  return Name ? Name.str() : "input." + std::to_string(Index);
}

void ProgramEmitter::addSymbols() {
  for (SymbolAttr Symbol : getSymbols(Entry))
    Program.Symbols.push_back({Symbol.getName().str(), {Symbol.getMin(), Symbol.getMax()}});
}

std::vector<Expression> ProgramEmitter::shapeOf(Value Value) {
  std::vector<Expression> Shape;
  for (AffineExpr Dim : Dims.getDims(Value))
    Shape.push_back(toExpression(Dim));
  return Shape;
}

int64_t ProgramEmitter::staticWeightBytes(StringRef Name) {
  auto Weight = Module.lookupSymbol<WeightOp>(Name);
  auto Layout = cast<qkernel::WeightLayoutInterface>(*Weight.getLayout());
  return Layout.getByteSize(cast<RankedTensorType>(Weight.getType()));
}

Expression ProgramEmitter::bytesOf(Value Value) {
  if (auto Use = Value.getDefiningOp<UseWeightOp>())
    return Expression(staticWeightBytes(Use.getWeight()));
  auto Ty = dyn_cast<RankedTensorType>(Value.getType());
  // How much of a cache is read depends on the tokens that it holds, which is no symbol.
  if (!Ty)
    return Expression(0);
  int64_t Width = llvm::divideCeil(Ty.getElementTypeBitWidth(), 8);
  return toExpression(getElementCount(Dims.getDims(Value), Value.getContext()) * Width);
}

/// Rows of the table that an integer argument indexes; a decoder's ids count from 0.
std::optional<Interval> ProgramEmitter::indexRange(BlockArgument Argument) {
  std::optional<Interval> Range;
  for (OpOperand &Use : Argument.getUses()) {
    auto Launch = dyn_cast<qkernel::LaunchOp>(Use.getOwner());
    if (!Launch)
      continue;
    auto Kernel = Module.lookupSymbol<qkernel::KernelOp>(Launch.getKernel());
    for (Operation *User : Kernel.getBody().getArgument(Use.getOperandNumber()).getUsers()) {
      auto Gather = dyn_cast<GatherOp>(User);
      if (!Gather || Gather.getIndices() != Kernel.getBody().getArgument(Use.getOperandNumber()))
        continue;
      int64_t Rows =
          cast<RankedTensorType>(Gather.getTable().getType()).getDimSize(Gather.getAxis());
      bool Decoder =
          Entry->hasAttr("qopt.kind") && cast<StringAttr>(Entry->getAttr("qopt.kind")) == "decoder";
      if (Rows > 0 && (!Range || Rows - 1 < Range->Max))
        Range = Interval{Decoder ? 0 : -Rows, Rows - 1};
    }
  }
  return Range;
}

void ProgramEmitter::addInput(BlockArgument Argument, StringRef Name) {
  auto Ty = cast<RankedTensorType>(Argument.getType());
  artefact::Buffer Buffer;
  Buffer.Name = Name.str();
  Buffer.Kind = artefact::BufferKind::Input;
  Buffer.Type = toDataType(Ty.getElementType());
  Buffer.Shape = shapeOf(Argument);
  if (Ty.getElementType().isInteger(64) || Ty.getElementType().isInteger(32))
    Buffer.Range = indexRange(Argument);
  BuffersOf[Argument] = {addBuffer(std::move(Buffer))};
}

void ProgramEmitter::addCache(BlockArgument Argument, StringRef Name) {
  auto Cache = cast<KVCacheType>(Argument.getType());
  auto [KeyBytes, ValueBytes] = TheTarget.getCacheRowBytes(Cache);
  SmallVector<int64_t, 2> Sides;
  for (auto [Suffix, Bytes, Stored] : {std::tuple(".key", KeyBytes, Cache.getKey()),
                                       std::tuple(".value", ValueBytes, Cache.getValue())}) {
    artefact::Buffer Buffer;
    Buffer.Name = (Name + Suffix).str();
    Buffer.Kind = artefact::BufferKind::State;
    Buffer.Type = isa<StoredTypeInterface>(Stored) ? DataType::U8 : toDataType(Stored);
    Buffer.RowBytes = Bytes;
    Sides.push_back(addBuffer(std::move(Buffer)));
  }
  BuffersOf[Argument] = Sides;
}

void ProgramEmitter::addArguments() {
  for (BlockArgument Argument : Entry.getArguments()) {
    std::string Name = argumentName(Entry, Argument.getArgNumber());
    if (isa<KVCacheType>(Argument.getType()))
      addCache(Argument, Name);
    else
      addInput(Argument, Name);
  }
}

LogicalResult ProgramEmitter::addOutputs() {
  Operation *Return = Entry.getBody().front().getTerminator();
  for (auto [I, Result] : llvm::enumerate(Return->getOperands())) {
    auto Ty = dyn_cast<RankedTensorType>(Result.getType());
    if (!Ty)
      continue;
    auto Name = Entry.getResultAttrOfType<StringAttr>(I, QOptDialect::getNameAttrName());
    std::string Text = Name ? Name.str() : "output." + std::to_string(I);
    if (!Result.getDefiningOp<qkernel::LaunchOp>() || BuffersOf.count(Result))
      return Return->emitOpError()
             << "result '" << Text << "' is an input, a weight or another result; "
             << "a program must compute each of its results";
    artefact::Buffer Buffer;
    Buffer.Name = Text;
    Buffer.Kind = artefact::BufferKind::Output;
    Buffer.Type = toDataType(Ty.getElementType());
    Buffer.Shape = shapeOf(Result);
    BuffersOf[Result] = {addBuffer(std::move(Buffer))};
  }
  return success();
}

void ProgramEmitter::addKernels() {
  for (auto Kernel : Module.getOps<qkernel::KernelOp>()) {
    KernelIndex[Kernel.getSymName()] = Program.Kernels.size();
    for (const KernelStage &Stage : Plans.find(Kernel.getSymName())->second.Stages) {
      artefact::Kernel New;
      New.Name = Stage.getName(Kernel.getSymName());
      Program.Kernels.push_back(std::move(New));
    }
  }
}

int64_t ProgramEmitter::weightBuffer(UseWeightOp Use) {
  auto [It, Inserted] = WeightBuffers.try_emplace(Use.getWeight(), 0);
  if (Inserted) {
    artefact::Buffer Buffer;
    Buffer.Name = Buffer.Tensor = Use.getWeight().str();
    Buffer.Kind = artefact::BufferKind::Weight;
    It->second = addBuffer(std::move(Buffer));
  }
  return It->second;
}

int64_t ProgramEmitter::rotaryBuffer(const RotaryTable &Table) {
  for (auto &[Known, Index] : Tables)
    if (Known == Table)
      return Index;
  artefact::Buffer Buffer;
  Buffer.Name = "rotary." + std::to_string(Tables.size());
  Buffer.Kind = artefact::BufferKind::Rotary;
  Buffer.Frequencies.assign(Table.InverseFrequencies.begin(), Table.InverseFrequencies.end());
  Buffer.Scale = Table.Scale;
  auto Context = Entry->getAttrOfType<IntegerAttr>("qopt.context");
  Buffer.Positions = Table.Positions ? Table.Positions : Context ? Context.getInt() : 4096;
  Tables.push_back({Table, addBuffer(std::move(Buffer))});
  return Tables.back().second;
}

LogicalResult ProgramEmitter::addResults(qkernel::LaunchOp Launch) {
  if (!Launch.getArena())
    return Launch.emitOpError("has no place in the arena; run qopt-plan-memory");
  auto Cache =
      llvm::find_if(Launch.getOperands(), [](Value V) { return isa<KVCacheType>(V.getType()); });
  for (auto [I, Result] : llvm::enumerate(Launch.getResults())) {
    if (isa<KVCacheType>(Result.getType())) {
      BuffersOf[Result] = BuffersOf.lookup(*Cache);
      continue;
    }
    if (BuffersOf.count(Result))
      continue;
    artefact::Buffer Buffer;
    Buffer.Name = "t" + std::to_string(ArenaBuffers++);
    Buffer.Kind = artefact::BufferKind::Arena;
    Buffer.Offset = (*Launch.getArena())[I];
    Buffer.Bytes = bytesOf(Result);
    BuffersOf[Result] = {addBuffer(std::move(Buffer))};
  }
  return success();
}

LogicalResult ProgramEmitter::addLaunch(qkernel::LaunchOp Launch) {
  if (failed(addResults(Launch)))
    return failure();
  const KernelPlan &Plan = Plans.find(Launch.getKernel())->second;
  artefact::Launch New;
  New.Name = Launch.getLabel().str();
  std::vector<Expression> Reads{Expression(0), Expression(0)}, Writes{Expression(0), Expression(0)};
  for (Value Operand : Launch.getOperands()) {
    if (auto Use = Operand.getDefiningOp<UseWeightOp>())
      New.Buffers.push_back(weightBuffer(Use));
    else
      llvm::append_range(New.Buffers, BuffersOf.lookup(Operand));
    Reads.push_back(bytesOf(Operand));
  }
  for (Value Result : Launch.getResults())
    if (isa<RankedTensorType>(Result.getType())) {
      llvm::append_range(New.Buffers, BuffersOf.lookup(Result));
      Writes.push_back(bytesOf(Result));
    }
  for (const RotaryTable &Table : Plan.Tables)
    New.Buffers.push_back(rotaryBuffer(Table));
  if (Plan.WorkspaceBytes)
    New.Buffers.push_back(*WorkspaceBuffer);
  New.Reads = Expression::apply(Expression::Kind::Add, Reads);
  New.Writes = Expression::apply(Expression::Kind::Add, Writes);
  addStages(Plan, KernelIndex.lookup(Launch.getKernel()), New);
  return success();
}

/// Launches of the stages of a kernel, whose first one is number `First` of the artefact's kernels.
/// What a kernel reads and writes is counted once.
void ProgramEmitter::addStages(const KernelPlan &Plan, int64_t First,
                               const artefact::Launch &Launch) {
  for (auto [I, Stage] : llvm::enumerate(Plan.Stages)) {
    artefact::Launch New = Launch;
    New.Kernel = First + int64_t(I);
    New.Range = toExpression(Stage.Items);
    if (Stage.When)
      New.When.push_back({toExpression(Stage.When->Value), Stage.When->Range});
    New.Continues = Stage.Continues;
    if (Stage.Continues)
      New.Reads = New.Writes = Expression(0);
    Program.Launches.push_back(std::move(New));
  }
}

/// The most that any kernel asks for with the largest request, and an error that calls it `What`
/// where that overflows.
static FailureOr<int64_t> getLargest(func::FuncOp Entry, const KernelPlans &Plans,
                                     AffineExpr KernelPlan::*Size, StringRef What) {
  SmallVector<int64_t> Maxima =
      llvm::map_to_vector(getSymbols(Entry), [](SymbolAttr Symbol) { return Symbol.getMax(); });
  int64_t Largest = 0;
  for (const auto &Plan : Plans) {
    AffineExpr Bytes = Plan.second.*Size;
    auto Known = Bytes ? evaluate(Bytes, Maxima) : std::optional<int64_t>(0);
    if (!Known)
      return Entry.emitError() << "the " << What << " of '" << Plan.first()
                               << "' overflows for the largest request";
    Largest = std::max(Largest, *Known);
  }
  return Largest;
}

/// Behind the arena, as large as the largest request of any kernel.
LogicalResult ProgramEmitter::addWorkspace() {
  constexpr int64_t WorkspaceAlignment = 256;
  auto Bytes = getLargest(Entry, Plans, &KernelPlan::WorkspaceBytes, "workspace");
  if (failed(Bytes) || *Bytes == 0)
    return Bytes;
  artefact::Buffer Buffer;
  Buffer.Name = "workspace";
  Buffer.Kind = artefact::BufferKind::Arena;
  Buffer.Offset = int64_t(llvm::alignTo(Program.ArenaBytes, WorkspaceAlignment));
  Buffer.Bytes = Expression(*Bytes);
  Program.ArenaBytes = Buffer.Offset + *Bytes;
  WorkspaceBuffer = addBuffer(std::move(Buffer));
  return success();
}

FailureOr<artefact::Program> ProgramEmitter::emit() {
  addSymbols();
  addArguments();
  if (failed(addOutputs()))
    return failure();
  addKernels();
  auto Arena = Entry->getAttrOfType<IntegerAttr>(qkernel::QKernelDialect::getArenaBytesAttrName());
  Program.ArenaBytes = Arena ? Arena.getInt() : 0;
  if (failed(addWorkspace()))
    return failure();
  for (auto Launch : Entry.getOps<qkernel::LaunchOp>())
    if (failed(addLaunch(Launch)))
      return failure();
  auto Scratch = getLargest(Entry, Plans, &KernelPlan::ScratchBytes, "scratch memory");
  if (failed(Scratch))
    return failure();
  Program.ScratchBytes = int64_t(llvm::alignTo(*Scratch, artefact::Alignment));
  return std::move(Program);
}

FailureOr<artefact::Program> qopt::emitProgram(ModuleOp Module, const Target &Target,
                                               const KernelPlans &Plans) {
  auto Entry = findEntry(Module);
  if (failed(Entry))
    return failure();
  auto Dims = DimAnalysis::run(*Entry);
  if (failed(Dims))
    return failure();
  return ProgramEmitter(Module, *Entry, Target, Plans, std::move(*Dims)).emit();
}

void qopt::addVariants(artefact::Program &Program, const CompiledModule &Code) {
  for (artefact::Kernel &Kernel : Program.Kernels)
    for (const KernelVariant &Variant : Code.Variants.lookup(Kernel.Name))
      Kernel.Variants.push_back(
          {Variant.Isa, Variant.Symbol, Variant.Threads, Variant.SharedBytes});
}
