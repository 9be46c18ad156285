#include "EmitVerification.h"

#include "EmitProgram.h"
#include "KernelBudgets.h"
#include "VerifyInputs.h"

#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Base/Hash.h"
#include "qopt/Base/SeededNumbers.h"
#include "qopt/Package/Verification.h"
#include "qopt/Reference/Evaluator.h"
#include "qopt/Reference/WeightSource.h"

#include <cmath>

using namespace mlir;
using namespace qopt;
using artefact::Fill;

/// Elements of one check, at most.
static constexpr int64_t MostElements = 1024;

//===- Weights --------------------------------------------------------------------------------===//

namespace {
/// Weights for the reference: of a matrix only the rows that are looked at.
class SampledWeights {
public:
  SampledWeights(ModuleOp Module, const SourceBytes &Sources) : Module(Module) {
    registerAllSchemes(Schemes);
    Whole = readWeights(Sources, Schemes);
  }
  FailureOr<ReferenceTensor> read(UseWeightOp Use);

private:
  ReferenceTensor readRows(WeightOp Weight, int64_t First, int64_t Count);

  ModuleOp Module;
  SchemeRegistry Schemes;
  WeightProvider Whole;
};
} // namespace

/// The weight with one more step, which keeps these rows.
ReferenceTensor SampledWeights::readRows(WeightOp Weight, int64_t First, int64_t Count) {
  auto Ty = cast<RankedTensorType>(Weight.getType())
                .clone({Count, cast<RankedTensorType>(Weight.getType()).getDimSize(1)});
  OwningOpRef<WeightOp> Rows(cast<WeightOp>(Weight->clone()));
  SmallVector<Attribute> Steps(Weight.getSteps().getValue());
  Steps.push_back(SliceStepAttr::get(Weight.getContext(), 0, First, Count));
  Rows->setStepsAttr(ArrayAttr::get(Weight.getContext(), Steps));
  Rows->setType(Ty);
  auto Values = Whole(*Rows);
  // The packer has read all rows of this weight before; what it took cannot fail here.
  if (failed(Values))
    llvm::report_fatal_error("a weight that was packed cannot be read again");
  return *Values;
}

FailureOr<ReferenceTensor> SampledWeights::read(UseWeightOp Use) {
  auto Weight = Module.lookupSymbol<WeightOp>(Use.getWeight());
  auto Ty = cast<RankedTensorType>(Weight.getType());
  if (Ty.getRank() != 2)
    return Whole(Weight);
  return ReferenceTensor::fromRows(
      Ty, Frame::SampleRun,
      [this, Weight](int64_t First, int64_t Count) { return readRows(Weight, First, Count); });
}

//===- One case -------------------------------------------------------------------------------===//

namespace {
/// Makes one case of one kernel.
class CaseMaker {
public:
  CaseMaker(qkernel::KernelOp Kernel, qkernel::LaunchOp Launch, const Target &Target,
            SampledWeights &Weights, ArrayRef<int64_t> Symbols, int64_t Context)
      : Kernel(Kernel), Launch(Launch), TheTarget(Target), Weights(Weights), Symbols(Symbols),
        Context(Context) {}

  /// Failure after a diagnostic.
  LogicalResult run(artefact::VerifyCase &Case);

private:
  LogicalResult makeInput(unsigned Argument);
  SmallVector<int64_t> shapeOf(unsigned Argument);
  LogicalResult makeTensor(unsigned Argument);
  LogicalResult makeCache(unsigned Argument);
  int64_t rowsOf(BlockArgument Cache);
  FailureOr<SmallVector<ReferenceValue>> evaluateRegion(bool Sampling);
  LogicalResult addChecks(ArrayRef<ReferenceValue> Results);
  void addTensorCheck(const ReferenceTensor &Result);
  void addSideChecks(const ReferenceCache &Result, bool IsKeys, int64_t Buffer);
  uint64_t nextSeed() {
    return hashBytes((Kernel.getSymName() + "/" + Twine(NextSeed++)).str()) >> 1;
  }

