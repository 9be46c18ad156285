//===- Problems.h - what is wrong with a model, collected ------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_PROBLEMS_H
#define QOPT_IMPORT_ONNX_PROBLEMS_H

#include "qopt/Base/Status.h"

#include "mlir/IR/Diagnostics.h"

namespace qopt::onnx_import {

/// Problems wait here until a pass over the model ends: a pass that starts again (because two
/// dimensions turned out to be equal) may have none of them.
class Problems {
public:
  /// The operator of the node that is being imported; empty for what belongs to no node.
  void setOperator(llvm::StringRef Name) { Operator = Name.str(); }
  void add(mlir::Location Loc, StatusCode Code, const llvm::Twine &Message);
  bool empty() const { return List.empty(); }
  size_t size() const { return List.size(); }
  void clear() { List.clear(); }

  /// Emits all of them as diagnostics (of very many, the first ones) and returns their summary. Bad
  /// input outweighs an unsupported feature.
  Status report(llvm::StringRef ModelName) const;

private:
  struct Problem {
    mlir::Location Loc;
    StatusCode Code;
    std::string Message, Operator;
  };
  std::string Operator;
  std::vector<Problem> List;
};

/// Text from a file, safe to print: one line, no control characters.
std::string escape(llvm::StringRef Text);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_PROBLEMS_H
