#include "KernelTester.h"

#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Analysis/WeightPacker.h"
#include "qopt/Pipelines/Register.h"
#include "qopt/Targets/Common/KernelBuilder.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace qopt;
using namespace qopt::test;
using codegen::getElementBytes;

Budget test::getBudget(StringRef Operation, StringRef Types) {
  if (const Budget *Found = findBudget(Operation, Types, "cpu"))
    return *Found;
  ADD_FAILURE() << "no budget for " << Operation.str() << ", " << Types.str();
  return {};
}

GuardedBuffer::GuardedBuffer(size_t Size, unsigned char Fill) : Bytes(Size) {
  size_t Page = sysconf(_SC_PAGESIZE);
  MapSize = llvm::alignTo(std::max<size_t>(Size, 1), Page) + Page;
  Map = mmap(nullptr, MapSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(static_cast<char *>(Map) + MapSize - Page, Page, PROT_NONE);
  Data = static_cast<char *>(Map) + MapSize - Page - Size;
  memset(Data, Fill, Size);
}

GuardedBuffer::~GuardedBuffer() {
  if (Map)
    munmap(Map, MapSize);
}

KernelTester::KernelTester(std::string Text, std::vector<std::vector<int64_t>> SymbolValues)
    : SymbolSets(std::move(SymbolValues)), Symbols(SymbolSets.front()) {
  DialectRegistry Registry;
  registerAllDialects(Registry);
  Context.appendDialectRegistry(Registry);
  Context.loadAllAvailableDialects();
  Module = parseSourceString<ModuleOp>(Text, &Context);
  if (Module)
    Kernel = *Module->getOps<qkernel::KernelOp>().begin();
  else
    ADD_FAILURE() << Text;
}

KernelTester::~KernelTester() = default;

KernelTester &KernelTester::weights(std::vector<unsigned> Arguments) {
  Weights = std::move(Arguments);
  return *this;
}
KernelTester &KernelTester::integers(unsigned Argument, std::vector<int64_t> Values) {
  Integers[Argument] = std::move(Values);
  return *this;
}
KernelTester &KernelTester::floats(unsigned Argument, std::vector<double> Values) {
  Floats[Argument] = std::move(Values);
  return *this;
}
KernelTester &KernelTester::filledCache(unsigned Argument, std::vector<int64_t> Lengths) {
  CacheLengths[Argument] = std::move(Lengths);
  return *this;
}

//===- Inputs ---------------------------------------------------------------------------------===//

SmallVector<int64_t> KernelTester::staticShape(unsigned Argument) {
  auto Ty = cast<RankedTensorType>(Kernel.getArgumentTypes()[Argument]);
  auto Map = Kernel.getArgAttrOfType<AffineMapAttr>(Argument, QOptDialect::getDimsAttrName());
  if (!Map)
    return SmallVector<int64_t>(Ty.getShape());
  SmallVector<int64_t> Shape;
  for (AffineExpr Expr : Map.getValue().getResults())
    Shape.push_back(*evaluate(Expr, Symbols));
  return Shape;
}

/// A zero point as its type holds it: a code, or a float.
static double roundZeroPoint(StoredTypeInterface Stored, double Number) {
  if (auto Float = dyn_cast<FloatType>(Stored.getZeroPointType()))
    return roundToFloat(Float, Number);
  return std::clamp<double>(std::nearbyint(Number), Stored.getCodeMin(), Stored.getCodeMax());
}

ReferenceValue KernelTester::randomInput(Type Ty, unsigned Argument) {
  std::uniform_real_distribution<double> Uniform(-1, 1);
  if (auto Cache = dyn_cast<KVCacheType>(Ty)) {
    std::vector<int64_t> &Lengths = CacheLengths[Argument];
    ReferenceCache Result(Cache, std::max<int64_t>(Lengths.size(), Symbols[0]));
    for (size_t Row = 0; Row < Lengths.size(); ++Row)
      for (int64_t Position = 0; Position < Lengths[Row]; ++Position)
        for (int64_t Head = 0; Head < Cache.getHeads(); ++Head) {
          std::vector<double> Key, Value;
          for (int64_t Channel = 0; Channel < Cache.getHeadSize(); ++Channel) {
            Key.push_back(float(Uniform(Random) * 2));
            Value.push_back(float(Uniform(Random)));
          }
          Result.set(Row, Position, Head, Key, Value);
        }
    return Result;
  }
  auto Tensor = cast<RankedTensorType>(Ty).clone(staticShape(Argument));
  ReferenceTensor Result(Tensor);
  if (auto Stored = getStoredElementType(Tensor)) {
    // Codes that are floats are bits, all but those that are NaN.
    bool AreBits = isa<FloatType>(Stored.getCodeType());
    std::uniform_int_distribution<int64_t> Codes(AreBits ? 0 : Stored.getCodeMin(),
                                                 AreBits ? 0x7e : Stored.getCodeMax());
    for (int64_t I = 0; I < Result.getNumElements(); ++I)
      Result.setInteger(I, Codes(Random) | (AreBits && Random() % 2 ? 0x80 : 0));
    for (int64_t Row = 0; Row < Result.getDim(0); ++Row)
      for (int64_t Group = 0; Group < Result.getNumGroups(); ++Group) {
        Result.setScale(Row, Group, Uniform(Random) / Stored.getCodeMax());
        if (Stored.hasZeroPoint())
          Result.setZeroPoint(Row, Group,
                              roundZeroPoint(Stored, double(Codes(Random)) + Uniform(Random)));
      }
    return Result;
  }
  for (int64_t I = 0; I < Result.getNumElements(); ++I)
    if (Result.isFloat())
      Result.setFloat(I, Floats.count(Argument) ? Floats[Argument].at(I % Floats[Argument].size())
                                                : Uniform(Random));
    else
      Result.setInteger(I, Integers.count(Argument) ? Integers[Argument].at(I)
                                                    : int64_t(Random() % 17) - 8);
  return Result;
}

static void appendNumber(std::string &Bytes, Type Element, const ReferenceTensor &Tensor,
                         int64_t I) {
  int64_t Width = getElementBytes(Element);
  uint64_t Bits;
  if (auto Float = dyn_cast<FloatType>(Element)) {
    APFloat Number(Tensor.getFloat(I));
    bool Loses;
    Number.convert(Float.getFloatSemantics(), APFloat::rmNearestTiesToEven, &Loses);
    Bits = Number.bitcastToAPInt().getZExtValue();
  } else {
    Bits = Tensor.getInteger(I);
  }
  Bytes.append(reinterpret_cast<char *>(&Bits), Width);
}

/// A matrix in panels, by the packer that writes artefacts.
static std::string packPanels(const ReferenceTensor &Tensor,
                              qkernel::WeightLayoutInterface Layout) {
  auto Panels = dyn_cast<qkernel::PanelLayoutAttr>(Layout);
  auto Words = dyn_cast<qkernel::WordPanelLayoutAttr>(Layout);
  int64_t PanelRows = Panels                                     ? Panels.getRows()
                      : Words                                    ? Words.getRows()
                      : isa<qkernel::FragmentLayoutAttr>(Layout) ? qkernel::FragmentTiling::Outputs
                                                                 : qkernel::TileLayoutAttr::Rows;
  int64_t Rows = Tensor.getDim(0), Columns = Tensor.getDim(1);
  auto Stored = getStoredElementType(Tensor.getType());
  std::string Bytes;
  for (int64_t First = 0; First < Rows; First += PanelRows) {
    int64_t Count = std::min<int64_t>(PanelRows, Rows - First);
    std::vector<char> Panel;
    if (Stored) {
      QuantizedRows Quantized;
      Quantized.reset(Stored, Count, Columns);
      for (int64_t R = 0; R < Count; ++R) {
        for (int64_t C = 0; C < Columns; ++C)
          Quantized.Codes[R * Columns + C] = Tensor.getInteger((First + R) * Columns + C);
        for (int64_t G = 0; G < Tensor.getNumGroups(); ++G) {
          Quantized.Scales[R * Quantized.Groups + G] = Tensor.getScale(First + R, G);
          if (Stored.hasZeroPoint())
            Quantized.ZeroPoints[R * Quantized.Groups + G] = Tensor.getZeroPoint(First + R, G);
        }
      }
      if (Words)
        Panel = packWordPanel(Stored, Quantized, PanelRows);
      else if (Panels)
        Panel = packCodePanel(Stored, Quantized, PanelRows);
      else if (isa<qkernel::FragmentLayoutAttr>(Layout))
        Panel =
            packFragmentPanel(Stored, Quantized, *qkernel::FragmentTiling::get(Tensor.getType()));
      else
        Panel = packTilePanel(Stored, Quantized);
    } else {
      std::vector<float> Values;
      for (int64_t I = 0; I < Count * Columns; ++I)
        Values.push_back(Tensor.getFloat(First * Columns + I));
      Panel = packFloatPanel(Tensor.getElementType(), Values.data(), Count, Columns, PanelRows);
    }
    Bytes.append(Panel.begin(), Panel.end());
  }
  return Bytes;
}

std::string KernelTester::packInput(unsigned Argument) {
  const ReferenceTensor &Tensor = Inputs[Argument].getTensor();
  auto Layout = Kernel.getArgAttrOfType<qkernel::WeightLayoutInterface>(Argument, "qkernel.layout");
  if (Layout && !isa<qkernel::PlainLayoutAttr>(Layout)) {
    std::string Bytes = packPanels(Tensor, Layout);
    EXPECT_EQ(int64_t(Bytes.size()), Layout.getByteSize(Tensor.getType()));
    return Bytes;
  }
  std::string Bytes;
  for (int64_t I = 0; I < Tensor.getNumElements(); ++I)
    appendNumber(Bytes, Tensor.getElementType(), Tensor, I);
  return Bytes;
}

/// Runs `Body(row, head, position)` over a cache.
static void forCache(KVCacheType Ty, int64_t Batch,
                     function_ref<void(int64_t, int64_t, int64_t)> Body) {
  for (int64_t Row = 0; Row < Batch; ++Row)
    for (int64_t Head = 0; Head < Ty.getHeads(); ++Head)
      for (int64_t Position = 0; Position < Ty.getCapacity(); ++Position)
        Body(Row, Head, Position);
}

static uint64_t encode(Type Element, double Value) {
  if (!isa<FloatType>(Element))
    return uint64_t(int64_t(Value));
  APFloat Number(Value);
  bool Loses;
  Number.convert(cast<FloatType>(Element).getFloatSemantics(), APFloat::rmNearestTiesToEven,
                 &Loses);
  return Number.bitcastToAPInt().getZExtValue();
}

static double decode(Type Element, const char *Bytes) {
  uint64_t Bits = 0;
  memcpy(&Bits, Bytes, getElementBytes(Element));
  if (auto Float = dyn_cast<FloatType>(Element)) {
    APFloat Number(Float.getFloatSemantics(), APInt(Float.getWidth(), Bits));
    bool Loses;
    Number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &Loses);
    return Number.convertToDouble();
  }
  unsigned Width = Element.isInteger(1) ? 8 : Element.getIntOrFloatBitWidth();
  return Element.isUnsignedInteger() ? double(Bits) : double(llvm::SignExtend64(Bits, Width));
}

