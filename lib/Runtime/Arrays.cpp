#include "qopt/Runtime/Arrays.h"

#include "qopt/Base/CheckedMath.h"

#include <cstring>
#include <limits>

namespace qopt::runtime {

using ProgramHandle = std::shared_ptr<Program>;

using artefact::Buffer;

template <typename T> static bool convertIntegers(const NpyArray &Array, std::vector<char> &Out) {
  int64_t Count = Array.elements();
  Out.resize(static_cast<size_t>(Count) * sizeof(T));
  for (int64_t I = 0; I < Count; ++I) {
    int64_t Value = loadInteger(Array.Type, Array.Data.data(), I);
    if (Value < static_cast<int64_t>(std::numeric_limits<T>::min()) ||
        (sizeof(T) < 8 && Value > static_cast<int64_t>(std::numeric_limits<T>::max())))
      return false;
    T Converted = static_cast<T>(Value);
    std::memcpy(Out.data() + I * int64_t(sizeof(T)), &Converted, sizeof(T));
  }
  return true;
}

/// The array's bytes as elements of another integer type.
static bool convertIntegers(const NpyArray &Array, DataType To, std::vector<char> &Out) {
  switch (To) {
  case DataType::I64:
    return convertIntegers<int64_t>(Array, Out);
  case DataType::I32:
    return convertIntegers<int32_t>(Array, Out);
  case DataType::I16:
    return convertIntegers<int16_t>(Array, Out);
  case DataType::I8:
    return convertIntegers<int8_t>(Array, Out);
  case DataType::U64:
    return convertIntegers<uint64_t>(Array, Out);
  case DataType::U32:
    return convertIntegers<uint32_t>(Array, Out);
  case DataType::U16:
    return convertIntegers<uint16_t>(Array, Out);
  case DataType::U8:
    return convertIntegers<uint8_t>(Array, Out);
  default:
    return false;
  }
}

static Status bindInput(const Buffer &B, const NpyArray &Array, GraphInputs &Out) {
  if (Array.Shape.size() > QOPT_MAX_RANK)
    return makeError(StatusCode::Unsupported, "input \"", B.Name, "\" has more than ",
                     QOPT_MAX_RANK, " dimensions");
  std::vector<char> Bytes;
  if (Array.Type == B.Type || (B.Type == DataType::BF16 && Array.Type == DataType::U16))
    Bytes = Array.Data;
  else if (!isInteger(Array.Type) || !isInteger(B.Type))
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\" must be ", dataTypeName(B.Type),
                     ", the file has ", dataTypeName(Array.Type));
  else if (!convertIntegers(Array, B.Type, Bytes))
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\" has a value that is no ",
                     dataTypeName(B.Type));
  Out.Storage.push_back(std::move(Bytes));
  qopt_tensor T{};
  T.type = static_cast<int32_t>(B.Type);
  T.rank = static_cast<int32_t>(Array.Shape.size());
  std::copy(Array.Shape.begin(), Array.Shape.end(), T.shape);
  T.data = Out.Storage.back().data();
  T.bytes = static_cast<int64_t>(Out.Storage.back().size());
  Out.Tensors.push_back(T);
  return {};
}

Result<GraphInputs> bindGraphInputs(const Program &Program, const NpzArrays &Arrays) {
  GraphInputs Out;
  for (const Buffer &B : Program.signature().Inputs) {
    const NpyArray *Array = findArray(Arrays, B.Name);
    if (!Array)
      return makeError(StatusCode::BadInput, "the inputs have no array \"", B.Name, "\"");
    if (Status S = bindInput(B, *Array, Out); !S.ok())
      return S;
  }
  for (const auto &[Name, Array] : Arrays) {
    if (!Program.signature().findInput(Name))
      return makeError(StatusCode::BadInput, "the program has no input \"", Name, "\"");
  }
  return Out;
}

NpzArrays largestInputs(const Program &Program) {
  NpzArrays Arrays;
  for (int64_t Index : Program.inputs()) {
    const Buffer &B = Program.table().Buffers[Index];
    NpyArray Array;
    Array.Type = isInteger(B.Type) ? DataType::I64 : B.Type;
    for (const Expression &Dimension : B.Shape)
      Array.Shape.push_back(Dimension.bounds(Program.table().symbolRanges())->Max);
    Array.Data.resize(static_cast<size_t>(Array.elements() * dataTypeSize(Array.Type)));
    int64_t Least = B.Range ? B.Range->Min : 0;
    if (isInteger(B.Type))
      for (size_t I = 0; I < Array.Data.size(); I += sizeof(Least))
        std::memcpy(Array.Data.data() + I, &Least, sizeof(Least));
    Arrays.emplace_back(B.Name, std::move(Array));
  }
  return Arrays;
}

Status makeOutputs(Session &Session, const std::vector<qopt_tensor> &Inputs,
                   std::vector<qopt_tensor> &Outputs, std::vector<std::vector<char>> &Storage) {
  Outputs.assign(Session.program().signature().Outputs.size(), qopt_tensor{});
  Status S = Session.outputShapes(Inputs.data(), static_cast<int64_t>(Inputs.size()),
                                  Outputs.data(), static_cast<int64_t>(Outputs.size()));
  if (!S.ok())
    return S;
  for (qopt_tensor &Output : Outputs) {
    Storage.emplace_back(static_cast<size_t>(Output.bytes));
    Output.data = Storage.back().data();
  }
  return {};
}

