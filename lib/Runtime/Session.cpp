#include "qopt/Runtime/Session.h"

#include "qopt/Base/CheckedMath.h"

#include <algorithm>

namespace qopt::runtime {

using artefact::Buffer;
using artefact::BufferKind;

Session::Session(std::shared_ptr<Program> Shared, int64_t Rows)
    : Shared(std::move(Shared)), Rows(Rows), Plan(this->Shared->table()), Lengths(Rows, 0),
      Symbols(this->Shared->table().Symbols.size()) {
  const artefact::Program &Table = this->Shared->table();
  for (size_t I = 0; I < Table.Buffers.size(); ++I)
    Plan.setAddress(static_cast<int64_t>(I), this->Shared->constants()[I]);
  InputTensors.reserve(this->Shared->inputs().size());
  OutputTensors.reserve(this->Shared->outputs().size());
  OutputAddresses.reserve(this->Shared->outputs().size());
}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Program> Program, int64_t Rows) {
  int64_t Most = Program->manifest().Batch;
  if (Rows < 1)
    return makeError(StatusCode::Usage, "a session cannot have ", Rows, " rows");
  if (Rows > Most)
    return makeError(StatusCode::ResourceLimit, Program->manifest().Name, ": ", Rows,
                     " rows asked, compiled for ", Most, "; recompile with --batch=", Rows);
  std::unique_ptr<Session> S(new Session(std::move(Program), Rows));
  if (Status Allocated = S->allocate(); !Allocated.ok())
    return Allocated;
  return S;
}

Status Session::allocate() {
  const artefact::Program &Table = Shared->table();
  Result<DeviceMemory> ArenaMemory = DeviceMemory::allocate(Shared->device(), Table.ArenaBytes);
  if (!ArenaMemory)
    return ArenaMemory.status().within("arena");
  Arena = std::move(*ArenaMemory);
  for (size_t I = 0; I < Table.Buffers.size(); ++I)
    if (Table.Buffers[I].Kind == BufferKind::Arena)
      Plan.setAddress(static_cast<int64_t>(I), Arena.address() + Table.Buffers[I].Offset);

  std::optional<int64_t> Total = 0;
  std::vector<int64_t> Offsets;
  for (int64_t Index : Shared->states()) {
    Offsets.push_back(*Total);
    std::optional<int64_t> Bytes = checkedMul(Table.Buffers[Index].RowBytes, Rows);
    Bytes = Bytes ? checkedAlign(*Bytes, artefact::Alignment) : std::nullopt;
    Total = Bytes ? checkedAdd(*Total, *Bytes) : std::nullopt;
    if (!Total)
      return makeError(StatusCode::ResourceLimit, "the state of ", Rows, " rows is too large");
  }
  Result<DeviceMemory> StateMemory = DeviceMemory::allocate(Shared->device(), *Total);
  if (!StateMemory)
    return StateMemory.status().within("state");
  State = std::move(*StateMemory);
  for (size_t I = 0; I < Offsets.size(); ++I) {
    StateAddresses.push_back(State.address() + Offsets[I]);
    Plan.setAddress(Shared->states()[I], StateAddresses.back());
  }
  Result<std::unique_ptr<HostWindow>> Opened = Shared->device().openWindow();
  if (!Opened)
    return Opened.status().within("inputs and outputs");
  Window = std::move(*Opened);
  if (isDecoder())
    findDecoderIndices();
  return {};
}

void Session::findDecoderIndices() {
  // validateSignature has seen that all of these exist.
  const artefact::Program &Table = Shared->table();
  Indices.Batch = *Table.symbolIndex("batch");
  Indices.Tokens = *Table.symbolIndex("tokens");
  Indices.LogitsSymbol = *Table.symbolIndex("logits");
  Indices.Ids = *Table.bufferIndex("ids");
  Indices.Past = *Table.bufferIndex("past");
  Indices.Count = *Table.bufferIndex("count");
  Indices.Logits = *Table.bufferIndex("logits");
  Ids.resize(static_cast<size_t>(Rows * Shared->manifest().Chunk));
  Past.resize(static_cast<size_t>(Rows));
  Count.resize(static_cast<size_t>(Rows));
  NewTokens.resize(static_cast<size_t>(Rows));
  // A program may have to compute one token's logits even where none are wanted.
  if (Table.Symbols[Indices.LogitsSymbol].Range.Min > 0)
    LogitsStaging.resize(static_cast<size_t>(Rows * Shared->manifest().Vocabulary));
}