//===- Caches ---------------------------------------------------------------------------------===//

namespace {
/// The keys or the values of a cache as the target lays them out.
class CacheView {
public:
  CacheView(const Target &Target, KVCacheType Cache, bool IsKeys)
      : TheTarget(Target), Cache(Cache), IsKeys(IsKeys),
        Side(IsKeys ? Cache.getKey() : Cache.getValue()) {}

  int64_t getRowBytes() const { return pick(TheTarget.getCacheRowBytes(Cache)); }
  /// What a number reads as; `Row` is where the row of the batch begins.
  double read(const char *Row, int64_t Head, int64_t Position, int64_t Channel) const {
    double Number = decode(getElement(), Row + elementOffset(Head, Position, Channel));
    if (auto Stored = getStored())
      Number *= decode(Stored.getScaleType(), Row + scaleOffset(Head, Position));
    return Number;
  }
  void write(char *Row, int64_t Head, int64_t Position, int64_t Channel, double Number,
             double Scale) const {
    if (auto Stored = getStored()) {
      put(Row + scaleOffset(Head, Position), Stored.getScaleType(), Scale);
      Number = Scale == 0 ? 0 : Number / Scale;
    }
    put(Row + elementOffset(Head, Position, Channel), getElement(), Number);
  }

private:
  template <typename T> T pick(const std::pair<T, T> &Pair) const {
    return IsKeys ? Pair.first : Pair.second;
  }
  StoredTypeInterface getStored() const { return dyn_cast<StoredTypeInterface>(Side); }
  Type getElement() const { return getStored() ? getStored().getCodeType() : Side; }
  int64_t elementOffset(int64_t Head, int64_t Position, int64_t Channel) const {
    return pick(TheTarget.getCacheLayout(Cache)).element(Position, Head, Channel) *
           getElementBytes(getElement());
  }
  int64_t scaleOffset(int64_t Head, int64_t Position) const {
    return pick(TheTarget.getCacheScale(Cache, Position, Head)) *
           getElementBytes(getStored().getScaleType());
  }
  static void put(char *At, Type Element, double Number) {
    uint64_t Bits = encode(Element, Number);
    memcpy(At, &Bits, getElementBytes(Element));
  }

