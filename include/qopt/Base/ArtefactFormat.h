// The contents of program.json and manifest.json as plain structures. docs/Artefact.md says what
// the fields mean; qopt/Package reads, writes and validates them.
#ifndef QOPT_BASE_ARTEFACTFORMAT_H
#define QOPT_BASE_ARTEFACTFORMAT_H

#include "qopt/Base/CacheLayout.h"
#include "qopt/Base/DataType.h"
#include "qopt/Base/Expression.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace qopt::artefact {

/// The newest schema this code reads, and the one it writes.
constexpr int64_t Schema = 1;
/// Of tensors in weights.safetensors, arena offsets and kernel scratch, in bytes.
constexpr int64_t Alignment = 64;

/// Dimensions of an input or output, at most.
constexpr size_t MaxRank = 8;

/// File names inside the folder.
constexpr const char *ManifestFile = "manifest.json";
constexpr const char *ProgramFile = "program.json";
constexpr const char *WeightsFile = "weights.safetensors";
constexpr const char *ModuleFile = "module.so";
constexpr const char *PtxFile = "kernels.ptx";
constexpr const char *CubinFile = "kernels.cubin";

/// Of one work item, at most: what every machine's blocks can have.
constexpr int64_t MaxThreads = 1024;
constexpr int64_t MaxSharedBytes = 1 << 20;

struct Symbol {
  std::string Name;
  Interval Range; ///< inclusive, Min >= 0
};

enum class BufferKind { Input, Output, State, Weight, Rotary, Arena };

/// One argument of launches. Which fields count depends on the kind.
struct Buffer {
  std::string Name;
  BufferKind Kind = BufferKind::Arena;
  DataType Type = DataType::F32;   ///< input, output, state
  std::vector<Expression> Shape;   ///< input, output
  std::optional<Interval> Range;   ///< integer input: allowed values
  int64_t RowBytes = 0;            ///< state: bytes per row of the batch
  std::string Tensor;              ///< weight: name in weights.safetensors
  std::vector<double> Frequencies; ///< rotary: inverse frequencies
  int64_t Positions = 0;           ///< rotary
  double Scale = 1.0;              ///< rotary
  int64_t Offset = 0;              ///< arena
  Expression Bytes;                ///< arena
};

struct Variant {
  std::string Isa;
  std::string Symbol;
  int64_t Threads = 1;     ///< that run one work item together
  int64_t SharedBytes = 0; ///< of memory that these threads share
};

/// One function in its versions, best first.
struct Kernel {
  std::string Name;
  std::vector<Variant> Variants;
};

/// A launch runs only where the value lies in the range.
struct Guard {
  Expression Value;
  Interval Range;
};

struct Launch {
  std::string Name;
  int64_t Kernel = 0;
  std::vector<int64_t> Buffers;
  Expression Range = Expression(1); ///< number of independent items
  std::vector<Guard> When;
  /// Together with the launch before it, which has the same buffers, it is one computation.
  bool Continues = false;
  Expression Reads;  ///< bytes
  Expression Writes; ///< bytes

  /// Whether it runs for these values of the symbols.
  bool runsFor(const int64_t *Symbols) const;
};

struct Program {
  std::vector<Symbol> Symbols;
  int64_t ArenaBytes = 0;
  int64_t ScratchBytes = 0; ///< per worker
  std::vector<Buffer> Buffers;
  std::vector<Kernel> Kernels;
  std::vector<Launch> Launches;

  /// The index of the symbol with this name, if there is one.
  std::optional<int64_t> symbolIndex(const std::string &Name) const;
  /// The index of the buffer with this name, if there is one.
  std::optional<int64_t> bufferIndex(const std::string &Name) const;
  /// The ranges of all symbols, for Expression::bounds.
  std::vector<Interval> symbolRanges() const;
};

enum class ProgramKind { Decoder, Graph };

/// One tensor of the signature; dimensions are symbol names or numbers, as text.
struct SignatureValue {
  std::string Name;
  DataType Type = DataType::F32;
  std::vector<std::string> Shape;
};

/// How one weight is stored, and why.
struct WeightRecord {
  std::string Name;
  std::vector<int64_t> Shape; ///< [out, in] for matrices
  std::string Stored;         ///< "i4", "i8", "f16"…
  int64_t Group = 0;          ///< elements per scale; 0: per channel or not quantized
  bool Symmetric = true;
  std::string ScaleType; ///< empty: not quantized
  std::string Scheme;    ///< empty: not quantized
  std::string Reason;
  int64_t Bytes = 0; ///< codes, scales and zero points, without alignment
  bool Matrix = false;
  std::vector<std::string> Source;
};

struct KvRecord {
  std::string Key;   ///< stored type
  std::string Value; ///< stored type
  int64_t BytesPerToken = 0;
};

/// What an input or output of the ONNX file is to a decoder.
enum class OnnxRole { Ids, Mask, Positions, Past, Ignored, Logits, Present };

struct OnnxValue {
  std::string Name;
  DataType Type = DataType::F32;
  OnnxRole Role = OnnxRole::Ignored;
  std::vector<int64_t> Shape; ///< ignored inputs: -1 for any size
  std::string State;          ///< past, present: the buffer
  bool HeadsFirst = true;     ///< past, present: [batch, heads, tokens, size]
  CacheLayout Layout;         ///< past, present: of the state
};

/// The signature of the file, around a decoder's own.
struct OnnxEntry {
  std::vector<OnnxValue> Inputs, Outputs;
};

/// Size and hash of another file of the folder. Of weights.safetensors only the header is hashed,
/// because a model larger than memory must open at once.
struct FileRecord {
  std::string Name;
  int64_t Bytes = 0;
  std::string Hash;
};

struct Manifest {
  std::string Name;
  ProgramKind Kind = ProgramKind::Decoder;
  std::string Target = "cpu";
  std::string Compiler;
  int64_t Context = 0; ///< decoder: tokens per row
  int64_t Batch = 1;   ///< rows
  int64_t Chunk = 1;   ///< decoder: tokens per row and step
  int64_t Vocabulary = 0;
  std::vector<SignatureValue> Inputs;
  std::vector<SignatureValue> Outputs;
  std::string FloatType; ///< the source file's own
  std::vector<WeightRecord> Weights;
  std::optional<KvRecord> Kv;
  std::optional<OnnxEntry> Onnx; ///< a decoder compiled with --io=onnx
  std::vector<std::pair<std::string, int64_t>> Bytes;
  std::vector<std::pair<std::string, std::string>> Hashes;
  std::vector<FileRecord> Files; ///< filled by the writer
};

} // namespace qopt::artefact

#endif
