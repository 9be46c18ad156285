//===- Prefetch.h - weights on their way to the cache -----------------------------------------===//
#ifndef QOPT_LIB_TARGETS_CPU_PREFETCH_H
#define QOPT_LIB_TARGETS_CPU_PREFETCH_H

#include "qopt/Targets/CPU/KernelBuilder.h"

namespace qopt::cpu {

/// How far ahead of its use a weight is fetched: what one core needs to keep enough lines on the
/// way.
constexpr int64_t PrefetchBytes = 1024;

/// Fetches what the next steps read of each panel: as many lines as this step reads.
inline void prefetchAhead(KernelBuilder &B, llvm::ArrayRef<mlir::Value> Panels, int64_t StepBytes) {
  for (mlir::Value Panel : Panels)
    for (int64_t Line = 0; Line < StepBytes; Line += 64)
      B.prefetch(B.bytes(Panel, B.index(PrefetchBytes + Line)));
}

} // namespace qopt::cpu

#endif // QOPT_LIB_TARGETS_CPU_PREFETCH_H
