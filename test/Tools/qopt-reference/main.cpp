// qopt-reference (MODEL inputs.npz outputs.npz)...: what programs mean. Runs @main of an ONNX
// model, or of .mlir beside the files that its weights are in, with the reference evaluator. Every
// model runs, whatever happens to the others.
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

static Result<SmallVector<ReferenceValue>> readInputs(func::FuncOp Main, const NpzArrays &Arrays) {
  SmallVector<ReferenceValue> Inputs;
  for (unsigned I = 0; I < Main.getNumArguments(); ++I) {
    std::string Name = nameOf(Main.getArgAttr(I, QOptDialect::getNameAttrName()));
    const NpyArray *Array = findArray(Arrays, Name);
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
  auto Results = Evaluator(References, readWeights(Bytes, Schemes)).run(Main, *Inputs);
  if (failed(Results))
    return makeError(StatusCode::Failed, Path, ": cannot be evaluated");
  NpzArrays Outputs;
  for (auto [I, Value] : llvm::enumerate(*Results))
    if (Value.isTensor())
      Outputs.emplace_back(nameOf(Main.getResultAttr(I, QOptDialect::getNameAttrName())),
                           toArray(Value.getTensor()));
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
