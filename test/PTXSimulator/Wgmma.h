// Shared-memory descriptors of wgmma.
#ifndef QOPT_PTXSIMULATOR_WGMMA_H
#define QOPT_PTXSIMULATOR_WGMMA_H

#include <cstdint>

namespace qopt::ptxsim {

struct MatrixDescriptor {
  uint32_t Start = 0; ///< bytes, as the others
  uint32_t Leading = 0;
  uint32_t Stride = 0;
  unsigned BaseOffset = 0;
  unsigned Swizzle = 0; ///< 0 none, 1 128 bytes, 2 64, 3 32

  /// Shared address of a chunk of 16 bytes: of row `Outer` and chunk `Inner` of K where K is
  /// contiguous, of k = `Outer` and chunk `Inner` of M or N where that is.
  uint32_t address(unsigned Outer, unsigned Inner, bool KMajor) const;
};

MatrixDescriptor readDescriptor(uint64_t Bits);

} // namespace qopt::ptxsim

#endif
