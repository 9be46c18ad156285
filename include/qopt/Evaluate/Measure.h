//===- Measure.h - all figures of one artefact, and the table of several ----------------------===//
#ifndef QOPT_EVALUATE_MEASURE_H
#define QOPT_EVALUATE_MEASURE_H

#include "qopt/Evaluate/LanguageModel.h"

#include "llvm/Support/JSON.h"

namespace qopt {

/// What was measured of one artefact; nothing stands for "not measured" and is `null` in JSON.
struct Measurement {
  std::string Name;
  std::optional<QualityReport> Quality;
  std::optional<SpeedReport> Speed;
  int64_t WeightBytes = 0;
  /// weight bytes x 8 / elements of all matrices, tied ones once.
  std::optional<double> BitsPerWeight;
  /// Share of the matrices' elements that are stored as codes.
  std::optional<double> QuantizedFraction;
  std::optional<int64_t> KvBytesPerToken, PeakPrivateBytes, PeakDeviceBytes;
  std::optional<int64_t> Batch;
};

/// Sizes, from the manifest alone.
void measureSizes(const runtime::Program &Program, Measurement &Result);

/// The keys that reports share.
llvm::json::Object toJson(const Measurement &Measured);

/// The table "memory and speed won, quality lost"; the first line is the baseline that the others
/// are compared with.
std::string printTable(llvm::ArrayRef<Measurement> Lines);

} // namespace qopt

#endif // QOPT_EVALUATE_MEASURE_H
