#include "qopt/Reference/WeightSource.h"

using namespace mlir;
using namespace qopt;

static ReferenceTensor toTensor(RankedTensorType Ty, const QuantizedRows &Quantized) {
  std::vector<int64_t> Codes(Quantized.Codes.begin(), Quantized.Codes.end());
  std::vector<double> Scales(Quantized.Scales.begin(), Quantized.Scales.end());
  std::vector<double> ZeroPoints(Quantized.ZeroPoints.begin(), Quantized.ZeroPoints.end());
  return ReferenceTensor::fromCodes(Ty, Codes, Scales, ZeroPoints);
}

static FailureOr<ReferenceTensor> quantize(WeightOp Weight, ArrayRef<float> Values, int64_t Rows,
                                           int64_t Columns, const SchemeRegistry &Schemes) {
  auto Ty = cast<RankedTensorType>(Weight.getType());
  StringRef Name = Weight.getScheme().value_or("");
  const Scheme *Chosen = Schemes.find(Name);
  if (!Chosen)
    return Weight.emitOpError() << "names the scheme '" << Name
                                << "', which is not registered; known: "
                                << llvm::join(Schemes.getNames(), ", ");
  QuantizedRows Quantized;
  Chosen->quantizeRows(getStoredElementType(Ty), Values.data(), Rows, Columns, Quantized);
  return toTensor(Ty, Quantized);
}

WeightProvider qopt::readWeights(SourceBytes Bytes, const SchemeRegistry &Schemes) {
  return [Bytes = std::move(Bytes), &Schemes](WeightOp Weight) -> FailureOr<ReferenceTensor> {
    auto Reader = WeightReader::open(Weight, Bytes);
    if (!Reader)
      return Weight.emitOpError() << "cannot be read: " << Reader.status().message();
    if (getStoredElementType(Weight.getType()) && Weight.getScheme() == StringRef(FileScheme)) {
      QuantizedRows OfFile;
      Reader->readCodes(0, Reader->getRows(), OfFile);
      return toTensor(cast<RankedTensorType>(Weight.getType()), OfFile);
    }
    std::vector<float> Values(Reader->getRows() * Reader->getColumns());
    Reader->readRows(0, Reader->getRows(), Values.data());
    if (getStoredElementType(Weight.getType()))
      return quantize(Weight, Values, Reader->getRows(), Reader->getColumns(), Schemes);
    std::vector<double> Elements(Values.begin(), Values.end());
    return ReferenceTensor::fromFloats(cast<RankedTensorType>(Weight.getType()), Elements);
  };
}
