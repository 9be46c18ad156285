//===- DecoderNames.h - which role a weight has in a decoder ----------------------------------===//
#ifndef QOPT_PASSES_GRAPH_DECODERNAMES_H
#define QOPT_PASSES_GRAPH_DECODERNAMES_H

#include "QOpt/QOpt.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

namespace qopt {

/// Names for the weights that a decoder reads, from what reads them.
class DecoderNames {
public:
  explicit DecoderNames(mlir::func::FuncOp Function) : Function(Function) {}

  /// New names by old ones, in the order in which roles were found.
  llvm::MapVector<mlir::StringAttr, std::string> find();

private:
  void nameEmbeddings();
  void nameAttention(CachedAttentionOp Attention, unsigned Number);
  void nameProjection(mlir::Value Result, const llvm::Twine &Name, const llvm::Twine &Norm,
                      const llvm::Twine &InputNorm);
  void nameOutput(CachedAttentionOp Attention, unsigned Number);
  void nameFeedForward(unsigned Number);
  unsigned getLayer(LinearOp Op);
  void nameLinear(LinearOp Op, const llvm::Twine &Name);
  void nameNorm(mlir::Value Value, const llvm::Twine &Name);
  void nameResults();
  void name(mlir::Value Weight, const llvm::Twine &Name);
  void computeLayers();
  bool isNamed(LinearOp Op) const;

  mlir::func::FuncOp Function;
  llvm::MapVector<mlir::StringAttr, std::string> Names;
  llvm::StringSet<> Taken;
  /// How many attentions stand behind an operation.
  llvm::DenseMap<mlir::Operation *, unsigned> LayersBehind;
  llvm::SmallVector<CachedAttentionOp> Attentions;
};

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_DECODERNAMES_H
