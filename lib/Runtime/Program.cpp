#include "qopt/Runtime/Program.h"

#include "Rotary.h"

namespace qopt::runtime {

using artefact::Buffer;
using artefact::BufferKind;

Result<std::shared_ptr<Program>>
Program::load(const std::string &Path, const DeviceOptions &Options, const DeviceFactory &Factory) {
  Result<Artefact> Opened = openArtefact(Path);
  if (!Opened)
    return Opened.status();
  std::shared_ptr<Program> P(new Program());
  P->Contents = std::move(*Opened);
  Result<std::unique_ptr<Device>> Machine = Factory(P->Contents, Options);
  if (!Machine)
    return Machine.status();
  P->Machine = std::move(*Machine);
  if (Status S = P->importConstants(); !S.ok())
    return S;
  bool IsDecoder = P->manifest().Kind == artefact::ProgramKind::Decoder;
  P->Values = IsDecoder ? Signature::ofDecoder(P->manifest()) : Signature::ofGraph(P->table());
  const std::vector<Buffer> &Buffers = P->table().Buffers;
  for (size_t I = 0; I < Buffers.size(); ++I) {
    if (Buffers[I].Kind == BufferKind::Input)
      P->Inputs.push_back(static_cast<int64_t>(I));
    else if (Buffers[I].Kind == BufferKind::Output)
      P->Outputs.push_back(static_cast<int64_t>(I));
    else if (Buffers[I].Kind == BufferKind::State)
      P->States.push_back(static_cast<int64_t>(I));
  }
  return P;
}

Status Program::importConstants() {
  for (const Buffer &B : table().Buffers) {
    const void *Data = nullptr;
    int64_t Bytes = 0;
    if (B.Kind == BufferKind::Weight) {
      const SafetensorsEntry *Entry = Contents.Weights.find(B.Tensor);
      Data = Entry->Data;
      Bytes = Entry->Bytes;
    } else if (B.Kind == BufferKind::Rotary) {
      Tables.push_back(rotaryTable(B));
      Data = Tables.back().data();
      Bytes = static_cast<int64_t>(Tables.back().size() * sizeof(float));
    }
    Constants.push_back(nullptr);
    if (!Data)
      continue;
    Result<void *> Address = Machine->importConstant(Data, Bytes);
    if (!Address)
      return Address.status();
    Constants.back() = *Address;
  }
  return {};
}

int64_t Program::tableBytes() const {
  size_t Bytes = 0;
  for (const std::vector<float> &Table : Tables)
    Bytes += Table.size() * sizeof(float);
  return static_cast<int64_t>(Bytes);
}

} // namespace qopt::runtime
