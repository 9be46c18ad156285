// Writes safetensors files whose contents arrive piece by piece, in any order and from several
// threads. Every tensor is a U8 blob, zero-padded to a multiple of 64 bytes, and the header is
// padded with spaces, so every tensor begins at a multiple of 64 bytes in the file.
#ifndef QOPT_PACKAGE_SAFETENSORSWRITER_H
#define QOPT_PACKAGE_SAFETENSORSWRITER_H

#include "qopt/Base/FileWriter.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace qopt {

struct TensorDeclaration {
  std::string Name;  ///< unique, not "__metadata__"
  int64_t Bytes = 0; ///< without padding
};

class SafetensorsWriter {
public:
  SafetensorsWriter() = default;

  /// Names and sizes come first, so that the header can be written. Tensors keep this order.
  /// Errors: Internal for a repeated name or a size that overflows; Failed from the system.
  static Result<SafetensorsWriter> create(const std::string &Path,
                                          const std::vector<TensorDeclaration> &Tensors);

  /// Of the file that create() makes, without making it. Errors: as create().
  static Result<int64_t> fileBytes(const std::vector<TensorDeclaration> &Tensors);

  /// Writes bytes [Offset, Offset + Size) of a tensor, by its index in the declarations. May be
  /// called by several threads; no byte may be written twice. Errors: Internal beyond the end.
  Status write(size_t Tensor, int64_t Offset, const void *Data, int64_t Size);

  /// Errors: Internal if a tensor is incomplete, with its name.
  Status commit();

  /// Of the finished file.
  int64_t fileBytes() const { return FileBytes; }
  /// Of size field and header.
  uint64_t headerHash() const { return HeaderHash; }

private:
  struct Slot {
    std::string Name;
    int64_t Offset = 0;
    int64_t Bytes = 0;
    std::atomic<int64_t> Written{0};
  };
  FileWriter File;
  std::unique_ptr<Slot[]> Slots;
  size_t Count = 0;
  int64_t FileBytes = 0;
  uint64_t HeaderHash = 0;
};

} // namespace qopt

#endif
