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
  const Signature &Values = Shared->signature();
  if (Values.Inputs.empty() && isDecoder())
    return makeError(StatusCode::Usage, Shared->manifest().Name,
                     " is a decoder; its tokens are appended with qopt_session_decode, or "
                     "recompile with --io=onnx for the file's own inputs");
  if (Status S = checkCounts(InputCount, Values.Inputs.size(), "inputs"); !S.ok())
    return S;
  Bound.assign(Values.Symbols.size(), -1);
  for (size_t I = 0; I < Bound.size(); ++I)
    if (const Interval &Range = Values.Symbols[I].Range; Range.Min == Range.Max)
      Bound[I] = Range.Min;
  for (int64_t I = 0; I < InputCount; ++I) {
    const Buffer &B = Values.Inputs[I];
    if (isIgnored(I))
      continue;
    if (Status S = checkType(B, Inputs[I]); !S.ok())
      return S;
    for (size_t D = 0; D < B.Shape.size(); ++D)
      if (Status S = bindDimension(B.Shape[D], Inputs[I].shape[D], B, Bound, Values.Symbols);
          !S.ok())
        return S;
  }
  for (size_t I = 0; I < Bound.size(); ++I)
    if (Bound[I] == -1)
      return makeError(StatusCode::BadInput, "no input says how large ", Values.Symbols[I].Name,
                       " is");
  for (size_t I = 0; I < Bound.size(); ++I)
    if (Values.Symbols[I].Name == "batch" && Bound[I] > Rows)
      return makeError(StatusCode::Usage, Bound[I], " rows given, the session has ", Rows);
  for (int64_t I = 0; I < InputCount; ++I)
    if (!isIgnored(I))
      if (Status S = checkShape(Values.Inputs[I], Inputs[I], Bound); !S.ok())
        return S;
  return {};
}

Status Session::describeOutputs(qopt_tensor *Outputs, int64_t OutputCount) const {
  const std::vector<Buffer> &Values = Shared->signature().Outputs;
  if (Status S = checkCounts(OutputCount, Values.size(), "outputs"); !S.ok())
    return S;
  for (int64_t I = 0; I < OutputCount; ++I) {
    const Buffer &B = Values[I];
    Outputs[I].type = static_cast<int32_t>(B.Type);
    Outputs[I].rank = static_cast<int32_t>(B.Shape.size());
    int64_t Bytes = dataTypeSize(B.Type);
    for (size_t D = 0; D < B.Shape.size(); ++D) {
      Outputs[I].shape[D] = B.Shape[D].evaluate(Bound.data()).value_or(0);
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

/// Everything that can be refused is refused before anything is computed.
Status Session::checkRun(const qopt_tensor *Inputs, int64_t InputCount, const qopt_tensor *Outputs,
                         int64_t OutputCount, std::vector<qopt_tensor> &Described) {
  if (Status S = bindSymbols(Inputs, InputCount); !S.ok())
    return S;
  for (int64_t I = 0; I < InputCount; ++I)
    if (Status S = checkRange(Shared->signature().Inputs[I], Inputs[I]); !S.ok())
      return S;
  const std::vector<Buffer> &Values = Shared->signature().Outputs;
  if (Status S = checkCounts(OutputCount, Values.size(), "outputs"); !S.ok())
    return S;
  Described.assign(Outputs, Outputs + OutputCount);
  if (Status S = describeOutputs(Described.data(), OutputCount); !S.ok())
    return S;
  for (int64_t I = 0; I < OutputCount; ++I)
    if (Outputs[I].bytes < Described[I].bytes || (Described[I].bytes > 0 && !Outputs[I].data))
      return makeError(StatusCode::Usage, "output \"", Values[I].Name, "\" needs ",
                       Described[I].bytes, " bytes, ", Outputs[I].bytes, " given");
  return {};
}

Status Session::runGraph(const qopt_tensor *Inputs, int64_t InputCount,
                         const std::vector<qopt_tensor> &Outputs) {
  Symbols = Bound;
  InputTensors.clear();
  for (int64_t I = 0; I < InputCount; ++I)
    InputTensors.push_back({Shared->inputs()[I], Inputs[I].data, Inputs[I].bytes});
  OutputTensors.clear();
  for (size_t I = 0; I < Outputs.size(); ++I)
    OutputTensors.push_back({Shared->outputs()[I], Outputs[I].data, Outputs[I].bytes});
  return runStep(InputTensors, OutputTensors);
}

Status Session::run(const qopt_tensor *Inputs, int64_t InputCount, qopt_tensor *Outputs,
                    int64_t OutputCount) {
  std::vector<qopt_tensor> Described;
  if (Status S = checkRun(Inputs, InputCount, Outputs, OutputCount, Described); !S.ok())
    return S;
  Status S = isDecoder() ? runOnnx(Inputs, Described) : runGraph(Inputs, InputCount, Described);
  if (S.ok())
    std::copy(Described.begin(), Described.end(), Outputs);
  return S;
}

} // namespace qopt::runtime
