// NumPy arrays: .npy bytes in memory.
#ifndef QOPT_PACKAGE_NPY_H
#define QOPT_PACKAGE_NPY_H

#include "qopt/Base/DataType.h"
#include "qopt/Base/Status.h"

#include <string>
#include <string_view>
#include <vector>

namespace qopt {

/// A dense row-major array; Data has exactly the bytes that type and shape need.
struct NpyArray {
  DataType Type = DataType::F32;
  std::vector<int64_t> Shape;
  std::vector<char> Data;

  int64_t elements() const;
};

/// Reads format 1.0, 2.0 and 3.0, little-endian. Name begins every message. Errors: BadInput if the
/// bytes are damaged; Unsupported for other element types and for Fortran order.
Result<NpyArray> parseNpy(std::string_view Bytes, const std::string &Name);

/// The smallest format that holds it, data at a multiple of 64 bytes. bf16, which NumPy lacks, is
/// written as u16 bits.
std::string printNpy(const NpyArray &Array);

/// A file with one array.
Result<NpyArray> readNpy(const std::string &Path);
Status writeNpy(const std::string &Path, const NpyArray &Array);

} // namespace qopt

#endif
