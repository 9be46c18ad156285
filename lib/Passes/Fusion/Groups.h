//===- Groups.h - which operations run together -----------------------------------------------===//
//
// A group is a set of operations of one function that become one kernel. Groups never form a cycle,
// so that they can run one after another.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_LIB_PASSES_FUSION_GROUPS_H
#define QOPT_LIB_PASSES_FUSION_GROUPS_H

#include "QKernel/QKernel.h"

namespace qopt {

struct Group {
  /// In the order of the function.
  llvm::SmallVector<mlir::Operation *> Ops;
  /// The family that a target's lowerings match.
  std::string Kind;
};

/// Joins operations by the rules that FormKernels describes; the result is in an order in which
/// groups can run.
llvm::SmallVector<Group> formGroups(mlir::func::FuncOp Function);

/// Every operation alone.
llvm::SmallVector<Group> formSingleGroups(mlir::func::FuncOp Function);

/// Values that enter a group, in the order of their first use, and those that leave it.
std::pair<llvm::SmallVector<mlir::Value>, llvm::SmallVector<mlir::Value>>
getBoundary(const Group &Group);

/// Whether an operation is so cheap that every kernel that reads it computes it again.
bool isRecomputed(mlir::Operation *Op);

/// The name that reports use for the launch of a group.
std::string getLabel(const Group &Group);

} // namespace qopt

#endif // QOPT_LIB_PASSES_FUSION_GROUPS_H