  qkernel::KernelOp Kernel;
  qkernel::LaunchOp Launch;
  const Target &TheTarget;
  SampledWeights &Weights;
  ArrayRef<int64_t> Symbols;
  int64_t Context;
  artefact::VerifyCase Case;
  SmallVector<ReferenceValue> Inputs;
  SmallVector<int64_t> FirstBuffer; ///< of each argument of the kernel
  int64_t NextBuffer = 0;
  unsigned NextSeed = 0;
};
} // namespace

SmallVector<int64_t> CaseMaker::shapeOf(unsigned Argument) {
  SmallVector<int64_t> Shape(
      cast<RankedTensorType>(Kernel.getArgumentTypes()[Argument]).getShape());
  if (auto Map = Kernel.getArgAttrOfType<AffineMapAttr>(Argument, QOptDialect::getDimsAttrName()))
    for (auto [Size, Expr] : llvm::zip_equal(Shape, Map.getValue().getResults()))
      Size = evaluate(Expr, Symbols).value_or(0);
  return Shape;
}

LogicalResult CaseMaker::makeTensor(unsigned Argument) {
  auto Ty = cast<RankedTensorType>(Kernel.getArgumentTypes()[Argument]);
  if (getStoredElementType(Ty))
    return Kernel.emitError() << "argument " << Argument << " is an activation stored as "
                              << Ty.getElementType();
  ReferenceTensor Values(Ty.clone(shapeOf(Argument)));
  Fill From;
  From.Argument = NextBuffer++;
  From.Type = toDataType(Ty.getElementType());
  From.Seed = nextSeed();
  From.Range = chooseRange(Kernel.getBody().getArgument(Argument), Symbols, Context);
  From.Runs = {{0, Values.getNumElements()}};
  for (int64_t I = 0; I < Values.getNumElements(); ++I)
    if (Values.isFloat())
      Values.setFloat(I, seededFloat(From, I));
    else
      Values.setInteger(I, seededInteger(From, I));
  Case.Fills.push_back(std::move(From));
  Inputs.push_back(std::move(Values));
  return success();
}

/// Rows of a cache: those of what reads it.
int64_t CaseMaker::rowsOf(BlockArgument Cache) {
  for (Operation *User : Cache.getUsers()) {
    Value Past;
    if (auto Append = dyn_cast<KVAppendOp>(User))
      Past = Append.getPast();
    else if (auto Attention = dyn_cast<CachedAttentionOp>(User))
      Past = Attention.getPast();
    if (auto Argument = dyn_cast_or_null<BlockArgument>(Past))
      return shapeOf(Argument.getArgNumber())[0];
  }
  return 1;
}

/// Merges numbers into runs of neighbours.
static std::vector<std::pair<int64_t, int64_t>> makeRuns(std::vector<int64_t> Numbers) {
  llvm::sort(Numbers);
  std::vector<std::pair<int64_t, int64_t>> Runs;
  for (int64_t Number : Numbers)
    if (!Runs.empty() && Runs.back().second == Number)
      ++Runs.back().second;
    else
      Runs.push_back({Number, Number + 1});
  return Runs;
}

//===- Caches ---------------------------------------------------------------------------------===//

namespace {
/// The keys or the values of a cache as memory holds them: numbers, or codes and scales.
class SideOfCache {
public:
  SideOfCache(const Target &Target, KVCacheType Cache, bool IsKeys)
      : TheTarget(Target), Cache(Cache), IsKeys(IsKeys) {}

  Type getType() const { return IsKeys ? Cache.getKey() : Cache.getValue(); }
  StoredTypeInterface getStored() const { return dyn_cast<StoredTypeInterface>(getType()); }
  /// Type of a number or code; codes that are floats are handled as their bits.
  DataType getElementType() const {
    if (!getStored())
      return toDataType(getType());
    return isa<FloatType>(getStored().getCodeType()) ? DataType::U8 : DataType::I8;
  }
  DataType getScaleType() const { return toDataType(getStored().getScaleType()); }