  const Target &TheTarget;
  KVCacheType Cache;
  bool IsKeys;
  Type Side;
};
} // namespace

/// Keys and values. What was never written is NaN, in its scale too: nobody may look at it.
static std::pair<GuardedBuffer, GuardedBuffer> fillCache(const Target &Target,
                                                         const ReferenceCache &Cache) {
  KVCacheType Ty = Cache.getType();
  CacheView KeyView(Target, Ty, true), ValueView(Target, Ty, false);
  GuardedBuffer Keys(Cache.getBatch() * KeyView.getRowBytes(), 0xff),
      Values(Cache.getBatch() * ValueView.getRowBytes(), 0xff);
  forCache(Ty, Cache.getBatch(), [&](int64_t Row, int64_t Head, int64_t Position) {
    if (!Cache.isWritten(Row, Position))
      return;
    for (int64_t Channel = 0; Channel < Ty.getHeadSize(); ++Channel) {
      KeyView.write(Keys.data() + Row * KeyView.getRowBytes(), Head, Position, Channel,
                    Cache.getKey(Row, Position, Head, Channel),
                    Cache.getKeyScale(Row, Position, Head));
      ValueView.write(Values.data() + Row * ValueView.getRowBytes(), Head, Position, Channel,
                      Cache.getValue(Row, Position, Head, Channel),
                      Cache.getValueScale(Row, Position, Head));
    }
  });
  return {std::move(Keys), std::move(Values)};
}

