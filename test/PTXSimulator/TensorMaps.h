// The simulator's own form of a tensor map's 128 bytes.
#ifndef QOPT_PTXSIMULATOR_TENSORMAPS_H
#define QOPT_PTXSIMULATOR_TENSORMAPS_H

#include "qopt/Runtime/GpuDriver.h"

#include <array>

namespace qopt::ptxsim {

struct DecodedTensorMap {
  uint64_t Base = 0;
  unsigned Rank = 0;
  unsigned ElementBytes = 0;
  runtime::TensorElement Element = runtime::TensorElement::U8;
  runtime::TensorSwizzle Swizzle = runtime::TensorSwizzle::None;
  std::array<uint64_t, 5> Sizes{};
  std::array<uint64_t, 5> Strides{}; ///< bytes; of dimension 0 an element
  std::array<uint32_t, 5> Box{};
};

/// Errors: BadInput for what cuTensorMapEncodeTiled refuses.
Result<runtime::TensorMap> makeTensorMap(const runtime::TensorMapShape &Shape);

/// False if the bytes are no tensor map that makeTensorMap made.
bool decodeTensorMap(const uint8_t *Bytes, DecodedTensorMap &Map);

} // namespace qopt::ptxsim

#endif
