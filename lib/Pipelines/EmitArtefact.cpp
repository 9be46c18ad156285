#include "EmitArtefact.h"

#include "EmitVerification.h"

#include "qopt/Analysis/DimAnalysis.h"
#include "qopt/Analysis/WeightPacker.h"
#include "qopt/Base/Hash.h"
#include "qopt/Package/ArtefactWriter.h"
#include "qopt/Package/Verification.h"

#include "llvm/ADT/StringSwitch.h"

#include <atomic>
#include <chrono>
#include <future>

using namespace mlir;
using namespace qopt;

//===- Manifest -------------------------------------------------------------------------------===//

static std::string typeName(Type Ty) {
  std::string Text;
  llvm::raw_string_ostream(Text) << Ty;
  return Text;
}

SmallVector<WeightOp> qopt::getUsedWeights(ModuleOp Module) {
  llvm::SetVector<WeightOp> Used;
  Module.walk([&](qkernel::LaunchOp Launch) {
    for (Value Operand : Launch.getOperands())
      if (auto Use = Operand.getDefiningOp<UseWeightOp>())
        Used.insert(Module.lookupSymbol<WeightOp>(Use.getWeight()));
  });
  return Used.takeVector();
}

static artefact::WeightRecord makeRecord(WeightOp Weight) {
  auto Ty = cast<RankedTensorType>(Weight.getType());
  artefact::WeightRecord Record;
  Record.Name = Weight.getSymName().str();
  Record.Shape.assign(Ty.getShape().begin(), Ty.getShape().end());
  Record.Matrix = Ty.getRank() == 2;
  if (StoredTypeInterface Stored = getStoredElementType(Ty)) {
    Record.Stored = typeName(Stored.getCodeType());
    Record.Group = Stored.getGroupSize();
    Record.Symmetric = !Stored.hasZeroPoint();
    Record.ScaleType = typeName(Stored.getScaleType());
    Record.Scheme = Weight.getScheme()->str();
  } else {
    Record.Stored = typeName(Ty.getElementType());
  }
  Record.Reason =
      Weight.getPrecision() ? Weight.getPrecision()->getReason().str() : "as in the file";
  Record.Bytes = cast<qkernel::WeightLayoutInterface>(*Weight.getLayout()).getByteSize(Ty);
  if (auto Origin = Weight.getOrigin())
    Record.Source.push_back(Origin->str());
  return Record;
}

static std::vector<std::string> signatureShape(const artefact::Program &Program,
                                               const artefact::Buffer &Buffer) {
  std::vector<std::string> Shape;
  for (const Expression &Dim : Buffer.Shape) {
    if (Dim.kind() == Expression::Kind::Constant)
      Shape.push_back(std::to_string(Dim.value()));
    else
      Shape.push_back(Dim.kind() == Expression::Kind::Symbol ? Program.Symbols[Dim.value()].Name
                                                             : "?");
  }
  return Shape;
}

/// Bits of one head of a token.
static int64_t headBits(Type Side, int64_t HeadSize) {
  if (auto Stored = dyn_cast<StoredTypeInterface>(Side))
    return HeadSize * Stored.getCodeBits() + Stored.getScaleType().getWidth();
  return HeadSize * Side.getIntOrFloatBitWidth();
}

/// The type of numbers or codes.
static std::string sideName(Type Side) {
  auto Stored = dyn_cast<StoredTypeInterface>(Side);
  return typeName(Stored ? Stored.getCodeType() : Side);
}

/// Bytes that every further token of a row adds to the caches.
static std::optional<artefact::KvRecord> makeKvRecord(func::FuncOp Entry) {
  std::optional<artefact::KvRecord> Record;
  for (Type Ty : Entry.getArgumentTypes())
    if (auto Cache = dyn_cast<KVCacheType>(Ty)) {
      if (!Record)
        Record = artefact::KvRecord{sideName(Cache.getKey()), sideName(Cache.getValue()), 0};
      Record->BytesPerToken += Cache.getHeads() *
                               (headBits(Cache.getKey(), Cache.getHeadSize()) +
                                headBits(Cache.getValue(), Cache.getHeadSize())) /
                               8;
    }
  return Record;
}

