// Session: running a graph from inputs to outputs.
#include "qopt/Runtime/Session.h"

#include "qopt/Base/CheckedMath.h"

namespace qopt::runtime {

using artefact::Buffer;

static Status checkCounts(int64_t Given, size_t Needed, const char *What) {
  if (Given != static_cast<int64_t>(Needed))
    return makeError(StatusCode::Usage, Given, " ", What, " given, the program has ", Needed);
  return {};
}

/// Unknown symbols are -1 until a dimension that is just the symbol binds them.
static Status bindDimension(const Expression &Dimension, int64_t Size, const Buffer &B,
                            std::vector<int64_t> &Symbols,
                            const std::vector<artefact::Symbol> &Declared) {
  if (Dimension.kind() != Expression::Kind::Symbol)
    return {};
  int64_t &Value = Symbols[Dimension.value()];
  const artefact::Symbol &Symbol = Declared[Dimension.value()];
  if (Value == -1)
    Value = Size;
  if (Value != Size)
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\": ", Symbol.Name, " is ", Size,
                     " here and ", Value, " in another dimension");
  if (Size < Symbol.Range.Min)
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\": ", Symbol.Name, " is ", Size,
                     ", the least is ", Symbol.Range.Min);
  if (Size > Symbol.Range.Max)
    return makeError(StatusCode::ResourceLimit, "input \"", B.Name, "\": ", Symbol.Name, " is ",
                     Size, ", compiled for at most ", Symbol.Range.Max, "; recompile for more");
  return {};
}

static Status checkType(const Buffer &B, const qopt_tensor &T) {
  if (T.type < 0 || T.type > QOPT_BOOL || static_cast<DataType>(T.type) != B.Type)
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\" must be ", dataTypeName(B.Type));
  if (T.rank != static_cast<int32_t>(B.Shape.size()))
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\" must have ", B.Shape.size(),
                     " dimensions, not ", T.rank);
  return {};
}

static Status checkShape(const Buffer &B, const qopt_tensor &T,
                         const std::vector<int64_t> &Symbols) {
  int64_t Bytes = dataTypeSize(B.Type);
  for (size_t I = 0; I < B.Shape.size(); ++I) {
    std::optional<int64_t> Size = B.Shape[I].evaluate(Symbols.data());
    if (!Size || *Size != T.shape[I])
      return makeError(StatusCode::BadInput, "input \"", B.Name, "\": dimension ", I, " is ",
                       T.shape[I], ", must be ", Size.value_or(-1));
    Bytes *= *Size; // validateProgram bounds the product
  }
  if (T.bytes < Bytes || (Bytes > 0 && !T.data))
    return makeError(StatusCode::BadInput, "input \"", B.Name, "\" has ", T.bytes,
                     " bytes of data, its shape needs ", Bytes);
  return {};
}

static Status checkRange(const Buffer &B, const qopt_tensor &T) {
  if (!B.Range)
    return {};
  int64_t Elements = 1;
  for (int32_t I = 0; I < T.rank; ++I)
    Elements *= T.shape[I];
  for (int64_t I = 0; I < Elements; ++I)
    if (int64_t Value = loadInteger(B.Type, T.data, I);
        Value < B.Range->Min || Value > B.Range->Max)
      return makeError(StatusCode::BadInput, "input \"", B.Name, "\", element ", I, ": ", Value,
                       " is not in [", B.Range->Min, ", ", B.Range->Max, "]");
  return {};
}

