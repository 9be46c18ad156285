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

/// Where keys and values lie in their side of a row.
inline artefact::CacheLayout getKeyLayout(KVCacheType Cache) {
  artefact::CacheLayout Layout;
  Layout.Heads = Cache.getHeads();
  Layout.HeadSize = Cache.getHeadSize();
  Layout.Capacity = Cache.getCapacity();
  Layout.Head = getKeyHeadElements(Cache);
  Layout.BlockSize = Layout.Channel = VectorLanes;
  Layout.Block = Cache.getHeadSize() * VectorLanes;
  Layout.Lane = 1;
  return Layout;
}
inline artefact::CacheLayout getValueLayout(KVCacheType Cache) {
  artefact::CacheLayout Layout = getKeyLayout(Cache);
  Layout.Head = getValueHeadElements(Cache);
  Layout.BlockSize = Layout.Channel = 1;
  Layout.Block = Cache.getHeadSize();
  Layout.Lane = 0;
  return Layout;
}

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_CACHELAYOUT_H