std::vector<GuardedBuffer> KernelTester::makeBuffers() {
  std::vector<GuardedBuffer> Buffers;
  for (unsigned I = 0; I < Inputs.size(); ++I) {
    if (Inputs[I].isTensor()) {
      std::string Bytes = packInput(I);
      Buffers.emplace_back(Bytes.size());
      memcpy(Buffers.back().data(), Bytes.data(), Bytes.size());
      continue;
    }
    auto [Keys, Values] = fillCache(Machine->getTarget(), Inputs[I].getCache());
    Buffers.push_back(std::move(Keys));
    Buffers.push_back(std::move(Values));
  }
  for (const ReferenceValue &Result : Expected)
    if (Result.isTensor())
      Buffers.emplace_back(Result.getTensor().getNumElements() *
                               getElementBytes(Result.getTensor().getElementType()),
                           0xab);
  for (const RotaryTable &Table : Plan.Tables) {
    int64_t Pairs = Table.InverseFrequencies.size(),
            Positions = Table.Positions ? Table.Positions : 512;
    Buffers.emplace_back(Positions * 2 * Pairs * 4);
    float *Numbers = reinterpret_cast<float *>(Buffers.back().data());
    for (int64_t P = 0; P < Positions; ++P)
      for (int64_t I = 0; I < Pairs; ++I) {
        double Angle = double(P) * Table.InverseFrequencies[I];
        Numbers[P * 2 * Pairs + I] = std::cos(Angle) * Table.Scale;
        Numbers[P * 2 * Pairs + Pairs + I] = std::sin(Angle) * Table.Scale;
      }
  }
  if (Plan.WorkspaceBytes)
    Buffers.emplace_back(*evaluate(Plan.WorkspaceBytes, Symbols), 0xab);
  return Buffers;
}

