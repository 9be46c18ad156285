// qopt-reference (MODEL inputs.npz outputs.npz)...: what programs mean. Runs @main of an ONNX
// model, or of .mlir beside the files that its weights are in, with the reference evaluator. Every
// model runs, whatever happens to the others. A decoder's cache NAME is the arrays NAME.key and
// NAME.value, [batch, heads, tokens, size].
#include "qopt/Base/NumberFormats.h"
#include "qopt/Import/ONNX.h"
#include "qopt/Package/Npz.h"
#include "qopt/Pipelines/Register.h"
#include "qopt/Reference/WeightSource.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace mlir;
using namespace qopt;

static int fail(const Status &Error) {
  llvm::errs() << "qopt-reference: " << Error.message() << "\n";
  return Error.exitCode();
}

static OwningOpRef<ModuleOp> load(MLIRContext &Context, ModelFolder &Folder, StringRef Path) {
  if (Path.ends_with(".mlir"))
    return parseSourceFile<ModuleOp>(Path, &Context);
  auto Module = importONNX(Context, Folder);
  if (!Module)
    fail(Module.status());
  return Module ? std::move(*Module) : nullptr;
}

static double loadFloat(const NpyArray &Array, int64_t Index) {
  const char *At = Array.Data.data() + Index * dataTypeSize(Array.Type);
  float Single;
  double Double;
  uint16_t Half;
  switch (Array.Type) {
  case DataType::F32:
    std::memcpy(&Single, At, sizeof(Single));
    return Single;
  case DataType::F64:
    std::memcpy(&Double, At, sizeof(Double));
    return Double;
  default:
    std::memcpy(&Half, At, sizeof(Half));
    return floatFromHalf(Half);
  }
}

static std::optional<ReferenceValue> toValue(const NpyArray &Array, Type Element) {
  auto Ty = RankedTensorType::get(Array.Shape, Element);
  bool IsFloat =
      Array.Type == DataType::F32 || Array.Type == DataType::F64 || Array.Type == DataType::F16;
  if (IsFloat != isa<FloatType>(Element))
    return std::nullopt;
  ReferenceTensor Tensor(Ty);
  for (int64_t I = 0; I < Tensor.getNumElements(); ++I) {
    if (IsFloat)
      Tensor.setFloat(I, loadFloat(Array, I));
    else if (Array.Type == DataType::Bool)
      Tensor.setInteger(I, Array.Data[I] != 0);
    else
      Tensor.setInteger(I, loadInteger(Array.Type, Array.Data.data(), I));
  }
  return ReferenceValue(std::move(Tensor));
}

static NpyArray toArray(const ReferenceTensor &Tensor) {
  NpyArray Array;
  Array.Type = Tensor.isFloat() ? DataType::F64 : DataType::I64;
  Array.Shape.assign(Tensor.getShape().begin(), Tensor.getShape().end());
  Array.Data.resize(Tensor.getNumElements() * 8);
  for (int64_t I = 0; I < Tensor.getNumElements(); ++I) {
    double Float = Tensor.isFloat() ? Tensor.getFloat(I) : 0;
    int64_t Integer = Tensor.isFloat() ? 0 : Tensor.getInteger(I);
    std::memcpy(Array.Data.data() + I * 8,
                Tensor.isFloat() ? static_cast<void *>(&Float) : &Integer, 8);
  }
  return Array;
}

static std::string nameOf(Attribute Name) {
  return Name ? cast<StringAttr>(Name).str() : std::string();
}

/// A cache with what `<name>.key` and `<name>.value` [batch, heads, past, size] hold, and room for
/// more tokens.
static ReferenceCache toCache(KVCacheType Ty, int64_t Batch, const NpyArray *Keys,
                              const NpyArray *Values) {
  int64_t Past = Keys && Values ? Keys->Shape[2] : 0;
  ReferenceCache Cache(Ty, Batch, Past + 64);
  int64_t Index = 0;
  for (int64_t Row = 0; Row < Batch; ++Row)
    for (int64_t Head = 0; Head < Ty.getHeads(); ++Head)
      for (int64_t Position = 0; Position < Past; ++Position) {
        std::vector<double> Key, Value;
        for (int64_t Channel = 0; Channel < Ty.getHeadSize(); ++Channel, ++Index) {
          Key.push_back(loadFloat(*Keys, Index));
          Value.push_back(loadFloat(*Values, Index));
        }
        Cache.set(Row, Position, Head, Key, Value);
      }
  return Cache;
}

