//===- ONNX.h - from an ONNX file to the model level ------------------------------------------===//
//
// What comes out, and what later passes rely on:
//
// - One module with one function, `@main`: the graph, inputs and outputs in the file's order and
// under their names
//   (`qopt.name`), initializers being no arguments. Operations carry the node's name as their
//   location.
// - `qopt.symbols` lists the symbolic dimensions in the order of their appearance; `qopt.dims`
// gives each argument's
//   dimensions. Names that must mean the same size are one symbol; an expression of names is an
//   expression of symbols. Where a slice ends at one symbolic length of an axis that has another,
//   both are taken to be one length.
// - Shapes are folded: no operation computes one, except `qopt.sizes` and `qopt.iota` where a size
// flows into data.
// - A float tensor of more than 16 elements, or a matrix, is a `qopt.weight` named after the
// initializer (`origin` keeps
//   the name as it was); equal contents under equal steps are one weight, also where one is written
//   transposed. Anything smaller, and a vector shaped like [1, n, 1], is a `qopt.constant`.
//   Transposes, slices, reshapes, casts and concatenations of weights are steps of the weight,
//   never operations.
// - A product with a constant matrix is `qopt.linear` with a weight [out, in]; Gemm adds its bias
// with `qopt.binary add`.
// - Skip normalizations are `qopt.binary add` and the norm. RMS and layer normalization spelled out
// in the file stay so.
// - GroupQueryAttention: queries, keys and values are [batch, tokens, heads, size]; packed
// projections are three linears.
//   Positions are `qopt.positions` of seqlens_k + 1 - tokens, or position_ids. `qopt.rotary`
//   carries the frequencies that its tables hold. `present = qopt.concat(past, transpose(new))`
//   along axis 2 is returned, and its transpose is read by `qopt.attention ... causal`. That is the
//   operator's meaning where every row of the batch has as many valid tokens as the longest one.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_H
#define QOPT_IMPORT_ONNX_H

#include "qopt/Support/ModelFolder.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace qopt {

struct ImportOptions {
  /// Most nodes after local functions are inlined.
  uint64_t MaxNodes = 1000000;
  /// For answers from shapes alone: absent external data is no error, and no weight is read as a
  /// whole (all have the hash 0, and are compared only where they begin alike). Tables of absent
  /// rotary embeddings are taken to have the base 10000.
  bool ShapesOnly = false;
};

/// Imports a model. Every problem found is emitted as a diagnostic; the status then says how many
/// there were, and its category. The context must have the qopt and func dialects loaded or
/// registered.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
importONNX(mlir::MLIRContext &Context, ModelFolder &Folder, const ImportOptions &Options = {});

} // namespace qopt

#endif // QOPT_IMPORT_ONNX_H
