//===- FlatGraph.h - the nodes of a model after its local functions were inlined --------------===//
#ifndef QOPT_IMPORT_ONNX_FLATGRAPH_H
#define QOPT_IMPORT_ONNX_FLATGRAPH_H

#include "qopt/Base/Status.h"

#include "onnx/onnx-ml.pb.h"
#include "llvm/ADT/StringMap.h"

#include <deque>
#include <vector>

namespace qopt::onnx_import {

/// Imported version of each domain; "ai.onnx" is stored as "".
using OpsetVersions = llvm::StringMap<int64_t>;

struct FlatNode {
  const onnx::NodeProto *Proto;
  /// Those of the model or of the function that the node comes from.
  const OpsetVersions *Versions;

  llvm::StringRef getDomain() const;
  /// Version of the node's domain, or 0 where the model imports none.
  int64_t getVersion() const;
  /// The node's name, or one made from its type and first output.
  std::string getName() const;
};

struct FlatGraph {
  FlatGraph() = default;
  // Nodes point into the other members, which a move keeps in place and a copy would not.
  FlatGraph(FlatGraph &&) = default;
  FlatGraph &operator=(FlatGraph &&) = default;

  std::vector<FlatNode> Nodes;

  // What Nodes points to.
  std::deque<onnx::NodeProto> InlinedNodes;
  std::deque<OpsetVersions> Versions;
};

/// "ai.onnx" and "" name the same domain.
llvm::StringRef normalizeDomain(llvm::StringRef Domain);

/// Inlines the model's local functions. Refused before anything is copied: functions that call
/// themselves, calls nested more than 32 deep, and more than `MaxNodes` nodes.
Result<FlatGraph> flatten(const onnx::ModelProto &Model, uint64_t MaxNodes);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_FLATGRAPH_H