/// The positions that were written, as `<name>.key` and `<name>.value`.
static void addCache(NpzArrays &Outputs, const std::string &Name, const ReferenceCache &Cache) {
  KVCacheType Ty = Cache.getType();
  int64_t Length = 0;
  while (Length < Cache.getCapacity() && Cache.isWritten(0, Length))
    ++Length;
  auto TensorTy = RankedTensorType::get({Cache.getBatch(), Ty.getHeads(), Length, Ty.getHeadSize()},
                                        Float64Type::get(Ty.getContext()));
  ReferenceTensor Keys(TensorTy), Values(TensorTy);
  for (int64_t Row = 0; Row < Cache.getBatch(); ++Row)
    for (int64_t Head = 0; Head < Ty.getHeads(); ++Head)
      for (int64_t Position = 0; Position < Length; ++Position)
        for (int64_t Channel = 0; Channel < Ty.getHeadSize(); ++Channel) {
          Keys.setFloat({Row, Head, Position, Channel}, Cache.getKey(Row, Position, Head, Channel));
          Values.setFloat({Row, Head, Position, Channel},
                          Cache.getValue(Row, Position, Head, Channel));
        }
  Outputs.emplace_back(Name + ".key", toArray(Keys));
  Outputs.emplace_back(Name + ".value", toArray(Values));
}

static Result<SmallVector<ReferenceValue>> readInputs(func::FuncOp Main, const NpzArrays &Arrays) {
  SmallVector<ReferenceValue> Inputs;
  for (unsigned I = 0; I < Main.getNumArguments(); ++I) {
    std::string Name = nameOf(Main.getArgAttr(I, QOptDialect::getNameAttrName()));
    const NpyArray *Array = findArray(Arrays, Name);
    if (auto Cache = dyn_cast<KVCacheType>(Main.getArgumentTypes()[I])) {
      const NpyArray *Past = findArray(Arrays, "past");
      if (!Past)
        return makeError(StatusCode::BadInput, "a cache needs the argument 'past'");
      Inputs.push_back(toCache(Cache, Past->Shape[0], findArray(Arrays, Name + ".key"),
                               findArray(Arrays, Name + ".value")));
      continue;
    }
    auto Ty = dyn_cast<RankedTensorType>(Main.getArgumentTypes()[I]);
    auto Value = Array && Ty ? toValue(*Array, Ty.getElementType()) : std::nullopt;
    if (!Value)
      return makeError(StatusCode::BadInput, "no array fits argument '", Name, "'");
    Inputs.push_back(*Value);
  }
  return Inputs;
}

static Status run(MLIRContext &Context, const char *Path, const char *InputPath,
                  const char *OutputPath) {
  auto Folder = ModelFolder::open(Path);
  if (!Folder)
    return Folder.status();
  OwningOpRef<ModuleOp> Module = load(Context, **Folder, Path);
  auto Main = Module ? Module->lookupSymbol<func::FuncOp>("main") : func::FuncOp();
  if (!Main)
    return makeError(StatusCode::Failed, Path, ": holds no program");
  auto Arrays = readNpz(InputPath);
  if (!Arrays)
    return Arrays.status();
  auto Inputs = readInputs(Main, *Arrays);
  if (!Inputs)
    return Inputs.status().within(Path);

  SchemeRegistry Schemes;
  registerAllSchemes(Schemes);
  ReferenceRegistry References;
  registerAllReferences(References);
  auto Bytes = [&](StringRef File) -> Result<ArrayRef<char>> {
    auto Mapped = (*Folder)->map(File.str());
    if (!Mapped)
      return Mapped.status();
    return ArrayRef<char>((*Mapped)->data(), (*Mapped)->size());
  };
  // All logits are asked for.
  llvm::StringMap<int64_t> Symbols;
  if (const NpyArray *Ids = findArray(*Arrays, "ids"))
    Symbols["logits"] = Ids->Shape[1];
  auto Results = Evaluator(References, readWeights(Bytes, Schemes)).run(Main, *Inputs, Symbols);
  if (failed(Results))
    return makeError(StatusCode::Failed, Path, ": cannot be evaluated");
  NpzArrays Outputs;
  for (auto [I, Value] : llvm::enumerate(*Results)) {
    std::string Name = nameOf(Main.getResultAttr(I, QOptDialect::getNameAttrName()));
    if (Value.isTensor())
      Outputs.emplace_back(Name, toArray(Value.getTensor()));
    else
      addCache(Outputs, Name, Value.getCache());
  }
  return writeNpz(OutputPath, Outputs);
}

int main(int Argc, char **Argv) {
  if (Argc < 4 || Argc % 3 != 1)
    return fail(
        makeError(StatusCode::Usage, "usage: qopt-reference (MODEL inputs.npz outputs.npz)..."));
  DialectRegistry Dialects;
  registerAllDialects(Dialects);
  MLIRContext Context(Dialects);
  int ExitCode = 0;
  for (int I = 1; I < Argc; I += 3)
    if (Status Outcome = run(Context, Argv[I], Argv[I + 1], Argv[I + 2]); !Outcome.ok())
      ExitCode = fail(Outcome);
  return ExitCode;
}
