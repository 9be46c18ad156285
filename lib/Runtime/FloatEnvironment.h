// The processor's floating-point mode.
#ifndef QOPT_LIB_RUNTIME_FLOATENVIRONMENT_H
#define QOPT_LIB_RUNTIME_FLOATENVIRONMENT_H

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace qopt::runtime {

/// While it lives, this thread rounds to nearest, keeps subnormals and traps nothing, whatever the
/// host has set: otherwise the same artefact would give other numbers in another host.
class DefaultFloatEnvironment {
#if defined(__x86_64__)
public:
  DefaultFloatEnvironment() : Before(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~DefaultFloatEnvironment() { _mm_setcsr(Before); }

private:
  unsigned Before;
#else
public:
  DefaultFloatEnvironment() {}
  ~DefaultFloatEnvironment() {}
#endif
};

} // namespace qopt::runtime

#endif
