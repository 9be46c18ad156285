// Number formats of many elements at once: what streaming a model's weights spends its time on.
// Each function gives bit for bit what its element-wise form gives.
#ifndef QOPT_BASE_BULKFORMATS_H
#define QOPT_BASE_BULKFORMATS_H

#include <cstdint>

namespace qopt {

/// Exact values of f16 and bf16 bits; a signalling NaN becomes quiet.
void floatsFromHalfs(const uint16_t *Bits, int64_t Count, float *Out);
void floatsFromBfloats(const uint16_t *Bits, int64_t Count, float *Out);

/// Smallest and largest value, zero included. Values must be no NaN.
void rangeWithZero(const float *Values, int64_t Count, float &Min, float &Max);

/// clamp(round(x * Inverse) + Zero, Lowest, Highest), rounding to nearest, ties to even. Zero and
/// the bounds are whole numbers of magnitude below 2^21.
void roundToCodes(const float *Values, int64_t Count, float Inverse, float Zero, float Lowest,
                  float Highest, int16_t *Codes);

/// Whether no value is a NaN or an infinity.
bool allFinite(const float *Values, int64_t Count);

} // namespace qopt

#endif
