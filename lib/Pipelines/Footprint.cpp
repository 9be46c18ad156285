#include "qopt/Pipelines/Footprint.h"

#include "qopt/Base/CheckedMath.h"
#include "qopt/Package/SafetensorsWriter.h"

#include "QKernel/QKernel.h"

using namespace mlir;
using namespace qopt;

namespace {
/// Adds sizes; once one of them does not fit, nothing does.
class Sum {
public:
  void add(std::optional<int64_t> Bytes) {
    Total = Total && Bytes ? checkedAdd(*Total, *Bytes) : std::nullopt;
  }
  std::optional<int64_t> get() const { return Total; }

private:
  std::optional<int64_t> Total = 0;
};
} // namespace

/// Cosines and sines of every position, in f32.
static std::optional<int64_t> tableBytes(const artefact::Buffer &Table) {
  return checkedProduct({Table.Positions, 2, int64_t(Table.Frequencies.size()), 4});
}

static void addWeight(WeightOp Weight, Sum &Codes, Sum &Scales, Sum &Others) {
  auto Ty = cast<RankedTensorType>(Weight.getType());
  auto Layout = cast<qkernel::WeightLayoutInterface>(*Weight.getLayout());
  int64_t Bytes = Layout.getByteSize(Ty);
  if (!getStoredElementType(Ty))
    return Others.add(Bytes);
  int64_t Parameters = Layout.getParameterBytes(Ty);
  Codes.add(Bytes - Parameters);
  Scales.add(Parameters);
}

std::optional<Footprint> qopt::measureFootprint(ArrayRef<WeightOp> Weights,
                                                const artefact::Program &Program,
                                                const artefact::Manifest &Manifest) {
  Sum Codes, Scales, Others, Caches, Tables, Total;
  for (WeightOp Weight : Weights)
    addWeight(Weight, Codes, Scales, Others);
  for (const artefact::Buffer &Buffer : Program.Buffers) {
    if (Buffer.Kind == artefact::BufferKind::State)
      Caches.add(checkedMul(Buffer.RowBytes, Manifest.Batch));
    if (Buffer.Kind == artefact::BufferKind::Rotary)
      Tables.add(tableBytes(Buffer));
  }
  std::vector<TensorDeclaration> Declarations;
  for (const artefact::WeightRecord &Record : Manifest.Weights)
    Declarations.push_back({Record.Name, Record.Bytes});
  auto File = SafetensorsWriter::fileBytes(Declarations);
  Total.add(File ? std::optional(*File) : std::nullopt);
  for (const Sum *Part : {&Caches, &Tables})
    Total.add(Part->get());
  Total.add(Program.ArenaBytes);
  Total.add(Program.ScratchBytes);
  // The parts are smaller than their sum, but for the weights, which the file holds.
  if (!Total.get() || !Codes.get() || !Scales.get() || !Others.get())
    return std::nullopt;
  return Footprint{*Codes.get(),  *Scales.get(), *Others.get(),      *File,
                   *Caches.get(), *Tables.get(), Program.ArenaBytes, Program.ScratchBytes};
}
