#include "Rotary.h"

#include <cmath>

namespace qopt::runtime {

std::vector<float> rotaryTable(const artefact::Buffer &Buffer) {
  size_t Count = Buffer.Frequencies.size();
  std::vector<float> Table(static_cast<size_t>(Buffer.Positions) * 2 * Count);
  float *Cosines = Table.data();
  for (int64_t Position = 0; Position < Buffer.Positions; ++Position, Cosines += 2 * Count)
    for (size_t I = 0; I < Count; ++I) {
      double Angle = static_cast<double>(Position) * Buffer.Frequencies[I];
      Cosines[I] = static_cast<float>(std::cos(Angle) * Buffer.Scale);
      Cosines[Count + I] = static_cast<float>(std::sin(Angle) * Buffer.Scale);
    }
  return Table;
}

} // namespace qopt::runtime