/// The layout of a state by its buffer's name, "<cache>.key" or "<cache>.value".
static artefact::CacheLayout findLayout(func::FuncOp Entry, const Target &Target, StringRef State) {
  for (BlockArgument Argument : Entry.getArguments()) {
    auto Cache = dyn_cast<KVCacheType>(Argument.getType());
    auto Name =
        Entry.getArgAttrOfType<StringAttr>(Argument.getArgNumber(), QOptDialect::getNameAttrName());
    if (!Cache || !Name || State.rsplit('.').first != Name.getValue())
      continue;
    auto [Key, Value] = Target.getCacheLayout(Cache);
    return State.ends_with(".key") ? Key : Value;
  }
  return {};
}

static artefact::OnnxRole parseRole(StringRef Name) {
  return llvm::StringSwitch<artefact::OnnxRole>(Name)
      .Case("ids", artefact::OnnxRole::Ids)
      .Case("mask", artefact::OnnxRole::Mask)
      .Case("positions", artefact::OnnxRole::Positions)
      .Case("past", artefact::OnnxRole::Past)
      .Case("logits", artefact::OnnxRole::Logits)
      .Case("present", artefact::OnnxRole::Present)
      .Default(artefact::OnnxRole::Ignored);
}

static artefact::OnnxValue makeOnnxValue(DictionaryAttr Noted, func::FuncOp Entry,
                                         const Target &Target) {
  auto Ty = cast<RankedTensorType>(Noted.getAs<TypeAttr>("type").getValue());
  artefact::OnnxValue Value;
  Value.Name = Noted.getAs<StringAttr>("name").str();
  Value.Type = toDataType(Ty.getElementType());
  Value.Role = parseRole(Noted.getAs<StringAttr>("role"));
  for (int64_t Size : Ty.getShape())
    Value.Shape.push_back(ShapedType::isDynamic(Size) ? -1 : Size);
  if (auto State = Noted.getAs<StringAttr>("state")) {
    Value.State = State.str();
    Value.HeadsFirst = Noted.getAs<BoolAttr>("heads_first").getValue();
    Value.Layout = findLayout(Entry, Target, State);
  }
  return Value;
}

/// The signature of the file, where qopt-raise-kv-cache has noted it.
static std::optional<artefact::OnnxEntry> makeOnnxEntry(func::FuncOp Entry, const Target &Target) {
  auto Noted = Entry->getAttrOfType<DictionaryAttr>("qopt.onnx");
  if (!Noted)
    return std::nullopt;
  artefact::OnnxEntry Made;
  for (auto [Key, Values] :
       {std::pair("inputs", &Made.Inputs), std::pair("outputs", &Made.Outputs)})
    for (auto Each : Noted.getAs<ArrayAttr>(Key).getAsRange<DictionaryAttr>())
      Values->push_back(makeOnnxValue(Each, Entry, Target));
  return Made;
}

FailureOr<artefact::Manifest> qopt::makeManifest(ModuleOp Module, const Target &Target,
                                                 const artefact::Program &Program) {
  auto Entry = findEntry(Module);
  if (failed(Entry))
    return failure();
  artefact::Manifest Manifest;
  auto Kind = (*Entry)->getAttrOfType<StringAttr>("qopt.kind");
  bool Decoder = Kind && Kind.getValue() == "decoder";
  Manifest.Kind = Decoder ? artefact::ProgramKind::Decoder : artefact::ProgramKind::Graph;
  Manifest.Target = Target.getName().str();
  if (auto Context = (*Entry)->getAttrOfType<IntegerAttr>("qopt.context"); Context && Decoder)
    Manifest.Context = Context.getInt();
  for (const artefact::Symbol &Symbol : Program.Symbols) {
    if (StringRef(Symbol.Name).starts_with("batch"))
      Manifest.Batch = Symbol.Range.Max;
    if (Symbol.Name == "tokens" && Decoder)
      Manifest.Chunk = Symbol.Range.Max;
  }
  for (const artefact::Buffer &Buffer : Program.Buffers) {
    artefact::SignatureValue Value{Buffer.Name, Buffer.Type, signatureShape(Program, Buffer)};
    if (Buffer.Kind == artefact::BufferKind::Input)
      Manifest.Inputs.push_back(Value);
    else if (Buffer.Kind == artefact::BufferKind::Output)
      Manifest.Outputs.push_back(Value);
    if (Decoder && Buffer.Kind == artefact::BufferKind::Output && Buffer.Name == "logits")
      Manifest.Vocabulary = Buffer.Shape.back().value();
  }
  Manifest.FloatType = "f32";
  for (WeightOp Weight : getUsedWeights(Module)) {
    Manifest.Weights.push_back(makeRecord(Weight));
    if (Manifest.Weights.back().Matrix)
      Manifest.FloatType = typeName(getSourceType(Weight.getSources()[0]).getElementType());
  }
  Manifest.Kv = makeKvRecord(*Entry);
  Manifest.Onnx = makeOnnxEntry(*Entry, Target);
  return Manifest;
}

