//===- CacheLayout.h - where keys and values lie in a cache -----------------------------------===//
//
//   keys    [heads][ceil(capacity / 16)][head size][16]   one vector holds one channel of 16
//                                                         positions, so that 16 scores are summed
//                                                         without a horizontal addition
//   values  [heads][capacity][head size]                  + 16 elements that a vector may read past
//                                                         the end
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_CPU_CACHELAYOUT_H
#define QOPT_TARGETS_CPU_CACHELAYOUT_H

#include "qopt/Targets/CPU/KernelBuilder.h"
#include "qopt/Targets/Common/CacheSide.h"

namespace qopt::cpu {

using codegen::CacheSide;
using codegen::getPaddedCapacity;

inline CacheSide getKeySide(KVCacheType Cache) {
  return {Cache, Cache.getKey(), {/*Alignment=*/64, /*Interleaved=*/VectorLanes}};
}
inline CacheSide getValueSide(KVCacheType Cache) {
  return {Cache, Cache.getValue(), {/*Alignment=*/64, /*Interleaved=*/1, VectorLanes}};
}

} // namespace qopt::cpu

#endif // QOPT_TARGETS_CPU_CACHELAYOUT_H