//===- Running --------------------------------------------------------------------------------===//

void KernelTester::prepareInputs() {
  Inputs.clear();
  for (auto [I, Ty] : llvm::enumerate(Kernel.getArgumentTypes()))
    Inputs.push_back(randomInput(Ty, I));
  ReferenceRegistry Registry;
  registerAllReferences(Registry);
  Evaluator Reference(Registry);
  llvm::StringMap<int64_t> Named;
  for (auto [Symbol, Value] : llvm::zip_equal(getSymbols(Kernel), Symbols))
    Named[Symbol.getName()] = Value;
  auto Results = Reference.run(cast<FunctionOpInterface>(Kernel.getOperation()), Inputs, Named);
  ASSERT_TRUE(succeeded(Results));
  Expected.assign(Results->begin(), Results->end());
}

void KernelTester::compile() {
  ASSERT_TRUE(Module);
  Machine = TestMachine::create(Isas);
  const Target &Compiler = Machine->getTarget();
  Builder B(&Context);
  OpBuilder AtModule = OpBuilder::atBlockBegin(Module->getBody());
  for (unsigned Argument : Weights) {
    auto Weight =
        WeightOp::create(AtModule, Kernel.getLoc(), B.getStringAttr("w"),
                         TypeAttr::get(Kernel.getArgumentTypes()[Argument]), B.getArrayAttr({}),
                         B.getArrayAttr({}), nullptr, nullptr, nullptr, nullptr);
    Kernel.setArgAttr(Argument, "qkernel.layout",
                      Compiler.chooseLayout(Weight, {{Kernel, Argument}}));
    Weight.erase();
  }
  auto Planned = Compiler.planKernel(Kernel);
  ASSERT_TRUE(succeeded(Planned));
  Plan = *Planned;
  auto First = Compiler.compile(*Module, "");
  ASSERT_TRUE(succeeded(First));
  Compiled = std::move(*First);
  if (!ChecksBytes)
    return;
  auto Again = Compiler.compile(*Module, "");
  ASSERT_TRUE(succeeded(Again));
  EXPECT_TRUE(Compiled.Files == Again->Files) << "the same kernels gave other bytes";
}

/// For each version of the kernel, its stages.
std::vector<llvm::SmallVector<KernelVariant>> KernelTester::getVersions() {
  std::vector<llvm::SmallVector<KernelVariant>> Versions;
  for (const KernelStage &Stage : Plan.Stages) {
    const auto &Variants = Compiled.Variants[Stage.getName(Kernel.getSymName())];
    Versions.resize(Variants.size());
    for (auto [Version, Variant] : llvm::zip_equal(Versions, Variants))
      Version.push_back(Variant);
  }
  return Versions;
}

