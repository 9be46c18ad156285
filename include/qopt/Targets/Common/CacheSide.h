//===- CacheSide.h - the keys or the values of a cache in memory ------------------------------===//
//
// For one row of the batch: [heads][capacity][head size] elements, or, where positions are
// interleaved, [heads][ceil(capacity / n)][head size][n]. A side whose type has scales holds codes
// there, and behind them, from a multiple of the alignment on, [heads][padded capacity] scales.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_TARGETS_COMMON_CACHESIDE_H
#define QOPT_TARGETS_COMMON_CACHESIDE_H

#include "qopt/Base/CacheLayout.h"
#include "qopt/Targets/Common/KernelBuilder.h"

namespace qopt::codegen {

/// How a target lays out one side.
struct CacheForm {
  /// Where rows and scales begin, in bytes.
  int64_t Alignment;
  /// Positions whose numbers of one channel lie side by side.
  int64_t Interleaved = 1;
  /// Elements behind the last that may be read.
  int64_t PastTheEnd = 0;
};

/// The keys or the values of a cache whose capacity is decided.
class CacheSide {
public:
  CacheSide(KVCacheType Cache, mlir::Type Side, CacheForm Form)
      : Cache(Cache), Side(Side), Form(Form) {}

  /// Null where numbers are stored as they are.
  StoredTypeInterface getStored() const { return mlir::dyn_cast<StoredTypeInterface>(Side); }
  /// Type of an element or code as it lies in memory.
  mlir::Type getElement() const { return getStored() ? getStored().getCodeType() : Side; }
  int64_t getRowBytes() const;

  /// Address of the first element of a head.
  mlir::Value getHead(KernelBuilder &Builder, mlir::Value Base, mlir::Value Batch,
                      mlir::Value Head) const;
  /// Address of the scales of a head, one for each position.
  mlir::Value getScales(KernelBuilder &Builder, mlir::Value Base, mlir::Value Batch,
                        mlir::Value Head) const;
  /// Where elements lie in a row.
  artefact::CacheLayout getLayout() const;
  /// Where the scale of a position lies from the start of a row, counted in scales; 0 without.
  int64_t getScaleIndex(int64_t Head, int64_t Position) const;

private:
  int64_t getHeadElements() const;
  int64_t getScalesStart() const;

  KVCacheType Cache;
  mlir::Type Side;
  CacheForm Form;
};

/// The capacity, up to a multiple of 16: a vector may read scales or scores past the end.
int64_t getPaddedCapacity(KVCacheType Cache);

} // namespace qopt::codegen

#endif // QOPT_TARGETS_COMMON_CACHESIDE_H
