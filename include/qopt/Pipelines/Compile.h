//===- Compile.h - from a model to an artefact ------------------------------------------------===//
#ifndef QOPT_PIPELINES_COMPILE_H
#define QOPT_PIPELINES_COMPILE_H

#include "qopt/Pipelines/Footprint.h"
#include "qopt/Pipelines/Levels.h"
#include "qopt/Support/Diagnostics.h"

namespace qopt {

struct CompileOptions {
  /// An ONNX file, a folder that holds one, or, with StartFrom, MLIR text of a level.
  std::string Model;
  /// The artefact, or with StopAfter the text of a level; empty: `<model name>.qopt` (or .mlir) in
  /// the current folder.
  std::string Output;
  LevelOptions Levels;
  std::optional<Level> StartFrom, StopAfter;
  /// Where the sources of a StartFrom file lie; empty: its own folder.
  std::string Sources;
  /// Folder that gets the text of every level; empty: none.
  std::string DumpLevels;
  std::vector<InsertedPass> Inserted;
  /// A form of code that the target offers (`Target::getForms`); empty: the usual one.
  std::string Emit;
  bool Force = false, Quiet = false;
  /// How diagnostics are printed on stderr; as JSON nothing else is printed there.
  DiagnosticFormat Diagnostics = DiagnosticFormat::Text;
  /// Answer from shapes alone: external data may be absent, and nothing is written.
  bool DryRun = false;
  unsigned Threads = 1;
};

/// What was made; sizes in bytes.
struct CompileReport {
  std::string Output;
  /// Of all weights as the model's files hold them.
  int64_t SourceBytes = 0;
  Footprint Bytes;
  /// Of all kernels in all versions; of a dry run, which generates none, an estimate.
  int64_t CodeBytes = 0;
  /// The most tokens of a row (0 for what is no decoder) and the most rows that memory is planned
  /// for.
  int64_t Context = 0, Batch = 0, KvBytesPerToken = 0;
  /// External files that a dry run did without.
  std::vector<std::string> AbsentFiles;
  /// The text that --explain prints.
  std::string Explanation;
  /// Whether codes of 4 bits or fewer were computed without calibration.
  bool Uncalibrated = false;
  bool IsDecoder = false;
  double Seconds = 0;
};

/// Compiles; without success nothing is left behind. Diagnostics of the importer and of passes are
/// printed on stderr (the message of the status then only says which phase failed).
Result<CompileReport> compileModel(mlir::MLIRContext &Context, const CompileOptions &Options);

} // namespace qopt

#endif // QOPT_PIPELINES_COMPILE_H
