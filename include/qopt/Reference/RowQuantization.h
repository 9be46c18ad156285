//===- RowQuantization.h - rows that get a scale while the program runs -----------------------===//
#ifndef QOPT_REFERENCE_ROWQUANTIZATION_H
#define QOPT_REFERENCE_ROWQUANTIZATION_H

#include "QOpt/QOpt.h"

namespace qopt {

/// Replaces a row of f32 numbers by what its codes read as, and returns the scale: the largest
/// magnitude over the largest code, in f32, rounded to the scale's type. A code is the quotient
/// of number and scale, in f32, rounded to nearest even and not beyond the largest code. A scale
/// of zero gives zeros. A row that holds NaN or infinity reads as NaN.
double quantizeRow(StoredTypeInterface Ty, llvm::MutableArrayRef<double> Row);

} // namespace qopt

#endif // QOPT_REFERENCE_ROWQUANTIZATION_H