int64_t Session::length(int64_t Row) const {
  return Row >= 0 && Row < Rows && isDecoder() ? Lengths[Row] : -1;
}

Status Session::checkRow(int64_t Row) const {
  if (Row < 0 || Row >= Rows)
    return makeError(StatusCode::Usage, "there is no row ", Row, ", the session has ", Rows);
  return {};
}

Status Session::clearRow(int64_t Row) {
  for (size_t I = 0; I < StateAddresses.size(); ++I) {
    int64_t RowBytes = Shared->table().Buffers[Shared->states()[I]].RowBytes;
    if (Status S = Shared->device().clear(StateAddresses[I] + Row * RowBytes, RowBytes); !S.ok())
      return S;
  }
  Lengths[Row] = 0;
  return {};
}

Status Session::reset(int64_t Row) {
  if (Row != -1) {
    Status S = checkRow(Row);
    return S.ok() ? clearRow(Row) : S;
  }
  for (int64_t Each = 0; Each < Rows; ++Each)
    if (Status S = clearRow(Each); !S.ok())
      return S;
  return {};
}

Status Session::truncate(int64_t Row, int64_t Length) {
  if (!isDecoder())
    return makeError(StatusCode::Usage, "only a decoder's rows can be truncated");
  if (Status S = checkRow(Row); !S.ok())
    return S;
  if (Length < 0 || Length > Lengths[Row])
    return makeError(StatusCode::Usage, "row ", Row, " holds ", Lengths[Row],
                     " tokens and cannot keep ", Length);
  Lengths[Row] = Length;
  return {};
}

Result<std::unique_ptr<Session>> Session::fork() const {
  Result<std::unique_ptr<Session>> Copy = create(Shared, Rows);
  if (!Copy)
    return Copy;
  Status S = Shared->device().copy((*Copy)->State.address(), State.address(), State.bytes());
  if (!S.ok())
    return S;
  (*Copy)->Lengths = Lengths;
  return Copy;
}

SessionMemory Session::memory() const {
  SessionMemory M;
  M.Arena = Arena.bytes();
  M.State = State.bytes();
  M.Staging = static_cast<int64_t>(Ids.capacity() * sizeof(int64_t) +
                                   LogitsStaging.capacity() * sizeof(float));
  return M;
}

void Session::setProfiling(bool Enabled) {
  size_t Launches = Shared->table().Launches.size();
  Profiling = Enabled;
  if (!Enabled)
    return;
  Measured.Calls.assign(Launches, 0);
  Measured.Reads.assign(Launches, 0);
  Measured.Writes.assign(Launches, 0);
  Measured.Seconds.assign(Launches, 0.0);
}

Status Session::runStep(std::vector<HostTensor> &Inputs, std::vector<HostTensor> &Outputs) {
  if (Status S = Plan.bind(Symbols); !S.ok())
    return S;
  for (const HostTensor &Input : Inputs) {
    Result<void *> Address = Window->attachInput(Input);
    if (!Address)
      return Address.status();
    Plan.setAddress(Input.Buffer, *Address);
  }
  OutputAddresses.clear();
  for (const HostTensor &Output : Outputs) {
    Result<void *> Address = Window->attachOutput(Output);
    if (!Address)
      return Address.status();
    Plan.setAddress(Output.Buffer, *Address);
    OutputAddresses.push_back(*Address);
  }
  Step Walk = Plan.step();
  if (Profiling) {
    Walk.Seconds = Measured.Seconds.data();
    Plan.addTraffic(Measured.Calls, Measured.Reads, Measured.Writes);
  }
  if (Status S = Shared->device().run(Walk); !S.ok())
    return S;
  for (size_t I = 0; I < Outputs.size(); ++I)
    if (Status S = Window->fetchOutput(Outputs[I], OutputAddresses[I]); !S.ok())
      return S;
  return {};
}

} // namespace qopt::runtime
