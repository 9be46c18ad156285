//===- WireFormat.h - an ONNX file without its tensor data ------------------------------------===//
//
// A model file may hold gigabytes of tensor data inline. The parser would copy them. So a walk over
// the wire format writes the same message without them first: in every tensor, the bytes of
// `raw_data` and of packed `float_data` and `double_data` (which hold the same bytes as raw data
// would) are replaced by their place in the file.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ONNX_WIREFORMAT_H
#define QOPT_IMPORT_ONNX_WIREFORMAT_H

#include "qopt/Base/Status.h"

#include <cstdint>
#include <string_view>

namespace qopt::onnx_import {

/// A range of the model file.
struct FileRange {
  uint64_t Offset = 0;
  uint64_t Length = 0;
};

/// The model as a serialized message in which `raw_data` of every tensor is an encoded FileRange.
Result<std::string> stripTensorData(std::string_view File);

/// Decodes what stripTensorData left in `raw_data`.
FileRange decodeFileRange(std::string_view RawData);

} // namespace qopt::onnx_import

#endif // QOPT_IMPORT_ONNX_WIREFORMAT_H
