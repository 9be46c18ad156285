//===- TensorData.h - tensors of an ONNX file: types, places, values --------------------------===//
#ifndef QOPT_IMPORT_ONNX_TENSORDATA_H
#define QOPT_IMPORT_ONNX_TENSORDATA_H

#include "qopt/Support/ModelFolder.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace onnx {
class TensorProto;
}

namespace qopt::onnx_import {

/// Element type of a `TensorProto.DataType`, or null for strings, complex numbers and unknown
/// numbers.
mlir::Type getElementType(int32_t DataType, mlir::MLIRContext *Context);

/// Bits that one element takes in `raw_data` and external data: a boolean takes eight.
unsigned getStorageBits(mlir::Type Element);

/// Bytes of a tensor in a file, or nothing where the number overflows or a size is negative.
std::optional<uint64_t> getStorageBytes(llvm::ArrayRef<int64_t> Shape, mlir::Type Element);

/// A tensor of the model: its type, and where its values are.
struct FileTensor {
  mlir::RankedTensorType Type;
  /// The file relative to the model's folder, and the range in it; an empty name where `Typed`
  /// holds the values.
  std::string File;
  uint64_t Offset = 0, Length = 0;
  /// Null where the file is absent and that is allowed.
  std::shared_ptr<const MappedFile> Mapped;
  /// The bytes of a small tensor that the file spells out in int32_data, int64_data or uint64_data.
  std::string Typed;
  /// Whether the bytes are not to be read as a whole: only shapes are asked for.
  bool ShapeOnly = false;
  /// XXH3-64 of the bytes, once somebody asked.
  mutable std::optional<uint64_t> Hash;

  bool isInFile() const { return !File.empty(); }
  /// The values as raw data.
  llvm::StringRef bytes() const;
};

/// Finds the values of a tensor whose data stripTensorData replaced by its place. Everything is
/// checked: the type, the number of bytes, the file, and the range in it. With `ShapeOnly` an
/// absent external file is no error.
Result<FileTensor> locateTensor(const onnx::TensorProto &Tensor, ModelFolder &Folder,
                                mlir::MLIRContext *Context, bool ShapeOnly = false);

/// The values as an attribute; for small tensors.
mlir::DenseElementsAttr readTensor(const FileTensor &Tensor);

/// The values of an integer or boolean tensor.
llvm::SmallVector<int64_t> readIntegers(const FileTensor &Tensor);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_TENSORDATA_H