//===- Weights, code and folder ---------------------------------------------------------------===//

namespace {
/// The code of the kernels, compiled beside other work, or when it is asked for if there is one
/// thread only.
class CodeTask {
public:
  CodeTask(ModuleOp Module, const Target &Target, StringRef Form, unsigned Threads)
      : Running(std::async(Threads > 1 ? std::launch::async : std::launch::deferred,
                           [Module, &Target, Form] { return Target.compile(Module, Form); })) {}

  bool isRunning() const {
    return Running.valid() &&
           Running.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  }
  bool hasFailed() { return Running.valid() && isDone() && failed(get()); }
  FailureOr<CompiledModule> &get() {
    if (!Made)
      Made = Running.get();
    return *Made;
  }

private:
  bool isDone() const {
    return Running.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  std::future<FailureOr<CompiledModule>> Running;
  std::optional<FailureOr<CompiledModule>> Made;
};
} // namespace

static Status codeError() { return makeError(StatusCode::Failed, "code generation failed"); }

static Status writeWeights(ArtefactInputs &Inputs, CodeTask &Code, ArtefactWriter &Writer,
                           Progress &Log) {
  SmallVector<WeightOp> Weights = getUsedWeights(Inputs.Module);
  std::vector<TensorDeclaration> Declarations;
  int64_t Total = 0;
  for (const artefact::WeightRecord &Record : Inputs.Manifest.Weights) {
    Declarations.push_back({Record.Name, Record.Bytes});
    Total += Record.Bytes;
  }
  if (Status Error = Writer.declareWeights(Declarations); !Error.ok())
    return Error;
  SchemeRegistry Schemes;
  registerAllSchemes(Schemes);
  std::atomic<int64_t> Done{0};
  for (auto [Index, Weight] : llvm::enumerate(Weights)) {
    if (Code.hasFailed())
      return codeError();
    auto Sink = [&, Index = Index, Name = Weight.getSymName()](int64_t Offset,
                                                               ArrayRef<char> Bytes) {
      Log.update(Name, Done += Bytes.size(), Total);
      return Writer.writeWeight(Index, Offset, Bytes.data(), Bytes.size());
    };
    auto Layout = cast<qkernel::WeightLayoutInterface>(*Weight.getLayout());
    unsigned Threads = Code.isRunning() ? Inputs.Threads - 1 : Inputs.Threads;
    if (Status Error = packWeight(Weight, Layout, Schemes, Inputs.Sources, Threads, Sink);
        !Error.ok())
      return Error;
  }
  return Status();
}

Result<int64_t> qopt::writeArtefact(ArtefactInputs Inputs, const std::string &Path,
                                    FolderWriter::Existing Policy, Progress &Log) {
  auto Writer = ArtefactWriter::create(Path, Policy);
  if (!Writer)
    return Writer.status();
  CodeTask Code(Inputs.Module, Inputs.TheTarget, Inputs.Emit, Inputs.Threads);
  if (Status Error = writeWeights(Inputs, Code, *Writer, Log); !Error.ok())
    return Error;
  FailureOr<CompiledModule> &Made = Code.get();
  if (failed(Made))
    return codeError();
  addVariants(Inputs.Program, *Made);
  int64_t CodeBytes = 0;
  for (const auto &[Name, Bytes] : Made->Files) {
    CodeBytes += int64_t(Bytes.size());
    if (Status Error = Writer->addFile(Name, Bytes); !Error.ok())
      return Error;
  }
  auto WeightsHash = Writer->finishWeights();
  if (!WeightsHash)
    return WeightsHash.status();
  artefact::Verification Verification =
      makeVerification(Inputs.Module, Inputs.TheTarget, Inputs.Program, Inputs.Sources);
  Verification.WeightsHash = formatHash(*WeightsHash);
  if (Status Error = Writer->addFile(artefact::VerifyFile, printVerification(Verification));
      !Error.ok())
    return Error;
  if (Status Error = Writer->commit(Inputs.Program, std::move(Inputs.Manifest)); !Error.ok())
    return Error;
  return CodeBytes;
}