  /// Where they lie in the whole of the side.
  int64_t indexOf(int64_t Row, int64_t Position, int64_t Head, int64_t Channel) const {
    return Row * getRowBytes() / dataTypeSize(getElementType()) +
           pick(TheTarget.getCacheLayout(Cache)).element(Position, Head, Channel);
  }
  int64_t scaleIndexOf(int64_t Row, int64_t Position, int64_t Head) const {
    return Row * getRowBytes() / dataTypeSize(getScaleType()) +
           pick(TheTarget.getCacheScale(Cache, Position, Head));
  }
  /// What a code reads as with a scale of one, and back.
  double decode(int64_t Code) const;
  int64_t encode(double Number) const;

private:
  template <typename T> T pick(const std::pair<T, T> &Pair) const {
    return IsKeys ? Pair.first : Pair.second;
  }
  int64_t getRowBytes() const { return pick(TheTarget.getCacheRowBytes(Cache)); }

  const Target &TheTarget;
  KVCacheType Cache;
  bool IsKeys;
};

/// Numbers for one side of a cache, written down as they are made.
class SideFiller {
public:
  SideFiller(SideOfCache Side, int64_t Argument, uint64_t Seed, uint64_t ScaleSeed);
  /// One head of a token; returns its scale.
  double fill(int64_t Row, int64_t Position, int64_t Head, std::vector<double> &Numbers);
  void finish(std::vector<Fill> &Fills);

private:
  SideOfCache Side;
  Fill Elements, Scales;
  std::vector<int64_t> ElementIndices, ScaleIndices;
};
} // namespace

double SideOfCache::decode(int64_t Code) const {
  auto Float = dyn_cast<FloatType>(getStored().getCodeType());
  if (!Float)
    return double(Code);
  APFloat Number(Float.getFloatSemantics(), APInt(Float.getWidth(), uint64_t(Code)));
  bool LosesInfo;
  Number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &LosesInfo);
  return Number.convertToDouble();
}

int64_t SideOfCache::encode(double Number) const {
  auto Float = dyn_cast<FloatType>(getStored().getCodeType());
  if (!Float)
    return std::llround(Number);
  APFloat Code(Number);
  bool LosesInfo;
  Code.convert(Float.getFloatSemantics(), APFloat::rmNearestTiesToEven, &LosesInfo);
  return Code.bitcastToAPInt().getZExtValue();
}

SideFiller::SideFiller(SideOfCache Side, int64_t Argument, uint64_t Seed, uint64_t ScaleSeed)
    : Side(Side) {
  Elements.Argument = Scales.Argument = Argument;
  Elements.Type = Side.getElementType();
  Elements.Seed = Seed;
  if (!Side.getStored())
    return;
  Scales.Type = Side.getScaleType();
  Scales.Seed = ScaleSeed;
  Scales.Magnitude = 0x1p-6;
  // Bits of floats: all that are positive.
  Elements.Range = Elements.Type == DataType::U8 ? Interval{0, 0x7e} : Interval{-127, 127};
}

double SideFiller::fill(int64_t Row, int64_t Position, int64_t Head, std::vector<double> &Numbers) {
  double Scale = 1;
  if (Side.getStored()) {
    ScaleIndices.push_back(Side.scaleIndexOf(Row, Position, Head));
    Scale = seededFloat(Scales, ScaleIndices.back());
  }
  for (auto [Channel, Number] : llvm::enumerate(Numbers)) {
    int64_t Index = Side.indexOf(Row, Position, Head, Channel);
    ElementIndices.push_back(Index);
    Number = Side.getStored() ? Side.decode(seededInteger(Elements, Index)) * Scale
                              : seededFloat(Elements, Index);
  }
  return Scale;
}

void SideFiller::finish(std::vector<Fill> &Fills) {
  Elements.Runs = makeRuns(std::move(ElementIndices));
  Fills.push_back(std::move(Elements));
  if (!Side.getStored())
    return;
  Scales.Runs = makeRuns(std::move(ScaleIndices));
  Fills.push_back(std::move(Scales));
}

