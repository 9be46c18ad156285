// The contents of verify.safetensors as plain structures: what --verify runs and what must come
// out. docs/Artefact.md says what the fields mean; qopt/Package reads, writes and validates them.
#ifndef QOPT_BASE_VERIFICATIONFORMAT_H
#define QOPT_BASE_VERIFICATIONFORMAT_H

#include "qopt/Base/DataType.h"
#include "qopt/Base/Expression.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace qopt::artefact {

constexpr const char *VerifyFile = "verify.safetensors";
/// Of the whole file.
constexpr int64_t MaxVerifyBytes = int64_t(8) << 20;

/// Contents of an argument before the launch: element I holds the number I of a seeded sequence.
struct Fill {
  int64_t Argument = 0; ///< of the launch, in its order
  DataType Type = DataType::F32;
  uint64_t Seed = 0;
  /// Floats: a power of two that numbers lie within. Integers: the values in Range.
  double Magnitude = 1;
  Interval Range;
  /// Elements [first, second); what lies between them stays zero.
  std::vector<std::pair<int64_t, int64_t>> Runs;
};

/// How far a result may be off: the entry of the table of budgets, by name.
struct ErrorBudget {
  std::string Operation, Types;
  /// "relative": |error| <= Bound * (1 + |value|); "largest": Bound * (1 + the largest |value| of
  /// the check); "absolute": Bound.
  std::string Metric;
  double Bound = 0;
};

/// Some elements of an argument after the launch.
struct Check {
  int64_t Argument = 0;
  DataType Type = DataType::F32;
  ErrorBudget Budget;
  std::vector<int64_t> Elements;
  std::vector<double> Values;
};

/// One launch with made-up arguments. Weights and tables are the program's own.
struct VerifyCase {
  int64_t Launch = 0;
  std::vector<int64_t> Symbols; ///< values in the order of Program::Symbols
  std::vector<Fill> Fills;
  std::vector<Check> Checks;
};

/// A kernel for which no case could be made, and why.
struct UnverifiedKernel {
  int64_t Kernel = 0;
  std::string Reason;
};

struct Verification {
  std::vector<VerifyCase> Cases;
  std::vector<UnverifiedKernel> Unverified;
  /// Of the data behind the header of weights.safetensors.
  std::string WeightsHash;
};

} // namespace qopt::artefact

#endif
