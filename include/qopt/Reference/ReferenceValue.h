//===- ReferenceValue.h - the values that the reference evaluator computes with ---------------===//
//
// ReferenceTensor: a tensor of a static shape, elements in row-major order. What an element is
// follows from the element type of its MLIR type:
//
//   float types    a double that the element type can hold: setFloat rounds to nearest even,
//   overflow gives infinity integer types  an int64_t, wrapped to the type's width; i1 is 0 or 1.
//   (u64 is held modulo 2^64.) stored types   an integer code per element; one scale, and perhaps
//   one zero point, per group of the last axis.
//                  getFloat reads (code - zero point) * scale.
//
// ReferenceCache: a !qopt.kv_cache for some rows of a batch, [row][position][head][channel] for
// keys and for values, rounded to their stored types. How many positions of a row are valid is an
// operand of the operations that use the cache; the cache itself only knows which positions were
// ever written, so that reading another one is an error.
//
// ReferenceValue: one of the two. Copies share the data, which nobody changes any more.
//
// Indices given to these classes must be in range (asserted): the evaluation functions check what a
// program can get wrong and say so with a diagnostic.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_REFERENCE_REFERENCEVALUE_H
#define QOPT_REFERENCE_REFERENCEVALUE_H

#include "QOpt/QOpt.h"

#include <functional>
#include <memory>
#include <vector>

namespace qopt {

/// The value of `Ty` nearest to `Value`, ties to even.
double roundToFloat(mlir::FloatType Ty, double Value);

/// `Value` modulo 2^width, read as `Ty` reads its bits (i1 and unsigned types from 0 up).
int64_t wrapToInteger(mlir::Type Ty, int64_t Value);

/// The code of a number: see qopt.quantize. The quotient is rounded to `ScaleTy`.
int64_t quantizeNumber(mlir::FloatType ScaleTy, mlir::IntegerType Code, double Value, double Scale,
                       int64_t ZeroPoint);
/// The same for codes that are floats, which have no zero point.
double quantizeNumber(mlir::FloatType ScaleTy, mlir::FloatType Code, double Value, double Scale);

class ReferenceTensor {
public:
  /// Zeros. `Ty` must have a static shape. In a stored tensor codes, scales and zero points are 0.
  explicit ReferenceTensor(mlir::RankedTensorType Ty);

  /// From elements in row-major order, rounded or wrapped to the element type.
  static ReferenceTensor fromFloats(mlir::RankedTensorType Ty, llvm::ArrayRef<double> Elements);
  static ReferenceTensor fromIntegers(mlir::RankedTensorType Ty, llvm::ArrayRef<int64_t> Elements);
  /// A stored tensor: codes as elements; scales (and zero points, empty where the type has none)
  /// row by row, the groups of a row in order.
  static ReferenceTensor fromCodes(mlir::RankedTensorType Ty, llvm::ArrayRef<int64_t> Codes,
                                   llvm::ArrayRef<double> Scales,
                                   llvm::ArrayRef<double> ZeroPoints = {});
  /// A matrix whose rows are asked of `Load` in blocks when they are first read, and then kept: of
  /// a large table only what is looked at takes memory. `Load` gives rows [First, First + Count) as
  /// a tensor of that many rows.
  using RowLoader = std::function<ReferenceTensor(int64_t First, int64_t Count)>;
  static ReferenceTensor fromRows(mlir::RankedTensorType Ty, int64_t BlockRows, RowLoader Load);

  mlir::RankedTensorType getType() const { return Ty; }
  mlir::Type getElementType() const { return Ty.getElementType(); }
  llvm::ArrayRef<int64_t> getShape() const { return Ty.getShape(); }
  int64_t getDim(int64_t Axis) const { return Ty.getDimSize(Axis); }
  int64_t getRank() const { return Ty.getRank(); }
  int64_t getNumElements() const { return NumElements; }
  bool isFloat() const { return Kind == ElementKind::Float; }
  bool isInteger() const { return Kind == ElementKind::Integer; }
  bool isStored() const { return Kind == ElementKind::Stored; }

  /// Position of an element in row-major order.
  int64_t offset(llvm::ArrayRef<int64_t> Index) const;

  /// An element as a number; a stored one reads as its dequantized value.
  double getFloat(int64_t Offset) const;
  double getFloat(llvm::ArrayRef<int64_t> Index) const { return getFloat(offset(Index)); }
  /// An element of an integer tensor, or a code of a stored one.
  int64_t getInteger(int64_t Offset) const;
  int64_t getInteger(llvm::ArrayRef<int64_t> Index) const { return getInteger(offset(Index)); }
  /// Rounds to the element type of a float tensor.
  void setFloat(int64_t Offset, double Value);
  void setFloat(llvm::ArrayRef<int64_t> Index, double Value) { setFloat(offset(Index), Value); }
  /// Wraps to the element type of an integer tensor, or to the codes of a stored one.
  void setInteger(int64_t Offset, int64_t Value);
  /// Copies an element of a tensor with the same element type, which is not a stored one.
  void copyElement(int64_t Offset, const ReferenceTensor &From, int64_t FromOffset);
  /// All elements as numbers.
  std::vector<double> readFloats() const;