void KernelTester::run() {
  if (!Machine) {
    ASSERT_NO_FATAL_FAILURE(compile());
  }
  Machine->load(Compiled);
  for (const std::vector<int64_t> &Set : SymbolSets) {
    SCOPED_TRACE("symbols " + testing::PrintToString(Set));
    Symbols = Set;
    ASSERT_NO_FATAL_FAILURE(prepareInputs());
    std::string Last;
    for (const llvm::SmallVector<KernelVariant> &Stages : getVersions()) {
      const KernelVariant &Variant = Stages.front();
      // Two instruction sets may have the same code.
      if (!Machine->canRun(Variant) || Variant.Symbol == Last)
        continue;
      std::vector<GuardedBuffer> Buffers =
          Machine->run({Stages, Plan, Symbols}, [&] { return makeBuffers(); });
      compareResults(Variant, Buffers);
      Last = Variant.Symbol;
      ++Runs;
    }
  }
}

void KernelTester::expectCpuLowering(StringRef Name) const {
  if (Machine && Machine->hasCpuLowerings()) {
    EXPECT_EQ(Plan.Lowering, Name.str());
  }
}

void KernelTester::compareResults(const KernelVariant &Variant,
                                  std::vector<GuardedBuffer> &Buffers) {
  unsigned Next = 0;
  std::map<unsigned, unsigned> BufferOf;
  for (unsigned I = 0; I < Inputs.size(); ++I) {
    BufferOf[I] = Next;
    Next += Inputs[I].isCache() ? 2 : 1;
  }
  auto Yielded = Kernel.getBody().front().getTerminator()->getOperands();
  for (unsigned R = 0; R < Expected.size(); ++R) {
    std::string What = Variant.Isa + ", result " + std::to_string(R);
    if (Expected[R].isCache()) {
      Value Cache = Yielded[R].getDefiningOp<KVAppendOp>().getCache();
      unsigned At = BufferOf[cast<BlockArgument>(Cache).getArgNumber()];
      compareCache(Expected[R].getCache(), Buffers[At].data(), Buffers[At + 1].data(), What);
      continue;
    }
    const ReferenceTensor &Tensor = Expected[R].getTensor();
    char *Bytes = Buffers[Next++].data();
    int64_t Bad = 0;
    for (int64_t I = 0; I < Tensor.getNumElements() && Bad < 5; ++I) {
      double Want = Tensor.isFloat() ? Tensor.getFloat(I) : Tensor.getInteger(I);
      double Got =
          decode(Tensor.getElementType(), Bytes + I * getElementBytes(Tensor.getElementType()));
      if (std::isnan(Want) ? std::isnan(Got)
                           : (Want == Got || std::fabs(Want - Got) <= Allowed.allows(Want)))
        continue;
      ADD_FAILURE() << What << ", element " << I << ": " << Got << " instead of " << Want;
      ++Bad;
    }
  }
}

static bool isNear(double Got, double Want, double Bound) {
  return std::isnan(Want) ? std::isnan(Got) : Got == Want || std::fabs(Got - Want) <= Bound;
}

void KernelTester::compareCache(const ReferenceCache &Cache, char *Keys, char *Values,
                                const std::string &What) {
  KVCacheType Ty = Cache.getType();
  CacheView KeyView(Machine->getTarget(), Ty, true), ValueView(Machine->getTarget(), Ty, false);
  int64_t Bad = 0;
  forCache(Ty, Cache.getBatch(), [&](int64_t Row, int64_t Head, int64_t Position) {
    for (int64_t Channel = 0; Channel < Ty.getHeadSize(); ++Channel) {
      double Key = KeyView.read(Keys + Row * KeyView.getRowBytes(), Head, Position, Channel);
      double Value =
          ValueView.read(Values + Row * ValueView.getRowBytes(), Head, Position, Channel);
      bool Good = std::isnan(Key) && std::isnan(Value);
      if (Cache.isWritten(Row, Position))
        Good = isNear(Key, Cache.getKey(Row, Position, Head, Channel), Allowed.Bound) &&
               isNear(Value, Cache.getValue(Row, Position, Head, Channel), Allowed.Bound);
      if (!Good && ++Bad < 5)
        ADD_FAILURE() << What << ": cache row " << Row << ", position " << Position << ", head "
                      << Head << ", channel " << Channel << ": " << Key << ", " << Value;
    }
  });
}
