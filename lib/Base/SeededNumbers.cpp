#include "qopt/Base/SeededNumbers.h"

#include <cmath>

namespace qopt {

/// The finalizer of splitmix64 (Steele et al., 2014): a bijection that mixes all bits.
static uint64_t mix(uint64_t Bits) {
  Bits = (Bits ^ (Bits >> 30)) * 0xbf58476d1ce4e5b9u;
  Bits = (Bits ^ (Bits >> 27)) * 0x94d049bb133111ebu;
  return Bits ^ (Bits >> 31);
}

uint64_t seededBits(uint64_t Seed, uint64_t Index) {
  return mix(mix(Seed) + (Index + 1) * 0x9e3779b97f4a7c15u);
}

/// Bits behind the point that every number in [-1, 1] of a type can have.
static int fractionBits(DataType Type) {
  return Type == DataType::BF16 ? 7 : Type == DataType::F16 ? 10 : 23;
}

double seededFloat(DataType Type, uint64_t Seed, int64_t Index, double Magnitude) {
  int Bits = fractionBits(Type);
  int64_t One = int64_t(1) << Bits;
  uint64_t Choice =
      seededBits(Seed, static_cast<uint64_t>(Index)) % static_cast<uint64_t>(2 * One + 1);
  return std::ldexp(static_cast<double>(static_cast<int64_t>(Choice) - One), -Bits) * Magnitude;
}

int64_t seededInteger(uint64_t Seed, int64_t Index, Interval Range) {
  uint64_t Width = static_cast<uint64_t>(Range.Max) - static_cast<uint64_t>(Range.Min) + 1;
  uint64_t Bits = seededBits(Seed, static_cast<uint64_t>(Index));
  return static_cast<int64_t>(static_cast<uint64_t>(Range.Min) + (Width ? Bits % Width : Bits));
}

void writeSeeded(const artefact::Fill &F, int64_t First, int64_t Count, char *Data) {
  for (int64_t I = 0; I < Count; ++I)
    if (isFloat(F.Type))
      storeNumber(F.Type, seededFloat(F, First + I), Data, I);
    else
      storeInteger(F.Type, seededInteger(F, First + I), Data, I);
}

} // namespace qopt
