//===- TensorErrors.h - outputs against expected ones -----------------------------------------===//
#ifndef QOPT_EVALUATE_TENSORERRORS_H
#define QOPT_EVALUATE_TENSORERRORS_H

#include "qopt/Package/Npz.h"

#include <string>
#include <vector>

namespace qopt {

/// How far one output is from what was expected. The cosine is that of the two tensors as vectors.
struct TensorError {
  std::string Name;
  double Max = 0, RMS = 0, Cosine = 0;
};

/// Compares every expected array with the output of its name, in f64. Errors: BadInput for an
/// expected array that is no output or has another shape; Unsupported for arrays that hold no
/// numbers.
Result<std::vector<TensorError>> compareArrays(const NpzArrays &Outputs, const NpzArrays &Expected);

} // namespace qopt

#endif // QOPT_EVALUATE_TENSORERRORS_H
