// Sequences of numbers that anyone can make again from a seed, each by its index alone. Floats are
// exact in their type, so that who computes with them in double sees what a kernel sees.
#ifndef QOPT_BASE_SEEDEDNUMBERS_H
#define QOPT_BASE_SEEDEDNUMBERS_H

#include "qopt/Base/Expression.h"
#include "qopt/Base/VerificationFormat.h"

namespace qopt {

/// 64 bits that depend on both numbers alone.
uint64_t seededBits(uint64_t Seed, uint64_t Index);

/// In [-Magnitude, Magnitude], a power of two.
double seededFloat(DataType Type, uint64_t Seed, int64_t Index, double Magnitude);
/// In Range; Min <= Max.
int64_t seededInteger(uint64_t Seed, int64_t Index, Interval Range);

/// Element Index of a fill, as a double or as the integer.
inline double seededFloat(const artefact::Fill &F, int64_t Index) {
  return seededFloat(F.Type, F.Seed, Index, F.Magnitude);
}
inline int64_t seededInteger(const artefact::Fill &F, int64_t Index) {
  return seededInteger(F.Seed, Index, F.Range);
}

/// Writes elements [First, First + Count) of a fill to Data, in its type.
void writeSeeded(const artefact::Fill &F, int64_t First, int64_t Count, char *Data);

} // namespace qopt

#endif
