#include "qopt/Base/BulkFormats.h"

#include "qopt/Base/NumberFormats.h"

#include <algorithm>

// Loops without branches, which the compiler turns into vectors for each instruction set.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define QOPT_VERSIONS __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define QOPT_VERSIONS
#endif

namespace qopt {

QOPT_VERSIONS void floatsFromHalfs(const uint16_t *Bits, int64_t Count, float *Out) {
  for (int64_t I = 0; I < Count; ++I) {
    uint32_t Sign = uint32_t(Bits[I] & 0x8000) << 16, Magnitude = Bits[I] & 0x7fff;
    // Shifted into place the exponent is 112 too small; the product also normalises subnormals.
    uint32_t Finite = bitsOfFloat(floatOfBits(Magnitude << 13) * 0x1p112f);
    uint32_t Special = 0x7f800000 | (Magnitude << 13) | (Magnitude > 0x7c00 ? 0x400000 : 0);
    Out[I] = floatOfBits(Sign | (Magnitude >= 0x7c00 ? Special : Finite));
  }
}

QOPT_VERSIONS void floatsFromBfloats(const uint16_t *Bits, int64_t Count, float *Out) {
  for (int64_t I = 0; I < Count; ++I) {
    uint32_t Wide = uint32_t(Bits[I]) << 16;
    Out[I] = floatOfBits((Wide & 0x7fffffff) > 0x7f800000 ? Wide | 0x400000 : Wide);
  }
}

QOPT_VERSIONS void rangeWithZero(const float *Values, int64_t Count, float &Min, float &Max) {
  // Sixteen ranges side by side: the order of comparisons does not matter, and lanes need none.
  float Low[16] = {}, High[16] = {};
  int64_t I = 0;
  for (; I + 16 <= Count; I += 16)
    for (int J = 0; J < 16; ++J) {
      Low[J] = Values[I + J] < Low[J] ? Values[I + J] : Low[J];
      High[J] = Values[I + J] > High[J] ? Values[I + J] : High[J];
    }
  for (; I < Count; ++I) {
    Low[0] = std::min(Low[0], Values[I]);
    High[0] = std::max(High[0], Values[I]);
  }
  Min = *std::min_element(Low, Low + 16);
  Max = *std::max_element(High, High + 16);
}

QOPT_VERSIONS void roundToCodes(const float *Values, int64_t Count, float Inverse, float Zero,
                                float Lowest, float Highest, int16_t *Codes) {
  // Adding 1.5 * 2^23 leaves whole numbers, rounded as the addition rounds: to nearest, ties to
  // even.
  constexpr float Whole = 12582912.0f;
  for (int64_t I = 0; I < Count; ++I) {
    float Scaled = Values[I] * Inverse;
    Scaled = Scaled < Lowest - Zero    ? Lowest - Zero
             : Scaled > Highest - Zero ? Highest - Zero
                                       : Scaled;
    Codes[I] = int16_t(int32_t((Scaled + Whole) - Whole + Zero));
  }
}

QOPT_VERSIONS bool allFinite(const float *Values, int64_t Count) {
  uint32_t Special = 0;
  for (int64_t I = 0; I < Count; ++I)
    Special |= uint32_t((bitsOfFloat(Values[I]) & 0x7f800000) == 0x7f800000);
  return !Special;
}

} // namespace qopt
