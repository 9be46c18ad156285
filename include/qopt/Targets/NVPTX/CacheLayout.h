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

/// Where keys, and values alike, lie in their side of a row.
inline artefact::CacheLayout getCacheLayout(KVCacheType Cache) {
  artefact::CacheLayout Layout;
  Layout.Heads = Cache.getHeads();
  Layout.HeadSize = Layout.Block = Cache.getHeadSize();
  Layout.Capacity = Cache.getCapacity();
  Layout.Head = Cache.getCapacity() * Cache.getHeadSize();
  Layout.Channel = 1;
  return Layout;
}

} // namespace qopt::nvptx

#endif // QOPT_TARGETS_NVPTX_CACHELAYOUT_H