static Result<NpzArrays> runGraph(const ProgramHandle &Program, const NpzArrays &Given) {
  Result<GraphInputs> Inputs = bindGraphInputs(*Program, Given);
  if (!Inputs)
    return Inputs.status();
  Result<std::unique_ptr<Session>> Session = Session::create(Program, Program->manifest().Batch);
  if (!Session)
    return Session.status();
  std::vector<qopt_tensor> Outputs;
  if (Status S = makeOutputs(**Session, Inputs->Tensors, Outputs, Inputs->Storage); !S.ok())
    return S;
  Status S = (*Session)->run(Inputs->Tensors.data(), static_cast<int64_t>(Inputs->Tensors.size()),
                             Outputs.data(), static_cast<int64_t>(Outputs.size()));
  if (!S.ok())
    return S;
  NpzArrays Results;
  for (size_t I = 0; I < Outputs.size(); ++I) {
    const qopt_tensor &T = Outputs[I];
    NpyArray Array;
    Array.Type = static_cast<DataType>(T.type);
    Array.Shape.assign(T.shape, T.shape + T.rank);
    const char *Data = static_cast<const char *>(T.data);
    Array.Data.assign(Data, Data + T.bytes);
    Results.emplace_back(Program->signature().Outputs[I].Name, std::move(Array));
  }
  return Results;
}

namespace {
/// The tokens of a decoder's "ids", and "counts" if rows are of different lengths.
struct DecoderInputs {
  int64_t Batch = 1, Tokens = 0;
  std::vector<int64_t> Ids, Counts;
};
} // namespace

static std::vector<int64_t> asIntegers(const NpyArray &Array) {
  std::vector<int64_t> Values(static_cast<size_t>(Array.elements()));
  for (size_t I = 0; I < Values.size(); ++I)
    Values[I] = loadInteger(Array.Type, Array.Data.data(), static_cast<int64_t>(I));
  return Values;
}

static Result<DecoderInputs> decoderInputs(const NpzArrays &Given) {
  for (const auto &[Name, Array] : Given)
    if ((Name != "ids" && Name != "counts") || !isInteger(Array.Type))
      return makeError(StatusCode::BadInput, "a decoder takes integer arrays \"ids\" [batch, ",
                       "tokens] and, if rows differ, \"counts\" [batch], not \"", Name,
                       "\"; recompile with --io=onnx for the inputs of its file");
  const NpyArray *Ids = findArray(Given, "ids");
  if (!Ids || Ids->Shape.empty() || Ids->Shape.size() > 2)
    return Status(StatusCode::BadInput, "the inputs need an array \"ids\" [batch, tokens]");
  DecoderInputs In;
  In.Batch = Ids->Shape.size() == 2 ? Ids->Shape[0] : 1;
  In.Tokens = Ids->Shape.back();
  In.Ids = asIntegers(*Ids);
  In.Counts.assign(static_cast<size_t>(In.Batch), In.Tokens);
  if (const NpyArray *Counts = findArray(Given, "counts")) {
    if (Counts->Shape != std::vector<int64_t>{In.Batch})
      return Status(StatusCode::BadInput, "\"counts\" must have one number per row");
    In.Counts = asIntegers(*Counts);
  }
  return In;
}

static Result<NpzArrays> runDecoder(const ProgramHandle &Program, const NpzArrays &Given) {
  Result<DecoderInputs> In = decoderInputs(Given);
  if (!In)
    return In.status();
  Result<std::unique_ptr<Session>> Session = Session::create(Program, In->Batch);
  if (!Session)
    return Session.status();
  NpyArray Logits;
  Logits.Type = DataType::F32;
  Logits.Shape = {In->Batch, In->Tokens, Program->manifest().Vocabulary};
  std::optional<int64_t> Bytes =
      checkedProduct({In->Batch, In->Tokens, Program->manifest().Vocabulary, 4});
  if (!Bytes)
    return Status(StatusCode::ResourceLimit, "the logits are too large");
  Logits.Data.resize(static_cast<size_t>(*Bytes));
  Status S = (*Session)->decode({In->Ids.data(), In->Batch, In->Tokens, In->Counts.data(),
                                 In->Tokens, reinterpret_cast<float *>(Logits.Data.data())});
  if (!S.ok())
    return S;
  NpzArrays Results;
  Results.emplace_back("logits", std::move(Logits));
  return Results;
}

Result<NpzArrays> runArrays(const ProgramHandle &Program, const NpzArrays &Given) {
  bool Decoder = Program->manifest().Kind == artefact::ProgramKind::Decoder;
  // A decoder with its file's signature still takes its own.
  bool Canonical = Decoder && (!Program->manifest().Onnx ||
                               (findArray(Given, "ids") && !Program->signature().findInput("ids")));
  return Canonical ? runDecoder(Program, Given) : runGraph(Program, Given);
}

} // namespace qopt::runtime
