//===- WeightReader.h - the values of a weight, row by row ------------------------------------===//
//
// A weight is a reference: sources (ranges of files) and steps (transpose, slice, reshape, cast,
// scale). The reader evaluates them for as many rows as asked, reading mapped files and holding
// nothing but the rows.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_WEIGHTREADER_H
#define QOPT_ANALYSIS_WEIGHTREADER_H

#include "qopt/Analysis/Scheme.h"
#include "qopt/Analysis/StoredSource.h"

namespace qopt {

class WeightReader {
public:
  /// Errors: BadInput where a source lies outside its file.
  static Result<WeightReader> open(WeightOp Weight, const SourceBytes &Bytes);

  /// A weight is seen as rows: all axes but the last one (a vector is one row).
  int64_t getRows() const { return Rows; }
  int64_t getColumns() const { return Columns; }

  /// Writes rows `First .. First + Count - 1` as f32 values, row-major, to `Out`. Safe to call from
  /// several threads.
  void readRows(int64_t First, int64_t Count, float *Out) const;
  /// The same rows as codes of the file, of a weight whose scheme is `file`. Safe to call from
  /// several threads.
  void readCodes(int64_t First, int64_t Count, QuantizedRows &Out) const;

private:
  /// Where the elements of a shape lie in the elements of the view below (or of the sources).
  struct View {
    llvm::SmallVector<int64_t, 4> Shape;
    llvm::SmallVector<int64_t, 4> Strides;
    int64_t Offset = 0;
    bool isRowMajor() const;
    int64_t position(int64_t Element) const;
  };
  /// A cast or a scale, applied to each value in order.
  struct ValueStep {
    enum { ToF16, ToBF16, Scale } Kind;
    float Factor;
  };
  enum class Element { F32, F16, BF16, F64 };

  struct Source {
    /// Of the concatenated elements.
    int64_t First;
    const char *Data;
    std::shared_ptr<const StoredSource> Stored;
  };

  const Source &findSource(int64_t Position) const;
  int64_t positionOf(int64_t Row, int64_t Column) const;
  void readGroup(int64_t Row, int64_t Begin, int64_t Size, int16_t *Codes, float &Scale,
                 float *ZeroPoint) const;
  void applyStep(mlir::Attribute Step);
  void pushRowMajor(llvm::ArrayRef<int64_t> Shape);
  void loadRun(int64_t Position, int64_t Count, float *Out) const;
  void convertRun(const char *Data, int64_t First, int64_t Count, float *Out) const;
  void transform(float *Values, int64_t Count) const;
  void readElements(int64_t First, int64_t Count, float *Out) const;
  void readTransposed(int64_t First, int64_t Count, float *Out) const;

  llvm::SmallVector<View, 2> Views;
  llvm::SmallVector<ValueStep, 2> ValueSteps;
  llvm::SmallVector<Source, 2> Sources;
  StoredTypeInterface StoredType;
  Element SourceElement = Element::F32;
  int64_t Rows = 0, Columns = 0;
};

} // namespace qopt

#endif // QOPT_ANALYSIS_WEIGHTREADER_H
