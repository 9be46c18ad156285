// Runs the cases of verify.safetensors on a loaded program, each kernel by itself.
#ifndef QOPT_RUNTIME_VERIFY_H
#define QOPT_RUNTIME_VERIFY_H

#include "qopt/Base/VerificationFormat.h"
#include "qopt/Runtime/Program.h"

#include <string>
#include <vector>

namespace qopt::runtime {

/// What came out of one check beside what should have.
struct CheckedResult {
  int64_t Kernel = 0, Launch = 0;
  int64_t Argument = 0;
  DataType Type = DataType::F32;
  std::vector<int64_t> Symbols;
  int64_t Elements = 0;
  /// A NaN, or an infinity that should be none, counts as an infinite error.
  double MaxError = 0, RmsError = 0;
  artefact::ErrorBudget Budget;
  /// The largest error in units of what is allowed where it occurred.
  double Share = 0;
  bool passed() const { return Share <= 1; }
};

struct VerifyReport {
  std::vector<CheckedResult> Results;
  std::vector<artefact::UnverifiedKernel> Unverified;
  /// Whether the weights are the bytes that the compiler wrote.
  bool WeightsIntact = false;
  bool passed() const;
};

/// Errors: those of readVerification and of the device.
Result<VerifyReport> verifyProgram(Program &Program);

} // namespace qopt::runtime

#endif