/// Some positions of every row hold numbers; how many of them are valid says an argument.
LogicalResult CaseMaker::makeCache(unsigned Argument) {
  auto Ty = cast<KVCacheType>(Kernel.getArgumentTypes()[Argument]);
  SideFiller Keys(SideOfCache(TheTarget, Ty, true), NextBuffer++, nextSeed(), nextSeed());
  SideFiller Values(SideOfCache(TheTarget, Ty, false), NextBuffer++, nextSeed(), nextSeed());
  int64_t Rows = rowsOf(Kernel.getBody().getArgument(Argument)),
          Filled = std::min<int64_t>(Ty.getCapacity(), 96);
  ReferenceCache Cache(Ty, Rows);
  std::vector<double> Key(Ty.getHeadSize()), Value(Ty.getHeadSize());
  for (int64_t Row = 0; Row < Rows; ++Row)
    for (int64_t Position = 0; Position < Filled; ++Position)
      for (int64_t Head = 0; Head < Ty.getHeads(); ++Head) {
        double KeyScale = Keys.fill(Row, Position, Head, Key);
        double ValueScale = Values.fill(Row, Position, Head, Value);
        Cache.load(Row, Position, Head, Key, Value, KeyScale, ValueScale);
      }
  Keys.finish(Case.Fills);
  Values.finish(Case.Fills);
  Inputs.push_back(std::move(Cache));
  return success();
}

LogicalResult CaseMaker::makeInput(unsigned Argument) {
  FirstBuffer.push_back(NextBuffer);
  if (auto Use = Launch.getOperands()[Argument].getDefiningOp<UseWeightOp>()) {
    ++NextBuffer;
    auto Weight = Weights.read(Use);
    if (failed(Weight))
      return failure();
    Inputs.push_back(std::move(*Weight));
    return success();
  }
  return isa<KVCacheType>(Kernel.getArgumentTypes()[Argument]) ? makeCache(Argument)
                                                               : makeTensor(Argument);
}

FailureOr<SmallVector<ReferenceValue>> CaseMaker::evaluateRegion(bool Sampling) {
  ReferenceRegistry Registry;
  registerAllReferences(Registry);
  Evaluator Reference(Registry);
  Reference.setSampling(Sampling);
  llvm::StringMap<int64_t> Named;
  for (auto [Symbol, Value] : llvm::zip_equal(getSymbols(Kernel), Symbols))
    Named[Symbol.getName()] = Value;
  return Reference.run(cast<FunctionOpInterface>(Kernel.getOperation()), Inputs, Named);
}

/// Keeps `Most` of them, evenly, the first and the last among them.
template <typename T> static void thin(std::vector<T> &Values, int64_t Most) {
  int64_t Count = Values.size();
  if (Count <= Most)
    return;
  for (int64_t I = 0; I < Most; ++I)
    Values[I] = Values[I * (Count - 1) / (Most - 1)];
  Values.resize(Most);
}

static void thin(artefact::Check &Check, int64_t Most) {
  thin(Check.Elements, Most);
  thin(Check.Values, Most);
}

/// Numbers that the reference did not compute are NaN; one that a model really makes NaN is left
/// out with them.
void CaseMaker::addTensorCheck(const ReferenceTensor &Result) {
  artefact::Check Check;
  Check.Argument = NextBuffer++;
  Check.Type = toDataType(Result.getElementType());
  Check.Budget = findKernelBudget(Kernel, Result.getElementType(), TheTarget.getName());
  for (int64_t I = 0; I < Result.getNumElements(); ++I) {
    double Value = Result.getFloat(I);
    if (std::isnan(Value))
      continue;
    Check.Elements.push_back(I);
    Check.Values.push_back(Value);
  }
  thin(Check, MostElements);
  Case.Checks.push_back(std::move(Check));
}