Status Session::bindSymbols(const qopt_tensor *Inputs, int64_t InputCount) {
  const artefact::Program &Table = Shared->table();
  if (isDecoder())
    return makeError(StatusCode::Usage, Shared->manifest().Name,
                     " is a decoder; its tokens are appended with qopt_session_decode");
  if (Status S = checkCounts(InputCount, Shared->inputs().size(), "inputs"); !S.ok())
    return S;
  for (size_t I = 0; I < Symbols.size(); ++I) {
    const Interval &Range = Table.Symbols[I].Range;
    Symbols[I] = Range.Min == Range.Max ? Range.Min : -1;
  }
  for (int64_t I = 0; I < InputCount; ++I) {
    const Buffer &B = Table.Buffers[Shared->inputs()[I]];
    if (Status S = checkType(B, Inputs[I]); !S.ok())
      return S;
    for (size_t D = 0; D < B.Shape.size(); ++D)
      if (Status S = bindDimension(B.Shape[D], Inputs[I].shape[D], B, Symbols, Table.Symbols);
          !S.ok())
        return S;
  }
  for (size_t I = 0; I < Symbols.size(); ++I)
    if (Symbols[I] == -1)
      return makeError(StatusCode::BadInput, "no input says how large ", Table.Symbols[I].Name,
                       " is");
  std::optional<int64_t> Batch = Table.symbolIndex("batch");
  if (Batch && Symbols[*Batch] > Rows)
    return makeError(StatusCode::Usage, Symbols[*Batch], " rows given, the session has ", Rows);
  for (int64_t I = 0; I < InputCount; ++I)
    if (Status S = checkShape(Table.Buffers[Shared->inputs()[I]], Inputs[I], Symbols); !S.ok())
      return S;
  return {};
}

Status Session::describeOutputs(qopt_tensor *Outputs, int64_t OutputCount) const {
  if (Status S = checkCounts(OutputCount, Shared->outputs().size(), "outputs"); !S.ok())
    return S;
  for (int64_t I = 0; I < OutputCount; ++I) {
    const Buffer &B = Shared->table().Buffers[Shared->outputs()[I]];
    Outputs[I].type = static_cast<int32_t>(B.Type);
    Outputs[I].rank = static_cast<int32_t>(B.Shape.size());
    int64_t Bytes = dataTypeSize(B.Type);
    for (size_t D = 0; D < B.Shape.size(); ++D) {
      Outputs[I].shape[D] = B.Shape[D].evaluate(Symbols.data()).value_or(0);
      Bytes *= Outputs[I].shape[D];
    }
    Outputs[I].bytes = Bytes;
  }
  return {};
}

Status Session::outputShapes(const qopt_tensor *Inputs, int64_t InputCount, qopt_tensor *Outputs,
                             int64_t OutputCount) {
  if (Status S = bindSymbols(Inputs, InputCount); !S.ok())
    return S;
  return describeOutputs(Outputs, OutputCount);
}

Status Session::run(const qopt_tensor *Inputs, int64_t InputCount, qopt_tensor *Outputs,
                    int64_t OutputCount) {
  if (Status S = bindSymbols(Inputs, InputCount); !S.ok())
    return S;
  const artefact::Program &Table = Shared->table();
  InputTensors.clear();
  for (int64_t I = 0; I < InputCount; ++I) {
    int64_t Index = Shared->inputs()[I];
    if (Status S = checkRange(Table.Buffers[Index], Inputs[I]); !S.ok())
      return S;
    InputTensors.push_back({Index, Inputs[I].data, Inputs[I].bytes});
  }
  if (Status S = checkCounts(OutputCount, Shared->outputs().size(), "outputs"); !S.ok())
    return S;
  std::vector<qopt_tensor> Described(Outputs, Outputs + OutputCount);
  if (Status S = describeOutputs(Described.data(), OutputCount); !S.ok())
    return S;
  OutputTensors.clear();
  for (int64_t I = 0; I < OutputCount; ++I) {
    const Buffer &B = Table.Buffers[Shared->outputs()[I]];
    if (Outputs[I].bytes < Described[I].bytes || (Described[I].bytes > 0 && !Outputs[I].data))
      return makeError(StatusCode::Usage, "output \"", B.Name, "\" needs ", Described[I].bytes,
                       " bytes, ", Outputs[I].bytes, " given");
    OutputTensors.push_back({Shared->outputs()[I], Outputs[I].data, Described[I].bytes});
  }
  if (Status S = runStep(InputTensors, OutputTensors); !S.ok())
    return S;
  std::copy(Described.begin(), Described.end(), Outputs);
  return {};
}

} // namespace qopt::runtime
