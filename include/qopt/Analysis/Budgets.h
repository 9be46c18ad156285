//===- Budgets.h - what results may differ by -------------------------------------------------===//
//
// The table of test/Numerics/budgets.yaml, which is part of the compiler: tests compare with it,
// and an artefact takes the bounds of its kernels from it.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_BUDGETS_H
#define QOPT_ANALYSIS_BUDGETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace qopt {

struct Budget {
  std::string Operation, Types, Target, Metric, Reason;
  double Bound = 0;

  /// The largest error of a result whose reference is `Value`.
  double allows(double Value) const;
};

/// All entries, in the order of the file.
llvm::ArrayRef<Budget> getBudgets();

/// The entry with these names, or null.
const Budget *findBudget(llvm::StringRef Operation, llvm::StringRef Types, llvm::StringRef Target);

} // namespace qopt

#endif // QOPT_ANALYSIS_BUDGETS_H