/// What a side of a cache must hold.
void CaseMaker::addSideChecks(const ReferenceCache &Result, bool IsKeys, int64_t Buffer) {
  KVCacheType Ty = Result.getType();
  SideOfCache Side(TheTarget, Ty, IsKeys);
  artefact::Check Elements, Scales;
  Elements.Argument = Scales.Argument = Buffer;
  Elements.Type = Side.getElementType();
  Elements.Budget = findKernelBudget(Kernel, Side.getType(), TheTarget.getName());
  auto Add = [&](int64_t Row, int64_t Position, int64_t Head) {
    double Scale = IsKeys ? Result.getKeyScale(Row, Position, Head)
                          : Result.getValueScale(Row, Position, Head);
    if (Side.getStored()) {
      Scales.Elements.push_back(Side.scaleIndexOf(Row, Position, Head));
      Scales.Values.push_back(Scale);
      if (Scale == 0) // any code reads as zero
        return;
    }
    for (int64_t Channel = 0; Channel < Ty.getHeadSize(); ++Channel) {
      double Number = IsKeys ? Result.getKey(Row, Position, Head, Channel)
                             : Result.getValue(Row, Position, Head, Channel);
      Elements.Elements.push_back(Side.indexOf(Row, Position, Head, Channel));
      Elements.Values.push_back(Side.getStored() ? Side.encode(Number / Scale) : Number);
    }
  };
  for (int64_t Row = 0; Row < Result.getBatch(); ++Row)
    for (int64_t Position = 0; Position < Ty.getCapacity(); ++Position)
      for (int64_t Head = 0; Head < Ty.getHeads() && Result.isWritten(Row, Position); ++Head)
        Add(Row, Position, Head);
  thin(Elements, MostElements);
  Case.Checks.push_back(std::move(Elements));
  if (!Side.getStored())
    return;
  Scales.Type = Side.getScaleType();
  Scales.Budget = findKernelBudget(Kernel, Side.getStored().getScaleType(), TheTarget.getName());
  thin(Scales, MostElements);
  Case.Checks.push_back(std::move(Scales));
}

/// The argument that a cache among the results began as.
static std::optional<unsigned> findCache(Value Result) {
  while (auto Append = Result.getDefiningOp<KVAppendOp>())
    Result = Append.getCache();
  auto Argument = dyn_cast<BlockArgument>(Result);
  return Argument ? std::optional(Argument.getArgNumber()) : std::nullopt;
}

LogicalResult CaseMaker::addChecks(ArrayRef<ReferenceValue> Results) {
  Operation *Yield = Kernel.getBody().front().getTerminator();
  for (auto [Result, Yielded] : llvm::zip_equal(Results, Yield->getOperands())) {
    if (Result.isTensor()) {
      addTensorCheck(Result.getTensor());
      continue;
    }
    auto Argument = findCache(Yielded);
    if (!Argument)
      return Kernel.emitError("a cache among the results is none of the arguments");
    addSideChecks(Result.getCache(), true, FirstBuffer[*Argument]);
    addSideChecks(Result.getCache(), false, FirstBuffer[*Argument] + 1);
  }
  return success();
}

/// Whether every result has something to compare.
static bool isUseful(const artefact::VerifyCase &Case) {
  return llvm::all_of(Case.Checks,
                      [](const artefact::Check &Check) { return !Check.Elements.empty(); });
}

LogicalResult CaseMaker::run(artefact::VerifyCase &Made) {
  Case.Symbols.assign(Symbols.begin(), Symbols.end());
  for (unsigned I = 0; I < Kernel.getNumArguments(); ++I)
    if (failed(makeInput(I)))
      return failure();
  int64_t FirstResult = NextBuffer;
  for (bool Sampling : {true, false}) {
    NextBuffer = FirstResult;
    Case.Checks.clear();
    auto Results = evaluateRegion(Sampling);
    if (failed(Results) || failed(addChecks(*Results)))
      return failure();
    if (!isUseful(Case))
      continue;
    Made = std::move(Case);
    return success();
  }
  return Kernel.emitError("its results on made-up inputs are no numbers");
}

//===- All cases ------------------------------------------------------------------------------===//

namespace {
/// Goes through the kernels of a program.
class VerificationMaker {
public:
  VerificationMaker(ModuleOp Module, const Target &Target, const artefact::Program &Program,
                    const SourceBytes &Sources)
      : Module(Module), TheTarget(Target), Program(Program), Weights(Module, Sources) {}

