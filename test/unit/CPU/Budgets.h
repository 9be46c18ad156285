// The allowed errors of test/Numerics/budgets.yaml.
#ifndef QOPT_TEST_UNIT_CPU_BUDGETS_H
#define QOPT_TEST_UNIT_CPU_BUDGETS_H

#include "llvm/ADT/StringRef.h"

namespace qopt::test {

struct Budget {
  double Bound = 0;
  /// Bound * (1 + |value|) instead of Bound.
  bool Relative = false;

  double allows(double Value) const;
};

/// A missing entry fails the test.
Budget getBudget(llvm::StringRef Operation, llvm::StringRef Types);

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_CPU_BUDGETS_H
