// Session: a decoder behind the inputs and outputs of its ONNX file.
#include "qopt/Runtime/Session.h"

#include <algorithm>
#include <cstring>

namespace qopt::runtime {

using artefact::CacheLayout;
using artefact::OnnxRole;
using artefact::OnnxValue;

/// One call. Valid tokens of a row are moved together, past and new, whatever columns they stand
/// in: positions count valid tokens only, so nothing depends on the padding between them.
class OnnxStep {
public:
  OnnxStep(Session &Owner, const qopt_tensor *Inputs, const std::vector<qopt_tensor> &Outputs)
      : Owner(Owner), Entry(*Owner.Shared->manifest().Onnx), Inputs(Inputs), Outputs(Outputs),
        Batch(Owner.Bound[0]), Tokens(Owner.Bound[1]), Past(Owner.Bound[2]) {}

  Status run();

private:
  /// Columns of the valid tokens of a row, in order.
  struct Row {
    std::vector<int64_t> Past, New;
    int64_t held() const { return static_cast<int64_t>(Past.size()); }
    int64_t added() const { return static_cast<int64_t>(New.size()); }
  };

  const qopt_tensor *find(OnnxRole Role, const OnnxValue **Value = nullptr) const;
  int64_t integer(const qopt_tensor &T, int64_t Row, int64_t Column) const;
  Status findRows();
  Status readMask(const qopt_tensor &Mask, const OnnxValue &Value, int64_t Number);
  Status checkPositions();
  Status checkPlain(const OnnxValue &Mask, int64_t Number) const;

  Status importPast();
  Status decode();
  void writeLogits(const qopt_tensor &T, const OnnxValue &Value) const;
  Status writePresent(const qopt_tensor &T, const OnnxValue &Value) const;
  char *stateOf(const OnnxValue &Value, int64_t Row) const;
  DataType typeOf(const OnnxValue &Value) const;
  /// Element of a past or present with this many columns.
  int64_t offset(const OnnxValue &V, int64_t Columns, int64_t Row, int64_t Head,
                 int64_t Column) const;