  artefact::Verification run();

private:
  void addKernel(qkernel::KernelOp Kernel, int64_t First, int64_t End);
  bool addCase(qkernel::KernelOp Kernel, qkernel::LaunchOp Launch, int64_t LaunchIndex,
               ArrayRef<int64_t> Symbols, std::string &Reason);
  qkernel::LaunchOp findLaunch(StringRef Kernel, StringRef Label);
  void keepWithinLimit();

  ModuleOp Module;
  const Target &TheTarget;
  const artefact::Program &Program;
  SampledWeights Weights;
  artefact::Verification Made;
};
} // namespace

qkernel::LaunchOp VerificationMaker::findLaunch(StringRef Kernel, StringRef Label) {
  qkernel::LaunchOp Found;
  Module.walk([&](qkernel::LaunchOp Launch) {
    if (!Found && Launch.getKernel() == Kernel && Launch.getLabel() == Label)
      Found = Launch;
  });
  return Found;
}

/// Whether a case was made; otherwise the reason. Diagnostics say why and are no errors of the
/// compilation.
bool VerificationMaker::addCase(qkernel::KernelOp Kernel, qkernel::LaunchOp Launch,
                                int64_t LaunchIndex, ArrayRef<int64_t> Symbols,
                                std::string &Reason) {
  ScopedDiagnosticHandler Handler(Module.getContext(), [&](Diagnostic &Problem) {
    if (Reason.empty())
      Reason = Problem.str();
    return success();
  });
  auto Entry = Launch->getParentOfType<func::FuncOp>();
  auto Context = Entry->getAttrOfType<IntegerAttr>("qopt.context");
  artefact::VerifyCase Case;
  CaseMaker Maker(Kernel, Launch, TheTarget, Weights, Symbols, Context ? Context.getInt() : 4096);
  if (failed(Maker.run(Case)))
    return false;
  Case.Launch = LaunchIndex;
  Made.Cases.push_back(std::move(Case));
  return true;
}

/// The kernel's stages are those of the program from `First` to before `End`.
void VerificationMaker::addKernel(qkernel::KernelOp Kernel, int64_t First, int64_t End) {
  StringRef Name = Kernel.getSymName();
  SmallVector<SymbolAttr> Symbols = getSymbols(Kernel);
  SmallVector<SmallVector<int64_t>, 2> Requests = {chooseSmallRequest(Symbols),
                                                   chooseLargeRequest(Symbols)};
  if (Requests[0] == Requests[1])
    Requests.pop_back();
  std::string Reason;
  bool Any = false;
  for (ArrayRef<int64_t> Request : Requests)
    for (auto [I, Candidate] : llvm::enumerate(Program.Launches))
      if (Candidate.Kernel >= First && Candidate.Kernel < End && !Candidate.Continues &&
          Candidate.runsFor(Request.data())) {
        Any |= addCase(Kernel, findLaunch(Name, Candidate.Name), I, Request, Reason);
        break;
      }
  if (!Any)
    Made.Unverified.push_back(
        {First, Reason.empty() ? "no launch runs for the requests that were tried" : Reason});
}

/// A program of very many kernels compares fewer elements of each.
void VerificationMaker::keepWithinLimit() {
  for (int64_t Most = MostElements;
       Most > 8 && int64_t(printVerification(Made).size()) > artefact::MaxVerifyBytes; Most /= 2)
    for (artefact::VerifyCase &Case : Made.Cases)
      for (artefact::Check &Check : Case.Checks)
        thin(Check, Most / 2);
}

artefact::Verification VerificationMaker::run() {
  int64_t First = 0;
  for (auto Kernel : Module.getOps<qkernel::KernelOp>()) {
    auto Plan = TheTarget.planKernel(Kernel);
    assert(succeeded(Plan) && "the program was made of these plans");
    int64_t End = First + int64_t(Plan->Stages.size());
    addKernel(Kernel, First, End);
    First = End;
  }
  keepWithinLimit();
  return std::move(Made);
}

artefact::Verification qopt::makeVerification(ModuleOp Module, const Target &Target,
                                              const artefact::Program &Program,
                                              const SourceBytes &Sources) {
  return VerificationMaker(Module, Target, Program, Sources).run();
}
