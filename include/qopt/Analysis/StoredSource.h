//===- StoredSource.h - codes, scales and zero points in a file -------------------------------===//
//
// Reads a #qopt.stored_source element by element: codes as they are, or the numbers that they mean.
// Elements have their positions in the row-major tensor that the source reads as.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_STOREDSOURCE_H
#define QOPT_ANALYSIS_STOREDSOURCE_H

#include "QOpt/QOpt.h"
#include "qopt/Base/Status.h"

#include <functional>
#include <vector>

namespace qopt {

/// Gives the bytes of a source file by its name relative to the model's folder; they stay mapped
/// while a reader lives.
using SourceBytes = std::function<Result<llvm::ArrayRef<char>>(llvm::StringRef File)>;

/// The bytes of a source. Errors: BadInput where it lies outside its file. `Weight` is for
/// messages.
Result<const char *> findSourceBytes(SourceAttr Source, llvm::StringRef Weight,
                                     const SourceBytes &Bytes);

/// Numbers of a source, or numbers that are written out.
class NumberArray {
public:
  NumberArray() = default;
  static Result<NumberArray> open(mlir::Attribute Part, llvm::StringRef Weight,
                                  const SourceBytes &Bytes);
  mlir::Type getElement() const { return Element; }
  /// Elements of a row, padding included.
  int64_t getPitch() const { return Pitch; }
  int64_t getInteger(int64_t Index) const;
  float getFloat(int64_t Index) const;

private:
  mlir::Type Element;
  int64_t Pitch = 1;
  const char *Data = nullptr;
  /// What was written out; `Data` is null then.
  std::vector<double> Written;
};

class StoredSource {
public:
  static Result<StoredSource> open(StoredSourceAttr Source, llvm::StringRef Weight,
                                   const SourceBytes &Bytes);

  int64_t getCode(int64_t Position) const;
  /// Number of the block that an element lies in.
  int64_t getBlock(int64_t Position) const;
  float getScale(int64_t Block) const { return Scales.getFloat(Block); }
  float getZeroPoint(int64_t Block) const;
  /// What is added to codes and zero points so that codes begin at 0.
  int64_t getUnsignedOffset() const { return UnsignedOffset; }
  /// The numbers that `Count` elements from `Position` on read as.
  void read(int64_t Position, int64_t Count, float *Out) const;

private:
  NumberArray Codes, Scales, ZeroPoints, Groups;
  mlir::Type Element;
  llvm::SmallVector<int64_t, 4> Shape, Block, Blocks;
  int64_t Columns = 1, Zero = 0, UnsignedOffset = 0;
  bool HasZeroPoints = false, ZeroPointsAreFloats = false, HasGroups = false;
};

} // namespace qopt

#endif // QOPT_ANALYSIS_STOREDSOURCE_H
