//===- ScalarFunctions.h - what the elementwise operations compute for one element
//-------------===//
#ifndef QOPT_DIALECTS_QOPT_SCALARFUNCTIONS_H
#define QOPT_DIALECTS_QOPT_SCALARFUNCTIONS_H

#include "QOpt/QOpt.h"

namespace qopt {

/// Functions of a float, all but `not`, `and` and `or`. NaN gives NaN everywhere.
double compute(UnaryKind Kind, double X);
double compute(BinaryKind Kind, double A, double B);

/// Functions of an integer; sums and products wrap. Nothing where there is no such function.
std::optional<int64_t> compute(UnaryKind Kind, int64_t X);
/// Nothing where the division is by zero. Division truncates; the smallest integer over -1 wraps to
/// itself.
std::optional<int64_t> compute(BinaryKind Kind, int64_t A, int64_t B);

/// A comparison with NaN is false.
bool compute(CompareKind Kind, double A, double B);
bool compute(CompareKind Kind, int64_t A, int64_t B);

} // namespace qopt

#endif // QOPT_DIALECTS_QOPT_SCALARFUNCTIONS_H
