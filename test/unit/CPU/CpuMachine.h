// The processor that tests of the CPU run on.
#ifndef QOPT_TEST_UNIT_CPU_CPUMACHINE_H
#define QOPT_TEST_UNIT_CPU_CPUMACHINE_H

#include "llvm/ADT/StringRef.h"

namespace qopt::test {

/// Whether it has an instruction set of artefacts.
bool hasIsa(llvm::StringRef Name);

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_CPU_CPUMACHINE_H