  /// Stored tensors: groups along the last axis, and a group's scale and zero point. Rows are
  /// counted in row-major order.
  int64_t getNumGroups() const;
  double getScale(int64_t Row, int64_t Group) const;
  double getZeroPoint(int64_t Row, int64_t Group) const;
  /// Rounds to the scale's type.
  void setScale(int64_t Row, int64_t Group, double Scale);
  void setZeroPoint(int64_t Row, int64_t Group, double ZeroPoint);

private:
  enum class ElementKind { Float, Integer, Stored };
  struct LoadedRows;

  ReferenceTensor(mlir::RankedTensorType Ty, std::shared_ptr<LoadedRows> Rows);
  /// The block that holds a row; `Row` becomes its number there.
  const ReferenceTensor &loadBlock(int64_t &Row) const;
  const ReferenceTensor &loadElement(int64_t &Offset) const;

  int64_t getRowLength() const { return getRank() ? getShape().back() : 1; }
  int64_t groupOffset(int64_t Row, int64_t Group) const { return Row * getNumGroups() + Group; }

  mlir::RankedTensorType Ty;
  int64_t NumElements;
  ElementKind Kind;
  std::vector<double> Floats;    // floats
  std::vector<int64_t> Integers; // integers or codes
  std::vector<double> Scales;
  std::vector<double> ZeroPoints;
  std::shared_ptr<LoadedRows> Rows; // instead of all of these
};

class ReferenceCache {
public:
  /// An empty cache. `Capacity` is needed where the type does not decide it.
  ReferenceCache(KVCacheType Ty, int64_t Batch, int64_t Capacity = mlir::ShapedType::kDynamic);

  KVCacheType getType() const { return Ty; }
  int64_t getBatch() const { return Batch; }
  int64_t getCapacity() const { return Capacity; }

  /// Whether a position of a row was ever set.
  bool isWritten(int64_t Row, int64_t Position) const {
    return !Slots[Row * Capacity + Position].empty();
  }
  /// Zero where nothing was written.
  double getKey(int64_t Row, int64_t Position, int64_t Head, int64_t Channel) const {
    return read(Row, Position, offset(Head, Channel));
  }
  double getValue(int64_t Row, int64_t Position, int64_t Head, int64_t Channel) const {
    return read(Row, Position, offset(Head, Channel) + Ty.getHeads() * Ty.getHeadSize());
  }
  /// The scale of a token and head, where the side's type has scales; else 1.
  double getKeyScale(int64_t Row, int64_t Position, int64_t Head) const {
    return read(Row, Position, 2 * Ty.getHeads() * Ty.getHeadSize() + Head);
  }
  double getValueScale(int64_t Row, int64_t Position, int64_t Head) const {
    return read(Row, Position, (2 * Ty.getHeadSize() + 1) * Ty.getHeads() + Head);
  }
  /// One head of a token, all its channels: rounds or quantizes to the stored types.
  void set(int64_t Row, int64_t Position, int64_t Head, llvm::ArrayRef<double> Key,
           llvm::ArrayRef<double> Value);
  /// The same with what memory holds: numbers of the stored types, or codes times their scale.
  void load(int64_t Row, int64_t Position, int64_t Head, llvm::ArrayRef<double> Key,
            llvm::ArrayRef<double> Value, double KeyScale, double ValueScale);

private:
  int64_t offset(int64_t Head, int64_t Channel) const;
  double read(int64_t Row, int64_t Position, int64_t Offset) const;

  KVCacheType Ty;
  int64_t Batch, Capacity;
  /// Keys, values, scales of keys, scales of values of each position of each row; empty where none
  /// were written, so that a large capacity costs little.
  std::vector<std::vector<double>> Slots;
};

class ReferenceValue {
public:
  ReferenceValue(ReferenceTensor Tensor)
      : Tensor(std::make_shared<const ReferenceTensor>(std::move(Tensor))) {}
  ReferenceValue(ReferenceCache Cache)
      : Cache(std::make_shared<const ReferenceCache>(std::move(Cache))) {}

  bool isTensor() const { return Tensor != nullptr; }
  bool isCache() const { return Cache != nullptr; }
  const ReferenceTensor &getTensor() const { return *Tensor; }
  const ReferenceCache &getCache() const { return *Cache; }
  /// The type with every size known, as diagnostics print it.
  mlir::Type getType() const {
    return isTensor() ? mlir::Type(Tensor->getType()) : mlir::Type(Cache->getType());
  }
  /// Whether the value is one of `Expected`, whose sizes may be dynamic.
  bool fits(mlir::Type Expected) const;

private:
  std::shared_ptr<const ReferenceTensor> Tensor;
  std::shared_ptr<const ReferenceCache> Cache;
};

} // namespace qopt

#endif // QOPT_REFERENCE_REFERENCEVALUE_H
