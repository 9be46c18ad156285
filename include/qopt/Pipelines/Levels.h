//===- Levels.h - the levels of the compiler, and what leads to each --------------------------===//
#ifndef QOPT_PIPELINES_LEVELS_H
#define QOPT_PIPELINES_LEVELS_H

#include "qopt/Base/Status.h"

#include "mlir/Pass/PassManager.h"

#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// In the order in which a model goes through them. docs/Levels.md says what holds at each.
enum class Level {
  Model,     ///< what the model computes, in real numbers
  Quantized, ///< how each value is stored
  Kernels,   ///< what runs together
  Code       ///< object file
};

llvm::StringRef getLevelName(Level Which);
std::optional<Level> parseLevel(llvm::StringRef Name);
llvm::ArrayRef<Level> getAllLevels();

/// What the passes need to know; flags of qopt-compile, spelled alike.
struct LevelOptions {
  // model
  int64_t Context = 0, Batch = 1, Chunk = 0;
  /// A decoder gets an entry with the file's own inputs and outputs beside its canonical one
  /// (--io=onnx).
  bool KeepSignature = false;
  // quantized; empty strings keep what the file says
  std::string Weights, Head, Embedding, KV, Scheme = "rtn", Reason;
  int64_t Group = -1;
  bool Asymmetric = false;
  /// Whether a format holds for weights that the file holds as codes, too.
  bool Requantize = false;
  /// Inputs of projections: empty or i8.
  std::string Activations;
  // kernels
  bool Fuse = true;
  std::string Target = "cpu";

  /// One line that names all of them in a fixed order, for the manifest's hash.
  std::string print() const;
};

/// A pass that a user adds at a level: `before:kernels:my-pass` runs before the passes that lead to
/// the level, `after:kernels:my-pass` after them. `Pass` is a textual pipeline on the module.
struct InsertedPass {
  bool Before = false;
  Level Where = Level::Model;
  std::string Pipeline;
};

/// Parses "before:<level>:<pass>". Errors: Usage, with what is known.
Result<InsertedPass> parseInsertedPass(llvm::StringRef Text);

/// Adds the passes that lead from the level before to `Which`, and the verifier of its boundary.
/// The import of a file is not a pass: `Model` begins with what the importer made.
mlir::LogicalResult buildLevel(mlir::OpPassManager &Passes, Level Which,
                               const LevelOptions &Options, llvm::ArrayRef<InsertedPass> Inserted);

/// Registers every level as a pipeline, "qopt-to-<level>", for qopt-opt.
void registerLevelPipelines();

} // namespace qopt

#endif // QOPT_PIPELINES_LEVELS_H
