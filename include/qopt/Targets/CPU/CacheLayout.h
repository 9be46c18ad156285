//===- CacheLayout.h - where keys and values lie in a cache -----------------------------------===//
//
// For one row of the batch:
//
//   keys    [heads][ceil(capacity / 16)][head size][16]   one vector holds one channel of 16
//   positions, so that 16
//                                                         scores are summed without a horizontal
//                                                         addition
//   values  [heads][capacity][head size]                  + 16 elements that a vector may read past
//   the end
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_CPU_CACHELAYOUT_H
#define QOPT_TARGETS_CPU_CACHELAYOUT_H

#include "qopt/Targets/CPU/KernelBuilder.h"

#include "llvm/Support/MathExtras.h"

namespace qopt::cpu {

inline int64_t getPaddedCapacity(KVCacheType Cache) {
  return llvm::alignTo(Cache.getCapacity(), VectorLanes);
}

/// Elements of one head.
inline int64_t getKeyHeadElements(KVCacheType Cache) {
  return getPaddedCapacity(Cache) * Cache.getHeadSize();
}
inline int64_t getValueHeadElements(KVCacheType Cache) {
  return Cache.getCapacity() * Cache.getHeadSize();
}

inline int64_t getKeyRowBytes(KVCacheType Cache) {
  return llvm::alignTo(
      Cache.getHeads() * getKeyHeadElements(Cache) * getElementBytes(Cache.getKey()), 64);
}
inline int64_t getValueRowBytes(KVCacheType Cache) {
  return llvm::alignTo((Cache.getHeads() * getValueHeadElements(Cache) + VectorLanes) *
                           getElementBytes(Cache.getValue()),
                       64);
}

/// Where a key and a value lie in their side of a row, counted in elements.
inline std::pair<int64_t, int64_t> getCacheElement(KVCacheType Cache, int64_t Position,
                                                   int64_t Head, int64_t Channel) {
  int64_t Block = Position / VectorLanes * Cache.getHeadSize() + Channel;
  return {Head * getKeyHeadElements(Cache) + Block * VectorLanes + Position % VectorLanes,
          Head * getValueHeadElements(Cache) + Position * Cache.getHeadSize() + Channel};
}

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_CACHELAYOUT_H
