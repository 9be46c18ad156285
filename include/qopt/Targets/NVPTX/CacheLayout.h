//===- CacheLayout.h - where keys and values lie in a cache -----------------------------------===//
//
// For one row of the batch, keys and values alike: [heads][capacity][head size].
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_NVPTX_CACHELAYOUT_H
#define QOPT_TARGETS_NVPTX_CACHELAYOUT_H

#include "qopt/Targets/Common/CacheSide.h"
#include "qopt/Targets/NVPTX/KernelBuilder.h"

namespace qopt::nvptx {

using codegen::CacheSide;

/// The keys or values (Part 0 or 1).
inline CacheSide getCacheSide(KVCacheType Cache, unsigned Part) {
  return {Cache, Part ? Cache.getValue() : Cache.getKey(), {/*Alignment=*/256}};
}

} // namespace qopt::nvptx

#endif // QOPT_TARGETS_NVPTX_CACHELAYOUT_H