  Session &Owner;
  const artefact::OnnxEntry &Entry;
  const qopt_tensor *Inputs;
  const std::vector<qopt_tensor> &Outputs;
  int64_t Batch, Tokens, Past;
  std::vector<Row> Rows;
  int64_t Longest = 0;
  std::vector<float> Logits; ///< [Batch][Longest][vocabulary], rows end together
};

const qopt_tensor *OnnxStep::find(OnnxRole Role, const OnnxValue **Value) const {
  for (size_t I = 0; I < Entry.Inputs.size(); ++I)
    if (Entry.Inputs[I].Role == Role) {
      if (Value)
        *Value = &Entry.Inputs[I];
      return &Inputs[I];
    }
  return nullptr;
}

int64_t OnnxStep::integer(const qopt_tensor &T, int64_t Row, int64_t Column) const {
  return loadInteger(static_cast<DataType>(T.type), T.data, Row * T.shape[1] + Column);
}

//===- Which tokens are valid -----------------------------------------------------------------===//

Status OnnxStep::readMask(const qopt_tensor &Mask, const OnnxValue &Value, int64_t Number) {
  Row &R = Rows[Number];
  R = Row();
  for (int64_t Column = 0; Column < Past + Tokens; ++Column) {
    int64_t Valid = integer(Mask, Number, Column);
    if (Valid != 0 && Valid != 1)
      return makeError(StatusCode::BadInput, "input \"", Value.Name, "\", row ", Number,
                       ", column ", Column, ": ", Valid,
                       " is not 1 (a valid token) or 0 (padding)");
    if (Valid && Column < Past)
      R.Past.push_back(Column);
    else if (Valid)
      R.New.push_back(Column - Past);
  }
  return {};
}

/// Without position_ids a file counts columns, valid or not.
Status OnnxStep::checkPlain(const OnnxValue &Mask, int64_t Number) const {
  const Row &R = Rows[Number];
  if (R.held() != Past || (R.added() && R.New.back() != R.added() - 1))
    return makeError(
        StatusCode::BadInput, "input \"", Mask.Name, "\", row ", Number,
        ": padding stands before valid tokens, but the file has no position_ids that "
        "would leave it out of the count; pad on the right, or compile an export that has them");
  return {};
}

Status OnnxStep::checkPositions() {
  const OnnxValue *Value = nullptr;
  const qopt_tensor *Positions = find(OnnxRole::Positions, &Value);
  if (!Positions)
    return {};
  for (int64_t Number = 0; Number < Batch; ++Number) {
    const Row &R = Rows[Number];
    for (int64_t I = 0; I < R.added(); ++I)
      if (int64_t Given = integer(*Positions, Number, R.New[I]); Given != R.held() + I)
        return makeError(StatusCode::BadInput, "input \"", Value->Name, "\", row ", Number,
                         ", column ", R.New[I], ": position ", Given, ", but ", R.held() + I,
                         " valid tokens come before it; positions must count them");
  }
  return {};
}

Status OnnxStep::findRows() {
  if (Past + Tokens > Owner.Shared->manifest().Context)
    return makeError(StatusCode::ResourceLimit, "the context is full: ", Past, " past tokens and ",
                     Tokens, " new ones exceed ", Owner.Shared->manifest().Context,
                     "; recompile with a larger --context");
  const OnnxValue *Value = nullptr;
  const qopt_tensor *Mask = find(OnnxRole::Mask, &Value);
  Rows.resize(static_cast<size_t>(Batch));
  for (int64_t Number = 0; Number < Batch; ++Number) {
    Row &R = Rows[Number];
    for (int64_t I = 0; I < Past; ++I)
      R.Past.push_back(I);
    for (int64_t I = 0; I < Tokens; ++I)
      R.New.push_back(I);
    Status S = Mask ? readMask(*Mask, *Value, Number) : Status();
    if (S.ok() && Mask && !find(OnnxRole::Positions))
      S = checkPlain(*Value, Number);
    if (!S.ok())
      return S;
    Longest = std::max(Longest, R.added());
  }
  return checkPositions();
}

//===- Caches ---------------------------------------------------------------------------------===//

/// Elements of one head, from its first, that hold this many positions.
static int64_t extent(const CacheLayout &L, int64_t Positions) {
  if (Positions == 0)
    return 0;
  return (Positions - 1) / L.BlockSize * L.Block + (L.BlockSize - 1) * L.Lane +
         (L.HeadSize - 1) * L.Channel + 1;
}

char *OnnxStep::stateOf(const OnnxValue &Value, int64_t Row) const {
  const artefact::Program &Table = Owner.Shared->table();
  int64_t Buffer = *Table.bufferIndex(Value.State);
  const std::vector<int64_t> &States = Owner.Shared->states();
  size_t Index = std::find(States.begin(), States.end(), Buffer) - States.begin();
  return Owner.StateAddresses[Index] + Row * Table.Buffers[Buffer].RowBytes;
}

DataType OnnxStep::typeOf(const OnnxValue &Value) const {
  const artefact::Program &Table = Owner.Shared->table();
  return Table.Buffers[*Table.bufferIndex(Value.State)].Type;
}

int64_t OnnxStep::offset(const OnnxValue &V, int64_t Columns, int64_t Row, int64_t Head,
                         int64_t Column) const {
  const CacheLayout &L = V.Layout;
  int64_t Line = V.HeadsFirst ? (Row * L.Heads + Head) * Columns + Column
                              : (Row * Columns + Column) * L.Heads + Head;
  return Line * L.HeadSize;
}

Status OnnxStep::importPast() {
  std::vector<char> Host;
  for (size_t I = 0; I < Entry.Inputs.size(); ++I) {
    const OnnxValue &V = Entry.Inputs[I];
    if (V.Role != OnnxRole::Past)
      continue;
    DataType Stored = typeOf(V);
    for (int64_t Number = 0; Number < Batch; ++Number)
      for (int64_t Head = 0; Head < V.Layout.Heads; ++Head) {
        const Row &R = Rows[Number];
        int64_t First = V.Layout.element(0, Head, 0);
        Host.assign(static_cast<size_t>(extent(V.Layout, R.held()) * dataTypeSize(Stored)), 0);
        for (int64_t P = 0; P < R.held(); ++P) {
          int64_t From = offset(V, Past, Number, Head, R.Past[P]);
          for (int64_t C = 0; C < V.Layout.HeadSize; ++C)
            storeNumber(Stored, loadNumber(V.Type, Inputs[I].data, From + C), Host.data(),
                        V.Layout.element(P, Head, C) - First);
        }
        Status S =
            Owner.Shared->device().copyToDevice(stateOf(V, Number) + First * dataTypeSize(Stored),
                                                Host.data(), static_cast<int64_t>(Host.size()));
        if (!S.ok())
          return S;
      }
  }
  for (int64_t Number = 0; Number < Batch; ++Number)
    Owner.Lengths[Number] = Rows[Number].held();
  return {};
}

/// What the file concatenates: the past as it was given, then the new tokens; zeros for padding.
Status OnnxStep::writePresent(const qopt_tensor &T, const OnnxValue &V) const {
  std::memset(T.data, 0, static_cast<size_t>(T.bytes));
  DataType Stored = typeOf(V);
  int64_t Total = Past + Tokens, LineBytes = V.Layout.HeadSize * dataTypeSize(V.Type);
  const qopt_tensor *Given = nullptr;
  for (size_t I = 0; I < Entry.Inputs.size(); ++I)
    if (Entry.Inputs[I].Role == OnnxRole::Past && Entry.Inputs[I].State == V.State)
      Given = &Inputs[I];
  std::vector<char> Host;
  for (int64_t Number = 0; Number < Batch; ++Number)
    for (int64_t Head = 0; Head < V.Layout.Heads; ++Head) {
      const Row &R = Rows[Number];
      char *Out = static_cast<char *>(T.data);
      for (int64_t Column = 0; Given && Column < Past; ++Column)
        std::memcpy(Out + offset(V, Total, Number, Head, Column) * dataTypeSize(V.Type),
                    static_cast<const char *>(Given->data) +
                        offset(V, Past, Number, Head, Column) * dataTypeSize(V.Type),
                    static_cast<size_t>(LineBytes));
      int64_t First = V.Layout.element(0, Head, 0);
      Host.resize(
          static_cast<size_t>(extent(V.Layout, R.held() + R.added()) * dataTypeSize(Stored)));
      Status S = Owner.Shared->device().copyToHost(
          Host.data(), stateOf(V, Number) + First * dataTypeSize(Stored),
          static_cast<int64_t>(Host.size()));
      if (!S.ok())
        return S;
      for (int64_t I = 0; I < R.added(); ++I) {
        int64_t Column = Past + R.New[I];
        int64_t To = offset(V, Total, Number, Head, Column);
        for (int64_t C = 0; C < V.Layout.HeadSize; ++C) {
          int64_t From = V.Layout.element(R.held() + I, Head, C) - First;
          storeNumber(V.Type, loadNumber(Stored, Host.data(), From), T.data, To + C);
        }
      }
    }
  return {};
}

//===- Tokens ---------------------------------------------------------------------------------===//

Status OnnxStep::decode() {
  const qopt_tensor &Given = *find(OnnxRole::Ids);
  std::vector<int64_t> Ids(static_cast<size_t>(Batch * Longest)), Counts;
  for (int64_t Number = 0; Number < Batch; ++Number) {
    const Row &R = Rows[Number];
    for (int64_t I = 0; I < R.added(); ++I)
      Ids[Number * Longest + I] = integer(Given, Number, R.New[I]);
    Counts.push_back(R.added());
  }
  int64_t Vocabulary = Owner.Shared->manifest().Vocabulary;
  Logits.resize(static_cast<size_t>(Batch * Longest * Vocabulary));
  return Owner.decode({Ids.data(), Batch, Longest, Counts.data(), Longest, Logits.data()});
}

void OnnxStep::writeLogits(const qopt_tensor &T, const OnnxValue &Value) const {
  std::memset(T.data, 0, static_cast<size_t>(T.bytes));
  int64_t Vocabulary = Owner.Shared->manifest().Vocabulary;
  for (int64_t Number = 0; Number < Batch; ++Number) {
    const Row &R = Rows[Number];
    for (int64_t I = 0; I < R.added(); ++I) {
      const float *From = Logits.data() + (Number * Longest + Longest - R.added() + I) * Vocabulary;
      int64_t To = (Number * Tokens + R.New[I]) * Vocabulary;
      for (int64_t Id = 0; Id < Vocabulary; ++Id)
        storeNumber(Value.Type, From[Id], T.data, To + Id);
    }
  }
}

Status OnnxStep::run() {
  if (Status S = findRows(); !S.ok())
    return S;
  if (Status S = importPast(); !S.ok())
    return S;
  if (Longest > 0)
    if (Status S = decode(); !S.ok())
      return S;
  for (size_t I = 0; I < Entry.Outputs.size(); ++I) {
    const OnnxValue &V = Entry.Outputs[I];
    if (V.Role == OnnxRole::Logits)
      writeLogits(Outputs[I], V);
    else if (Status S = writePresent(Outputs[I], V); !S.ok())
      return S;
  }
  return {};
}

bool Session::isIgnored(int64_t Input) const {
  const std::optional<artefact::OnnxEntry> &Onnx = Shared->manifest().Onnx;
  return isDecoder() && Onnx && Onnx->Inputs[Input].Role == OnnxRole::Ignored;
}

Status Session::runOnnx(const qopt_tensor *Inputs, const std::vector<qopt_tensor> &Outputs) {
  return OnnxStep(*this, Inputs, Outputs).run();
}

} // namespace qopt::runtime
