//===- CacheLayout.h - where keys and values lie in a cache -----------------------------------===//
//
// For one row of the batch, keys and values alike: [heads][capacity][head size].
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_NVPTX_CACHELAYOUT_H
#define QOPT_TARGETS_NVPTX_CACHELAYOUT_H

#include "qopt/Targets/NVPTX/KernelBuilder.h"

#include "llvm/Support/MathExtras.h"

namespace qopt::nvptx {

/// Bytes of keys or values of one row of the batch; `Stored` is their type.
inline int64_t getCacheRowBytes(KVCacheType Cache, mlir::Type Stored) {
  return llvm::alignTo(
      Cache.getHeads() * Cache.getCapacity() * Cache.getHeadSize() * getElementBytes(Stored), 256);
}

/// Where a key and a value lie in their side of a row, counted in elements.
inline std::pair<int64_t, int64_t> getCacheElement(KVCacheType Cache, int64_t Position,
                                                   int64_t Head, int64_t Channel) {
  int64_t At = (Head * Cache.getCapacity() + Position) * Cache.getHeadSize() + Channel;
  return {At, At};
}

} // namespace qopt::nvptx

#endif // QOPT_TARGETS_NVPTX_CACHELAYOUT_H
